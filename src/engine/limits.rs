//! The limit of a whole workflow: how often all contacts together may start within a window.

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::rules::window_of;
use crate::model::{
    execution::{Execution, Instant, Status},
    refusal::Refusal,
    span::Span,
    transition::{Admission, Entry, EntryKind, Transition},
};

/// `enrollmentLimit` with the scope `workflow`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorkflowLimit {
    /// Starts within the window.
    pub count: u32,
    /// The rolling window, in the tenant's zone; none: for ever.
    pub window: Option<Span>,
}

impl WorkflowLimit {
    /// Starts at or before this time do not count any more; none: all do.
    #[must_use]
    pub fn since(&self, now: Instant, tz: Tz) -> Option<Instant> {
        self.window.map(|window| window.sub(now, tz))
    }

    /// The numbers of a refusal; `oldest` is the first start that still counts.
    #[must_use]
    pub fn numbers(&self, used: u64, oldest: Option<Instant>, tz: Tz) -> Value {
        let mut detail = json!({ "limit": self.count, "used": used });
        if let Some(window) = self.window {
            detail["window"] = window_of(window);
            detail["nextAt"] = json!(oldest.map(|oldest| window.add(oldest, tz)));
        }
        detail
    }
}

/// The end of an execution for which there was no room any more: it never began.
#[must_use]
pub fn refused(ex: &Execution, detail: Value) -> Transition {
    let reason = Refusal::WorkflowLimit;
    let mut result = detail.clone();
    result["reason"] = json!(reason.name());
    let entry = Entry {
        step: -1,
        kind: EntryKind::ExecutionExited,
        result,
    };
    let mut transition = Transition {
        status: Status::Exited,
        reason: Some(reason.name().to_owned()),
        node: -1,
        seq: ex.seq + 1,
        entries: vec![entry],
        admission: Some(Admission::Refused { reason, detail }),
        ..Transition::unchanged(ex)
    };
    transition.state.started = true;
    transition
}
