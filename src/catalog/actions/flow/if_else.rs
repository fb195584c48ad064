//! `if_else`: one way or the other.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{condition::Condition, problem::Problem, reads::Reads, workflow::Step},
};

/// Goes on along one list where the condition holds, along the other where it does not.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IfElse {
    /// A condition group or leaf.
    pub condition: Value,
    /// Next steps where it holds. Empty: the branch ends.
    #[serde(default)]
    pub true_branch: Vec<String>,
    /// Next steps where it does not. Empty: the branch ends.
    #[serde(default)]
    pub false_branch: Vec<String>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "if_else",
    title: "Go one way or the other",
    schema: || schemars::schema_for!(IfElse),
    compile,
};

#[derive(Debug)]
struct Compiled {
    condition: Condition,
    yes: Vec<u32>,
    no: Vec<u32>,
}

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: IfElse = words::config(step)?;
    let mut found = Problems::default();
    let yes = found.steps(&config.true_branch, "config.trueBranch", resolve);
    let no = found.steps(&config.false_branch, "config.falseBranch", resolve);
    let condition = found.take(words::condition(&config.condition, "config.condition"));
    let action = condition.map(|condition| Compiled { condition, yes, no });
    found.finish(action.map(|action| Box::new(action) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        // The trace is the answer to "why this way?", which nobody can give once the contact has changed.
        let (holds, trace) = self.condition.eval_traced(cx.scope, cx.now, cx.tz);
        let steps = if holds { &self.yes } else { &self.no };
        Outcome::Choose {
            steps: steps.clone(),
            variant: None,
            result: json!({ "branch": holds, "trace": trace }),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.condition.reads(reads);
    }

    fn targets(&self) -> Vec<u32> {
        [&self.yes[..], &self.no[..]].concat()
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
