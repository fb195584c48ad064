//! Where a claim begins to look. While somebody holds a snapshot, dead rows stay in their index, and a claim that begins
//! at the beginning walks them all: most claims begin near where the last one ended. A look from the beginning finds
//! what was committed late; it is repeated as often as it is cheap.

use std::time::{Duration, Instant as Monotonic};

use chrono::TimeDelta;

use crate::{
    model::execution::Instant,
    store::{Scope, executions::BEGINNING},
};

/// Rows that are committed so long after they were due, or later, wait for a look from the beginning.
const RECENT: TimeDelta = TimeDelta::seconds(10);
/// Of its time a loop spends at most one part in so many on looks from the beginning.
const SHARE: u32 = 50;
/// They come at least so often: so late a row that was committed late is found at the worst.
const SELDOM: Duration = Duration::from_secs(10);
/// While claims come back full there is enough to do: then they come at most so often.
const OFTEN: Duration = Duration::from_secs(1);

/// Of one loop.
#[derive(Debug)]
pub(crate) struct Watermark {
    at: Instant,
    /// The last claim came back full: before `at` there was nothing left but what others held.
    full: bool,
    /// When the last look from the beginning began, and what it took; none: it is under way.
    looked: Monotonic,
    took: Option<Duration>,
    scope: Option<Scope>,
}

impl Default for Watermark {
    fn default() -> Self {
        Self {
            at: BEGINNING,
            full: false,
            looked: Monotonic::now(),
            took: Some(Duration::ZERO),
            scope: None,
        }
    }
}

impl Watermark {
    /// Where the next claim begins.
    pub(crate) fn from(&mut self, scope: &Scope) -> Instant {
        let same = self.scope.as_ref() == Some(scope);
        if !same {
            self.scope = Some(scope.clone());
        }
        if !same || self.looked.elapsed() > self.pause() {
            self.at = BEGINNING;
            self.looked = Monotonic::now();
            self.took = None;
        }
        self.at
    }

    /// How long after a look from the beginning the next one comes.
    fn pause(&self) -> Duration {
        let cheap = (self.took.unwrap_or_default() * SHARE).min(SELDOM);
        if self.full { cheap.max(OFTEN) } else { cheap }
    }

    /// A claim has ended whose last row was due then; `full`: there may be more.
    pub(crate) fn saw(&mut self, last: Option<Instant>, full: bool) {
        self.took.get_or_insert(self.looked.elapsed());
        self.full = full;
        // A clock that is driven stands still and jumps: there nothing is near.
        let flows = matches!(self.scope, Some(Scope::Everyone { .. }));
        self.at = match last {
            Some(last) if full => last,
            Some(last) if flows => self.at.max(last - RECENT),
            None if flows => self.at,
            _ => BEGINNING,
        };
    }

    /// Rows before it were left where they are: the next claim begins at the beginning.
    pub(crate) fn rewind(&mut self) {
        self.took.get_or_insert(self.looked.elapsed());
        self.at = BEGINNING;
        self.full = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        BEGINNING + TimeDelta::seconds(1_700_000_000 + seconds)
    }

    fn everyone() -> Scope {
        Scope::Everyone { except: Vec::new() }
    }

    /// One that has just looked from the beginning, which took so long.
    fn looked(took: Duration) -> Watermark {
        let mut watermark = Watermark::default();
        watermark.from(&everyone());
        watermark.took = Some(took);
        watermark
    }

    #[test]
    fn a_claim_begins_near_the_end_of_the_last() {
        let mut watermark = looked(Duration::from_secs(1));
        watermark.saw(Some(at(60)), false);
        assert_eq!(watermark.from(&everyone()), at(50));
        // Nothing found: nothing moves. Something older: it does not go back.
        watermark.saw(None, false);
        watermark.saw(Some(at(55)), false);
        assert_eq!(watermark.from(&everyone()), at(50));
        // A full one took everything before its last row.
        watermark.saw(Some(at(61)), true);
        assert_eq!(watermark.from(&everyone()), at(61));
        watermark.rewind();
        assert_eq!(watermark.from(&everyone()), BEGINNING);
    }

    #[test]
    fn other_tenants_begin_at_the_beginning_and_a_driven_clock_always_does() {
        let mut watermark = looked(Duration::from_secs(1));
        watermark.saw(Some(at(60)), false);
        let fewer = Scope::Everyone { except: vec![1] };
        assert_eq!(watermark.from(&fewer), BEGINNING);
        let driven = Scope::Driven {
            tenant: 1,
            now: at(0),
        };
        watermark.from(&driven);
        watermark.took = Some(Duration::from_secs(1));
        watermark.saw(Some(at(60)), false);
        assert_eq!(watermark.from(&driven), BEGINNING);
    }

    /// What a look from the beginning took, whether claims come back full -> the pause before the next.
    #[test]
    fn looks_from_the_beginning_are_as_rare_as_they_are_dear() {
        for (took, full, wanted) in [
            (0, false, 0),
            (1, false, 50),
            (1, true, 1_000),
            (100, false, 5_000),
            (100, true, 5_000),
            (60_000, false, 10_000),
        ] {
            let mut watermark = looked(Duration::from_millis(took));
            watermark.saw(Some(at(60)), full);
            assert_eq!(
                watermark.pause(),
                Duration::from_millis(wanted),
                "{took} ms, {full}"
            );
        }
    }
}
