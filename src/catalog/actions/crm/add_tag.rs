//! `add_tag`: puts tags on the contact.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Failure, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        problem::Problem, reads::Reads, template::Template, transition::CrmWrite, workflow::Step,
    },
};

/// Puts one or several tags on the contact; those that it has already change nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddTag {
    /// One tag; a template.
    #[serde(default)]
    pub tag: Option<String>,
    /// Several tags; templates.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "add_tag",
    title: "Add tags to the contact",
    schema: || schemars::schema_for!(AddTag),
    compile,
};

#[derive(Debug)]
struct Compiled(Tags);

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: AddTag = words::config(step)?;
    Ok(Box::new(Compiled(Tags::compile(config.tag, config.tags)?)))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match self.0.render(cx) {
            Ok(tags) => Outcome::Done(Done {
                writes: vec![CrmWrite::AddTags(tags)],
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

/// Tags as a config gives them.
#[derive(Debug)]
pub(super) struct Tags(Vec<Template>);

impl Tags {
    pub(super) fn compile(tag: Option<String>, tags: Vec<String>) -> Result<Self, Vec<Problem>> {
        let mut found = Problems::default();
        let mut all = Vec::new();
        let one = tag.into_iter().map(|tag| ("config.tag".to_owned(), tag));
        let many = tags
            .into_iter()
            .enumerate()
            .map(|(i, tag)| (format!("config.tags[{i}]"), tag));
        for (path, tag) in one.chain(many) {
            if tag.trim().is_empty() {
                found.0.push(Problem::error(
                    "invalid_value",
                    path,
                    "a tag must not be empty",
                ));
            } else if let Some(tag) = found.take(words::template(&tag, &path)) {
                all.push(tag);
            }
        }
        if all.is_empty() && found.0.is_empty() {
            let problem = Problem::error("missing_field", "config.tag", "\"tag\" is missing");
            found.0.push(problem.hint("give \"tag\" or \"tags\""));
        }
        found.finish(Some(Self(all)))
    }

    /// The tags; a template that gives nothing is a failure, since an empty tag means nothing.
    pub(super) fn render(&self, cx: &StepContext<'_>) -> Result<Vec<String>, Failure> {
        let render = |template: &Template| {
            let tag = words::text(template, cx)?.trim().to_owned();
            if tag.is_empty() {
                let message = "a tag's template gave nothing".into();
                return Err(Failure {
                    error: "empty_tag".into(),
                    message,
                });
            }
            Ok(tag)
        };
        self.0.iter().map(render).collect()
    }

    pub(super) fn reads(&self, reads: &mut Reads) {
        self.0.iter().for_each(|tag| tag.reads(reads));
    }
}
