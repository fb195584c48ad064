//! `remove_tag`: takes tags off the contact.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Outcome, Resolve, StepContext},
        words,
    },
    model::{problem::Problem, reads::Reads, transition::CrmWrite, workflow::Step},
};

use super::add_tag::Tags;

/// Takes one or several tags off the contact; those that it does not have change nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveTag {
    /// One tag; a template.
    #[serde(default)]
    pub tag: Option<String>,
    /// Several tags; templates.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "remove_tag",
    title: "Remove tags from the contact",
    schema: || schemars::schema_for!(RemoveTag),
    compile,
};

#[derive(Debug)]
struct Compiled(Tags);

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: RemoveTag = words::config(step)?;
    Ok(Box::new(Compiled(Tags::compile(config.tag, config.tags)?)))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match self.0.render(cx) {
            Ok(tags) => Outcome::Done(Done {
                writes: vec![CrmWrite::RemoveTags(tags)],
                ..Done::default()
            }),
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.0.reads(reads);
    }

    fn class(&self) -> Class {
        Class::Database
    }
}
