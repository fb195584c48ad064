//! `add_note`: puts a note on the contact.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Outcome, Resolve, StepContext},
        words,
    },
    model::{
        problem::Problem, reads::Reads, template::Template, transition::CrmWrite, workflow::Step,
    },
};

/// Puts a note on the contact.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddNote {
    /// Text of the note; a template.
    pub body: String,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "add_note",
    title: "Add a note to the contact",
    schema: || schemars::schema_for!(AddNote),
    compile,
};

#[derive(Debug)]
struct Compiled(Template);

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: AddNote = words::config(step)?;
    let body = words::template(&config.body, "config.body").map_err(|problem| vec![problem])?;
    Ok(Box::new(Compiled(body)))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match words::text(&self.0, cx) {
            Ok(body) => Outcome::Done(Done {
                writes: vec![CrmWrite::AddNote { body }],
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
