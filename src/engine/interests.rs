//! Which events can matter to a live execution of a version.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{path::builtin_contact_field, reads::Reads, transition::Event};

/// Emitted for each contact field that changed.
pub const FIELD_CHANGED: &str = "contact.field.changed";
/// Emitted for each tag that was put on.
pub const TAG_ADDED: &str = "contact.tag.added";
/// Emitted for each tag that was taken off.
pub const TAG_REMOVED: &str = "contact.tag.removed";
/// Emitted when a contact's do-not-disturb setting changed.
pub const DND_CHANGED: &str = "contact.dnd.changed";

/// Event types, each with a field that matters of `contact.field.changed` by its canonical name; an empty one is any.
#[derive(Debug, Clone, Default)]
pub struct Interests(Box<[(Box<str>, Box<str>)]>);

impl Interests {
    /// All that a change of can matter to something with these reads.
    #[must_use]
    pub fn of(reads: &Reads) -> Self {
        let any = |kind: &str| (kind.into(), Box::default());
        let whole = reads.all_contact || reads.events.contains(FIELD_CHANGED);
        let named = reads.contact.iter().filter(|_| !whole);
        let mut all: BTreeSet<(Box<str>, Box<str>)> = named
            .map(|field| (FIELD_CHANGED.into(), field.name.as_str().into()))
            .collect();
        if reads.all_contact {
            all.insert(any(FIELD_CHANGED));
        }
        if reads.all_contact || reads.contact.iter().any(|field| field.name == "dnd") {
            all.insert(any(DND_CHANGED));
        }
        if reads.all_contact || reads.tags {
            all.extend([TAG_ADDED, TAG_REMOVED].map(any));
        }
        all.extend(reads.events.iter().map(|kind| any(kind)));
        Self(all.into_iter().collect())
    }

    /// As rows (event type, field); an empty field stands for any. A built-in field is there by the name
    /// that events carry.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String)> {
        let rows = self.0.iter();
        let rows = rows.map(|(kind, field)| (String::from(&**kind), spoken(field)));
        rows.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether the event is among them.
    #[must_use]
    pub fn include(&self, event: &Event) -> bool {
        let named = event.data.get("field").and_then(Value::as_str);
        let named = named.map(canonical);
        let matters = |field: &str| field.is_empty() || named.is_none_or(|name| name == field);
        let mut rows = self.0.iter();
        rows.any(|(kind, field)| **kind == *event.kind && matters(field))
    }
}

/// The name that events carry: the language's own, not the column's.
fn spoken(field: &str) -> String {
    builtin_contact_field(field)
        .map_or(field, |(name, _)| name)
        .to_owned()
}

fn canonical(field: &str) -> &str {
    builtin_contact_field(field).map_or(field, |(_, column)| column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::path::Path;
    use serde_json::json;

    fn event(kind: &str, data: Value) -> Event {
        Event {
            id: uuid::Uuid::nil(),
            kind: kind.into(),
            contact: None,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            data,
            old: None,
            new: None,
            trigger: None,
            cause: None,
        }
    }

    #[test]
    fn only_what_is_read_wakes() {
        let mut reads = Reads::default();
        for path in ["contact.lastPurchaseDate", "contact.tags", "contact.score"] {
            reads.add(&Path::parse(path).unwrap());
        }
        reads.events.insert("form.submitted".into());
        let interests = Interests::of(&reads);
        let table = [
            (FIELD_CHANGED, json!({"field": "last_purchase_date"}), true),
            (FIELD_CHANGED, json!({"field": "lastPurchaseDate"}), true),
            (FIELD_CHANGED, json!({"field": "score"}), true),
            (FIELD_CHANGED, json!({"field": "email"}), false),
            (FIELD_CHANGED, json!({}), true),
            (TAG_ADDED, json!({"tag": "x"}), true),
            ("form.submitted", json!({"formId": "f"}), true),
            ("payment.successful", json!({}), false),
        ];
        for (kind, data, wanted) in table {
            assert_eq!(
                interests.include(&event(kind, data.clone())),
                wanted,
                "{kind} {data}"
            );
        }
        assert_eq!(interests.rows().len(), 5);
        assert_eq!(
            interests.rows()[0],
            (FIELD_CHANGED.into(), "lastPurchaseDate".into())
        );
    }
}
