//! The contact as one burst sees it: loaded once, then changed by the burst's own writes.

use std::str::FromStr;

use chrono_tz::Tz;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::model::{path::builtin_contact_field, transition::CrmWrite};

/// A contact with the fields that somebody reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// Its id.
    pub id: Uuid,
    /// False: its row is gone, and its executions are cancelled (SPEC decision 20).
    pub exists: bool,
    /// By canonical name: the column of a built-in field, a custom field's own name; `tags` is an array.
    pub fields: Map<String, Value>,
    /// Its zone, where it has one that is known.
    pub tz: Option<Tz>,
}

impl Contact {
    /// A contact with these fields; its zone is read from `timezone`.
    #[must_use]
    pub fn new(id: Uuid, fields: Map<String, Value>) -> Self {
        let tz = zone_in(&fields);
        Self {
            id,
            exists: true,
            fields,
            tz,
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
        assert!(contact.set("timezone", Value::Null));
        assert_eq!(contact.tz, None);
        assert!(!contact.set("timezone", Value::Null));
    }
}
