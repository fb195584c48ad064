//! A version ready to run: every name resolved to an index, every word of the language compiled.

use chrono::Duration;
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{
    graph::Graph, interests::Interests, matching::TriggerProgram, replies::Replies, rules::Rules,
};
use crate::{
    catalog::action::{Action, Class},
    model::{
        condition::Condition,
        problem::Problem,
        reads::Reads,
        retry::RetryConfig,
        span::Span,
        template::Template,
        transition::{Event, Policy},
        workflow::Definition,
    },
};

/// What the tables call a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Workflow number.
    pub workflow: i32,
    /// Version number.
    pub version: i32,
}

/// What a version knows of its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantInfo {
    /// Its name.
    pub name: String,
    /// Where its calendar days begin, for contacts without a zone of their own.
    pub timezone: Tz,
}

/// A compiled version. A worker keeps thousands: its lists have no room to spare, and what is rare is boxed.
#[derive(Debug)]
pub struct Program {
    /// The workflow's id, as text: hashes take it.
    pub workflow: String,
    /// What people call it.
    pub name: String,
    /// What the tables call it.
    pub numbers: Numbers,
    /// Its tenant.
    pub tenant: TenantInfo,
    /// Index of the step where executions start.
    pub start: u32,
    /// The steps, in the order of `actions`.
    pub steps: Box<[StepProgram]>,
    /// The goals, in order.
    pub goals: Box<[GoalProgram]>,
    /// Who may enter.
    pub entry: Option<Condition>,
    /// When to leave.
    pub exit: Option<Watch>,
    /// Replies that end an execution.
    pub replies: Option<Replies>,
    /// What starts it, in order.
    pub triggers: Box<[TriggerProgram]>,
    /// Template of the enrollment key; none: the contact or the event's subject.
    pub key: Option<Template>,
    /// Variables every execution starts with.
    pub variables: Map<String, Value>,
    /// Some step keeps what it chose for a contact.
    pub sticky: bool,
    pub(super) rules: Rules,
    pub(super) reads: Reads,
    pub(super) trigger_reads: Reads,
    pub(super) interests: Interests,
    pub(super) step_ids: Vec<String>,
    pub(super) goal_ids: Vec<String>,
    pub(super) graph: Graph,
}

/// A compiled step.
#[derive(Debug)]
pub struct StepProgram {
    /// Its id.
    pub id: String,
    /// Action type.
    pub kind: &'static str,
    /// What it does.
    pub action: Box<dyn Action>,
    /// Where it works.
    pub class: Class,
    /// What an unknown outcome means, for steps that work outside.
    pub policy: Policy,
    /// How failed tries are repeated; none: those inside the database are not, those outside as the dispatcher does by default.
    pub retry: Option<Box<Retry>>,
    /// Longest one try may take; none: the action's own.
    pub timeout: Option<Duration>,
    /// The step is skipped where this is false.
    pub execute_if: Option<Condition>,
    /// Where success leads.
    pub on_success: Box<[u32]>,
    /// Where failure leads; none: the execution fails.
    pub on_failure: Option<Box<[u32]>>,
    /// Where an unknown outcome leads; none: success.
    pub on_unknown: Option<Box<[u32]>>,
    /// Where a timeout leads; none: success.
    pub on_timeout: Option<Box<[u32]>>,
    /// How often one execution may come here.
    pub max_passes: u32,
    /// What it waits for when branches of a fork reach it.
    pub join: Option<JoinRule>,
    /// It can be come to again, so its visits are counted.
    pub counted: bool,
    /// Some step, goal or condition reads its result.
    pub kept: bool,
    /// Joins that two or more of the arms that begin here can come to.
    pub(super) joins: Box<[u32]>,
}

/// How the failed tries of a step are repeated.
#[derive(Debug)]
pub struct Retry {
    /// As a step inside the database reads it.
    pub config: RetryConfig,
    /// The same as the dispatcher reads it.
    pub json: Value,
}

/// When a join fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinRule {
    /// When every branch has arrived or ended elsewhere.
    All,
    /// At this arrival; the rest is cancelled.
    AtLeast(u32),
    /// At every arrival.
    Each,
}

/// A compiled goal.
#[derive(Debug)]
pub struct GoalProgram {
    /// Its id.
    pub id: String,
    /// When it is met.
    pub watch: Watch,
    /// What then.
    pub then: GoalThen,
    /// What becomes of an execution that ends its path without it.
    pub unmet: Unmet,
}

/// What a goal that is not met does at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unmet {
    /// Nothing.
    Continue,
    /// The execution waits for it; at most so long, if that is given.
    Wait(Option<Span>),
    /// The execution exits.
    End,
}

/// What an achieved goal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalThen {
    /// Nothing more.
    Continue,
    /// Ends the execution.
    Exit,
    /// All branches end; it goes on there.
    GoTo(u32),
}

/// A condition that is looked at again and again.
#[derive(Debug)]
pub struct Watch {
    /// The condition.
    pub condition: Condition,
    /// Its answer can change by the clock alone.
    pub clock: bool,
}

impl Watch {
    pub(super) fn new(condition: Condition) -> Self {
        let mut reads = Reads::default();
        condition.reads(&mut reads);
        Self {
            condition,
            clock: reads.clock,
        }
    }
}

impl Program {
    /// Compiles a definition.
    ///
    /// # Errors
    /// Everything that keeps it from running, with JSON paths into the definition.
    pub fn compile(
        definition: &Definition,
        numbers: Numbers,
        tenant: &TenantInfo,
    ) -> Result<Self, Vec<Problem>> {
        super::compile::compile(definition, numbers, tenant)
    }

    /// Contact fields (and all else) that the executions of this version read: the store loads only these.
    ///
    /// Fields of the snapshot are among the contact's, since the first burst takes them from there.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What its triggers' filters and its key read: the matcher loads only these.
    #[must_use]
    pub fn trigger_reads(&self) -> &Reads {
        &self.trigger_reads
    }

    /// Step index to step id.
    #[must_use]
    pub fn step_ids(&self) -> &[String] {
        &self.step_ids
    }

    /// Goal index to goal id.
    #[must_use]
    pub fn goal_ids(&self) -> &[String] {
        &self.goal_ids
    }

    /// The index of a step.
    #[must_use]
    pub fn step_index(&self, id: &str) -> Option<u32> {
        let index = self.step_ids.iter().position(|step| step == id)?;
        u32::try_from(index).ok()
    }

    /// Ids of the steps whose result some step, goal or condition reads.
    pub fn kept_results(&self) -> impl Iterator<Item = &str> {
        self.steps
            .iter()
            .filter(|step| step.kept)
            .map(|step| &*step.id)
    }

    /// Indexes of the steps whose visits are counted: those that can be come to again.
    pub fn cyclic(&self) -> impl Iterator<Item = u32> {
        (0u32..)
            .zip(&self.steps)
            .filter(|(_, step)| step.counted)
            .map(|(index, _)| index)
    }

    /// Event types that can matter to its live executions, with the field of `contact.field.changed`
    /// (empty: any). Triggers are not among them.
    #[must_use]
    pub fn interests(&self) -> Vec<(String, String)> {
        self.interests.rows()
    }

    /// Whether the event can matter to a live execution of this version.
    #[must_use]
    pub fn depends_on(&self, event: &Event) -> bool {
        self.interests.include(event)
    }

    /// The rules of enrollment, typed.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn leads(&self, from: u32, to: u32) -> bool {
        self.graph.leads(from, to)
    }

    pub(super) fn step(&self, index: u32) -> Option<&StepProgram> {
        self.steps.get(index as usize)
    }
}
