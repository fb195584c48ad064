//! One step of one branch: what the action answers, and what that does.

use serde_json::{Map, Value, json};

use super::{
    burst::{MAX_STEPS, Machine, as_step, to_millis},
    program::StepProgram,
};
use crate::{
    catalog::action::{Class, Done, Failure, Outcome, StepContext},
    model::{
        execution::{Branch, Instant, Park, ParkKind, Status},
        transition::{Effect, EntryKind, Send},
    },
};

impl Machine<'_> {
    pub(super) fn with_step<T>(
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
    pub(super) fn step(&mut self, at: usize) {
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
            let (_, trace) = condition.eval_traced(&self.scope(), self.now, self.tz());
            let result = json!({ "trace": trace });
            let seq = self.log(as_step(index), EntryKind::StepSkipped, result);
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
                let limit = self.limit(step, limit);
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

    /// The end of a wait: its own, or the step's `timeout` where that comes first.
    fn limit(&self, step: &StepProgram, own: Option<Instant>) -> Option<Instant> {
        let most = step.timeout.filter(|_| step.class == Class::Wait);
        let most = most.and_then(|most| self.now.checked_add_signed(most));
        [own, most].into_iter().flatten().min()
    }

    pub(super) fn park(&mut self, at: usize, mut park: Park) {
        // As the state keeps them: whole milliseconds, and never before their time.
        park.since = to_millis(park.since, 0);
        park.until = park.until.map(|time| to_millis(time, 999_999));
        park.limit = park.limit.map(|time| to_millis(time, 999_999));
        self.state.branches[at].park = Some(park);
        self.touched = true;
    }

    pub(super) fn done(&mut self, at: usize, index: u32, step: &StepProgram, done: Done) {
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
    pub(super) fn complete(
        &mut self,
        at: usize,
        index: u32,
        step: &StepProgram,
        result: Value,
    ) -> i32 {
        if step.kept {
            self.state.results.insert(step.id.clone(), result.clone());
            self.dirty = true;
        }
        let branch = &mut self.state.branches[at];
        branch.park = None;
        branch.tries = 0;
        self.log(as_step(index), EntryKind::StepCompleted, result)
    }
}
