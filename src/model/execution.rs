//! One contact's way through one workflow: what a row of `waypost.runs` holds.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::lazy::Lazy;

/// Business time.
pub type Instant = DateTime<Utc>;

/// Where an execution stands; the number is what the tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum Status {
    /// Can go on now.
    Ready = 0,
    /// Parked on a wait.
    Waiting = 1,
    /// Parked on the answer to something sent outside.
    Dispatching = 2,
    /// Held by an operator.
    Paused = 3,
    /// Came to the end of every branch.
    Completed = 4,
    /// Left by a goal, an exit condition, an entry condition or an `end_workflow` with a reason.
    Exited = 5,
    /// Ended from outside.
    Cancelled = 6,
    /// A step failed for good.
    Failed = 7,
}

impl Status {
    /// Every status, in the order of its numbers.
    pub const ALL: [Status; 8] = [
        Status::Ready,
        Status::Waiting,
        Status::Dispatching,
        Status::Paused,
        Status::Completed,
        Status::Exited,
        Status::Cancelled,
        Status::Failed,
    ];

    /// The status with this number, if there is one.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// The number in the tables.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// True once the execution has left the hot table.
    #[must_use]
    pub const fn is_final(self) -> bool {
        self.code() >= 4
    }

    /// The word users see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Ready => "ready",
            Status::Waiting => "waiting",
            Status::Dispatching => "dispatching",
            Status::Paused => "paused",
            Status::Completed => "completed",
            Status::Exited => "exited",
            Status::Cancelled => "cancelled",
            Status::Failed => "failed",
        }
    }
}

/// One live execution, as claimed.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The contact's bucket.
    pub bucket: i16,
    /// Derived id (`ids.rs`).
    pub id: Uuid,
    /// Tenant number.
    pub tenant: i32,
    /// Workflow number.
    pub workflow: i32,
    /// The version it is pinned to.
    pub version: i32,
    /// Whose execution this is.
    pub contact: Uuid,
    /// Its live key.
    pub key: String,
    /// As stored.
    pub status: Status,
    /// Lower goes first.
    pub priority: i16,
    /// History entries so far; the next entry takes this number.
    pub seq: i32,
    /// When it was enrolled.
    pub enrolled_at: Instant,
    /// When it is to be looked at again by the clock.
    pub due_at: Option<Instant>,
    /// Everything else the machine knows.
    pub state: State,
}

/// The machine's memory, stored as JSON with short keys because it is written at every burst.
///
/// Absent keys mean empty. `waypost.executions.state` shows the same in its long names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// False until the first burst has looked at the entry conditions.
    #[serde(rename = "s", default, skip_serializing_if = "is_false")]
    pub started: bool,
    /// Live branches, oldest first. Empty before the start and after the end.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Branch>,
    /// Number the next branch gets.
    #[serde(rename = "nb", default, skip_serializing_if = "is_zero")]
    pub next_branch: u32,
    /// Forks whose branches have not all come to their join or end.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub forks: Vec<Fork>,
    /// Variables.
    #[serde(rename = "v", default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// Results of those steps whose result some step reads (history has all of them), by step id.
    #[serde(rename = "r", default, skip_serializing_if = "Map::is_empty")]
    pub results: Map<String, Value>,
    /// Visits so far of the steps that can be come to again, by step index.
    #[serde(rename = "c", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub visits: BTreeMap<u32, u32>,
    /// Step visits in all (the loop guard).
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub steps: u32,
    /// Indexes of the goals achieved, in order.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<u32>,
    /// Envelope of the event (or call) that enrolled: `{"type","id","occurred_at","data","old","new"}`.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Lazy>,
    /// The contact as at enrollment: the fields that the version reads.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Value>,
    /// Variants chosen by sticky splits, by step id.
    #[serde(rename = "ch", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, String>,
    /// When the last branch ended, where goals that are not met keep the execution waiting.
    #[serde(
        rename = "pe",
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub path_ended: Option<Instant>,
    /// Depth of the chain of causes that enrolled this execution (loop guard, at most 8).
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    pub depth: u32,
}

/// One arm of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Its number within the execution.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub id: u32,
    /// Index of the step it stands at.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub step: u32,
    /// The fork visits it belongs to, outermost first (`Fork::id`).
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub forks: Vec<i32>,
    /// Why it does not go on; absent: it can.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub park: Option<Park>,
    /// Failed attempts of the step it stands at, for steps that retry inside the database.
    #[serde(rename = "t", default, skip_serializing_if = "is_zero")]
    pub tries: u32,
}

/// Why a branch stands still, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Park {
    /// What it waits for.
    #[serde(rename = "k")]
    pub kind: ParkKind,
    /// The history entry that began it: the outbox row's seq where it waits for an answer.
    #[serde(rename = "s")]
    pub seq: i32,
    /// Since when.
    #[serde(rename = "a", with = "chrono::serde::ts_milliseconds")]
    pub since: Instant,
    /// Goes on (or times out) at this time; absent: not by the clock.
    #[serde(
        rename = "u",
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<Instant>,
    /// Times out for good at this time; `until` may lie earlier, where a condition can flip by the clock.
    #[serde(
        rename = "m",
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub limit: Option<Instant>,
}

/// What a parked branch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParkKind {
    /// A time.
    #[serde(rename = "t")]
    Time,
    /// A condition on the contact, the variables or the clock.
    #[serde(rename = "c")]
    Condition,
    /// An event.
    #[serde(rename = "e")]
    Event,
    /// The answer to an outbox row.
    #[serde(rename = "o")]
    Reply,
    /// An operator's decision.
    #[serde(rename = "v")]
    Review,
    /// The other branches of its fork (it stands at the join step).
    #[serde(rename = "j")]
    Join,
    /// The next try of a database step that failed.
    #[serde(rename = "r")]
    Retry,
    /// Another workflow of the contact: what became of the enrolment, or its end.
    #[serde(rename = "w")]
    Workflow,
}

/// One visit of a fork: the branches it made and what has become of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// The history entry of the step that forked: unique within the execution.
    #[serde(rename = "i")]
    pub id: i32,
    /// Index of that step: tells which joins belong to it.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub step: u32,
    /// Branches still on their way.
    #[serde(rename = "o")]
    pub open: u32,
    /// Branches that have arrived, by join step index.
    #[serde(rename = "a", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arrived: BTreeMap<u32, u32>,
    /// Join steps that have fired.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<u32>,
}

fn is_false(b: &bool) -> bool {
    !*b
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn a_status_has_a_number_and_a_word() {
        let rows = [
            (0, "ready", false),
            (1, "waiting", false),
            (2, "dispatching", false),
            (3, "paused", false),
            (4, "completed", true),
            (5, "exited", true),
            (6, "cancelled", true),
            (7, "failed", true),
        ];
        for (code, word, is_final) in rows {
            let status = Status::from_code(code).unwrap();
            assert_eq!(status.code(), code);
            assert_eq!((status.as_str(), status.is_final()), (word, is_final));
        }
        assert_eq!(Status::from_code(8), None);
        assert_eq!(Status::from_code(-1), None);
    }
}
