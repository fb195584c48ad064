//! `go_to`: goes on at another step, earlier ones included.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words,
    },
    model::{problem::Problem, workflow::Step},
};

/// Goes on at another step; it may lie behind (`maxPasses` bounds how often).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoTo {
    /// Id of the step.
    pub step_id: String,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "go_to",
    title: "Go to another step",
    schema: || schemars::schema_for!(GoTo),
    compile,
};

#[derive(Debug)]
struct Compiled(u32);

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: GoTo = words::config(step)?;
    match resolve.step(&config.step_id, "config.stepId") {
        Ok(step) => Ok(Box::new(Compiled(step))),
        Err(problem) => Err(vec![problem]),
    }
}

impl Action for Compiled {
    fn run(&self, _: &StepContext<'_>) -> Outcome {
        Outcome::Choose {
            steps: vec![self.0],
            variant: None,
            result: Value::Null.into(),
        }
    }

    fn targets(&self) -> Vec<u32> {
        vec![self.0]
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
