//! Reads a config struct from JSON with every unknown field named.

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
/// Unknown fields; else the first field whose value is wrong or missing.
pub fn read<T: DeserializeOwned + JsonSchema>(
    config: &Value,
    path: &str,
) -> Result<T, Vec<Problem>> {
    let empty = Value::Object(serde_json::Map::new());
    let config = if config.is_null() { &empty } else { config };
    let problems = unknown_fields(&schemars::schema_for!(T), config, path);
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_path_to_error::deserialize::<_, T>(config).map_err(|error| {
        let inner = error.path().to_string();
        let inner = if inner == "." { "" } else { &inner };
        let message = error.inner().to_string();
        let code = match message.starts_with("missing field") {
            true => codes::MISSING_FIELD,
            false => codes::INVALID_VALUE,
        };
        vec![Problem::error(
            code,
            join(path, inner),
            message.replace('`', ""),
        )]
    })
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
    fn all_unknown_fields_are_named_and_the_first_wrong_value() {
        let read = |value| {
            let problems = read::<Outer>(&value, "config").unwrap_err();
            problems
                .iter()
                .map(|p| format!("{} {} {}", p.code, p.path, p.hint.as_deref().unwrap_or("-")))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(json!({"waitTyp": 1, "inner": {"amont": 1}, "list": [{"amount": 1, "x": 2}]})),
            [
                "unknown_field config.waitTyp did you mean waitType?",
                "unknown_field config.inner.amont did you mean amount?",
                "unknown_field config.list[0].x known here: amount",
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
        let outer = super::read::<Outer>(&Value::Null, "config").unwrap();
        assert!(outer.wait_type.is_none() && outer.inner.is_none() && outer.list.is_empty());
    }
}
