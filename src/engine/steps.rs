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
        lazy::Lazy,
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
            chosen: match self.state.choices.get(&step.id) {
                Some(variant) => Some(variant),
                None => self.contact.chosen(self.program.numbers.workflow, &step.id),
            },
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
                    self.remember(step, variant);
                }
                let seq = self.complete(at, index, step, result);
                self.go(at, &steps, seq);
            }
            Outcome::Park { kind, until, limit } => {
                self.stand_still(at, step, (kind, until, limit), Map::new());
            }
            Outcome::Review { detail } => {
                let detail = match detail {
                    Value::Object(detail) => detail,
                    _ => Map::new(),
                };
                self.stand_still(at, step, (ParkKind::Review, None, None), detail);
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
                    retry: step.retry.as_ref().map(|retry| retry.json.clone()),
                }));
            }
            Outcome::Enroll(asked) => self.enroll(at, index, step, *asked),
            Outcome::Remove(removal) => self.remove(at, index, step, *removal),
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

    /// Parks the branch. A step's `timeout` ends every wait that does not end earlier by itself.
    fn stand_still(
        &mut self,
        at: usize,
        step: &StepProgram,
        (kind, until, own): (ParkKind, Option<Instant>, Option<Instant>),
        mut result: Map<String, Value>,
    ) {
        let limit = limit_of(step, own, self.now);
        for (name, time) in [("until", until), ("limit", limit)] {
            if let Some(time) = time {
                result.insert(name.into(), json!(time));
            }
        }
        let index = as_step(self.state.branches[at].step);
        let seq = self.log(index, EntryKind::Waiting, Value::Object(result));
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

    /// Keeps what a sticky split chose: for this execution, and for all that come after it.
    fn remember(&mut self, step: &StepProgram, variant: String) {
        let workflow = self.program.numbers.workflow;
        if self.contact.remember(workflow, &step.id, &variant) {
            self.effects.push(Effect::Remember {
                step: step.id.clone(),
                variant: variant.clone(),
            });
        }
        self.state.choices.insert(step.id.clone(), variant);
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
        result: impl Into<Lazy>,
    ) -> i32 {
        let result = result.into();
        if step.kept {
            self.state
                .results
                .insert(step.id.clone(), Value::clone(&result));
            self.dirty = true;
        }
        let branch = &mut self.state.branches[at];
        branch.park = None;
        branch.tries = 0;
        self.log(as_step(index), EntryKind::StepCompleted, result)
    }
}

/// The end of a wait that began then: its own, or the step's `timeout` where that comes first.
pub(super) fn limit_of(
    step: &StepProgram,
    own: Option<Instant>,
    since: Instant,
) -> Option<Instant> {
    let most = step.timeout.filter(|_| step.class == Class::Wait);
    let most = most.and_then(|most| since.checked_add_signed(most));
    own.into_iter().chain(most).min()
}
