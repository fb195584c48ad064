//! A step that failed: again later, along `onFailure`, or the end.

use serde_json::{Value, json};

use super::{
    burst::{Machine, as_step},
    program::StepProgram,
};
use crate::{
    catalog::action::{Class, Failure},
    model::{
        execution::{Park, ParkKind, Status},
        transition::EntryKind,
    },
};

impl Machine<'_> {
    /// A try failed: again later, along `onFailure`, or the end.
    pub(super) fn fail(&mut self, at: usize, index: u32, step: &StepProgram, failure: Failure) {
        let branch = &mut self.state.branches[at];
        branch.tries += 1;
        branch.park = None;
        let tries = branch.tries;
        let retry = step.retry.as_ref().map(|retry| &retry.config);
        let retry = retry.filter(|retry| {
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
    pub(super) fn fail_along(
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
    pub(super) fn finish_failed(&mut self, at: usize, failure: Failure) {
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
}
