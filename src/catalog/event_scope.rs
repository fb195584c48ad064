//! What `event.*`, `old.*` and `new.*` name in a happened event.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::{
    execution::Instant,
    lazy::Lazy,
    path::{Path, Root, Segment},
    scope::Scope,
    transition::Event,
};

/// What `path` names in the event; none for paths of other roots.
#[must_use]
pub fn find<'a>(event: &'a Event, path: &Path) -> Option<Cow<'a, Value>> {
    match path.root() {
        Root::Old => path.find(event.old.as_ref()?).map(Cow::Borrowed),
        Root::New => path.find(event.new.as_ref()?).map(Cow::Borrowed),
        Root::Event => {
            let Some((first, rest)) = path.segments().split_first() else {
                return Some(Cow::Owned(Value::clone(&envelope(event))));
            };
            Some(Cow::Owned(match first.key() {
                "data" => return descend(&event.data, rest),
                "old" => return descend(event.old.as_ref()?, rest),
                "new" => return descend(event.new.as_ref()?, rest),
                "type" => Value::String(event.kind.clone()),
                "id" => Value::String(event.id.to_string()),
                "occurred_at" | "occurredAt" => json!(event.occurred_at),
                "contact_id" | "contactId" => Value::String(event.contact?.to_string()),
                _ => return None,
            }))
        }
        _ => None,
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'a str,
    id: Uuid,
    occurred_at: Instant,
    data: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: &'a Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: &'a Option<Value>,
}

/// The event as an execution remembers it: `{"type","id","occurred_at","data","old","new"}`.
#[must_use]
pub fn envelope(event: &Event) -> Lazy {
    Lazy::written(&Envelope {
        r#type: &event.kind,
        id: event.id,
        occurred_at: event.occurred_at,
        data: &event.data,
        old: &event.old,
        new: &event.new,
    })
}

/// What segments name below a value; missing and null are none.
#[must_use]
pub fn descend<'a>(value: &'a Value, segments: &[Segment]) -> Option<Cow<'a, Value>> {
    let found = segments
        .iter()
        .try_fold(value, |value, segment| match value {
            Value::Object(map) => map.get(segment.key()),
            Value::Array(items) => items.get(segment.key().parse::<usize>().ok()?),
            _ => None,
        });
    found.filter(|value| !value.is_null()).map(Cow::Borrowed)
}

/// A scope whose `event`, `old` and `new` are another event's than the one that enrolled.
pub struct Over<'a> {
    /// The event looked at.
    pub event: &'a Event,
    /// Everything else.
    pub under: &'a dyn Scope,
}

impl Scope for Over<'_> {
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>> {
        match path.root() {
            Root::Event | Root::Old | Root::New => find(self.event, path),
            _ => self.under.get(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scope::MapScope;
    use uuid::Uuid;

    fn event() -> Event {
        Event {
            id: Uuid::from_u128(7),
            kind: "order.changed".into(),
            contact: Some(Uuid::from_u128(9)),
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            data: json!({ "items": [{ "sku": "a" }, { "sku": "b" }], "note": null }),
            old: Some(json!({ "status": "open" })),
            new: Some(json!({ "status": "won" })),
            trigger: None,
            cause: None,
        }
    }

    #[test]
    fn what_is_named_in_an_event() {
        let (id, contact) = (Uuid::from_u128(7), Uuid::from_u128(9));
        let rows = [
            ("event.type", json!("order.changed")),
            ("event.id", json!(id)),
            ("event.contactId", json!(contact)),
            ("event.contact_id", json!(contact)),
            ("event.occurredAt", json!(chrono::DateTime::UNIX_EPOCH)),
            ("event.occurred_at", json!(chrono::DateTime::UNIX_EPOCH)),
            ("event.data.items[1].sku", json!("b")),
            ("event.data.items[9].sku", Value::Null),
            ("event.data.note", Value::Null),
            ("event.old.status", json!("open")),
            ("event.new.status", json!("won")),
            ("old.status", json!("open")),
            ("new.status", json!("won")),
            ("event.other", Value::Null),
            ("contact.status", Value::Null),
        ];
        for (path, wanted) in rows {
            let event = event();
            let found = find(&event, &Path::parse(path).unwrap()).map(Cow::into_owned);
            assert_eq!(found.unwrap_or(Value::Null), wanted, "{path}");
        }
        let mut bare = event();
        (bare.old, bare.new, bare.contact) = (None, None, None);
        for path in [
            "event.contactId",
            "event.old.status",
            "old.status",
            "new.status",
        ] {
            assert_eq!(find(&bare, &Path::parse(path).unwrap()), None, "{path}");
        }
        let whole = json!({ "type": "order.changed", "id": id, "data": bare.data,
                            "occurred_at": chrono::DateTime::UNIX_EPOCH });
        assert_eq!(envelope(&bare), whole);
        let under = MapScope(json!({ "event": { "type": "another" }, "vars": { "x": 1 } }));
        let over = Over {
            event: &bare,
            under: &under,
        };
        let of = |path: &str| over.get(&Path::parse(path).unwrap()).map(Cow::into_owned);
        assert_eq!(of("event.type"), Some(json!("order.changed")));
        assert_eq!(of("vars.x"), Some(json!(1)));
    }
}
