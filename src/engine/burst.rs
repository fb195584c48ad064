//! One burst: runs branches step by step until all stand still or the budget is spent.

use serde_json::{Map, Value, json};

use super::{
    contact::Contact,
    program::{Program, StepProgram},
    scope::ExecutionScope,
};
use crate::{
    catalog::action::{Class, Done, Failure, Outcome, StepContext, Wake, Waking},
    model::{
        execution::{Branch, Execution, Instant, Park, ParkKind, State, Status},
        transition::{
            Admission, Effect, Entry, EntryKind, Event, Input, Reply, ReplyOutcome, Send,
            Transition,
        },
    },
};
use chrono_tz::Tz;

/// Steps that one execution may run in all (SPEC decision 9).
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
            hold: ex.status == Status::Paused,
        }
    }

    /// Takes in what came up; none: it is of no concern.
    pub(super) fn take(&mut self, input: &Input) -> Option<()> {
        if !self.contact.exists {
            if !self.state.started {
                let detail = json!({ "reason": "contact_missing" });
                self.admission = Some(Admission::Refused { detail });
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

    /// Runs the oldest branch that can go on, again and again.
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
                self.finish(Status::Completed, None, Value::Null);
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
        times.chain(self.next_flip()).min()
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
    pub(super) fn log(&mut self, step: i32, kind: EntryKind, result: Value) -> i32 {
        let seq = self.seq;
        self.seq = self.seq.saturating_add(1);
        self.entries.push(Entry { step, kind, result });
        seq
    }

    fn with_step<T>(
        &self,
        index: u32,
        step: &StepProgram,
        ask: impl FnOnce(&StepContext<'_>) -> T,
    ) -> T {
        let scope = self.scope();
        ask(&StepContext {
            scope: &scope,
            now: self.now,
            tz: self.tz(),
            execution: self.ex.id,
            contact: self.ex.contact,
            tenant: &self.program.tenant.name,
            workflow: &self.program.workflow,
            step: &step.id,
            visit: self.state.visits.get(&index).copied().unwrap_or(1),
            chosen: self.state.choices.get(&step.id).map(String::as_str),
        })
    }

    /// Runs the step at which the branch at this position stands.
    fn step(&mut self, at: usize) {
        let Branch {
            step: index, tries, ..
        } = self.state.branches[at];
        let Some(step) = self.program.step(index) else {
            let message = "the version has no step with this number".into();
            return self.fail_for_good(
                at,
                Failure {
                    error: "unknown_step".into(),
                    message,
                },
            );
        };
        self.state.steps = self.state.steps.saturating_add(1);
        let mut passes = 0;
        if step.counted {
            let visits = self.state.visits.entry(index).or_insert(0);
            // A repeated try belongs to the same visit.
            *visits += u32::from(tries == 0);
            passes = *visits;
        }
        if self.state.steps > MAX_STEPS || passes > step.max_passes {
            let message = format!("step {} was come to too often", step.id);
            return self.fail_for_good(
                at,
                Failure {
                    error: "loop_limit".into(),
                    message,
                },
            );
        }
        if let Some(condition) = &step.execute_if
            && !condition.eval(&self.scope(), self.now, self.tz())
        {
            let seq = self.log(as_step(index), EntryKind::StepSkipped, Value::Null);
            return self.go(at, &step.on_success, seq);
        }
        match self.with_step(index, step, |cx| step.action.run(cx)) {
            Outcome::Done(done) => self.done(at, index, step, done),
            Outcome::Choose {
                steps,
                variant,
                result,
            } => {
                if let Some(variant) = variant {
                    self.state.choices.insert(step.id.clone(), variant);
                }
                let seq = self.complete(at, index, step, result);
                self.go(at, &steps, seq);
            }
            Outcome::Park { kind, until, limit } => {
                let mut result = Map::new();
                for (name, time) in [("until", until), ("limit", limit)] {
                    if let Some(time) = time {
                        result.insert(name.into(), json!(time));
                    }
                }
                let seq = self.log(as_step(index), EntryKind::Waiting, Value::Object(result));
                self.park(
                    at,
                    Park {
                        kind,
                        seq,
                        since: self.now,
                        until,
                        limit,
                    },
                );
            }
            Outcome::Send { request, timeout } => {
                let seq = self.log(as_step(index), EntryKind::Dispatched, Value::Null);
                let park = Park {
                    kind: ParkKind::Reply,
                    seq,
                    since: self.now,
                    until: None,
                    limit: None,
                };
                self.park(at, park);
                self.effects.push(Effect::Send(Send {
                    seq,
                    step: index,
                    action: step.kind,
                    policy: step.policy,
                    request,
                    timeout: step.timeout.unwrap_or(timeout),
                    retry: step.retry_json.clone(),
                }));
            }
            Outcome::Finish { reason } => {
                let result = reason
                    .as_ref()
                    .map_or(Value::Null, |reason| json!({ "reason": reason }));
                self.complete(at, index, step, result);
                match reason {
                    None => self.finish(Status::Completed, None, Value::Null),
                    Some(reason) => self.finish(Status::Exited, Some(reason), Value::Null),
                }
            }
            Outcome::Fail(failure) => self.fail(at, index, step, failure),
        }
    }

    pub(super) fn park(&mut self, at: usize, mut park: Park) {
        // As the state keeps them: whole milliseconds, and never before their time.
        park.since = to_millis(park.since, 0);
        park.until = park.until.map(|time| to_millis(time, 999_999));
        park.limit = park.limit.map(|time| to_millis(time, 999_999));
        self.state.branches[at].park = Some(park);
        self.touched = true;
    }

    fn done(&mut self, at: usize, index: u32, step: &StepProgram, done: Done) {
        for write in done.writes {
            self.contact.apply(&write);
            self.effects.push(Effect::Crm(write));
            self.dirty = true;
        }
        for (name, value) in done.vars {
            self.state.vars.insert(name, value);
            self.dirty = true;
        }
        let seq = self.complete(at, index, step, done.result);
        self.go(at, &step.on_success, seq);
    }

    /// Records a success, and keeps the result where somebody reads it.
    fn complete(&mut self, at: usize, index: u32, step: &StepProgram, result: Value) -> i32 {
        if step.kept {
            self.state.results.insert(step.id.clone(), result.clone());
            self.dirty = true;
        }
        let branch = &mut self.state.branches[at];
        branch.park = None;
        branch.tries = 0;
        self.log(as_step(index), EntryKind::StepCompleted, result)
    }

    /// A try failed: again later, along `onFailure`, or the end.
    fn fail(&mut self, at: usize, index: u32, step: &StepProgram, failure: Failure) {
        let branch = &mut self.state.branches[at];
        branch.tries += 1;
        branch.park = None;
        let tries = branch.tries;
        let retry = step.retry.as_ref().filter(|retry| {
            // What could not be rendered for the outside will not be the next time.
            let named = retry.names(&failure.error);
            let any = retry.retryable_errors.is_empty() && !matches!(step.class, Class::Outside(_));
            retry.retries_after(tries) && (named || any)
        });
        let Some(retry) = retry else {
            return self.fail_along(at, index, step.on_failure.as_deref(), failure, Value::Null);
        };
        let seed = (self.ex.id.as_u128() as u64) ^ u64::from(index);
        let delay = chrono::Duration::from_std(retry.delay(tries, seed)).unwrap_or_default();
        // Never at once: one burst must not try a step twice.
        let until = self
            .now
            .checked_add_signed(delay.max(chrono::Duration::milliseconds(1)));
        let result = json!({
            "error": failure.error, "message": failure.message, "attempt": tries, "retryAt": until,
        });
        let seq = self.log(as_step(index), EntryKind::StepFailed, result);
        let kind = ParkKind::Retry;
        self.park(
            at,
            Park {
                kind,
                seq,
                since: self.now,
                until,
                limit: None,
            },
        );
    }

    /// The last try failed.
    fn fail_along(
        &mut self,
        at: usize,
        index: u32,
        on_failure: Option<&[u32]>,
        failure: Failure,
        response: Value,
    ) {
        let mut result = json!({ "error": failure.error, "message": failure.message });
        if !response.is_null() {
            result["response"] = response;
        }
        if self.program.steps[index as usize].kept {
            let id = self.program.steps[index as usize].id.clone();
            self.state.results.insert(id, result.clone());
            self.dirty = true;
        }
        let seq = self.log(as_step(index), EntryKind::StepFailed, result);
        let branch = &mut self.state.branches[at];
        branch.tries = 0;
        branch.park = None;
        match on_failure {
            Some(steps) => self.go(at, steps, seq),
            None => self.finish_failed(at, failure),
        }
    }

    /// Fails the execution at this branch, whatever `onFailure` says.
    pub(super) fn fail_for_good(&mut self, at: usize, failure: Failure) {
        let step = as_step(self.state.branches[at].step);
        let result = json!({ "error": failure.error, "message": failure.message });
        self.log(step, EntryKind::StepFailed, result);
        self.finish_failed(at, failure);
    }

    /// The failed branch stays in the state, so that a retry can go on from there.
    fn finish_failed(&mut self, at: usize, failure: Failure) {
        let mut failed = self.state.branches.remove(at);
        failed.park = None;
        failed.tries = 0;
        let mut forks = std::mem::take(&mut self.state.forks);
        forks.retain(|fork| failed.forks.contains(&fork.id));
        let result = json!({ "message": failure.message });
        self.finish(Status::Failed, Some(failure.error), result);
        self.state.branches.push(failed);
        self.state.forks = forks;
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

    /// The answer to something sent.
    fn settle(&mut self, reply: &Reply) -> Option<()> {
        let at = self.state.branches.iter().position(|branch| {
            let park = branch.park.as_ref();
            park.is_some_and(|park| park.kind == ParkKind::Reply && park.seq == reply.seq)
        })?;
        let index = self.state.branches[at].step;
        let program = self.program;
        let step = program.step(index)?;
        let error = || {
            reply
                .error
                .clone()
                .unwrap_or_else(|| "unknown_error".into())
        };
        match reply.outcome {
            ReplyOutcome::Sent => {
                let seq = self.complete(at, index, step, reply.response.clone());
                self.go(at, &step.on_success, seq);
            }
            ReplyOutcome::Suppressed => {
                let seq = self.complete(at, index, step, json!({ "suppressed": error() }));
                self.go(at, &step.on_success, seq);
            }
            ReplyOutcome::Unknown => {
                let mut result = json!({ "unknown": true });
                if let Some(error) = &reply.error {
                    result["error"] = json!(error);
                }
                let seq = self.complete(at, index, step, result);
                self.go(
                    at,
                    step.on_unknown.as_deref().unwrap_or(&step.on_success),
                    seq,
                );
            }
            ReplyOutcome::Failed => {
                let message = reply
                    .message
                    .clone()
                    .unwrap_or_else(|| "the send failed".into());
                let failure = Failure {
                    error: error(),
                    message,
                };
                let response = reply.response.clone();
                self.fail_along(at, index, step.on_failure.as_deref(), failure, response);
            }
        }
        Some(())
    }

    /// Wakes the branches whose time has come.
    fn wake_due(&mut self) {
        let due = |time: Option<Instant>| time.is_some_and(|time| time <= self.now);
        let parked = self.parked(|park| due(park.until) || due(park.limit));
        for id in parked {
            self.wake(id, Wake::Look);
        }
    }

    /// Wakes the branches that an event may concern.
    fn wake_on(&mut self, event: &Event) {
        for id in self.parked(|park| matches!(park.kind, ParkKind::Condition | ParkKind::Event)) {
            let Some(at) = self.position(id) else {
                continue;
            };
            let kind = self.state.branches[at].park.as_ref().map(|park| park.kind);
            let why = if kind == Some(ParkKind::Event) {
                Wake::Event(event)
            } else {
                Wake::Look
            };
            self.wake(id, why);
        }
    }

    /// Numbers of the branches with such a park.
    pub(super) fn parked(&self, wanted: impl Fn(&Park) -> bool) -> Vec<u32> {
        let branches = self.state.branches.iter();
        branches
            .filter(|b| b.park.as_ref().is_some_and(&wanted))
            .map(|b| b.id)
            .collect()
    }

    pub(super) fn position(&self, id: u32) -> Option<usize> {
        self.state
            .branches
            .iter()
            .position(|branch| branch.id == id)
    }

    /// Asks a parked branch what it makes of what came up.
    pub(super) fn wake(&mut self, id: u32, why: Wake<'_>) {
        let (None, Some(at)) = (&self.end, self.position(id)) else {
            return;
        };
        let Branch {
            step: index,
            park: Some(park),
            ..
        } = self.state.branches[at].clone()
        else {
            return;
        };
        let program = self.program;
        let Some(step) = program.step(index) else {
            return;
        };
        let waking = match park.kind {
            ParkKind::Reply | ParkKind::Join => return,
            ParkKind::Retry => {
                self.state.branches[at].park = None;
                self.touched = true;
                return;
            }
            _ => self.with_step(index, step, |cx| step.action.wake(cx, &park, why)),
        };
        let over = park.limit.is_some_and(|limit| limit <= self.now);
        let waking = match (waking, why) {
            (Waking::Stay { .. }, Wake::Skip) => Waking::Done {
                result: json!({ "skipped": true }),
                timed_out: false,
            },
            (Waking::Stay { .. }, _) if over => Waking::Done {
                result: json!({ "timedOut": true }),
                timed_out: true,
            },
            (waking, _) => waking,
        };
        match waking {
            Waking::Stay { until } => {
                let before = park.until;
                if until.map(|time| to_millis(time, 999_999)) != before {
                    self.park(at, Park { until, ..park });
                }
            }
            Waking::Done { result, timed_out } => {
                let seq = self.complete(at, index, step, result);
                let next = step.on_timeout.as_deref().filter(|_| timed_out);
                self.go(at, next.unwrap_or(&step.on_success), seq);
                self.dirty = true;
            }
            Waking::Fail(failure) => self.fail(at, index, step, failure),
        }
    }
}

/// Whole milliseconds, after `more` nanoseconds were added.
fn to_millis(time: Instant, more: i64) -> Instant {
    let later = time
        .checked_add_signed(chrono::Duration::nanoseconds(more))
        .unwrap_or(time);
    Instant::from_timestamp_millis(later.timestamp_millis()).unwrap_or(later)
}

/// A step index as history holds it.
pub(super) fn as_step(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
