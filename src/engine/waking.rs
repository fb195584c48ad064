//! What ends a stand-still: an answer from outside, a time, an event.

use chrono::Duration;
use serde_json::json;

use super::{
    burst::{Machine, to_millis},
    steps::limit_of,
};
use crate::{
    catalog::action::{Failure, Wake, Waking},
    model::{
        execution::{Branch, Instant, Park, ParkKind},
        transition::{Event, Reply, ReplyOutcome},
    },
};

impl Machine<'_> {
    /// The answer to something sent.
    pub(super) fn settle(&mut self, reply: &Reply) -> Option<()> {
        let at = self.state.branches.iter().position(|branch| {
            let park = branch.park.as_ref();
            park.is_some_and(|park| {
                let answered = matches!(park.kind, ParkKind::Reply | ParkKind::Workflow);
                answered && park.seq == reply.seq
            })
        })?;
        let Branch {
            step: index, park, ..
        } = &self.state.branches[at];
        let of_workflow = park.as_ref().map(|park| park.kind) == Some(ParkKind::Workflow);
        let index = *index;
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
            ReplyOutcome::Failed if of_workflow => {
                self.child_failed(at, index, step, reply);
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
    pub(super) fn wake_due(&mut self) {
        let due = |time: Option<Instant>| time.is_some_and(|time| time <= self.now);
        let parked = self.parked(|park| due(park.until) || due(park.limit));
        for id in parked {
            self.wake(id, Wake::Look);
        }
    }

    /// Wakes the branches that an event may concern; what waits for a time looks whether it has moved.
    pub(super) fn wake_on(&mut self, event: &Event) {
        let waits = |kind| matches!(kind, ParkKind::Time | ParkKind::Condition | ParkKind::Event);
        for id in self.parked(|park| waits(park.kind)) {
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
        let waking = match waking {
            Waking::Stay { until } => Waking::Retime {
                until,
                limit: park.limit,
            },
            Waking::Retime { until, limit } => Waking::Retime {
                until: self.settled(park.until, until),
                limit: self.settled(park.limit, limit_of(step, limit, park.since)),
            },
            waking => waking,
        };
        let waking = match (waking, why) {
            (Waking::Retime { .. }, Wake::Skip) => Waking::Done {
                result: json!({ "skipped": true }),
                timed_out: false,
            },
            (Waking::Retime { limit, .. }, _) if limit.is_some_and(|limit| limit <= self.now) => {
                Waking::Done {
                    result: json!({ "timedOut": true }),
                    timed_out: true,
                }
            }
            (waking, _) => waking,
        };
        match waking {
            Waking::Stay { until } => self.repark(at, &park, until, park.limit),
            Waking::Retime { until, limit } => self.repark(at, &park, until, limit),
            Waking::Done { result, timed_out } => {
                let seq = self.complete(at, index, step, result);
                let next = step.on_timeout.as_deref().filter(|_| timed_out);
                self.go(at, next.unwrap_or(&step.on_success), seq);
                self.dirty = true;
            }
            Waking::Choose { steps, result } => {
                let seq = self.complete(at, index, step, result);
                self.go(at, &steps, seq);
                self.dirty = true;
            }
            Waking::Fail(failure) => self.fail(at, index, step, failure),
        }
    }

    /// The time as it was, where the new one is the same: states keep whole milliseconds of when a wait began.
    fn settled(&self, before: Option<Instant>, after: Option<Instant>) -> Option<Instant> {
        let near = |a: Instant, b: Instant| (a - b).abs() <= Duration::milliseconds(1);
        match (before, after) {
            (Some(before), Some(after)) if before > self.now && near(before, after) => Some(before),
            _ => after,
        }
    }

    /// Goes on standing there, with these times.
    fn repark(&mut self, at: usize, park: &Park, until: Option<Instant>, limit: Option<Instant>) {
        let kept = |time: Option<Instant>| time.map(|time| to_millis(time, 999_999));
        if (kept(until), kept(limit)) != (park.until, park.limit) {
            let park = park.clone();
            self.park(
                at,
                Park {
                    until,
                    limit,
                    ..park
                },
            );
        }
    }
}
