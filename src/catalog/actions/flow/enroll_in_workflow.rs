//! `enroll_in_workflow`: enrols the contact into another workflow, and waits for its end where it is asked to.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Enrolling, Failure, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        problem::Problem,
        reads::Reads,
        template::{Template, ValueTemplate},
        workflow::Step,
    },
};

/// Enrols the contact into another workflow, by the same rules as `waypost.enroll`.
///
/// The result has `workflow`, `outcome` (`enrolled`, `duplicate` where a live execution holds the key, or
/// `blocked`), `reason` and `executionId`. Only a workflow that does not exist fails the step
/// (`unknown_workflow`). A chain of workflows that enrol one another is at most 8 long (`too_deep`).
///
/// With `waitForEnd` the branch stands still until that execution has ended, at most for the step's `timeout`
/// (then it goes on along `onTimeout`). The result then has its `status`, its `reason` and its `outputs`; one
/// that failed or was cancelled goes along `onFailure`, where the step has it. A duplicate is not waited for.
/// The other execution goes on by itself when this one ends first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrollInWorkflow {
    /// Id of the workflow; a template.
    pub workflow: String,
    /// Enrollment key; a template. Default: the workflow's own rule.
    #[serde(default)]
    pub key: Option<String>,
    /// What the other workflow finds in `event.data`: an object; strings may be templates.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// Stand still until that execution has ended. Default: go on at once.
    #[serde(default)]
    pub wait_for_end: bool,
    /// With `waitForEnd`: the variables of that execution that the result takes over, in `outputs`.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// The workflow may enrol into itself. Default: `blocked` with reason `self_enrollment`.
    #[serde(default)]
    pub allow_self: bool,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "enroll_in_workflow",
    title: "Enrol the contact into another workflow",
    schema: || schemars::schema_for!(EnrollInWorkflow),
    compile,
};

#[derive(Debug)]
struct Compiled {
    workflow: Template,
    key: Option<Template>,
    data: ValueTemplate,
    waits: bool,
    outputs: Vec<String>,
    allow_self: bool,
}

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: EnrollInWorkflow = words::config(step)?;
    let mut found = Problems::default();
    if config.workflow.trim().is_empty() {
        let problem = Problem::error("invalid_value", "config.workflow", "a workflow has an id");
        found.0.push(problem);
    }
    if !config.outputs.is_empty() && !config.wait_for_end {
        let text = "only a step that waits for the end can take over variables";
        let problem = Problem::error("invalid_value", "config.outputs", text);
        found.0.push(problem.hint("add \"waitForEnd\": true"));
    }
    let workflow = found.take(words::template(&config.workflow, "config.workflow"));
    let key = config
        .key
        .as_ref()
        .map(|key| found.take(words::template(key, "config.key")));
    let data = found.take(words::value(&Value::Object(config.data), "config.data"));
    let action = workflow.zip(data).map(|(workflow, data)| {
        Box::new(Compiled {
            workflow,
            key: key.flatten(),
            data,
            waits: config.wait_for_end,
            outputs: config.outputs,
            allow_self: config.allow_self,
        }) as Box<dyn Action>
    });
    found.finish(action)
}

impl Compiled {
    fn asked(&self, cx: &StepContext<'_>) -> Result<Enrolling, Failure> {
        let key = self.key.as_ref().map(|key| words::text(key, cx));
        Ok(Enrolling {
            workflow: words::text(&self.workflow, cx)?.trim().to_owned(),
            key: key.transpose()?.filter(|key| !key.is_empty()),
            data: words::filled(&self.data, cx)?,
            waits: self.waits,
            outputs: self.outputs.clone(),
            allow_self: self.allow_self,
        })
    }
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match self.asked(cx) {
            Ok(asked) => Outcome::Enroll(Box::new(asked)),
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.workflow.reads(reads);
        self.key.iter().for_each(|key| key.reads(reads));
        self.data.reads(reads);
    }

    fn class(&self) -> Class {
        match self.waits {
            true => Class::Wait,
            false => Class::Database,
        }
    }
}
