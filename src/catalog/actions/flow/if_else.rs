//! `if_else`: one way or the other, or the first of several that fits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conditional::{ConditionalBranch, FirstOf};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        condition::{Condition, Trace},
        lazy::Lazy,
        problem::Problem,
        reads::Reads,
        workflow::Step,
    },
};

/// Goes on along one list where the condition holds, along the other where it does not.
///
/// With `branches` instead of `condition`: along the first branch whose condition holds, along
/// `noneBranch` where none does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IfElse {
    /// A condition group or leaf.
    #[serde(default)]
    pub condition: Option<Value>,
    /// With `condition`: next steps where it holds. Empty: the branch ends.
    #[serde(default)]
    pub true_branch: Vec<String>,
    /// With `condition`: next steps where it does not. Empty: the branch ends.
    #[serde(default)]
    pub false_branch: Vec<String>,
    /// Several branches, looked at in order; the first whose condition holds is taken.
    #[serde(default)]
    pub branches: Vec<ConditionalBranch>,
    /// With `branches`: next steps where no condition holds. Empty: the branch ends.
    #[serde(default)]
    pub none_branch: Vec<String>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "if_else",
    title: "Go one way or the other",
    schema: || schemars::schema_for!(IfElse),
    compile,
};

/// What the history calls the way of `noneBranch`.
const NONE: &str = "none";

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: IfElse = words::config(step)?;
    let mut found = Problems::default();
    let several = !config.branches.is_empty();
    let misplaced = [
        ("condition", several && config.condition.is_some()),
        ("trueBranch", several && !config.true_branch.is_empty()),
        ("falseBranch", several && !config.false_branch.is_empty()),
        ("noneBranch", !several && !config.none_branch.is_empty()),
    ];
    for (name, _) in misplaced.into_iter().filter(|(_, given)| *given) {
        let text = format!("\"{name}\" says nothing here");
        let at = format!("config.{name}");
        let hint = "give condition, trueBranch and falseBranch, or branches and noneBranch";
        found
            .0
            .push(Problem::error("unused_field", at, text).hint(hint));
    }
    if several {
        let none = found.steps(&config.none_branch, "config.noneBranch", resolve);
        let (path, names) = ("config.branches", (NONE, "branch"));
        let action = FirstOf::compile(config.branches, path, none, names, resolve, &mut found);
        return found.finish(Some(Box::new(action) as Box<dyn Action>));
    }
    let yes = found.steps(&config.true_branch, "config.trueBranch", resolve);
    let no = found.steps(&config.false_branch, "config.falseBranch", resolve);
    let condition = found
        .take(words::required(config.condition, "config.condition"))
        .and_then(|value| found.take(words::condition(&value, "config.condition")));
    let action = condition.map(|condition| Compiled { condition, yes, no });
    found.finish(action.map(|action| Box::new(action) as Box<dyn Action>))
}

#[derive(Debug)]
struct Compiled {
    condition: Condition,
    yes: Vec<u32>,
    no: Vec<u32>,
}

/// What the history says of the way that was taken.
#[derive(Serialize)]
struct Told {
    branch: bool,
    trace: Trace,
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        // The trace is the answer to "why this way?", which nobody can give once the contact has changed.
        let (holds, trace) = self.condition.eval_traced(cx.scope, cx.now, cx.tz);
        let steps = if holds { &self.yes } else { &self.no };
        Outcome::Choose {
            steps: steps.clone(),
            variant: None,
            result: Lazy::written(&Told {
                branch: holds,
                trace,
            }),
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
