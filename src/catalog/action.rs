//! What an action is: a pure answer to "the branch stands at this step, now what?".

use std::fmt::Debug;

use chrono::Duration;
use chrono_tz::Tz;
use serde_json::Value;
use uuid::Uuid;

use crate::model::{
    execution::{Instant, Park, ParkKind},
    lazy::Lazy,
    problem::Problem,
    reads::Reads,
    scope::Scope,
    transition::{CrmWrite, Event, Policy, Removal},
    workflow::Step,
};

/// One compiled step's behaviour. An action does no I/O; its test is a table of (config, context) -> outcome.
pub trait Action: Debug + Send + Sync {
    /// The branch has come to the step.
    fn run(&self, cx: &StepContext<'_>) -> Outcome;

    /// The branch is parked here and something came up: the time, an event, a change.
    ///
    /// Only waits answer this; everything else is woken by replies, which the engine handles itself.
    fn wake(&self, _cx: &StepContext<'_>, _park: &Park, _why: Wake<'_>) -> Waking {
        Waking::Stay { until: None }
    }

    /// Adds all that its config reads: contact fields, variables, step results, event types.
    fn reads(&self, _reads: &mut Reads) {}

    /// Steps that its config names (branches of `if_else`, `split` ...), beside the step's own `on...` lists.
    fn targets(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Whether what it chooses for a contact is kept for later executions and versions.
    fn sticky(&self) -> bool {
        false
    }

    /// Where it works.
    fn class(&self) -> Class;
}

/// Where an action works; the checker and the engine ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Decides where to go.
    Flow,
    /// Parks.
    Wait,
    /// Reads and computes, or writes in this database.
    Database,
    /// Leaves through the outbox, by default under this policy.
    Outside(Policy),
}

/// What a step may look at.
pub struct StepContext<'a> {
    /// Everything a path can name.
    pub scope: &'a dyn Scope,
    /// Business time of the burst.
    pub now: Instant,
    /// The contact's zone, else the tenant's, else UTC.
    pub tz: Tz,
    /// The execution.
    pub execution: Uuid,
    /// Its contact.
    pub contact: Uuid,
    /// Tenant name.
    pub tenant: &'a str,
    /// Workflow id (the text): hashes take names, never numbers.
    pub workflow: &'a str,
    /// Step id.
    pub step: &'a str,
    /// How often this execution has come to this step, this time included.
    pub visit: u32,
    /// The variant an earlier visit or execution chose here, for sticky splits.
    pub chosen: Option<&'a str>,
}

/// The whole vocabulary of the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done; the branch goes on along `onSuccess`.
    Done(Done),
    /// Done; the branch goes on at these steps (several fork, none end it).
    Choose {
        /// Step indexes.
        steps: Vec<u32>,
        /// Variant id to remember, for sticky splits.
        variant: Option<String>,
        /// For history: which way and why.
        result: Lazy,
    },
    /// Stands still.
    Park {
        /// What it waits for.
        kind: ParkKind,
        /// To be looked at again then.
        until: Option<Instant>,
        /// Times out then.
        limit: Option<Instant>,
    },
    /// Stands still until somebody has decided.
    Review {
        /// What is to be decided, for history and `waypost.reviews`.
        detail: Value,
    },
    /// Asks for something outside.
    Send {
        /// Rendered and frozen.
        request: Value,
        /// How long a connector may take unless the step says otherwise.
        timeout: Duration,
    },
    /// Asks for another workflow of the contact to begin, and stands still until it hears of it.
    Enroll(Box<Enrolling>),
    /// Done; other executions of the contact end.
    Remove(Box<Removal>),
    /// Ends all branches.
    Finish {
        /// None: `completed`; else `exited` with this reason.
        reason: Option<String>,
    },
    /// The step failed.
    Fail(Failure),
}

/// Another workflow for the contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolling {
    /// Its id.
    pub workflow: String,
    /// The enrollment key; none: the workflow's own rule.
    pub key: Option<String>,
    /// What it finds in `event.data`.
    pub data: Value,
    /// The branch stands still until that execution has ended.
    pub waits: bool,
    /// Variables of that execution that the result takes over.
    pub outputs: Vec<String>,
    /// The workflow may enrol into itself.
    pub allow_self: bool,
}

/// What a finished step leaves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// Kept in history, and in state where another step reads it. Null: nothing.
    pub result: Value,
    /// Writes to the contact, in order.
    pub writes: Vec<CrmWrite>,
    /// Variables to set, in order.
    pub vars: Vec<(String, Value)>,
}

/// Why a step failed. Data, not an error of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Class, e.g. `template_error`, `invalid_date`: what `retryableErrors` names.
    pub error: String,
    /// For people, without personal data or secrets.
    pub message: String,
}

/// What came up for a parked branch.
#[derive(Debug, Clone, Copy)]
pub enum Wake<'a> {
    /// `until` or `limit` has come, or something it may depend on has changed.
    Look,
    /// An event of its contact.
    Event(&'a Event),
    /// An operator says the wait is over.
    Skip,
    /// Somebody has decided.
    Review(&'a Verdict),
}

/// What somebody decided who was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// It may go on; else it is rejected.
    pub approved: bool,
    /// What they say to it.
    pub note: Option<String>,
}

/// What a parked branch makes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Waking {
    /// Goes on waiting; look again then.
    Stay {
        /// Absent: only when something happens (or at the park's `limit`).
        until: Option<Instant>,
    },
    /// Goes on waiting, and both its times may have moved: the contact has changed its zone, or a date.
    Retime {
        /// Look again then.
        until: Option<Instant>,
        /// Times out then.
        limit: Option<Instant>,
    },
    /// The wait is over.
    Done {
        /// For history, and `steps.<id>.result`.
        result: Value,
        /// True: the limit came first; `onTimeout` leads on, if given.
        timed_out: bool,
    },
    /// The wait is over; the branch goes on at these steps (several fork, none end it).
    Choose {
        /// Step indexes.
        steps: Vec<u32>,
        /// For history, and `steps.<id>.result`.
        result: Value,
    },
    /// It can never be over.
    Fail(Failure),
}

/// Turns the step ids of a config into indexes at compile time.
pub trait Resolve {
    /// The index, or a problem at `path` that names the nearest id.
    ///
    /// # Errors
    /// No step has this id.
    fn step(&self, id: &str, path: &str) -> Result<u32, Problem>;
}

/// One row of the table of actions.
pub struct ActionEntry {
    /// Type, lower snake case.
    pub kind: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// JSON Schema of its config; descriptions come from the config struct's doc comments.
    pub schema: fn() -> schemars::Schema,
    /// Reads and compiles a step's config. Problems carry JSON paths relative to the step, e.g. `config.duration.unit`.
    pub compile: Compile,
}

/// Reads and compiles a step's config.
pub type Compile = fn(&Step, &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>>;

impl Debug for ActionEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActionEntry")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
