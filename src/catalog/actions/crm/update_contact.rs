//! `update_contact`: sets fields of the contact.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        path::builtin_contact_field, problem::Problem, reads::Reads, template::ValueTemplate,
        transition::CrmWrite, workflow::Step,
    },
};

/// Sets fields of the contact.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateContact {
    /// Field name to new value; strings may be templates, null clears. Names that are not built in are
    /// custom fields.
    pub fields: Map<String, Value>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "update_contact",
    title: "Set fields of the contact",
    schema: || schemars::schema_for!(UpdateContact),
    compile,
};

#[derive(Debug)]
struct Compiled(Vec<(String, ValueTemplate)>);

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: UpdateContact = words::config(step)?;
    let mut found = Problems::default();
    let mut fields = Vec::new();
    for (name, value) in &config.fields {
        let path = format!("config.fields.{name}");
        let column = builtin_contact_field(name).map_or(&**name, |(_, column)| column);
        let refusal = match column {
            "id" | "created_at" | "updated_at" => Some("it is kept by the system"),
            "tags" => Some("use add_tag and remove_tag"),
            "" => Some("a field has a name"),
            _ => None,
        };
        if let Some(hint) = refusal {
            let text = format!("\"{name}\" cannot be set");
            found
                .0
                .push(Problem::error("read_only_field", path, text).hint(hint));
        } else if let Some(value) = found.take(words::value(value, &path)) {
            fields.push((column.to_owned(), value));
        }
    }
    if config.fields.is_empty() {
        let problem = Problem::error("missing_field", "config.fields", "no field is set");
        found.0.push(problem.hint("give at least one field"));
    }
    found.finish(Some(Box::new(Compiled(fields)) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let fields: Result<Map<String, Value>, _> = self
            .0
            .iter()
            .map(|(name, value)| Ok((name.clone(), words::filled(value, cx)?)))
            .collect();
        match fields {
            Ok(fields) => Outcome::Done(Done {
                writes: vec![CrmWrite::SetFields(fields)],
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
