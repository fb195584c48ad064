//! Which events can matter to a live execution of a version.

use std::collections::{BTreeSet, HashMap, HashSet};

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

/// Event types, each with the fields that matter of `contact.field.changed`.
#[derive(Debug, Clone, Default)]
pub struct Interests {
    by_type: HashMap<String, Fields>,
}

#[derive(Debug, Clone, Default)]
struct Fields {
    any: bool,
    named: HashSet<String>,
}

impl Interests {
    /// All that a change of can matter to something with these reads.
    #[must_use]
    pub fn of(reads: &Reads) -> Self {
        let mut all = Self::default();
        for field in &reads.contact {
            all.add(FIELD_CHANGED, &field.name);
            if field.name == "dnd" {
                all.add(DND_CHANGED, "");
            }
        }
        if reads.all_contact {
            all.add(FIELD_CHANGED, "");
            all.add(DND_CHANGED, "");
        }
        if reads.tags || reads.all_contact {
            all.add(TAG_ADDED, "");
            all.add(TAG_REMOVED, "");
        }
        for kind in &reads.events {
            all.add(kind, "");
        }
        all
    }

    fn add(&mut self, kind: &str, field: &str) {
        let fields = self.by_type.entry(kind.to_owned()).or_default();
        if field.is_empty() {
            fields.any = true;
        } else {
            fields.named.insert(field.to_owned());
        }
    }

    /// As rows (event type, field); an empty field stands for any. A built-in field is there under both
    /// of its names, since events name it as the language does and columns are snake case.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String)> {
        let rows = self.by_type.iter().flat_map(|(kind, fields)| {
            let any = fields.any.then(String::new);
            let named = fields
                .named
                .iter()
                .filter(|_| !fields.any)
                .map(|field| spoken(field));
            any.into_iter()
                .chain(named)
                .map(move |field| (kind.clone(), field))
        });
        rows.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether the event is among them.
    #[must_use]
    pub fn include(&self, event: &Event) -> bool {
        let Some(fields) = self.by_type.get(&event.kind) else {
            return false;
        };
        fields.any
            || match event.data.get("field").and_then(Value::as_str) {
                Some(field) => fields.named.contains(canonical(field)),
                None => true,
            }
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
