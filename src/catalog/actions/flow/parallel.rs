//! `parallel`: goes on along several ways at once.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{problem::Problem, workflow::Step},
};

/// Goes on along several ways at once; a step with `join` brings them together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parallel {
    /// Ids of the steps with which the ways begin.
    pub branches: Vec<String>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "parallel",
    title: "Go on along several ways at once",
    schema: || schemars::schema_for!(Parallel),
    compile,
};

#[derive(Debug)]
struct Compiled(Vec<u32>);

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Parallel = words::config(step)?;
    let mut found = Problems::default();
    let branches = found.steps(&config.branches, "config.branches", resolve);
    if config.branches.is_empty() {
        let text = "there is no way to go on";
        found
            .0
            .push(Problem::error("invalid_value", "config.branches", text));
    }
    found.finish(Some(Box::new(Compiled(branches)) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, _: &StepContext<'_>) -> Outcome {
        Outcome::Choose {
            steps: self.0.clone(),
            variant: None,
            result: Value::Null.into(),
        }
    }

    fn targets(&self) -> Vec<u32> {
        self.0.clone()
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
