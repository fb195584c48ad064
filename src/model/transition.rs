//! What one burst of the machine did, as data: the store commits it, `simulate` prints it.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    execution::{Execution, Instant, State, Status},
    lazy::Lazy,
    refusal::Refusal,
};

/// What reaches a live execution.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are a few at a time, and every one that matters is an event"
)]
pub enum Input {
    /// It is due: the start, or a time has come.
    Time,
    /// The answer to one of its outbox rows.
    Reply(Reply),
    /// Something happened to its contact; waits, goals and exits that depend on it are looked at.
    Event(Event),
    /// An operator's command.
    Command(Command),
}

/// A fact that happened, as the machine and the matcher see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: Uuid,
    /// Dotted type, e.g. `form.submitted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose event; none for tenant-level events.
    pub contact: Option<Uuid>,
    /// Business time.
    pub occurred_at: Instant,
    /// Payload.
    pub data: Value,
    /// The row before, of a change.
    pub old: Option<Value>,
    /// The row after, of a change.
    pub new: Option<Value>,
    /// Of a timed firing: the trigger it belongs to.
    pub trigger: Option<TriggerRef>,
    /// The execution whose write made it.
    pub cause: Option<Cause>,
}

/// Names one trigger of one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRef {
    /// Workflow number.
    pub workflow: i32,
    /// Trigger id within it.
    pub trigger: String,
}

/// Who made a write that made an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The execution.
    pub execution: Uuid,
    /// Its workflow number: an event never enrols into the workflow that caused it.
    pub workflow: i32,
    /// Length of the chain of causes, at most [`MAX_DEPTH`].
    pub depth: u32,
}

/// Events caused at a greater depth are recorded but enrol nobody.
pub const MAX_DEPTH: u32 = 8;

/// The answer to an outbox row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reply {
    /// The row's `seq`.
    pub seq: i32,
    /// How it ended.
    pub outcome: ReplyOutcome,
    /// What the provider said; null when nothing was kept.
    #[serde(default)]
    pub response: Value,
    /// Error class of the last verdict, e.g. `http_503`.
    #[serde(default)]
    pub error: Option<String>,
    /// The error in words.
    #[serde(default)]
    pub message: Option<String>,
}

/// How an outbox row ended, seen from the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyOutcome {
    /// Done.
    Sent,
    /// Not done, for certain, after the last try.
    Failed,
    /// May or may not have been done (I-5).
    Unknown,
    /// A guard withheld it: the step succeeds with `suppressed: <reason>` (in `error`).
    Suppressed,
}

/// What an operator asks of a live execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// The parked waits are over now.
    SkipWait,
    /// Somebody has looked at what a `manual_review` asks.
    Review {
        /// Step id; none: every review of the execution that is open.
        #[serde(default)]
        step: Option<String>,
        /// Whether it may go on; else it is rejected.
        approve: bool,
        /// What the reviewer says to it.
        #[serde(default)]
        note: Option<String>,
    },
    /// Stand on this step instead (all branches end).
    Move {
        /// Step id.
        step: String,
    },
    /// Try the failed step (or the named one) again.
    Retry {
        /// Step id; none: where it failed.
        step: Option<String>,
    },
    /// End: another execution's step asked for it while this one was held.
    Remove {
        /// Kept with the execution.
        reason: String,
    },
}

/// Everything that one burst changed.
#[derive(Debug, Clone)]
pub struct Transition {
    /// Status after it.
    pub status: Status,
    /// Why it ended, for a final status: `goal:<id>`, `exit_conditions`, `entry_conditions`, an error class.
    pub reason: Option<String>,
    /// When the clock must look again: the earliest of what the branches wait for. None for final ones.
    pub due_at: Option<Instant>,
    /// Step index of the first branch; -1 for none.
    pub node: i32,
    /// History entries so far, after it.
    pub seq: i32,
    /// The new memory.
    pub state: State,
    /// History of the burst, in order.
    pub entries: Vec<Entry>,
    /// What must be written or sent, in order.
    pub effects: Vec<Effect>,
    /// The first burst's verdict over the enrollment, for the ledger.
    pub admission: Option<Admission>,
}

