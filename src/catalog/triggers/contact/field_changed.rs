//! `contact.field.changed`: one field of a contact changed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::catalog::trigger::{TriggerConfig, Words, text};
use crate::catalog::triggers::contact::same_field;
use crate::model::{path::builtin_contact_field, transition::Event};

/// A change from or to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It was empty before.
    Set,
    /// It is empty now.
    Empty,
}

/// One field of a contact changed.
///
/// ## Fires when
/// A field of a contact, built-in or custom, gets another value; once for each field.
///
/// ## Example
/// `{ "type": "contact.field.changed", "config": { "field": "lifecycleStage", "to": "customer" } }`
///
/// ## Data
/// `field` (its column, or the custom field's name), `old`, `new`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldChanged {
    /// Fields that count; built-ins by their camelCase names. Absent: every field.
    #[serde(default)]
    pub field: Option<Words>,
    /// The old value must be this one; null: it must have been empty.
    #[serde(default, deserialize_with = "given")]
    pub from: Option<Value>,
    /// The new value must be this one; null: it must have become empty.
    #[serde(default, deserialize_with = "given")]
    pub to: Option<Value>,
    /// `set`: it was empty before; `empty`: it is now.
    #[serde(default)]
    pub became: Option<Became>,
    /// The value was below this number and has reached it.
    #[serde(default)]
    pub crosses: Option<f64>,
}

impl TriggerConfig for FieldChanged {
    const KIND: &'static str = "contact.field.changed";
    const TITLE: &'static str = "A field of a contact changes";

    fn fits(&self, event: &Event) -> bool {
        let wanted = self.field.as_ref().map(Words::all).unwrap_or_default();
        let found = text(event, "field").unwrap_or_default();
        let value = |key| event.data.get(key).unwrap_or(&Value::Null);
        let (old, new) = (value("old"), value("new"));
        let number = |value: &Value| match value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        };
        let crossed = |least: f64| {
            number(new).is_some_and(|n| n >= least) && number(old).is_none_or(|n| n < least)
        };
        (wanted.is_empty() || wanted.iter().any(|name| same_field(name, &found)))
            && self.from.as_ref().is_none_or(|from| same_value(from, old))
            && self.to.as_ref().is_none_or(|to| same_value(to, new))
            && self.became.is_none_or(|became| match became {
                Became::Set => is_empty(old) && !is_empty(new),
                Became::Empty => !is_empty(old) && is_empty(new),
            })
            && self.crosses.is_none_or(crossed)
    }

    fn discriminator(&self) -> Option<String> {
        let name = self.field.as_ref()?.only()?;
        Some(
            builtin_contact_field(name)
                .map_or(name, |(_, column)| column)
                .to_owned(),
        )
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Numbers by value, text that says the same as a number or a boolean too.
fn same_value(wanted: &Value, found: &Value) -> bool {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |n| n.to_string()),
        value => value.to_string(),
    };
    match (wanted, found) {
        (Value::Null, found) => is_empty(found),
        (_, Value::Null) => false,
        (wanted, found) => wanted == found || plain(wanted) == plain(found),
    }
}

/// A null that is written is a value.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
