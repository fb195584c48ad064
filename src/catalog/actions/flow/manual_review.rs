//! `manual_review`: stands still until somebody approves or rejects.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    catalog::{
        action::{
            Action, ActionEntry, Class, Failure, Outcome, Resolve, StepContext, Wake, Waking,
        },
        words::{self, Problems},
    },
    model::{execution::Park, problem::Problem, reads::Reads, template::Template, workflow::Step},
};

/// Stands still until somebody approves or rejects, with `waypost.review` or `waypost executions review`.
///
/// Approved: it goes on along `onSuccess`. Rejected: along `rejectBranch`, else `onFailure` with the error
/// `rejected`. With a `timeout` it goes on along `onTimeout` when nobody has decided by then, else as
/// success with `timedOut: true`. `waypost.reviews` lists what is open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManualReview {
    /// What is to be decided; may be a template.
    #[serde(default)]
    pub instructions: Option<String>,
    /// Who is to decide, e.g. a person or a team; may be a template. Shown, not enforced.
    #[serde(default)]
    pub assignee: Option<String>,
    /// Next steps where it is rejected. Empty: the branch ends. Absent: `onFailure`.
    #[serde(default)]
    pub reject_branch: Option<Vec<String>>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "manual_review",
    title: "Wait until somebody approves or rejects",
    schema: || schemars::schema_for!(ManualReview),
    compile,
};

/// Name in history, and the text.
type Told = (&'static str, Template);

#[derive(Debug)]
struct Compiled {
    told: Vec<Told>,
    reject: Option<Vec<u32>>,
}

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: ManualReview = words::config(step)?;
    let mut found = Problems::default();
    let mut told = Vec::new();
    for (name, text) in [
        ("instructions", &config.instructions),
        ("assignee", &config.assignee),
    ] {
        let Some(text) = text else { continue };
        let template = found.take(words::template(text, &format!("config.{name}")));
        told.extend(template.map(|template| (name, template)));
    }
    let list = config.reject_branch.as_ref();
    let reject = list.map(|ids| found.steps(ids, "config.rejectBranch", resolve));
    found.finish(Some(Box::new(Compiled { told, reject }) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let mut detail = Map::new();
        for (name, template) in &self.told {
            match words::text(template, cx) {
                Ok(text) => detail.insert((*name).into(), Value::String(text)),
                Err(failure) => return Outcome::Fail(failure),
            };
        }
        Outcome::Review {
            detail: Value::Object(detail),
        }
    }

    fn wake(&self, _: &StepContext<'_>, _: &Park, why: Wake<'_>) -> Waking {
        let Wake::Review(verdict) = why else {
            return Waking::Stay { until: None };
        };
        let word = if verdict.approved {
            "approved"
        } else {
            "rejected"
        };
        let mut result = json!({ "outcome": word });
        if let Some(note) = &verdict.note {
            result["note"] = json!(note);
        }
        match &self.reject {
            _ if verdict.approved => Waking::Done {
                result,
                timed_out: false,
            },
            Some(steps) => Waking::Choose {
                steps: steps.clone(),
                result,
            },
            None => Waking::Fail(Failure {
                error: word.into(),
                message: match &verdict.note {
                    Some(note) => format!("rejected in review: {note}"),
                    None => "rejected in review".into(),
                },
            }),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        for (_, template) in &self.told {
            template.reads(reads);
        }
    }

    fn targets(&self) -> Vec<u32> {
        self.reject.clone().unwrap_or_default()
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}
