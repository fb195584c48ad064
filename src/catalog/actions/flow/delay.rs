//! `delay`: waits for a span of time.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{wait_times::After, wait_until::Until};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Resolve},
        words,
    },
    model::{problem::Problem, span::Span, workflow::Step},
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
    Ok(Box::new(Until::new(After(config.duration), None, None)))
}
