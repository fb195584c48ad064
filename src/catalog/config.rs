//! Reads a config struct from JSON with every unknown field and every wrong value named.

mod values;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{codes, parse::shape::unknown_field};
use crate::model::problem::{Problem, join};

/// A `T` from the JSON at `path` (relative paths of the problems begin with it). Null reads as `{}`.
///
/// `T` is a struct with camelCase fields; those that it does not have are named one by one, with the
/// nearest that it has, at any depth that its schema spells out.
///
/// # Errors
/// Unknown fields, and every value that is wrong or missing.
pub fn read<T: DeserializeOwned + JsonSchema>(
    config: &Value,
    path: &str,
) -> Result<T, Vec<Problem>> {
    let empty = Value::Object(serde_json::Map::new());
    let config = if config.is_null() { &empty } else { config };
    let read = serde_path_to_error::deserialize::<_, T>(config);
    // Of one thing serde knows less than the schema: it takes a list for a struct.
    if read.is_ok() && !holds_list(config) {
        return read.map_err(|_| Vec::new());
    }
    let schema = schemars::schema_for!(T);
    let mut found = unknown_fields(&schema, config, path);
    match read {
        Ok(read) if found.is_empty() => return Ok(read),
        Ok(_) => {}
        Err(error) if found.is_empty() => wrong_values(&error, &schema, config, path, &mut found),
        // What remains without the unknown fields may be wrong as well.
        Err(_) => {
            let mut rest = config.clone();
            strip(schema.as_value(), schema.as_value(), &mut rest);
            if let Err(error) = serde_path_to_error::deserialize::<_, T>(&rest) {
                wrong_values(&error, &schema, &rest, path, &mut found);
                // A field is hardly missing where its misspelled name stands.
                found.retain(|problem| problem.code != codes::MISSING_FIELD);
            }
        }
    }
    Err(found)
}

/// What the schema sees, and where serde stopped if that is something else.
fn wrong_values(
    error: &serde_path_to_error::Error<serde_json::Error>,
    schema: &Schema,
    config: &Value,
    path: &str,
    found: &mut Vec<Problem>,
) {
    let inner = error.path().to_string();
    let at = join(path, if inner == "." { "" } else { &inner });
    let message = error.inner().to_string().replace('`', "");
    let code = match message.starts_with("missing field") {
        true => codes::MISSING_FIELD,
        false => codes::INVALID_VALUE,
    };
    let mut seen = Vec::new();
    values::walk(
        schema.as_value(),
        schema.as_value(),
        config,
        path,
        &mut seen,
    );
    if !seen
        .iter()
        .any(|problem| problem.code == code && problem.path == at)
    {
        found.push(Problem::error(code, at, message));
    }
    found.append(&mut seen);
}

/// Whether a list stands anywhere in it.
fn holds_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(members) => members.values().any(holds_list),
        _ => false,
    }
}

/// Takes out the fields that the schema does not have.
fn strip(root: &Value, schema: &Value, value: &mut Value) {
    let schema = resolve(root, schema);
    match value {
        Value::Object(members) => {
            let Some(known) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
                members.retain(|name, _| known.contains_key(name));
            }
            for (name, value) in members {
                if let Some(inner) = known.get(name) {
                    strip(root, inner, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(inner) = schema.get("items") else {
                return;
            };
            items.iter_mut().for_each(|item| strip(root, inner, item));
        }
        _ => {}
    }
}

/// Each field of the config, at `path`, that its schema does not have, and each list where it has an object.
#[must_use]
pub fn unknown_fields(schema: &Schema, config: &Value, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(
        schema.as_value(),
        schema.as_value(),
        config,
        path,
        &mut problems,
    );
    problems
}

/// Walks the value beside the schema where that is a plain object (or a list of such, or a reference).
fn walk(root: &Value, schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let schema = resolve(root, schema);
    match value {
        Value::Object(members) => {
            let Some(known) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
            for (name, value) in members {
                let at = join(path, name);
                match known.get(name) {
                    Some(inner) => walk(root, inner, value, &at, problems),
                    None if closed => {
                        let known: Vec<_> = known.keys().map(String::as_str).collect();
                        problems.push(unknown_field(at, name, &known));
                    }
                    None => {}
                }
            }
        }
        // Serde would take a list for a struct, field by field; nobody means that.
        Value::Array(_) if schema.get("properties").is_some() => {
            let message = "expected an object, found a list";
            problems.push(Problem::error(codes::INVALID_VALUE, path, message));
        }
        Value::Array(items) => {
            let Some(inner) = schema.get("items") else {
                return;
            };
            for (index, item) in items.iter().enumerate() {
                walk(
                    root,
                    inner,
                    item,
                    &join(path, &format!("[{index}]")),
                    problems,
                );
            }
        }
        _ => {}
    }
}

/// Follows `$ref`, and the one alternative of `anyOf` that is not null (an `Option`).
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..8 {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = name.strip_prefix('#').unwrap_or(name);
            schema = root.pointer(pointer).unwrap_or(&Value::Null);
        } else if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
            let mut others = any
                .iter()
                .filter(|one| one.get("type") != Some(&Value::String("null".into())));
            match (others.next(), others.next()) {
                (Some(one), None) => schema = one,
                _ => return schema,
            }
        } else {
            return schema;
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        wait_type: Option<String>,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)] // only its name matters here
        amount: f64,
    }

    #[test]
    fn all_unknown_fields_are_named_and_all_wrong_values() {
        let read = |value| {
            let problems = read::<Outer>(&value, "config").unwrap_err();
            problems
                .iter()
                .map(|p| format!("{} {} {}", p.code, p.path, p.hint.as_deref().unwrap_or("-")))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(
                json!({"waitTyp": 1, "waitType": 1, "inner": {"amont": 1}, "list": [{"amount": 1, "x": 2}]})
            ),
            [
                "unknown_field config.waitTyp did you mean waitType?",
                "unknown_field config.inner.amont did you mean amount?",
                "unknown_field config.list[0].x known here: amount",
                "invalid_value config.waitType -",
            ]
        );
        assert_eq!(
            read(json!({"list": [{"amount": "1"}]})),
            ["invalid_value config.list[0].amount -"]
        );
        assert_eq!(
            read(json!({"inner": [1]})),
            ["invalid_value config.inner -"]
        );
        assert_eq!(read(json!({"inner": {}})), ["missing_field config.inner -"]);
        assert_eq!(
            read(
                json!({"waitType": 7, "inner": {"amount": true}, "list": [{}, {"amount": []}, null]})
            ),
            [
                "invalid_value config.waitType -",
                "invalid_value config.inner.amount -",
                "missing_field config.list[0] -",
                "invalid_value config.list[1].amount -",
                "invalid_value config.list[2] -",
            ]
        );
        let outer = super::read::<Outer>(&Value::Null, "config").unwrap();
        assert!(outer.wait_type.is_none() && outer.inner.is_none() && outer.list.is_empty());
    }
}
