//! The first branch whose condition holds: `split` by conditions and `if_else` with several branches.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    catalog::{
        action::{Action, Class, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{condition::Condition, problem::Problem, reads::Reads},
};

/// One branch with a condition.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionalBranch {
    /// Its name within the step.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// A condition group or leaf.
    pub condition: Value,
    /// Next steps. Empty: the branch ends.
    #[serde(default)]
    pub actions: Vec<String>,
}

/// Branches in order, and where it goes when none holds.
#[derive(Debug)]
pub(super) struct FirstOf {
    branches: Vec<(String, Condition, Vec<u32>)>,
    otherwise: Vec<u32>,
    /// What history calls the way when none holds.
    otherwise_id: &'static str,
    /// Under which name history has the branch that was taken.
    key: &'static str,
}

impl FirstOf {
    /// Compiles the branches that stand at `path`; no two have one id, nor `otherwise_id`.
    pub(super) fn compile(
        branches: Vec<ConditionalBranch>,
        path: &str,
        otherwise: Vec<u32>,
        (otherwise_id, key): (&'static str, &'static str),
        resolve: &dyn Resolve,
        found: &mut Problems,
    ) -> Self {
        let mut ids = BTreeSet::from([otherwise_id.to_owned()]);
        let mut compiled = Vec::new();
        for (i, branch) in branches.into_iter().enumerate() {
            let path = format!("{path}[{i}]");
            if !ids.insert(branch.id.clone()) {
                found.0.push(duplicate(&branch.id, &path));
            }
            let steps = found.steps(&branch.actions, &format!("{path}.actions"), resolve);
            let condition = words::condition(&branch.condition, &format!("{path}.condition"));
            if let Some(condition) = found.take(condition) {
                compiled.push((branch.id, condition, steps));
            }
        }
        Self {
            branches: compiled,
            otherwise,
            otherwise_id,
            key,
        }
    }
}

/// The problem of an id that another branch of the step has.
pub(super) fn duplicate(id: &str, path: &str) -> Problem {
    let text = format!("two branches have the id \"{id}\"");
    Problem::error("duplicate_branch", format!("{path}.id"), text)
}

impl Action for FirstOf {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let mut traces = Vec::new();
        let taken = self.branches.iter().find(|(id, condition, _)| {
            let (holds, trace) = condition.eval_traced(cx.scope, cx.now, cx.tz);
            traces.push(json!({ "branch": id, "trace": trace }));
            holds
        });
        let (id, steps) = match taken {
            Some((id, _, steps)) => (&**id, steps),
            None => (self.otherwise_id, &self.otherwise),
        };
        Outcome::Choose {
            steps: steps.clone(),
            variant: None,
            result: json!({ self.key: id, "traces": traces }).into(),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        for (_, condition, _) in &self.branches {
            condition.reads(reads);
        }
    }

    fn targets(&self) -> Vec<u32> {
        let branches = self.branches.iter().flat_map(|(_, _, steps)| steps);
        branches.chain(&self.otherwise).copied().collect()
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