/// Whether the first burst let the contact in.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// It counts as a start.
    Started,
    /// A block row, and it does not count.
    Refused {
        /// Why.
        reason: Refusal,
        /// The numbers behind it, or the decision trace of the conditions; null for none.
        detail: Value,
    },
    /// It could not even be looked at: what was reserved for it is free again.
    Void,
}

impl Transition {
    /// Nothing changes, and the clock does not look any more.
    #[must_use]
    pub fn unchanged(ex: &Execution) -> Self {
        let first = ex.state.branches.first();
        Self {
            status: ex.status,
            reason: None,
            due_at: None,
            node: first.map_or(-1, |branch| i32::try_from(branch.step).unwrap_or(-1)),
            seq: ex.seq,
            state: ex.state.clone(),
            entries: Vec::new(),
            effects: Vec::new(),
            admission: None,
        }
    }
}

/// One line of history; also one engine event.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Step index; goal index for [`EntryKind::GoalAchieved`]; -1 for the execution itself.
    pub step: i32,
    /// What happened.
    pub kind: EntryKind,
    /// Result, error, or decision trace; null for none.
    pub result: Lazy,
}

/// What a history entry says; the number is what the tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum EntryKind {
    /// `execution:started`: the first burst let the contact in.
    ExecutionStarted = 1,
    /// `step:completed`.
    StepCompleted = 2,
    /// `step:failed`.
    StepFailed = 3,
    /// `execution:waiting`: the step parked on a wait; result has `until`.
    Waiting = 4,
    /// `action:dispatched`: the step asked for something outside; this entry's number is the outbox seq.
    Dispatched = 5,
    /// `step:skipped`: `executeIf` was false.
    StepSkipped = 6,
    /// `goal:achieved`.
    GoalAchieved = 7,
    /// `execution:completed`.
    ExecutionCompleted = 8,
    /// `execution:exited`.
    ExecutionExited = 9,
    /// `execution:cancelled`.
    ExecutionCancelled = 10,
    /// `execution:failed`.
    ExecutionFailed = 11,
    /// `execution:paused`.
    ExecutionPaused = 12,
    /// `execution:resumed`.
    ExecutionResumed = 13,
    /// `step:joined`: a branch arrived at a join and ended there.
    StepJoined = 14,
    /// `execution:moved`: an operator's skip, move or retry.
    ExecutionMoved = 15,
}

impl EntryKind {
    /// Number and name of every kind; `waypost.entry_name(smallint)` in SQL says the same.
    pub const ALL: [(EntryKind, &'static str); 15] = [
        (EntryKind::ExecutionStarted, "execution:started"),
        (EntryKind::StepCompleted, "step:completed"),
        (EntryKind::StepFailed, "step:failed"),
        (EntryKind::Waiting, "execution:waiting"),
        (EntryKind::Dispatched, "action:dispatched"),
        (EntryKind::StepSkipped, "step:skipped"),
        (EntryKind::GoalAchieved, "goal:achieved"),
        (EntryKind::ExecutionCompleted, "execution:completed"),
        (EntryKind::ExecutionExited, "execution:exited"),
        (EntryKind::ExecutionCancelled, "execution:cancelled"),
        (EntryKind::ExecutionFailed, "execution:failed"),
        (EntryKind::ExecutionPaused, "execution:paused"),
        (EntryKind::ExecutionResumed, "execution:resumed"),
        (EntryKind::StepJoined, "step:joined"),
        (EntryKind::ExecutionMoved, "execution:moved"),
    ];

    /// The number in the tables.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[(self.code() - 1) as usize].1
    }
}

/// What must happen besides the execution's own row, in the same transaction (I-1).
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Something outside Postgres: becomes an outbox row.
    Send(Send),
    /// A write to the contact's rows in this database.
    Crm(CrmWrite),
    /// What a sticky split chose for the contact, to be honoured by later executions and versions.
    Remember {
        /// Id of the split.
        step: String,
        /// Id of the variant.
        variant: String,
    },
    /// The open outbox rows of this execution are moot: pending ones, and claimed ones under hold or
    /// reconcile, are cancelled. Given with every final status, and at `any` joins.
    CancelSends {
        /// The `seq` of the rows that are moot.
        seqs: Vec<i32>,
    },
    /// Another workflow for the contact.
    Enroll(Box<Enroll>),
    /// Other executions of the contact end.
    Remove(Box<Removal>),
}

