//! `random_path`: one of several ways, by weight, anew at every visit.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::choice;
use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{problem::Problem, workflow::Step},
};

/// Goes on along one of several ways, chosen by weight.
///
/// The choice is a hash of the execution and the visit: it looks random and is the same at a repeat.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RandomPath {
    /// The ways.
    pub paths: Vec<WeightedPath>,
}

/// One way of a `random_path`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightedPath {
    /// Its name within the step. Default: its number, from 1.
    #[serde(default)]
    pub id: Option<String>,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// Its share of the sum of all weights. Default 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// Next steps. Empty: the branch ends.
    #[serde(default)]
    pub actions: Vec<String>,
}

fn one() -> f64 {
    1.0
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "random_path",
    title: "Go one of several ways, by weight",
    schema: || schemars::schema_for!(RandomPath),
    compile,
};

#[derive(Debug)]
struct Compiled(Vec<(String, f64, Vec<u32>)>);

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: RandomPath = words::config(step)?;
    let mut found = Problems::default();
    let mut paths = Vec::new();
    for (i, path) in config.paths.into_iter().enumerate() {
        if !(path.weight.is_finite() && path.weight >= 0.0) {
            let at = format!("config.paths[{i}].weight");
            found.0.push(Problem::error(
                "invalid_value",
                at,
                "a weight is a number from 0 up",
            ));
        }
        let steps = found.steps(
            &path.actions,
            &format!("config.paths[{i}].actions"),
            resolve,
        );
        paths.push((
            path.id.unwrap_or_else(|| (i + 1).to_string()),
            path.weight,
            steps,
        ));
    }
    if found.0.is_empty() && !paths.iter().any(|(_, weight, _)| *weight > 0.0) {
        let text = "no path has a weight above 0";
        found
            .0
            .push(Problem::error("invalid_value", "config.paths", text));
    }
    found.finish(Some(Box::new(Compiled(paths)) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let weights = self.0.iter().map(|(_, weight, _)| *weight);
        let (id, _, steps) = &self.0[choice::pick(choice::per_visit(cx), weights)];
        Outcome::Choose {
            steps: steps.clone(),
            variant: None,
            result: json!({ "variant": id }).into(),
        }
    }

    fn targets(&self) -> Vec<u32> {
        self.0
            .iter()
            .flat_map(|(_, _, steps)| steps)
            .copied()
            .collect()
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
