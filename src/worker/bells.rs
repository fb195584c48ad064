//! The bells: which loops there is work for, in this process and in the others. Hints, all of it (I-6).

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

use tokio::sync::Notify;
use uuid::Uuid;

use super::Round;
use crate::store::StoreResult;

/// Kinds of loops that there is work for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work(u8);

impl Work {
    /// Events wait to be matched.
    pub const MATCH: Work = Work(1);
    /// Executions may be due.
    pub const RUN: Work = Work(2);
    /// Something may have to be sent.
    pub const DISPATCH: Work = Work(4);
    /// Nobody knows what: everybody looks.
    pub const ANY: Work = Work(7);

    const WORDS: [(Work, &'static str); 3] = [
        (Self::MATCH, "match"),
        (Self::RUN, "run"),
        (Self::DISPATCH, "dispatch"),
    ];

    /// This, where it is so.
    #[must_use]
    pub const fn when(self, so: bool) -> Work {
        if so { self } else { Work(0) }
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Work) -> Work {
        Work(self.0 | other.0)
    }

    /// Whether there is any of that kind.
    #[must_use]
    pub const fn has(self, kind: Work) -> bool {
        self.0 & kind.0 != 0
    }

    /// What a NOTIFY says; without a word of ours it says that there is something.
    #[must_use]
    pub fn of(payload: &str) -> Work {
        let said = payload.split(' ').filter_map(|word| {
            let known = Self::WORDS.iter().find(|(_, name)| *name == word);
            known.map(|(work, _)| *work)
        });
        let work = said.fold(Work::default(), Work::and);
        if work == Work::default() {
            Work::ANY
        } else {
            work
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Self::WORDS.iter().filter(|(work, _)| self.has(*work));
        let words: Vec<&str> = words.map(|(_, name)| *name).collect();
        f.write_str(&words.join(" "))
    }
}

/// One bell a kind of loop, and one for the other processes.
#[derive(Debug)]
pub struct Bells {
    /// Something may be due.
    pub run: Notify,
    /// Events may wait.
    pub matching: Notify,
    /// Something may have to be sent.
    pub dispatch: Notify,
    /// The other processes should look.
    pub(super) outside: Notify,
    /// What for.
    untold: AtomicU8,
    /// Says whose ring it is: we have rung our own bells already.
    name: String,
    /// A loop came back with a full batch since the doorbell was armed last: nobody need ring.
    busy: AtomicBool,
    /// This worker has armed the doorbell: whoever has work for it rings.
    pub(super) armed: AtomicBool,
}

impl Default for Bells {
    fn default() -> Self {
        Self {
            run: Notify::new(),
            matching: Notify::new(),
            dispatch: Notify::new(),
            outside: Notify::new(),
            untold: AtomicU8::new(0),
            name: format!("by:{}", Uuid::new_v4().simple()),
            busy: AtomicBool::new(false),
            armed: AtomicBool::new(false),
        }
    }
}

impl Bells {
    /// Wakes one loop of each of these kinds, here; one that finds more than it can take wakes the next. All at once would
    /// only be in each other's way: there is mostly one thing to do.
    pub fn wake(&self, work: Work) {
        for (kind, bell) in [
            (Work::MATCH, &self.matching),
            (Work::RUN, &self.run),
            (Work::DISPATCH, &self.dispatch),
        ] {
            if work.has(kind) {
                bell.notify_one();
            }
        }
    }

    /// The same, here and in the other processes.
    pub(crate) fn tell(&self, work: Work) {
        if work == Work::default() {
            return;
        }
        self.wake(work);
        self.untold.fetch_or(work.0, Ordering::Relaxed);
        self.outside.notify_one();
    }

    /// What the others are to be told now: the words of a NOTIFY.
    pub(super) fn words(&self) -> String {
        let work = Work(self.untold.swap(0, Ordering::Relaxed));
        format!("{work} {}", self.name)
    }

    /// A NOTIFY came.
    pub(super) fn heard(&self, payload: &str) {
        if !payload.ends_with(&*self.name) {
            self.wake(Work::of(payload));
        }
    }

    /// Remembers that there is plenty to do, and wakes another loop of the kind that `bell` wakes.
    pub(super) fn note(&self, round: &StoreResult<Round>, bell: &Notify) {
        if matches!(round, Ok(Round::Full)) {
            self.busy.store(true, Ordering::Relaxed);
            bell.notify_one();
        }
    }

    /// Whether there was plenty to do since this was asked last.
    pub(super) fn was_busy(&self) -> bool {
        self.busy.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for work in [
            Work::MATCH,
            Work::RUN.and(Work::DISPATCH),
            Work::ANY,
            Work::MATCH.and(Work::RUN.when(false)),
        ] {
            assert_eq!(Work::of(&work.to_string()), work);
        }
    }

    #[test]
    fn without_a_word_of_ours_everybody_looks() {
        for payload in ["", "by:0", "matching", "something else"] {
            assert_eq!(Work::of(payload), Work::ANY, "{payload}");
        }
        assert_eq!(Work::of("new words run"), Work::RUN);
    }

    #[tokio::test]
    async fn ones_own_ring_wakes_nobody_and_anothers_does() {
        let (ours, theirs) = (Bells::default(), Bells::default());
        ours.tell(Work::RUN);
        ours.run.notified().await; // what it was told by itself
        let words = ours.words();
        assert!(words.starts_with("run by:"), "{words}");
        ours.heard(&words);
        theirs.heard(&words);
        let soon = std::time::Duration::from_millis(20);
        assert!(
            tokio::time::timeout(soon, ours.run.notified())
                .await
                .is_err()
        );
        theirs.run.notified().await;
    }
}
