//! `contact.updated`: fields of a contact changed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::catalog::trigger::{TriggerConfig, Words};
use crate::catalog::triggers::contact::same_field;
use crate::model::transition::Event;

/// Fields of a contact changed.
///
/// ## Fires when
/// One statement changes one or more fields of a contact; once for all of them.
///
/// ## Example
/// `{ "type": "contact.updated", "config": { "fields": ["email", "phone"] } }`
///
/// ## Data
/// `changed`: `{ <field>: { "old", "new" } }`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Updated {
    /// Fields of which at least one must have changed; built-ins by their camelCase names. Absent: any.
    #[serde(default)]
    pub fields: Option<Words>,
    /// Fields whose change alone does not count.
    #[serde(default)]
    pub ignore_fields: Option<Words>,
}

impl TriggerConfig for Updated {
    const KIND: &'static str = "contact.updated";
    const TITLE: &'static str = "A contact changes";

    fn fits(&self, event: &Event) -> bool {
        let Some(changed) = event.data.get("changed").and_then(Value::as_object) else {
            return self.fields.is_none();
        };
        let ignored = self
            .ignore_fields
            .as_ref()
            .map(Words::all)
            .unwrap_or_default();
        let wanted = self.fields.as_ref().map(Words::all).unwrap_or_default();
        changed.keys().any(|field| {
            let among = |names: &[String]| names.iter().any(|name| same_field(name, field));
            !among(ignored) && (wanted.is_empty() || among(wanted))
        })
    }
}
