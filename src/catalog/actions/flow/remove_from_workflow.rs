//! `remove_from_workflow`: ends the contact's other executions.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Failure, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        problem::Problem, reads::Reads, template::Template, transition::Removal, workflow::Step,
    },
};

/// Ends the contact's live executions of other workflows, as `cancelled`, in the same commit as the step; one
/// that is being advanced at that moment ends as soon as that is done.
///
/// What they have asked for and not yet sent is cancelled with them. The execution itself is never among
/// them unless `includeSelf` says so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveFromWorkflow {
    /// Id of the workflow; a template.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Ids of several workflows; templates.
    #[serde(default)]
    pub workflows: Vec<String>,
    /// Every workflow instead.
    #[serde(default)]
    pub all: bool,
    /// Every workflow but these; templates.
    #[serde(default)]
    pub except: Vec<String>,
    /// Kept with the executions that it ends; a template. Default: `removed_by:<workflow>`.
    #[serde(default)]
    pub reason: Option<String>,
    /// This execution ends too, where its workflow is among them.
    #[serde(default)]
    pub include_self: bool,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "remove_from_workflow",
    title: "End the contact's other executions",
    schema: || schemars::schema_for!(RemoveFromWorkflow),
    compile,
};

#[derive(Debug)]
struct Compiled {
    /// None named: every workflow.
    only: Vec<Template>,
    except: Vec<Template>,
    reason: Option<Template>,
    include_self: bool,
}

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: RemoveFromWorkflow = words::config(step)?;
    let mut found = Problems::default();
    let named = config.workflow.is_some() || !config.workflows.is_empty();
    let ways = [named, config.all, !config.except.is_empty()];
    if ways.iter().filter(|way| **way).count() != 1 {
        let text = "one of \"workflow\", \"workflows\", \"all\" and \"except\" says what is ended";
        found
            .0
            .push(Problem::error("invalid_value", "config", text));
    }
    let mut list = |ids: &[String], field: &str| -> Vec<Template> {
        let each = ids.iter().enumerate();
        each.filter_map(|(i, id)| found.take(words::template(id, &format!("config.{field}[{i}]"))))
            .collect()
    };
    let mut only = list(&config.workflows, "workflows");
    let except = list(&config.except, "except");
    let one = config.workflow.as_ref();
    only.extend(one.and_then(|id| found.take(words::template(id, "config.workflow"))));
    let reason = config.reason.as_ref();
    let reason = reason.and_then(|text| found.take(words::template(text, "config.reason")));
    found.finish(Some(Box::new(Compiled {
        only,
        except,
        reason,
        include_self: config.include_self,
    }) as Box<dyn Action>))
}

/// The longest reason, in characters.
const MAX_REASON: usize = 200;

impl Compiled {
    fn asked(&self, cx: &StepContext<'_>) -> Result<Removal, Failure> {
        let ids = |all: &[Template]| -> Result<Vec<String>, Failure> {
            let ids = all.iter().map(|id| words::text(id, cx));
            ids.map(|id| Ok(id?.trim().to_owned())).collect()
        };
        let reason = match &self.reason {
            Some(reason) => words::text(reason, cx)?.chars().take(MAX_REASON).collect(),
            None => String::new(),
        };
        Ok(Removal {
            only: (!self.only.is_empty())
                .then(|| ids(&self.only))
                .transpose()?,
            except: ids(&self.except)?,
            reason: match reason.is_empty() {
                true => format!("removed_by:{}", cx.workflow),
                false => reason,
            },
            include_self: self.include_self,
        })
    }
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match self.asked(cx) {
            Ok(removal) => Outcome::Remove(Box::new(removal)),
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let all = self.only.iter().chain(&self.except).chain(&self.reason);
        all.for_each(|template| template.reads(reads));
    }

    fn class(&self) -> Class {
        Class::Database
    }
}
