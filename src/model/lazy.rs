//! JSON that is kept as text, and read only where somebody looks inside.
//!
//! What an execution remembers of its event passes through every burst and is seldom looked at; what a history entry
//! tells is never looked at by the machine that wrote it. As trees of values the two made a quarter of a worker's work.

use std::{fmt, ops::Deref, sync::OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

/// A JSON value, as a tree or as the text of one; it reads like a [`Value`].
#[derive(Clone)]
pub struct Lazy(Kept);

#[derive(Clone)]
enum Kept {
    Value(Value),
    Text(Box<Text>),
}

#[derive(Clone)]
struct Text {
    json: Box<RawValue>,
    value: OnceLock<Value>,
}

impl Lazy {
    /// Writes `what` as JSON at once. What cannot be written is null, as `serde_json::to_value` of it would fail.
    #[must_use]
    pub fn written(what: &impl Serialize) -> Self {
        match serde_json::value::to_raw_value(what) {
            Ok(json) => Self::text(json),
            Err(_) => Value::Null.into(),
        }
    }

    fn text(json: Box<RawValue>) -> Self {
        let value = OnceLock::new();
        Self(Kept::Text(Box::new(Text { json, value })))
    }

    /// Appends it as JSON.
    pub fn push_to(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Kept::Text(text) => out.extend_from_slice(text.json.get().as_bytes()),
            // Writing into a vector cannot fail, and the keys of a value are texts.
            Kept::Value(value) => drop(serde_json::to_writer(out, value)),
        }
    }

    /// False where no object in it has this key, a plain word; without reading it. True says nothing.
    #[must_use]
    pub fn may_have(&self, key: &str) -> bool {
        match &self.0 {
            Kept::Value(_) => true,
            Kept::Text(text) => text.json.get().contains(&format!("\"{key}\"")),
        }
    }

    /// Whether it is null; without reading it.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match &self.0 {
            Kept::Value(value) => value.is_null(),
            Kept::Text(text) => text.json.get() == "null",
        }
    }
}

impl Deref for Lazy {
    type Target = Value;

    fn deref(&self) -> &Value {
        match &self.0 {
            Kept::Value(value) => value,
            Kept::Text(text) => text.value.get_or_init(|| {
                // Text that was JSON when it came; a number too large for a value is the one thing left.
                serde_json::from_str(text.json.get()).unwrap_or_default()
            }),
        }
    }
}

impl From<Value> for Lazy {
    fn from(value: Value) -> Self {
        Self(Kept::Value(value))
    }
}

impl PartialEq for Lazy {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl PartialEq<Value> for Lazy {
    fn eq(&self, other: &Value) -> bool {
        **self == *other
    }
}

/// As JSON.
impl fmt::Display for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Value(value) => value.fmt(f),
            Kept::Text(text) => f.write_str(text.json.get()),
        }
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Lazy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kept::Value(value) => value.serialize(to),
            Kept::Text(text) => text.json.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Lazy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(from).map(Self::text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_reads_like_the_value_and_is_written_as_it_came() {
        let text = r#"{"b": 1, "a": [null, "ä\n"], "c": 1.50}"#;
        let lazy: Lazy = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&lazy).unwrap(), text);
        assert_eq!(lazy["a"][1], "ä\n");
        assert_eq!(lazy, json!({"b": 1, "a": [null, "ä\n"], "c": 1.5}));
        assert_eq!(
            serde_json::to_string(&lazy).unwrap(),
            text,
            "after it was read, too"
        );
        assert_eq!((lazy.may_have("a"), lazy.may_have("d")), (true, false));
        assert_eq!(
            lazy.clone(),
            Lazy::from(json!({"b": 1, "a": [null, "ä\n"], "c": 1.5}))
        );

        // By way of a value, as the simulation keeps states.
        let value = serde_json::to_value(&lazy).unwrap();
        assert_eq!(serde_json::from_value::<Lazy>(value).unwrap(), lazy);
    }

    #[test]
    fn what_is_written_and_what_is_null() {
        let rows = [
            (Lazy::written(&Value::Null), true),
            (Value::Null.into(), true),
            (Lazy::written(&0), false),
        ];
        for (lazy, null) in rows {
            assert_eq!(lazy.is_null(), null, "{lazy:?}");
        }
        for lazy in [Lazy::written(&("a", 1)), json!(["a", 1]).into()] {
            let mut out = b"[".to_vec();
            lazy.push_to(&mut out);
            assert_eq!(out, br#"[["a",1]"#);
        }
    }
}
