//! Where a claim begins to look. While somebody holds a snapshot, dead rows stay in their index, and a claim that begins
//! at the beginning walks them all: most claims begin near where the last one ended. A look from the beginning finds
//! what was committed late; it is repeated as often as it is cheap, by one loop of a process for all of its kind.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant as Monotonic},
};

use chrono::{TimeDelta, Utc};

use super::Round;
use crate::{
    model::execution::Instant,
    store::{Scope, executions::BEGINNING},
};

/// Rows that are committed so long after they were due, or later, wait for a look from the beginning.
const RECENT: TimeDelta = TimeDelta::seconds(10);
/// Of its time one loop of all spends at most one part in so many on looks from the beginning.
const SHARE: u32 = 50;
/// They come at least so often: so late a row that was committed late is found at the worst.
const SELDOM: Duration = Duration::from_secs(10);
/// While claims come back full there is enough to do: then they come at most so often.
const OFTEN: Duration = Duration::from_secs(1);

/// What the loops of one kind in a process know of looks from the beginning: one of them looks for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looks(Arc<Mutex<Look>>);

#[derive(Debug, Default)]
struct Look {
    /// When the last one began; it may be under way.
    began: Option<Monotonic>,
    under_way: bool,
    /// What the last one took that has ended.
    took: Option<Duration>,
    /// Whose rows it saw.
    scope: Option<Scope>,
    /// Where a loop that has claimed nothing yet begins; none: nobody has looked yet.
    at: Option<Instant>,
}

/// Of one loop.
#[derive(Debug)]
pub(crate) struct Watermark {
    looks: Looks,
    /// None: it has claimed nothing yet.
    at: Option<Instant>,
    /// The last claim came back full: before `at` there was nothing left but what others held.
    full: bool,
    /// What a claim that begins near costs by itself: a look from the beginning that took no more is as good.
    near: Duration,
    /// This loop's claim is a look from the beginning, since then.
    looking: Option<Monotonic>,
    /// Another loop looks from the beginning for the first time: meanwhile this one takes what is recent.
    ahead: bool,
    /// The clock flows: a claim ends near where the next begins.
    flows: bool,
}

impl Watermark {
    /// Of a loop that looks for the others, or they for it; `near`: what a claim costs by itself that does not begin at
    /// the beginning.
    pub(crate) fn sharing(looks: &Looks, near: Duration) -> Self {
        Self {
            looks: looks.clone(),
            at: None,
            full: false,
            near,
            looking: None,
            ahead: false,
            flows: true,
        }
    }

    /// Where the next claim begins.
    pub(crate) fn from(&mut self, scope: &Scope) -> Instant {
        self.ahead = false;
        // A clock that is driven stands still and jumps: there nothing is near.
        self.flows = matches!(scope, Scope::Everyone { .. });
        if !self.flows {
            return BEGINNING;
        }
        let mut look = self.looks.look();
        let began = look.began.map(|began| began.elapsed());
        let other = look.scope.as_ref() != Some(scope);
        let cheap = look.took.is_some_and(|took| took <= self.near);
        let again = self.looking.is_some() || other || cheap;
        if again || began.is_none_or(|ago| ago > look.pause(self.full)) {
            let now = Some(Monotonic::now());
            (look.began, look.under_way, self.looking) = (now, true, now);
            look.scope = Some(scope.clone());
            return BEGINNING;
        }
        self.at.or(look.at).unwrap_or_else(|| {
            self.ahead = true;
            // By this process's clock: a wrong one finds less, or walks further, until the look has ended.
            Utc::now() - RECENT
        })
    }

    /// A claim has ended whose last row was due then; `full`: there may be more.
    pub(crate) fn saw(&mut self, last: Option<Instant>, full: bool) {
        if !self.flows || self.ahead {
            return;
        }
        self.full = full;
        let before = self.at.unwrap_or(BEGINNING);
        self.at = match last {
            Some(last) if full => Some(last),
            Some(last) => Some(before.max(last - RECENT)),
            None => Some(before),
        };
        self.looked(self.at);
    }

    /// Rows before it were left where they are: the next claim begins at the beginning.
    pub(crate) fn rewind(&mut self) {
        if self.ahead {
            return;
        }
        self.at = Some(BEGINNING);
        self.full = false;
        self.looked(self.at);
    }

