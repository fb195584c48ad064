//! The events that a change of a contact makes, as the reference CRM emits them.

use serde_json::{Map, Value, json};

use crate::{
    engine::interests::{DND_CHANGED, FIELD_CHANGED, TAG_ADDED, TAG_REMOVED},
    model::path::builtin_contact_field,
};

/// One event to be: type, data, the row before, the row after.
pub(super) struct Change {
    pub(super) kind: &'static str,
    pub(super) data: Value,
    pub(super) old: Value,
    pub(super) new: Value,
}

/// What differs, in the CRM's order: fields, tags off, tags on, the whole.
pub(super) fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut all = (Map::new(), Map::new(), Map::new());
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    let mut names: Vec<(&str, &String)> = names
        .map(|name| {
            let field = builtin_contact_field(name).map_or(&**name, |(own, _)| own);
            (field, name)
        })
        .collect();
    // As jsonb orders keys, and with it the CRM its events.
    names.sort_by_key(|(field, _)| (field.len(), *field));
    let null = Value::Null;
    for (field, name) in names {
        let (old, new) = (
            before.get(name).unwrap_or(&null),
            after.get(name).unwrap_or(&null),
        );
        if old == new {
            continue;
        }
        all.0
            .insert(field.into(), json!({ "old": old, "new": new }));
        all.1.insert(field.into(), old.clone());
        all.2.insert(field.into(), new.clone());
        match field {
            "tags" => {}
            "dnd" => changes.push(Change {
                kind: DND_CHANGED,
                data: json!({ "channel": "all", "old": old, "new": new }),
                old: json!({ "dnd": old }),
                new: json!({ "dnd": new }),
            }),
            _ => changes.push(Change {
                kind: FIELD_CHANGED,
                data: json!({ "field": field, "old": old, "new": new }),
                old: json!({ field: old }),
                new: json!({ field: new }),
            }),
        }
    }
    let (had, has) = (tags(before), tags(after));
    for (kind, from, to) in [(TAG_REMOVED, &had, &has), (TAG_ADDED, &has, &had)] {
        for tag in from.iter().filter(|tag| !to.contains(tag)) {
            changes.push(Change {
                kind,
                data: json!({ "tag": tag, "tags": has }),
                old: json!({ "tags": had }),
                new: json!({ "tags": has }),
            });
        }
    }
    if !all.0.is_empty() {
        changes.push(Change {
            kind: "contact.updated",
            data: json!({ "changed": all.0 }),
            old: Value::Object(all.1),
            new: Value::Object(all.2),
        });
    }
    changes
}

fn tags(fields: &Map<String, Value>) -> Vec<&str> {
    let tags = fields.get("tags").and_then(Value::as_array);
    tags.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_crm_tells_it() {
        let before = json!({ "tags": ["a", "b"], "score": 1, "email": "x" });
        let after =
            json!({ "tags": ["b", "c"], "score": 2, "email": "x", "last_purchase_date": "d" });
        let changes = between(before.as_object().unwrap(), after.as_object().unwrap());
        let told: Vec<(&str, &Value)> = changes.iter().map(|c| (c.kind, &c.data)).collect();
        assert_eq!(
            told[0],
            (
                FIELD_CHANGED,
                &json!({"field": "score", "old": 1, "new": 2})
            )
        );
        assert_eq!(
            told[1],
            (
                FIELD_CHANGED,
                &json!({"field": "lastPurchaseDate", "old": null, "new": "d"})
            )
        );
        assert_eq!(
            told[2],
            (TAG_REMOVED, &json!({"tag": "a", "tags": ["b", "c"]}))
        );
        assert_eq!(
            told[3],
            (TAG_ADDED, &json!({"tag": "c", "tags": ["b", "c"]}))
        );
        assert_eq!(told[4].0, "contact.updated");
        assert_eq!(told.len(), 5);
        assert!(between(after.as_object().unwrap(), after.as_object().unwrap()).is_empty());
    }
}
