//! Waits for what happens: a condition that comes to hold, an event.

use serde_json::{Value, json};

use crate::{
    catalog::{
        action::{Action, Class, Done, Outcome, StepContext, Wake, Waking},
        event_scope::{Over, envelope},
    },
    model::{
        condition::Condition,
        execution::{Instant, Park, ParkKind},
        reads::Reads,
        span::Span,
        transition::Event,
    },
};

/// Until a condition holds.
#[derive(Debug)]
pub(super) struct UntilCondition {
    /// The condition.
    pub(super) condition: Condition,
    /// At most so long.
    pub(super) max: Option<Span>,
}

impl Action for UntilCondition {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        if self.condition.eval(cx.scope, cx.now, cx.tz) {
            return Outcome::Done(Done::default());
        }
        let until = self.condition.next_flip(cx.scope, cx.now, cx.tz);
        Outcome::Park {
            kind: ParkKind::Condition,
            until,
            limit: limit(self.max, cx, cx.now),
        }
    }

    fn wake(&self, cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
        if matches!(why, Wake::Skip) {
            return Waking::Stay { until: park.until };
        }
        if self.condition.eval(cx.scope, cx.now, cx.tz) {
            return Waking::Done {
                result: Value::Null,
                timed_out: false,
            };
        }
        Waking::Retime {
            until: self.condition.next_flip(cx.scope, cx.now, cx.tz),
            limit: limit(self.max, cx, park.since),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.condition.reads(reads);
        reads.zone |= self.max.is_some_and(Span::is_calendar);
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

/// Until an event of the contact.
#[derive(Debug)]
pub(super) struct UntilEvent {
    /// Its type.
    pub(super) kind: String,
    /// What must hold of it; none: nothing.
    pub(super) filters: Option<Condition>,
    /// At most so long.
    pub(super) max: Option<Span>,
}

impl UntilEvent {
    fn is(&self, cx: &StepContext<'_>, event: &Event) -> bool {
        event.kind == self.kind
            && self.filters.as_ref().is_none_or(|filters| {
                filters.eval(
                    &Over {
                        event,
                        under: cx.scope,
                    },
                    cx.now,
                    cx.tz,
                )
            })
    }
}

impl Action for UntilEvent {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        Outcome::Park {
            kind: ParkKind::Event,
            until: None,
            limit: limit(self.max, cx, cx.now),
        }
    }

    fn wake(&self, cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
        match why {
            Wake::Event(event) if self.is(cx, event) => Waking::Done {
                result: json!({ "event": envelope(event) }),
                timed_out: false,
            },
            _ => Waking::Retime {
                until: None,
                limit: limit(self.max, cx, park.since),
            },
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.events.insert(self.kind.clone());
        if let Some(filters) = &self.filters {
            filters.reads(reads);
        }
        reads.zone |= self.max.is_some_and(Span::is_calendar);
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

fn limit(max: Option<Span>, cx: &StepContext<'_>, since: Instant) -> Option<Instant> {
    max.map(|max| max.add(since, cx.tz))
}
