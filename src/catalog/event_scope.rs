//! What `event.*`, `old.*` and `new.*` name in a happened event.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::model::{
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
                return Some(Cow::Owned(envelope(event)));
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

/// The event as an execution remembers it: `{"type","id","occurred_at","data","old","new"}`.
#[must_use]
pub fn envelope(event: &Event) -> Value {
    let mut envelope = json!({
        "type": event.kind, "id": event.id, "occurred_at": event.occurred_at, "data": event.data,
    });
    for (name, side) in [("old", &event.old), ("new", &event.new)] {
        if let Some(value) = side {
            envelope[name] = value.clone();
        }
    }
    envelope
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
