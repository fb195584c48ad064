//! The contact as one burst sees it: loaded once, then changed by the burst's own writes.

use std::{collections::BTreeMap, str::FromStr};

use chrono_tz::Tz;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::model::{
    path::builtin_contact_field,
    transition::CrmWrite,
    zone::{instant_text, parse_datetime},
};

/// Built-in fields that hold an instant. Whoever wrote them, and however, they read the same.
const INSTANTS: [&str; 3] = ["last_purchase_date", "created_at", "updated_at"];

/// A contact with the fields that somebody reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// Its id.
    pub id: Uuid,
    /// False: its row is gone, and its executions are cancelled.
    pub exists: bool,
    /// By canonical name: the column of a built-in field, a custom field's own name; `tags` is an array.
    pub fields: Map<String, Value>,
    /// Its zone, where it has one that is known.
    pub tz: Option<Tz>,
    /// Variants that sticky splits chose, by workflow number and step id; loaded where a workflow has any.
    pub(super) choices: BTreeMap<i32, BTreeMap<String, String>>,
}

impl Contact {
    /// A contact with these fields; its zone is read from `timezone`.
    #[must_use]
    pub fn new(id: Uuid, mut fields: Map<String, Value>) -> Self {
        for name in INSTANTS {
            if let Some(value) = fields.get_mut(name) {
                *value = one_spelling(std::mem::take(value));
            }
        }
        let tz = zone_in(&fields);
        Self {
            id,
            exists: true,
            fields,
            tz,
            choices: BTreeMap::new(),
        }
    }

    /// A contact of whom nothing was loaded, because nothing of it is read.
    #[must_use]
    pub fn unread(id: Uuid) -> Self {
        Self::new(id, Map::new())
    }

    /// A contact whose row is gone.
    #[must_use]
    pub fn missing(id: Uuid) -> Self {
        Self {
            exists: false,
            ..Self::unread(id)
        }
    }

    /// The variant that a sticky split of a workflow has for it.
    #[must_use]
    pub fn chosen(&self, workflow: i32, step: &str) -> Option<&str> {
        Some(self.choices.get(&workflow)?.get(step)?)
    }

    /// Keeps what a sticky split of a workflow chose for it; true: that is news.
    pub fn remember(&mut self, workflow: i32, step: &str, variant: &str) -> bool {
        let of = self.choices.entry(workflow).or_default();
        let before = of.insert(step.to_owned(), variant.to_owned());
        before.is_none_or(|before| before != variant)
    }

    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let tags = self.fields.get("tags").and_then(Value::as_array);
        tags.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Does to this copy what the store will do to the row; true: something changed.
    pub fn apply(&mut self, write: &CrmWrite) -> bool {
        match write {
            CrmWrite::AddTags(tags) => {
                let mut changed = false;
                for tag in tags {
                    if !self.tags().any(|has| has == tag) {
                        self.tag_list().push(Value::String(tag.clone()));
                        changed = true;
                    }
                }
                changed
            }
            CrmWrite::RemoveTags(tags) => {
                if !self.tags().any(|has| tags.iter().any(|tag| tag == has)) {
                    return false;
                }
                self.tag_list()
                    .retain(|has| !tags.iter().any(|tag| Some(&**tag) == has.as_str()));
                true
            }
            CrmWrite::SetFields(fields) => {
                let mut changed = false;
                for (name, value) in fields {
                    changed |= self.set(name, value.clone());
                }
                changed
            }
            CrmWrite::AddNote { .. } => false,
        }
    }

    /// Sets one field by either spelling; null clears it. True: it had another value.
    pub fn set(&mut self, name: &str, value: Value) -> bool {
        let name = builtin_contact_field(name).map_or(name, |(_, column)| column);
        let value = match INSTANTS.contains(&name) {
            true => one_spelling(value),
            false => value,
        };
        let before = if value.is_null() {
            self.fields.shift_remove(name)
        } else if self.fields.get(name) == Some(&value) {
            return false;
        } else {
            self.fields.insert(name.to_owned(), value);
            Some(Value::Null)
        };
        if name == "timezone" {
            self.tz = zone_in(&self.fields);
        }
        before.is_some()
    }

    /// Derives the full name from its parts, where there is one: the CRM's row does so by itself.
    pub(super) fn name_in_full(&mut self) {
        let part = |name: &str| self.fields.get(name).and_then(Value::as_str);
        let (first, last) = (part("first_name"), part("last_name"));
        if first.is_some() || last.is_some() {
            let whole = format!("{} {}", first.unwrap_or_default(), last.unwrap_or_default());
            let whole = match whole.trim_matches(' ') {
                "" => Value::Null,
                whole => Value::String(whole.to_owned()),
            };
            self.set("full_name", whole);
        }
    }

    fn tag_list(&mut self) -> &mut Vec<Value> {
        let tags = self
            .fields
            .entry("tags")
            .or_insert_with(|| Value::Array(Vec::new()));
        if !tags.is_array() {
            *tags = Value::Array(Vec::new());
        }
        tags.as_array_mut().expect("was made an array just now")
    }
}

/// A text that is a date or a date-time, as the database would give it back; anything else as it is.
fn one_spelling(value: Value) -> Value {
    let read = value
        .as_str()
        .and_then(|text| parse_datetime(text, Tz::UTC));
    read.map_or(value, |at| Value::String(instant_text(at)))
}

fn zone_in(fields: &Map<String, Value>) -> Option<Tz> {
    fields
        .get("timezone")
        .and_then(Value::as_str)
        .and_then(|name| Tz::from_str(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_burst_sees_its_own_writes() {
        let mut contact = Contact::unread(Uuid::nil());
        assert!(contact.apply(&CrmWrite::AddTags(vec!["a".into(), "b".into(), "a".into()])));
        assert!(!contact.apply(&CrmWrite::AddTags(vec!["a".into()])));
        assert_eq!(contact.fields["tags"], json!(["a", "b"]));
        assert!(contact.apply(&CrmWrite::RemoveTags(vec!["a".into(), "z".into()])));
        assert!(!contact.apply(&CrmWrite::RemoveTags(vec!["z".into()])));
        assert_eq!(contact.tags().collect::<Vec<_>>(), ["b"]);

        let set = json!({"last_name": "Ida", "timezone": "Asia/Tokyo", "score": 3});
        assert!(contact.apply(&CrmWrite::SetFields(set.as_object().unwrap().clone())));
        assert_eq!(contact.tz, Some(Tz::Asia__Tokyo));
        assert!(
            !contact.set("lastName", json!("Ida")),
            "either spelling is the same field"
        );
        let bought = [
            ("2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z"),
            ("2026-03-01 09:00:00.250", "2026-03-01T09:00:00.250Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("soon", "soon"),
        ];
        for (written, read) in bought {
            contact.set("lastPurchaseDate", json!(written));
            assert_eq!(contact.fields["last_purchase_date"], json!(read));
            let fields = json!({ "last_purchase_date": written });
            let loaded = Contact::new(Uuid::nil(), fields.as_object().unwrap().clone());
            assert_eq!(loaded.fields["last_purchase_date"], json!(read));
        }
        contact.name_in_full();
        assert_eq!(contact.fields["full_name"], "Ida");
        contact.set("firstName", json!("Ada"));
        contact.name_in_full();
        assert_eq!(contact.fields["full_name"], "Ada Ida");
        assert!(contact.set("timezone", Value::Null));
        assert_eq!(contact.tz, None);
        assert!(!contact.set("timezone", Value::Null));
    }
}
