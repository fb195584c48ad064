//! A connection: statements go over it, transactions begin and end on it, and it breaks.

use super::{
    database::{Database, Millis},
    sim::Sim,
    table::{Said, Session, Stop},
};
use crate::faults::{Plant, planted};

/// A statement gives up a lock after this long, as if by `lock_timeout` or a deadlock.
const LOCK_TIMEOUT: Millis = 1_000;

/// Why a round of a loop ends early; the remedies of [`crate::store::StoreError::remedy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is gone; what it did last may be committed or not.
    Lost,
    /// A lock was not to be had in time.
    Busy,
    /// The statement itself is refused.
    Refused,
}

impl Failure {
    /// Whether it is tried again row by row, to find the culprit (I-9).
    pub(super) fn isolates(self) -> bool {
        self == Failure::Refused && !planted(Plant::NoRowFallback)
    }
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

/// One connection of a process. Dropped while a transaction is open, that is rolled back.
pub(super) struct Line {
    sim: Sim,
    session: Session,
    open: bool,
    patience: Millis,
}

impl Line {
    pub(super) fn new(sim: &Sim) -> Self {
        Self {
            sim: sim.clone(),
            session: sim.new_session(),
            open: false,
            patience: LOCK_TIMEOUT,
        }
    }

    /// Opens a transaction. It costs no step: nothing can be told apart before its first statement.
    pub(super) fn begin(&mut self) {
        assert!(!self.open, "a transaction in a transaction");
        self.open = true;
        self.patience = LOCK_TIMEOUT;
    }

    /// `brief_locks`: for the rest of this transaction waits at most 100 ms for a lock.
    pub(super) fn brief_locks(&mut self) {
        self.patience = 100;
    }

    /// One statement; outside of a transaction it is one, and its reply can be lost.
    pub(super) async fn say<T>(
        &mut self,
        what: &'static str,
        mut statement: impl FnMut(&mut Database, Session, Millis) -> Said<T>,
    ) -> Result<T> {
        let mut waited = None;
        let answer = loop {
            self.sim.step().await;
            self.breaks(what, "asked")?;
            let me = self.session;
            match self
                .sim
                .with(|world| statement(&mut world.db, me, world.now))
            {
                Ok(answer) => break answer,
                Err(Stop::Refused) => {
                    self.sim.note(|| format!("{what}: refused"));
                    self.rollback();
                    return Err(Failure::Refused);
                }
                Err(Stop::Wait) => {
                    let since = *waited.get_or_insert(self.sim.now());
                    if self.sim.now() > since + self.patience {
                        self.sim
                            .note(|| format!("{what}: waited too long for a lock"));
                        self.rollback();
                        return Err(Failure::Busy);
                    }
                    self.sim.sleep(5).await;
                }
            }
        };
        if !self.open {
            self.sim.with(|world| world.db.end(self.session, true));
            self.sim.note(|| what.to_owned());
            self.sim.step().await;
            self.breaks(what, "done, its reply lost")?;
        }
        Ok(answer)
    }

    /// COMMIT; an error says nothing about whether it was done.
    pub(super) async fn commit(&mut self, what: &'static str) -> Result<()> {
        self.sim.step().await;
        self.breaks(what, "not committed")?;
        self.sim.with(|world| world.db.end(self.session, true));
        self.open = false;
        self.sim.note(|| format!("commit: {what}"));
        self.sim.step().await;
        self.breaks(what, "committed, the reply lost")
    }

    /// ROLLBACK.
    pub(super) fn rollback(&mut self) {
        self.sim.with(|world| world.db.end(self.session, false));
        self.open = false;
    }

    /// The connection may break here; then another session goes on, and the server rolls back when it notices.
    fn breaks(&mut self, what: &'static str, how: &'static str) -> Result<()> {
        let breaks = self.sim.with(|world| {
            let once_in = world.plan.breaks;
            world.fault(once_in)
        });
        if !breaks {
            return Ok(());
        }
        self.sim.note(|| format!("{what}: connection lost, {how}"));
        self.hang_up();
        self.session = self.sim.new_session();
        Err(Failure::Lost)
    }

    fn hang_up(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            self.sim.gone(self.session);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.hang_up();
    }
}
