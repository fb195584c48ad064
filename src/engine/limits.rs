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
        result: result.into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{Run, program, set, steps};

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_rolls_in_the_tenants_zone() {
        let mut limit = WorkflowLimit {
            count: 5,
            window: None,
        };
        let (now, tz) = (at("2026-03-30T10:00:00Z"), chrono_tz::Europe::Berlin);
        assert_eq!(limit.since(now, tz), None);
        assert_eq!(
            limit.numbers(5, Some(now), tz),
            json!({ "limit": 5, "used": 5 })
        );
        limit.window = Some(Span::parse("1 day").unwrap());
        // Two days over the night in which the clocks go forward are 47 hours.
        assert_eq!(limit.since(now, tz), Some(at("2026-03-29T10:00:00Z")));
        assert_eq!(
            limit.numbers(5, Some(at("2026-03-28T10:00:00Z")), tz),
            json!({ "limit": 5, "used": 5, "window": { "amount": 1, "unit": "days" },
                    "nextAt": at("2026-03-29T09:00:00Z") })
        );
        assert_eq!(limit.numbers(5, None, tz)["nextAt"], Value::Null);
    }

    #[test]
    fn what_found_no_room_never_began() {
        let program = program(&steps(json!([set("a", json!(1), &[])])));
        let run = Run::new(&program, json!({}));
        let numbers = json!({ "limit": 5, "used": 5 });
        let left = refused(&run.ex, numbers.clone());
        let told = json!({ "limit": 5, "used": 5, "reason": "workflow_limit" });
        assert_eq!((left.status, left.seq), (Status::Exited, run.ex.seq + 1));
        assert_eq!(left.reason.as_deref(), Some("workflow_limit"));
        assert_eq!(
            (left.due_at, left.node, left.state.started),
            (None, -1, true)
        );
        assert!(left.effects.is_empty());
        let [entry] = &left.entries[..] else {
            panic!("{:?}", left.entries)
        };
        assert_eq!((entry.step, entry.kind), (-1, EntryKind::ExecutionExited));
        assert_eq!(entry.result, told);
        let Some(Admission::Refused { reason, detail }) = left.admission else {
            panic!("it was refused")
        };
        assert_eq!((reason, detail), (Refusal::WorkflowLimit, numbers));
    }
}
