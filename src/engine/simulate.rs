//! The same machine on a virtual clock: no database, no side effect, the same path (CONTRACT 5).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
};

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    advance::{Burst, advance},
    contact::Contact,
    eligibility::{self, Candidate, Verdict},
    interests::Interests,
    matching::{self, TriggerOutcome},
    program::Program,
};
use crate::{
    catalog::event_scope::envelope,
    model::{
        execution::{Execution, Instant, State, Status},
        ids,
        transition::{Admission, Cause, Effect, EntryKind, Event, Input, Reply, Send, Transition},
        workflow::WorkflowStatus,
    },
};

mod changes;
mod input;
#[cfg(test)]
mod tests;

pub use input::{ContactLine, EventLine, LineError, ResultLine, contacts, events, results};

/// What may be chosen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Earlier events are left out. None: from the first event on.
    pub from: Option<Instant>,
    /// Nothing at or after it happens. None: until nothing is due any more.
    pub until: Option<Instant>,
    /// Gives events without an id other ones, and so other choices by visit. 0: none.
    pub seed: u64,
    /// How outside actions end. Those that no line fits end well and empty.
    pub results: Vec<ResultLine>,
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
    /// Event types that somebody listens to.
    heard: HashSet<String>,
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
    Event(Event),
    Reply(usize, Reply),
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
            tenant: 1,
            sink,
            contacts: contacts.collect(),
            runs: Vec::new(),
            due: BinaryHeap::new(),
            order: 0,
            jobs: VecDeque::new(),
            heard,
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
            let id = whose.contact.id;
            self.tell_changes(id, &before, None);
        }
        self.jobs.push_back(Job::Event(event));
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
            self.jobs.push_back(Job::Event(Event {
                id: ids::derive(millis, bucket, &parts),
                kind: change.kind.into(),
                contact: Some(id),
                occurred_at: self.now,
                data: change.data,
                old: Some(change.old),
                new: Some(change.new),
                trigger: None,
                cause: cause.cloned(),
            }));
        }
    }

    /// One event first advances what depends on it, then enrols (SPEC decision 24).
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

    fn enroll_by(&mut self, at: usize, event: &Event, contact: Uuid) {
        let program = &self.programs[at];
        let missing;
        let who = match self.contacts.get(&contact) {
            Some(whose) => &whose.contact,
            None => {
                missing = Contact::missing(contact);
                &missing
            }
        };
        let decisions = matching::decide(program, event, who, self.now);
        for decision in decisions {
            match decision.outcome {
                TriggerOutcome::Matched { key } => {
                    self.enroll(at, event, contact, key.as_deref(), &decision.trigger);
                }
                TriggerOutcome::BadKey { message } => {
                    self.blocked(at, contact, None, "bad_key", json!({ "message": message }));
                }
                _ => {}
            }
        }
    }

    fn enroll(&mut self, at: usize, event: &Event, contact: Uuid, key: Option<&str>, by: &str) {
        let program = &self.programs[at];
        let whose = self.contacts.get(&contact);
        let runs = |run: &usize| self.runs[*run].as_ref();
        let own = whose.map(|whose| &whose.live[..]).unwrap_or_default();
        let own = own.iter().filter_map(runs).filter(|run| run.program == at);
        let live: Vec<&str> = own.map(|run| &*run.ex.key).collect();
        let starts = whose.and_then(|whose| whose.starts.get(&at));
        let trigger = program.triggers.iter().find(|trigger| trigger.id == by);
        let rate = trigger.and_then(|t| Some((t.max_per_contact?, t.time_window)));
        let tz = whose
            .and_then(|whose| whose.contact.tz)
            .unwrap_or(program.tenant.timezone);
        let contact_key = contact.to_string();
        let candidate = Candidate {
            status: WorkflowStatus::Active,
            contact,
            contact_exists: whose.is_some(),
            // A key that the trigger has rendered, even where it fell back to the contact.
            key: Some(key.unwrap_or(&contact_key)),
            data: &event.data,
            source: event.id,
            starts: starts.map(Vec::as_slice).unwrap_or_default(),
            live: &live,
            rate,
        };
        match eligibility::decide(program.rules(), &candidate, self.now, tz) {
            Verdict::Enroll { key, live_key } => self.enter(at, event, contact, key, live_key, by),
            Verdict::Duplicate { .. } => {
                self.blocked(at, contact, None, "duplicate", Value::Null);
            }
            Verdict::Blocked { reason, detail } => {
                self.blocked(at, contact, None, reason, detail);
            }
        }
    }

    fn enter(
        &mut self,
        at: usize,
        event: &Event,
        contact: Uuid,
        key: String,
        live_key: String,
        by: &str,
    ) {
        let program = &self.programs[at];
        let bucket = ids::bucket_of(self.tenant, contact);
        let source = event.id.to_string();
        let whose = contact.to_string();
        let parts = [
            &*program.tenant.name,
            &program.workflow,
            &whose,
            &key,
            &source,
        ];
        let ex = Execution {
            bucket,
            id: ids::derive(event.occurred_at.timestamp_millis(), bucket, &parts),
            tenant: self.tenant,
            workflow: program.numbers.workflow,
            version: program.numbers.version,
            contact,
            key: live_key,
            status: Status::Ready,
            priority: program.rules().priority,
            seq: 0,
            enrolled_at: self.now,
            due_at: Some(self.now),
            state: State {
                event: Some(envelope(event)),
                depth: event.cause.as_ref().map_or(0, |cause| cause.depth),
                ..State::default()
            },
        };
        let detail = json!({
            "workflow": program.workflow, "version": ex.version, "trigger": by, "key": key,
            "eventId": event.id, "eventType": event.kind,
        });
        self.row(contact, Some(ex.id), "execution:created", None, detail);
        let run = self.runs.len();
        self.runs.push(Some(Run { program: at, ex }));
        self.summary.total_enrollments += 1;
        let now = self.now;
        if let Some(whose) = self.contacts.get_mut(&contact) {
            whose.live.push(run);
            whose.starts.entry(at).or_default().push(now);
        }
        self.plan(run, now);
    }

    fn plan(&mut self, run: usize, at: Instant) {
        self.order += 1;
        self.due.push(Reverse((at, self.order, run)));
    }

    fn blocked(
        &mut self,
        at: usize,
        contact: Uuid,
        execution: Option<Uuid>,
        reason: &str,
        numbers: Value,
    ) {
        let mut detail = json!({ "workflow": self.programs[at].workflow, "reason": reason });
        if !numbers.is_null() {
            detail["detail"] = numbers;
        }
        self.row(contact, execution, "enrollment:blocked", None, detail);
    }

    /// Advances one execution and does what the store does with the transition.
    fn advance(&mut self, at: usize, input: &Input) {
        let Some(mut run) = self.runs.get_mut(at).and_then(Option::take) else {
            return;
        };
        let Some(whose) = self.contacts.get_mut(&run.ex.contact) else {
            return;
        };
        let program = &self.programs[run.program];
        let before = whose.contact.fields.clone();
        let contact = &mut whose.contact;
        let step = advance(program, &run.ex, contact, input, self.now, Burst::default());
        let Some(step) = step else {
            self.runs[at] = Some(run);
            return;
        };
        self.report(&run, &step);
        if let Some(Admission::Refused { detail }) = &step.admission {
            self.summary.total_enrollments -= 1;
            if let Some(whose) = self.contacts.get_mut(&run.ex.contact) {
                let starts = whose.starts.entry(run.program).or_default();
                starts.pop();
            }
            let reason = step
                .reason
                .as_deref()
                .unwrap_or("entry_conditions")
                .to_owned();
            let (contact, id) = (run.ex.contact, run.ex.id);
            self.blocked(run.program, contact, Some(id), &reason, detail.clone());
        }
        let cause = Cause {
            execution: run.ex.id,
            workflow: run.ex.workflow,
            depth: run.ex.state.depth + 1,
        };
        if step
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Crm(_)))
        {
            self.tell_changes(run.ex.contact, &before, Some(&cause));
        }
        for effect in &step.effects {
            if let Effect::Send(send) = effect {
                let reply = self.answer(&run, send);
                self.jobs.push_back(Job::Reply(at, reply));
            }
        }
        let refused = matches!(step.admission, Some(Admission::Refused { .. }));
        if step.status.is_final() {
            self.ended(at, &run.ex, step.status, refused);
            return;
        }
        run.ex.status = step.status;
        run.ex.due_at = step.due_at;
        run.ex.seq = step.seq;
        run.ex.state = step.state;
        if let Some(due) = run.ex.due_at {
            self.plan(at, due);
        }
        self.runs[at] = Some(run);
    }

    fn ended(&mut self, at: usize, ex: &Execution, status: Status, refused: bool) {
        if let Some(whose) = self.contacts.get_mut(&ex.contact) {
            whose.live.retain(|run| *run != at);
        }
        match status {
            _ if refused => {}
            Status::Completed => {
                self.summary.completed_enrollments += 1;
                let millis = (self.now - ex.enrolled_at).num_milliseconds();
                self.completion_seconds += millis as f64 / 1_000.0;
            }
            Status::Exited => self.summary.exited_enrollments += 1,
            Status::Failed => self.summary.failed_enrollments += 1,
            _ => {}
        }
    }

    /// The answer of the outside: what the results say, else ok and empty.
    fn answer(&self, run: &Run, send: &Send) -> Reply {
        let program = &self.programs[run.program];
        let step = &program.step_ids()[send.step as usize];
        let contact = self.contacts.get(&run.ex.contact).map(|whose| &whose.id);
        let fits = |line: &&ResultLine| {
            line.workflow
                .as_ref()
                .is_none_or(|workflow| *workflow == program.workflow)
                && line.step_id.as_ref().is_none_or(|id| id == step)
                && line
                    .contact_id
                    .as_ref()
                    .is_none_or(|id| Some(id) == contact)
        };
        match self.options.results.iter().find(fits) {
            Some(line) => Reply {
                seq: send.seq,
                outcome: line.outcome,
                response: line.response.clone(),
                error: line.error.clone(),
                message: line.message.clone(),
            },
            None => Reply {
                seq: send.seq,
                outcome: input::sent(),
                response: Value::Null,
                error: None,
                message: None,
            },
        }
    }

    /// Tells what a transition did, entry by entry.
    fn report(&mut self, run: &Run, step: &Transition) {
        let program = &self.programs[run.program];
        let first = run.ex.seq;
        for (seq, entry) in (first..).zip(&step.entries) {
            let index = usize::try_from(entry.step).ok();
            let mut step_id = index.and_then(|index| program.step_ids().get(index).cloned());
            let mut detail = entry.result.clone();
            match entry.kind {
                EntryKind::GoalAchieved => {
                    step_id = None;
                    self.summary.goal_achievements += 1;
                }
                EntryKind::Dispatched => {
                    let send = step.effects.iter().find_map(|effect| match effect {
                        Effect::Send(send) if send.seq == seq => Some(send),
                        _ => None,
                    });
                    if let Some(send) = send {
                        detail = json!({
                            "action": send.action, "request": send.request,
                            "outboxId": ids::outbox_id(run.ex.id, seq),
                        });
                    }
                }
                _ => {}
            }
            self.row(
                run.ex.contact,
                Some(run.ex.id),
                entry.kind.name(),
                step_id,
                detail,
            );
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
