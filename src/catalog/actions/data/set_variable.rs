//! `set_variable`: gives variables of the execution a value.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{problem::Problem, reads::Reads, template::ValueTemplate, workflow::Step},
};

/// Gives one or several variables a value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetVariable {
    /// Name of the variable, read as `vars.<name>`.
    #[serde(default)]
    pub name: Option<String>,
    /// Its value: any JSON; strings may be templates, and `{{ path }}` alone keeps its type.
    #[serde(default)]
    pub value: Value,
    /// Several variables at once, by name; all see the values from before the step.
    #[serde(default)]
    pub variables: Map<String, Value>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "set_variable",
    title: "Set variables",
    schema: || schemars::schema_for!(SetVariable),
    compile,
};

#[derive(Debug)]
struct Compiled(Box<[(String, ValueTemplate)]>);

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: SetVariable = words::config(step)?;
    let mut found = Problems::default();
    let mut all = Vec::new();
    let one = config
        .name
        .iter()
        .map(|name| ("config.value".to_owned(), name, &config.value));
    let many = config
        .variables
        .iter()
        .map(|(name, value)| (format!("config.variables.{name}"), name, value));
    for (path, name, value) in one.chain(many) {
        if name.is_empty() {
            found.0.push(Problem::error(
                "invalid_value",
                path,
                "a variable has a name",
            ));
        } else if let Some(value) = found.take(words::value(value, &path)) {
            all.push((name.clone(), value));
        }
    }
    if all.is_empty() && found.0.is_empty() {
        let problem = Problem::error("missing_field", "config.name", "\"name\" is missing");
        found
            .0
            .push(problem.hint("give \"name\" and \"value\", or \"variables\""));
    }
    found.finish(Some(Box::new(Compiled(all.into())) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let vars: Result<Vec<_>, _> = self
            .0
            .iter()
            .map(|(name, value)| Ok((name.clone(), words::filled(value, cx)?)))
            .collect();
        match vars {
            Ok(vars) => Outcome::Done(Done {
                vars,
                ..Done::default()
            }),
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.0.iter().for_each(|(_, value)| value.reads(reads));
    }

    fn class(&self) -> Class {
        Class::Database
    }
}
