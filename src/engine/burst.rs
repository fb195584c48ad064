//! One burst: runs branches step by step until all stand still or the budget is spent.

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{contact::Contact, program::Program, scope::ExecutionScope};
use crate::model::{
    execution::{Branch, Execution, Instant, ParkKind, State, Status},
    lazy::Lazy,
    refusal::Refusal,
    transition::{Admission, Effect, Entry, EntryKind, Input, Transition},
};

/// Steps that one execution may run in all.
pub(super) const MAX_STEPS: u32 = 10_000;

/// Branches that one execution may have at once.
pub(super) const MAX_BRANCHES: usize = 1_000;

/// The machine while one burst lasts.
pub(super) struct Machine<'a> {
    pub(super) program: &'a Program,
    pub(super) ex: &'a Execution,
    pub(super) contact: &'a mut Contact,
    pub(super) now: Instant,
    pub(super) state: State,
    pub(super) seq: i32,
    pub(super) entries: Vec<Entry>,
    pub(super) effects: Vec<Effect>,
    pub(super) admission: Option<Admission>,
    /// Set once it has ended.
    pub(super) end: Option<(Status, Option<String>)>,
    /// Something changed that goals and exits may read.
    pub(super) dirty: bool,
    /// The state changed without an entry.
    pub(super) touched: bool,
    /// An operator says that goals are not waited for any more.
    pub(super) give_up: bool,
    hold: bool,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        program: &'a Program,
        ex: &'a Execution,
        contact: &'a mut Contact,
        now: Instant,
    ) -> Self {
        Self {
            program,
            ex,
            contact,
            now,
            state: ex.state.clone(),
            seq: ex.seq,
            entries: Vec::new(),
            effects: Vec::new(),
            admission: None,
            end: None,
            dirty: false,
            touched: false,
            give_up: false,
            hold: ex.status == Status::Paused,
        }
    }

    /// Takes in what came up; none: it is of no concern.
    pub(super) fn take(&mut self, input: &Input) -> Option<()> {
        if !self.contact.exists {
            if !self.state.started {
                self.admission = Some(Admission::Refused {
                    reason: Refusal::ContactDeleted,
                    detail: Value::Null,
                });
            }
            self.finish(
                Status::Cancelled,
                Some("contact_deleted".into()),
                Value::Null,
            );
            return Some(());
        }
        match input {
            Input::Time if !self.state.started => self.start(),
            Input::Time => {
                self.look();
                self.wake_due();
            }
            Input::Event(event) => {
                self.hear(event);
                if !self.hold {
                    self.look();
                }
                self.wake_on(event);
            }
            Input::Reply(reply) => {
                self.settle(reply)?;
                self.dirty = true;
            }
            Input::Command(command) => self.obey(command)?,
        }
        Some(())
    }

    /// Runs the oldest branch that can go on, again and again; no steps: what came in is taken in, and no more.
    pub(super) fn run(&mut self, max_steps: u32) {
        let mut left = max_steps;
        while self.end.is_none() && !self.hold {
            if self.dirty {
                self.look();
                continue;
            }
            let Some(at) = self
                .state
                .branches
                .iter()
                .position(|branch| branch.park.is_none())
            else {
                break;
            };
            if left == 0 {
                break;
            }
            left -= 1;
            self.step(at);
        }
        if self.end.is_none() && self.state.started && self.state.branches.is_empty() {
            if self.hold {
                // Came to its end while held: nothing is left to hold.
                self.look();
            }
            if self.end.is_none() && self.state.branches.is_empty() {
                self.path_ended();
            }
        }
    }

    /// What changed; none: nothing.
    pub(super) fn finished(mut self) -> Option<Transition> {
        let (status, reason, due_at) = match self.end.take() {
            Some((status, reason)) => (status, reason, None),
            None if self.hold => (Status::Paused, None, None),
            None => {
                let status = self.status();
                let due_at = match status {
                    Status::Ready => self.ex.due_at.filter(|due| *due <= self.now),
                    _ => None,
                };
                let due_at = match (status, due_at) {
                    (Status::Ready, None) => Some(self.now),
                    (Status::Ready, due) => due,
                    _ => self.due(),
                };
                (status, None, due_at)
            }
        };
        let same = self.entries.is_empty()
            && self.effects.is_empty()
            && !self.touched
            && status == self.ex.status
            && due_at == self.ex.due_at;
        if same {
            return None;
        }
        self.recount_forks();
        Some(Transition {
            status,
            reason,
            due_at,
            node: self
                .state
                .branches
                .first()
                .map_or(-1, |branch| as_step(branch.step)),
            seq: self.seq,
            state: self.state,
            entries: self.entries,
            effects: self.effects,
            admission: self.admission,
        })
    }

    /// The first of ready, dispatching, waiting that any branch has.
    fn status(&self) -> Status {
        let mut status = Status::Waiting;
        for branch in &self.state.branches {
            match branch.park.as_ref().map(|park| park.kind) {
                None => return Status::Ready,
                Some(ParkKind::Reply) => status = Status::Dispatching,
                Some(_) => {}
            }
        }
        status
    }

    /// When the clock must look again.
    fn due(&self) -> Option<Instant> {
        let parks = self
            .state
            .branches
            .iter()
            .filter_map(|branch| branch.park.as_ref());
        let times = parks.flat_map(|park| [park.until, park.limit]).flatten();
        times
            .chain(self.next_flip())
            .chain(self.goal_limits())
            .min()
    }

    pub(super) fn tz(&self) -> Tz {
        self.contact.tz.unwrap_or(self.program.tenant.timezone)
    }

    pub(super) fn scope(&self) -> ExecutionScope<'_> {
        ExecutionScope {
            program: self.program,
            execution: self.ex,
            state: &self.state,
            contact: self.contact,
        }
    }

    /// Writes a line of history and answers its number.
    pub(super) fn log(&mut self, step: i32, kind: EntryKind, result: impl Into<Lazy>) -> i32 {
        let seq = self.seq;
        let result = result.into();
        self.seq = self.seq.saturating_add(1);
        self.entries.push(Entry { step, kind, result });
        seq
    }

    /// Ends the execution: all branches end, and what they have not yet sent is moot.
    pub(super) fn finish(&mut self, status: Status, reason: Option<String>, mut detail: Value) {
        self.end_branches();
        if let Some(reason) = &reason {
            if detail.is_null() {
                detail = json!({});
            }
            detail["reason"] = json!(reason);
        }
        let kind = match status {
            Status::Completed => EntryKind::ExecutionCompleted,
            Status::Exited => EntryKind::ExecutionExited,
            Status::Failed => EntryKind::ExecutionFailed,
            _ => EntryKind::ExecutionCancelled,
        };
        self.log(-1, kind, detail);
        self.end = Some((status, reason));
        self.dirty = false;
    }

    /// Ends all branches without ending the execution.
    pub(super) fn end_branches(&mut self) {
        let branches = std::mem::take(&mut self.state.branches);
        self.state.forks.clear();
        self.cancel_sends(&branches);
    }

    /// What these branches have asked for and not yet got is moot.
    pub(super) fn cancel_sends(&mut self, branches: &[Branch]) {
        let parks = branches.iter().filter_map(|branch| branch.park.as_ref());
        let seqs: Vec<i32> = parks
            .filter(|park| park.kind == ParkKind::Reply)
            .map(|park| park.seq)
            .collect();
        if !seqs.is_empty() {
            self.effects.push(Effect::CancelSends { seqs });
        }
    }
}

/// Whole milliseconds, after `more` nanoseconds were added.
pub(super) fn to_millis(time: Instant, more: i64) -> Instant {
    let later = time
        .checked_add_signed(chrono::Duration::nanoseconds(more))
        .unwrap_or(time);
    Instant::from_timestamp_millis(later.timestamp_millis()).unwrap_or(later)
}

/// A step index as history holds it.
pub(super) fn as_step(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
