//! The same machine on a virtual clock: no database, no side effect, the same path.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
};

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{contact::Contact, interests::Interests, program::Program, suppression::Entry};
use crate::model::{
    execution::{Execution, Instant},
    ids,
    transition::{Cause, Command, Enroll, Event, Input, Reply},
};

mod advancing;
mod changes;
mod enrolling;
mod input;
mod others;
#[cfg(test)]
mod tests;

pub use input::{
    ContactLine, EventLine, LineError, ResultLine, contacts, events, results, suppressions,
};

/// What may be chosen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Earlier events are left out. None: from the first event on.
    pub from: Option<Instant>,
    /// Nothing at or after it happens. None: until nothing is due any more.
    pub until: Option<Instant>,
    /// Gives events without an id other ones, and so other choices by visit. 0: none.
    pub seed: u64,
    /// The tenant's number, which derived ids take, and with them choices by visit. None: the first tenant's.
    pub tenant: Option<i32>,
    /// How outside actions end. Those that no line fits end well and empty.
    pub results: Vec<ResultLine>,
    /// Who is on a suppression list.
    pub suppressions: Vec<Entry>,
}

/// One line of what happens, in time order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// When: UTC, with `Z`.
    pub at: String,
    /// Whose, as the file names it.
    pub contact_id: String,
    /// Which execution; null for a refusal.
    pub execution_id: Option<Uuid>,
    /// `execution:started`, `action:dispatched` ...
    pub event: &'static str,
    /// Which step; null for the execution itself.
    pub step_id: Option<String>,
    /// Result, request, reason.
    pub detail: Value,
}

/// The last line: the columns of `waypost.workflow_stats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Executions, without those that entry conditions refused.
    pub total_enrollments: u64,
    /// Still under way.
    pub active_enrollments: u64,
    /// Came to the end of every branch.
    pub completed_enrollments: u64,
    /// A step failed for good.
    pub failed_enrollments: u64,
    /// Left by a goal, an exit condition or an `end_workflow` with a reason.
    pub exited_enrollments: u64,
    /// Goals achieved.
    pub goal_achievements: u64,
    /// Seconds from enrollment to completion, over the completed ones; null when there are none.
    pub average_completion_time: Option<f64>,
}

/// A simulated world.
pub struct Simulation<'p, S> {
    programs: &'p [Program],
    /// The tenant's number in derived ids.
    tenant: i32,
    options: Options,
    sink: S,
    contacts: HashMap<Uuid, Whose>,
    runs: Vec<Option<Run>>,
    /// Due times, each with the order in which it was set and its execution.
    due: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    order: u64,
    jobs: VecDeque<Job>,
    /// Executions whose end a step waits for: whose, and what it asked.
    awaited: HashMap<usize, (usize, Enroll)>,
    /// Event types that somebody listens to.
    heard: HashSet<String>,
    /// Starts that count towards the limit of a whole workflow, oldest first, by position of the program.
    counted: HashMap<usize, VecDeque<Instant>>,
    now: Instant,
    summary: Summary,
    completion_seconds: f64,
}

struct Whose {
    id: String,
    contact: Contact,
    live: Vec<usize>,
    /// Starts by position of the program.
    starts: HashMap<usize, Vec<Instant>>,
}

struct Run {
    program: usize,
    ex: Execution,
}

/// What happens at once, before the clock moves on.
enum Job {
    Event(Box<Event>),
    Reply(usize, Reply),
    /// An execution that another one has enrolled begins.
    Begin(usize),
    Command(usize, Command),
}

impl<'p, S: FnMut(Row)> Simulation<'p, S> {
    /// A world of these workflows and contacts; every row goes to `sink`.
    ///
    /// The workflow numbers of the programs must differ.
    pub fn new(
        programs: &'p [Program],
        contacts: Vec<ContactLine>,
        options: Options,
        sink: S,
    ) -> Self {
        let mut heard = HashSet::new();
        for program in programs {
            heard.extend(program.triggers.iter().map(|trigger| trigger.kind.clone()));
            heard.extend(
                Interests::rows(&program.interests)
                    .into_iter()
                    .map(|(kind, _)| kind),
            );
        }
        let contacts = contacts.into_iter().map(|line| {
            let live = Vec::new();
            let starts = HashMap::new();
            (
                line.contact.id,
                Whose {
                    id: line.id,
                    contact: line.contact,
                    live,
                    starts,
                },
            )
        });
        Self {
            programs,
            tenant: options.tenant.unwrap_or(1),
            sink,
            contacts: contacts.collect(),
            runs: Vec::new(),
            due: BinaryHeap::new(),
            order: 0,
            jobs: VecDeque::new(),
            awaited: HashMap::new(),
            heard,
            counted: HashMap::new(),
            now: options.from.unwrap_or_default(),
            summary: Summary::default(),
            completion_seconds: 0.0,
            options,
        }
    }