    /// What a loop does that found nothing. One that is ahead of the look will soon hear where to begin, and asks again
    /// in a moment.
    pub(crate) async fn nothing(&self) -> Round {
        if !self.ahead {
            return Round::Idle;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        Round::Worked
    }

    fn looked(&mut self, at: Option<Instant>) {
        if let Some(began) = self.looking.take() {
            let mut look = self.looks.look();
            (look.under_way, look.took) = (false, Some(began.elapsed()));
            look.at = at;
        }
    }
}

impl Looks {
    fn look(&self) -> MutexGuard<'_, Look> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    /// How long after a look from the beginning the next one comes; one that is under way is not waited for for ever.
    fn pause(&self, full: bool) -> Duration {
        let Some(took) = self.took.filter(|_| !self.under_way) else {
            return SELDOM;
        };
        let cheap = (took * SHARE).min(SELDOM);
        if full { cheap.max(OFTEN) } else { cheap }
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
        let mut watermark = Watermark::sharing(&Looks::default(), Duration::ZERO);
        assert_eq!(watermark.from(&everyone()), BEGINNING);
        watermark.saw(None, false);
        watermark.looks.look().took = Some(took);
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
        watermark.saw(Some(at(60)), false);
        let driven = Scope::Driven {
            tenant: 1,
            now: at(0),
        };
        for _ in 0..2 {
            assert_eq!(watermark.from(&driven), BEGINNING);
            watermark.saw(Some(at(600)), false);
        }
        // Its times say nothing of the others'.
        watermark.looks.look().took = Some(Duration::from_secs(1));
        assert_eq!(watermark.from(&fewer), at(50));
    }

    #[test]
    fn one_loop_looks_for_all() {
        let looks = Looks::default();
        let [mut first, mut second] = [(); 2].map(|()| Watermark::sharing(&looks, Duration::ZERO));
        assert_eq!(first.from(&everyone()), BEGINNING);
        // The other takes what is recent meanwhile, and learns nothing by it.
        let recent = second.from(&everyone());
        assert!(
            (Utc::now() - recent - RECENT).abs() < TimeDelta::seconds(5),
            "{recent}"
        );
        second.saw(Some(at(30)), true);
        second.rewind();
        assert!(second.from(&everyone()) >= recent);
        // One that failed looks again; the other goes on hearing.
        assert_eq!(first.from(&everyone()), BEGINNING);
        first.saw(Some(at(60)), true);
        looks.look().took = Some(Duration::from_secs(1));
        assert_eq!(second.from(&everyone()), at(60));
        second.saw(Some(at(90)), false);
        assert_eq!(
            (first.from(&everyone()), second.from(&everyone())),
            (at(60), at(80))
        );

        // One that never comes back is not waited for for ever.
        looks.look().under_way = true;
        looks.look().began = Monotonic::now().checked_sub(SELDOM + Duration::from_millis(1));
        assert_eq!(second.from(&everyone()), BEGINNING);
        assert_eq!(first.from(&everyone()), at(60));
    }

    #[test]
    fn a_look_from_the_beginning_that_is_as_cheap_as_one_nearby_is_always_taken() {
        let mut watermark = Watermark {
            near: Duration::from_millis(2),
            ..looked(Duration::from_millis(2))
        };
        for _ in 0..2 {
            watermark.looks.look().took = Some(Duration::from_millis(2));
            assert_eq!(watermark.from(&everyone()), BEGINNING);
            watermark.saw(Some(at(60)), false);
        }
        watermark.looks.look().took = Some(Duration::from_millis(3));
        assert_eq!(watermark.from(&everyone()), at(50));
    }

    /// What a look from the beginning took, whether claims come back full -> the pause before the next.
    #[test]
    fn looks_from_the_beginning_are_as_rare_as_they_are_dear() {
        for (took, full, wanted) in [
            (Some(0), false, 0),
            (Some(1), false, 50),
            (Some(1), true, 1_000),
            (Some(100), false, 5_000),
            (Some(100), true, 5_000),
            (Some(60_000), false, 10_000),
            (None, false, 10_000),
        ] {
            let look = Look {
                took: took.map(Duration::from_millis),
                ..Look::default()
            };
            let wanted = Duration::from_millis(wanted);
            assert_eq!(look.pause(full), wanted, "{took:?} ms, {full}");
        }
    }
}
