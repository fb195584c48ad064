//! Values that a schema refuses: types, words and absent fields, each at its path.

use serde_json::Value;

use super::{codes, resolve};
use crate::catalog::parse::shape::described;
use crate::model::{
    nearest::did_you_mean,
    problem::{Problem, join},
};

/// Each value that is not of its type, is none of its words, or is absent and must be there.
///
/// Only what the schema says plainly is looked at: alternatives and patterns are left to serde.
pub(super) fn walk(
    root: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
    found: &mut Vec<Problem>,
) {
    // An `Option` that is null, whatever it is an option of.
    if value.is_null() && may_be_null(schema) {
        return;
    }
    let schema = resolve(root, schema);
    if let Some(wanted) = schema.get("type")
        && !is_of(wanted, value)
    {
        let message = format!("expected {}, found {}", spoken(wanted), described(value));
        found.push(Problem::error(codes::INVALID_VALUE, path, message));
        return;
    }
    if let (Value::String(word), Some(words)) = (value, words(schema))
        && !words.contains(&&**word)
    {
        let hint = did_you_mean(word, words.iter().copied())
            .unwrap_or_else(|| format!("one of {}", words.join(", ")));
        let message = format!("{} is no word that is known here", described(value));
        found.push(Problem::error(codes::INVALID_VALUE, path, message).hint(hint));
        return;
    }
    match value {
        Value::Object(members) => {
            let required = schema.get("required").and_then(Value::as_array);
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                if !members.contains_key(name) {
                    let message = format!("missing field {name}");
                    found.push(Problem::error(codes::MISSING_FIELD, path, message));
                }
            }
            let properties = schema.get("properties").and_then(Value::as_object);
            for (name, value) in members {
                if let Some(inner) = properties.and_then(|properties| properties.get(name)) {
                    walk(root, inner, value, &join(path, name), found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    walk(root, inner, item, &join(path, &format!("[{index}]")), found);
                }
            }
        }
        _ => {}
    }
}

fn may_be_null(schema: &Value) -> bool {
    let null = |kind: &Value| kind == "null";
    match schema.get("type") {
        Some(Value::Array(kinds)) if kinds.iter().any(null) => return true,
        Some(kind) if null(kind) => return true,
        _ => {}
    }
    let any = schema.get("anyOf").and_then(Value::as_array);
    any.is_some_and(|any| any.iter().any(may_be_null))
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
        Value::String(kind) => match &**kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            _ => true,
        },
        _ => true,
    }
}

/// The words of an enumeration, whether they stand in one list or each with a description of its own.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().map(Value::as_str).collect();
    }
    let one = schema.get("oneOf")?.as_array()?;
    let mut all = Vec::new();
    for alternative in one {
        match (alternative.get("const"), alternative.get("enum")) {
            (Some(word), _) => all.push(word.as_str()?),
            (None, Some(words)) => {
                let words: Option<Vec<&str>> =
                    words.as_array()?.iter().map(Value::as_str).collect();
                all.extend(words?);
            }
            _ => return None,
        }
    }
    Some(all)
}

fn spoken(wanted: &Value) -> String {
    let one = |kind: &Value| match kind.as_str() {
        Some("string") => "text",
        Some("boolean") => "true or false",
        Some("object") => "an object",
        Some("array") => "a list",
        Some("number") => "a number",
        Some("integer") => "a whole number",
        _ => "nothing",
    };
    match wanted {
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter(|kind| *kind != "null").map(one);
            kinds.collect::<Vec<_>>().join(" or ")
        }
        kind => one(kind).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_be_null() {
        let rows = [
            (json!({ "type": "null" }), true),
            (json!({ "type": "string" }), false),
            (json!({ "type": ["string", "null"] }), true),
            (json!({ "type": ["string", "number"] }), false),
            (
                json!({ "anyOf": [{ "$ref": "#/$defs/X" }, { "type": "null" }] }),
                true,
            ),
            (
                json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] }),
                false,
            ),
            (json!({}), false),
        ];
        for (schema, wanted) in rows {
            assert_eq!(may_be_null(&schema), wanted, "{schema}");
        }
    }

    /// (type, values of it, values of another, how it is called)
    #[test]
    fn what_is_of_a_type_and_how_it_is_called() {
        let rows = [
            ("string", json!(["x"]), json!([1, null]), "text"),
            (
                "boolean",
                json!([true]),
                json!(["true", 1]),
                "true or false",
            ),
            ("object", json!([{}]), json!([[], "x"]), "an object"),
            ("array", json!([[]]), json!([{}, "x"]), "a list"),
            ("number", json!([1, 1.5]), json!(["1"]), "a number"),
            (
                "integer",
                json!([1, -1, u64::MAX]),
                json!([1.5, "1"]),
                "a whole number",
            ),
            ("null", json!([null]), json!([0, "", false]), "nothing"),
        ];
        for (kind, yes, no, name) in rows {
            let (own, listed) = (json!(kind), json!([kind]));
            for (values, wanted) in [(&yes, true), (&no, false)] {
                for value in values.as_array().unwrap() {
                    assert_eq!(is_of(&own, value), wanted, "{kind} {value}");
                    assert_eq!(is_of(&listed, value), wanted, "{kind} {value}");
                }
            }
            assert_eq!(spoken(&own), name);
        }
        let either = json!(["integer", "string", "null"]);
        assert_eq!(spoken(&either), "a whole number or text");
    }
}
