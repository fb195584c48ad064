//! Rewrites that a schema needs before it is published: names, spellings, null, portable patterns.

use serde_json::{Map, Value, json};

use crate::catalog::parse::names::WORD_FIELDS;

/// Puts a schema among the definitions, its own definitions beside it under names of their own.
pub(super) fn embed(defs: &mut Map<String, Value>, name: &str, mut schema: Value) {
    let mut own = match schema
        .as_object_mut()
        .and_then(|schema| schema.remove("$defs"))
    {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
    }
    words(&mut schema, &mut own);
    for key in own.keys().cloned().collect::<Vec<_>>() {
        let mut def = own[&key].clone();
        words(&mut def, &mut own);
        own[&key] = def;
    }
    rename(&mut schema, name);
    for (key, mut def) in own {
        rename(&mut def, name);
        defs.insert(format!("{name}.{key}"), def);
    }
    defs.insert(name.to_owned(), schema);
}

/// References of an embedded schema, by their new names.
fn rename(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, name)),
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(key) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/$defs/{name}.{key}");
            }
            members.values_mut().for_each(|value| rename(value, name));
        }
        _ => {}
    }
}

/// Finds the fields whose words may be written in upper case.
fn words(schema: &mut Value, defs: &mut Map<String, Value>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| words(item, defs)),
        Value::Object(members) => {
            if let Some(Value::Object(fields)) = members.get_mut("properties") {
                for (name, field) in fields {
                    if WORD_FIELDS.contains(&&**name) {
                        widen(field, defs);
                    }
                }
            }
            members.values_mut().for_each(|value| words(value, defs));
        }
        _ => {}
    }
}

/// Accepts the words of a schema in upper case as well.
pub(super) fn widen(schema: &mut Value, defs: &mut Map<String, Value>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| widen(item, defs)),
        Value::Object(members) => {
            let upper = |word: &Value| word.as_str().map(|word| json!(word.to_ascii_uppercase()));
            if let Some(word) = members.remove("const") {
                let both = [
                    Some(word.clone()),
                    upper(&word).filter(|upper| *upper != word),
                ];
                members.insert("enum".to_owned(), both.into_iter().flatten().collect());
            } else if let Some(Value::Array(all)) = members.get_mut("enum") {
                let more: Vec<Value> = all
                    .iter()
                    .filter_map(upper)
                    .filter(|word| !all.contains(word))
                    .collect();
                all.extend(more);
            }
            let target = members.get("$ref").and_then(Value::as_str);
            if let Some(key) = target.and_then(|target| target.strip_prefix("#/$defs/"))
                && let Some(mut def) = defs.get(key).cloned()
            {
                let key = key.to_owned();
                widen(&mut def, defs);
                defs.insert(key, def);
            }
            for list in ["oneOf", "anyOf"] {
                if let Some(inner) = members.get_mut(list) {
                    widen(inner, defs);
                }
            }
        }
        _ => {}
    }
}

/// Null says the same as absence in every field that may be absent.
pub(super) fn nullable(object: &mut Value) {
    let required = object["required"].take();
    let must = |name: &str| {
        required
            .as_array()
            .is_some_and(|all| all.iter().any(|r| r == name))
    };
    for (name, field) in object["properties"].as_object_mut().into_iter().flatten() {
        let nothing = json!({ "type": "null" });
        let accepts = match (&field["type"], &field["anyOf"]) {
            (Value::String(kind), _) => kind == "null",
            (Value::Array(kinds), _) => kinds.iter().any(|kind| kind == "null"),
            (_, Value::Array(any)) => any.contains(&nothing),
            _ => false,
        };
        if !accepts && !must(name) {
            let inner = field.take();
            let description = inner.get("description").cloned();
            *field = json!({ "anyOf": [inner, nothing] });
            if let Some(description) = description {
                field["description"] = description;
            }
        }
    }
    match required {
        Value::Null => drop(
            object
                .as_object_mut()
                .map(|object| object.remove("required")),
        ),
        required => object["required"] = required,
    }
}

/// Rewrites patterns with `(?i)`, which JSON Schema's dialect of regular expressions does not have, and
/// `anyOf` with null, whose complaints would not say what is wrong with the other alternative.
pub(super) fn portable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(portable),
        Value::Object(members) => {
            if let Some(Value::String(pattern)) = members.get_mut("pattern")
                && pattern.contains("(?i)")
            {
                let letter = |c: char| match c.is_ascii_alphabetic() {
                    true => format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase()),
                    false => c.to_string(),
                };
                *pattern = pattern.replace("(?i)", "").chars().map(letter).collect();
            }
            let nothing = json!({ "type": "null" });
            let any = members.get("anyOf").and_then(Value::as_array);
            if let Some([one, other]) = any.map(Vec::as_slice)
                && (*one == nothing) != (*other == nothing)
            {
                let inner = if *one == nothing {
                    other.clone()
                } else {
                    one.clone()
                };
                members.remove("anyOf");
                members.insert("if".to_owned(), nothing);
                members.insert("else".to_owned(), inner);
            }
            members.values_mut().for_each(portable);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_said_once_and_only_of_what_may_be_absent() {
        let (text, nothing) = (json!({ "type": "string" }), json!({ "type": "null" }));
        let either = json!({ "anyOf": [text, nothing] });
        let described = json!({ "type": "string", "description": "x" });
        let mut object = json!({
            "required": ["must"],
            "properties": {
                "must": text, "may": text, "described": described, "either": either, "nothing": nothing,
                "list": { "type": ["string", "null"] }, "other": { "anyOf": [text, text] },
            },
        });
        nullable(&mut object);
        let wanted = json!({
            "must": text, "may": either,
            "described": { "anyOf": [described, nothing], "description": "x" },
            "either": either, "nothing": nothing, "list": { "type": ["string", "null"] },
            "other": { "anyOf": [{ "anyOf": [text, text] }, nothing] },
        });
        assert_eq!(
            object,
            json!({ "required": ["must"], "properties": wanted })
        );
        let mut open = json!({ "properties": {} });
        nullable(&mut open);
        assert_eq!(open, json!({ "properties": {} }));
    }

    #[test]
    fn patterns_are_portable_and_complaints_name_what_was_meant() {
        let nothing = json!({ "type": "null" });
        let text = json!({ "pattern": "(?i)^a1$" });
        let plain = json!({ "pattern": "^[aA]1$" });
        let rows = [
            (text.clone(), plain.clone()),
            (json!({ "pattern": "^a$" }), json!({ "pattern": "^a$" })),
            (json!([text]), json!([plain])),
            (
                json!({ "anyOf": [text, nothing] }),
                json!({ "if": nothing, "else": plain }),
            ),
            (
                json!({ "x": { "anyOf": [nothing, text] } }),
                json!({ "x": { "if": nothing, "else": plain } }),
            ),
            (
                json!({ "anyOf": [text, text] }),
                json!({ "anyOf": [plain, plain] }),
            ),
            (
                json!({ "anyOf": [nothing, nothing] }),
                json!({ "anyOf": [nothing, nothing] }),
            ),
        ];
        for (mut written, wanted) in rows {
            portable(&mut written);
            assert_eq!(written, wanted);
        }
    }
}
