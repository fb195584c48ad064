//! `end_workflow`: ends the execution, all its branches included.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words,
    },
    model::{problem::Problem, workflow::Step},
};

/// Ends the execution, all its branches included.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndWorkflow {
    /// Given: it counts as `exited` with this reason; absent: as `completed`.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "end_workflow",
    title: "End the execution",
    schema: || schemars::schema_for!(EndWorkflow),
    compile,
};

#[derive(Debug)]
struct Compiled(Option<String>);

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: EndWorkflow = words::config(step)?;
    Ok(Box::new(Compiled(
        config.reason.filter(|reason| !reason.trim().is_empty()),
    )))
}

impl Action for Compiled {
    fn run(&self, _: &StepContext<'_>) -> Outcome {
        Outcome::Finish {
            reason: self.0.clone(),
        }
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