/// An enrolment that a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Enroll {
    /// The history entry that asked for it: what became of it goes there as a [`Reply`].
    pub seq: i32,
    /// The workflow's id.
    pub workflow: String,
    /// The enrollment key; none: the workflow's own rule.
    pub key: Option<String>,
    /// Kept with the new execution: `event.data`, and `event.parent`.
    pub envelope: Value,
    /// What the new execution's id derives from, beside workflow, contact and key.
    pub source: Uuid,
    /// The time in its id.
    pub at: Instant,
    /// Length of the chain of causes.
    pub depth: u32,
    /// The step waits for the end.
    pub waits: bool,
    /// Variables that it takes over then.
    pub outputs: Vec<String>,
}

/// Executions of the contact that a step ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Ids of their workflows; none: every one.
    pub only: Option<Vec<String>>,
    /// Ids of workflows that are left alone.
    pub except: Vec<String>,
    /// Kept with the executions.
    pub reason: String,
    /// The execution itself ends too, where it is among them.
    pub include_self: bool,
}

impl Removal {
    /// Whether executions of this workflow are among them.
    #[must_use]
    pub fn names(&self, workflow: &str) -> bool {
        let is = |id: &String| id == workflow;
        self.only.as_ref().is_none_or(|only| only.iter().any(is)) && !self.except.iter().any(is)
    }
}

/// An outbox row to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// The history entry that asked for it; with the execution's id it makes the row's id.
    pub seq: i32,
    /// Step index.
    pub step: u32,
    /// Action type, e.g. `send_email`: picks the connector.
    pub action: &'static str,
    /// What an unknown outcome means.
    pub policy: Policy,
    /// Rendered and frozen; secrets only as `{{secrets.name}}`.
    pub request: Value,
    /// Longest the connector may take.
    pub timeout: Duration,
    /// The step's own `retryConfig`, as `model::retry::RetryConfig` serialises; none: the default.
    pub retry: Option<Value>,
}

/// What an unknown outcome means; the number is what the tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum Policy {
    /// The provider honours our key: the same request again, inside its window.
    Dedupe = 0,
    /// The provider can be asked.
    Reconcile = 1,
    /// A duplicate is worse than a miss: never again.
    Hold = 2,
    /// A duplicate is harmless: again.
    Retry = 3,
}

impl Policy {
    /// The policy with this number, if there is one.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        [
            Policy::Dedupe,
            Policy::Reconcile,
            Policy::Hold,
            Policy::Retry,
        ]
        .get(usize::try_from(code).ok()?)
        .copied()
    }

    /// The number in the tables.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }
}

/// A write to a contact, executed by the mapping functions of the CRM inside the commit.
#[derive(Debug, Clone, PartialEq)]
pub enum CrmWrite {
    /// Puts tags on; those it has already change nothing.
    AddTags(Vec<String>),
    /// Takes tags off.
    RemoveTags(Vec<String>),
    /// Sets fields by canonical name (snake case for built-ins, the custom field's own name else); null clears.
    SetFields(Map<String, Value>),
    /// Adds a note.
    AddNote {
        /// Its text.
        body: String,
    },
}

#[cfg(test)]
mod tests {
    use super::Policy;

    #[test]
    fn a_policy_has_a_number() {
        let rows = [
            (0, Policy::Dedupe),
            (1, Policy::Reconcile),
            (2, Policy::Hold),
            (3, Policy::Retry),
        ];
        for (code, policy) in rows {
            assert_eq!(
                (Policy::from_code(code), policy.code()),
                (Some(policy), code)
            );
        }
        assert_eq!((Policy::from_code(4), Policy::from_code(-1)), (None, None));
    }
}
