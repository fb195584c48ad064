//! `delay`: waits for a span of time.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Outcome, Resolve, StepContext, Wake, Waking},
        words,
    },
    model::{
        execution::{Park, ParkKind},
        problem::Problem,
        span::Span,
        workflow::Step,
    },
};

/// Waits for a span of time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    /// How long: days and longer are calendar units in the contact's zone.
    pub duration: Span,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "delay",
    title: "Wait for a span of time",
    schema: || schemars::schema_for!(Delay),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Delay = words::config(step)?;
    Ok(Box::new(For(config.duration)))
}

/// A wait for a span.
#[derive(Debug)]
pub(super) struct For(pub(super) Span);

impl Action for For {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let until = self.0.add(cx.now, cx.tz);
        if until <= cx.now {
            return Outcome::Done(Done::default());
        }
        Outcome::Park {
            kind: ParkKind::Time,
            until: Some(until),
            limit: None,
        }
    }

    fn wake(&self, cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
        wake_at(cx, park, why)
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

/// What a wait for a time makes of being woken.
pub(super) fn wake_at(cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
    match (why, park.until) {
        (Wake::Look, Some(until)) if until <= cx.now => Waking::Done {
            result: serde_json::Value::Null,
            timed_out: false,
        },
        (_, until) => Waking::Stay { until },
    }
}
