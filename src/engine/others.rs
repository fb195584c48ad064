//! What an execution asks of its contact's other workflows: to begin one, to end some.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    burst::{Machine, as_step},
    program::StepProgram,
};
use crate::{
    catalog::action::{Enrolling, Failure},
    model::{
        execution::{Instant, Park, ParkKind, Status},
        ids,
        transition::{Effect, Enroll, EntryKind, MAX_DEPTH, Removal, Reply, ReplyOutcome},
    },
};

impl Machine<'_> {
    /// The branch at this position asks for another workflow, and stands still until it hears of it.
    pub(super) fn enroll(&mut self, at: usize, index: u32, step: &StepProgram, asked: Enrolling) {
        let depth = self.state.depth + 1;
        let refused = match asked.workflow == self.program.workflow && !asked.allow_self {
            true => Some("self_enrollment"),
            false => (depth > MAX_DEPTH).then_some("too_deep"),
        };
        if let Some(reason) = refused {
            let result =
                json!({ "workflow": asked.workflow, "outcome": "blocked", "reason": reason });
            let seq = self.complete(at, index, step, result);
            return self.go(at, &step.on_success, seq);
        }
        let timeout = step.timeout.filter(|_| asked.waits);
        let limit = timeout.and_then(|timeout| self.now.checked_add_signed(timeout));
        let mut result = json!({ "workflow": asked.workflow });
        if let Some(limit) = limit {
            result["limit"] = json!(limit);
        }
        let seq = self.log(as_step(index), EntryKind::Waiting, result);
        let park = Park {
            kind: ParkKind::Workflow,
            seq,
            since: self.now,
            until: None,
            limit,
        };
        self.park(at, park);
        let source = ids::outbox_id(self.ex.id, seq);
        // Like an outbox row's, its id has the time of the execution that asks: a repeat is the same child (I-3).
        let millis = i64::try_from(self.ex.id.as_u128() >> 80).unwrap_or_default();
        self.effects.push(Effect::Enroll(Box::new(Enroll {
            seq,
            envelope: json!({
                "type": "workflow.enrolled", "id": source, "occurred_at": self.now, "data": asked.data,
                "parent": {
                    "execution": self.ex.id, "workflow": self.program.workflow, "step": step.id,
                    "waits": asked.waits,
                },
            }),
            workflow: asked.workflow,
            key: asked.key,
            source,
            at: Instant::from_timestamp_millis(millis).unwrap_or(self.now),
            depth,
            waits: asked.waits,
            outputs: asked.outputs,
        })));
    }

    /// The branch at this position ends other executions of the contact.
    pub(super) fn remove(&mut self, at: usize, index: u32, step: &StepProgram, removal: Removal) {
        let mut result = json!({ "reason": removal.reason });
        if let Some(only) = &removal.only {
            result["workflows"] = json!(only);
        }
        let own = removal.include_self && removal.names(&self.program.workflow);
        let reason = removal.reason.clone();
        self.effects.push(Effect::Remove(Box::new(removal)));
        let seq = self.complete(at, index, step, result);
        match own {
            true => self.finish(Status::Cancelled, Some(reason), Value::Null),
            false => self.go(at, &step.on_success, seq),
        }
    }

    /// An execution that was waited for has failed or was cancelled: an error only where the step says what then.
    pub(super) fn child_failed(
        &mut self,
        at: usize,
        index: u32,
        step: &StepProgram,
        reply: &Reply,
    ) {
        if reply.response.is_null() || step.on_failure.is_some() {
            let failure = Failure {
                error: reply.error.clone().unwrap_or_default(),
                message: reply.message.clone().unwrap_or_default(),
            };
            let response = reply.response.clone();
            return self.fail_along(at, index, step.on_failure.as_deref(), failure, response);
        }
        let seq = self.complete(at, index, step, reply.response.clone());
        self.go(at, &step.on_success, seq);
    }
}

/// What the step is told of an enrolment; none: the branch waits for the end of the execution.
///
/// `outcome`: `enrolled`, `duplicate`, `blocked` or `not_simulated`; a workflow that does not exist is blocked
/// with reason `unknown_workflow`.
#[must_use]
pub fn answer(
    asked: &Enroll,
    outcome: &str,
    reason: Option<&str>,
    execution: Option<Uuid>,
) -> Option<Reply> {
    if outcome == "enrolled" && asked.waits {
        return None;
    }
    let mut response = json!({ "workflow": asked.workflow, "outcome": outcome });
    if let Some(reason) = reason.filter(|reason| *reason != outcome) {
        response["reason"] = json!(reason);
    }
    if let Some(execution) = execution {
        response["executionId"] = json!(execution);
    }
    let mut reply = Reply {
        seq: asked.seq,
        outcome: ReplyOutcome::Sent,
        response,
        error: None,
        message: None,
    };
    if reason == Some("unknown_workflow") {
        reply.outcome = ReplyOutcome::Failed;
        reply.response = Value::Null;
        reply.error = Some("unknown_workflow".into());
        reply.message = Some("there is no workflow with this id".into());
    }
    Some(reply)
}

/// What a step that waits is told when the execution has ended: `waypost.wake_parents` says the same in SQL.
#[must_use]
pub fn ended(
    asked: &Enroll,
    execution: Uuid,
    status: Status,
    reason: Option<&str>,
    vars: &serde_json::Map<String, Value>,
) -> Reply {
    let outputs = asked.outputs.iter();
    let outputs: serde_json::Map<String, Value> = outputs
        .filter_map(|name| Some((name.clone(), vars.get(name)?.clone())))
        .collect();
    let mut response = json!({
        "workflow": asked.workflow, "outcome": "enrolled", "executionId": execution, "status": status.as_str(),
        "outputs": outputs,
    });
    if let Some(reason) = reason {
        response["reason"] = json!(reason);
    }
    let well = matches!(status, Status::Completed | Status::Exited);
    Reply {
        seq: asked.seq,
        outcome: match well {
            true => ReplyOutcome::Sent,
            false => ReplyOutcome::Failed,
        },
        response,
        error: (!well).then(|| format!("child_{}", status.as_str())),
        message: (!well).then(|| {
            format!(
                "the execution that was waited for ended as {}",
                status.as_str()
            )
        }),
    }
}