    /// Lets it all happen, from the first instant to the last.
    pub fn run(mut self, mut events: Vec<EventLine>) -> Summary {
        let from = self.options.from;
        events.retain(|event| from.is_none_or(|from| event.occurred_at >= from));
        // Stable: the order of the file at one instant.
        events.sort_by_key(|event| event.occurred_at);
        let mut events = events.into_iter().peekable();
        loop {
            let timer = self.next_timer();
            let event = events.peek().map(|event| event.occurred_at);
            let at = match (event, timer) {
                (Some(event), Some(timer)) => event.min(timer),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => break,
            };
            if self.options.until.is_some_and(|until| at >= until) {
                break;
            }
            self.now = at;
            if event == Some(at) {
                if let Some(event) = events.next() {
                    self.happened(&event);
                }
            } else if let Some(Reverse((_, _, run))) = self.due.pop() {
                self.advance(run, &Input::Time);
            }
            while let Some(job) = self.jobs.pop_front() {
                match job {
                    Job::Event(event) => self.take_in(&event),
                    Job::Reply(run, reply) => self.advance(run, &Input::Reply(reply)),
                    Job::Begin(run) => self.advance(run, &Input::Time),
                    Job::Command(run, command) => self.advance(run, &Input::Command(command)),
                }
            }
        }
        self.finish()
    }

    /// The next time that is still an execution's due time.
    fn next_timer(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, _, run))) = self.due.peek().copied() {
            let live = self.runs.get(run).and_then(Option::as_ref);
            if live.is_some_and(|run| run.ex.due_at == Some(at)) {
                return Some(at.max(self.now));
            }
            self.due.pop();
        }
        None
    }

    /// A line of the file: first what it sets, with all that depends on that, then itself.
    fn happened(&mut self, line: &EventLine) {
        let event = line.event(self.tenant, self.options.seed);
        if !line.set.is_empty()
            && let Some(whose) = event.contact.and_then(|id| self.contacts.get_mut(&id))
        {
            let before = whose.contact.fields.clone();
            for (name, value) in &line.set {
                whose.contact.set(name, value.clone());
            }
            whose.contact.name_in_full();
            let id = whose.contact.id;
            if !line.told {
                self.tell_changes(id, &before, None);
            }
        }
        self.jobs.push_back(Job::Event(Box::new(event)));
    }

    /// Queues the events of a change.
    fn tell_changes(&mut self, id: Uuid, before: &Map<String, Value>, cause: Option<&Cause>) {
        let Some(whose) = self.contacts.get(&id) else {
            return;
        };
        for change in changes::between(before, &whose.contact.fields) {
            if !self.heard.contains(change.kind) {
                continue;
            }
            self.order += 1;
            let millis = self.now.timestamp_millis();
            let bucket = ids::bucket_of(self.tenant, id);
            let parts = ["change", &whose.id, &self.order.to_string()];
            self.jobs.push_back(Job::Event(Box::new(Event {
                id: ids::derive(millis, bucket, &parts),
                kind: change.kind.into(),
                contact: Some(id),
                occurred_at: self.now,
                data: change.data,
                old: Some(change.old),
                new: Some(change.new),
                trigger: None,
                cause: cause.cloned(),
            })));
        }
    }

    /// One event first advances what depends on it, then enrols.
    fn take_in(&mut self, event: &Event) {
        let Some(contact) = event.contact else { return };
        let live = self.contacts.get(&contact).map(|whose| whose.live.clone());
        let input = Input::Event(event.clone());
        for run in live.unwrap_or_default() {
            let Some(Some(Run { program, .. })) = self.runs.get(run) else {
                continue;
            };
            if self.programs[*program].depends_on(event) {
                self.advance(run, &input);
            }
        }
        for at in 0..self.programs.len() {
            self.enroll_by(at, event, contact);
        }
    }

    fn row(
        &mut self,
        contact: Uuid,
        execution_id: Option<Uuid>,
        event: &'static str,
        step_id: Option<String>,
        detail: Value,
    ) {
        let whose = self.contacts.get(&contact);
        (self.sink)(Row {
            at: self.now.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            contact_id: whose.map_or_else(|| contact.to_string(), |whose| whose.id.clone()),
            execution_id,
            event,
            step_id,
            detail,
        });
    }

    fn finish(mut self) -> Summary {
        let live = self.runs.iter().filter(|run| run.is_some()).count();
        self.summary.active_enrollments = live as u64;
        if self.summary.completed_enrollments > 0 {
            let completed = self.summary.completed_enrollments as f64;
            self.summary.average_completion_time = Some(self.completion_seconds / completed);
        }
        self.summary
    }
}
