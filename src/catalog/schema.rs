//! The published JSON Schema of a definition, put together from the rows of the catalog.
//!
//! Steps and triggers are told apart by `type` with `if` and `then`, so that a validator complains
//! about the one config that was meant, and not about every one that was not.

use serde_json::{Map, Value, json};

use super::parse::names::{WORD_FIELDS, spellings};
use super::{actions, triggers};
use crate::model::{operator::Operator, retry::RetryConfig, span::Unit, workflow::Definition};

/// Where the schema calls itself at home; nothing is fetched from there.
pub const ID: &str = "https://waypost.dev/schema/workflow.json";

/// The JSON Schema (2020-12) of a definition, every accepted spelling included.
#[must_use]
pub fn schema() -> Value {
    let mut root = schemars::schema_for!(Definition).to_value();
    let mut defs = match root["$defs"].take() {
        Value::Object(defs) => defs,
        _ => Map::new(),
    };
    for words in ["WorkflowStatus", "JoinWord", "GoalWord", "Policy"] {
        if let Some(def) = defs.get_mut(words) {
            widen(def, &mut Map::new());
        }
    }
    defs.insert("Condition".to_owned(), condition());
    embed(
        &mut defs,
        "RetryConfig",
        schemars::schema_for!(RetryConfig).to_value(),
    );
    defs.insert("Timeout".to_owned(), timeout());
    replace(
        &mut defs,
        "SpanSpec",
        "unit",
        json!({ "type": "string", "enum": units() }),
    );
    replace(
        &mut defs,
        "SpanSpec",
        "amount",
        json!({ "type": "number", "minimum": 0 }),
    );

    let condition = json!({ "anyOf": [{ "$ref": "#/$defs/Condition" }, { "type": "null" }] });
    for (def, field) in [
        ("Step", "executeIf"),
        ("EnrollmentSettings", "entryConditions"),
        ("EnrollmentSettings", "exitConditions"),
    ] {
        describe_as(&mut defs, def, field, condition.clone());
    }
    describe_as(
        &mut defs,
        "Goal",
        "conditions",
        json!({ "$ref": "#/$defs/Condition" }),
    );
    describe_as(
        &mut defs,
        "Trigger",
        "filters",
        json!({ "type": ["array", "null"], "items": { "$ref": "#/$defs/Condition" } }),
    );
    describe_as(
        &mut defs,
        "Step",
        "retryConfig",
        json!({ "anyOf": [{ "$ref": "#/$defs/RetryConfig" }, { "type": "null" }] }),
    );
    describe_as(
        &mut defs,
        "Step",
        "timeout",
        json!({ "anyOf": [{ "$ref": "#/$defs/Timeout" }, { "type": "null" }] }),
    );
    describe_as(
        &mut defs,
        "Step",
        "config",
        json!({ "type": ["object", "null"] }),
    );
    describe_as(
        &mut defs,
        "Trigger",
        "config",
        json!({ "type": ["object", "null"] }),
    );

    let rows = actions::ALL
        .iter()
        .map(|entry| (entry.kind, (entry.schema)().to_value()));
    let kinds = dispatch(&mut defs, "Step", "action", rows.collect());
    describe_as(
        &mut defs,
        "Step",
        "type",
        json!({ "type": "string", "enum": kinds }),
    );
    let rows = triggers::ALL
        .iter()
        .map(|entry| (entry.kind, (entry.schema)().to_value()));
    dispatch(&mut defs, "Trigger", "trigger", rows.collect());
    describe_as(
        &mut defs,
        "Trigger",
        "type",
        json!({ "type": "string", "minLength": 1 }),
    );

    nullable(&mut root);
    for def in ["Trigger", "Step", "Goal", "EnrollmentSettings"] {
        nullable(&mut defs[def]);
    }
    root["$id"] = json!(ID);
    root["title"] = json!("Waypost workflow");
    root["$defs"] = Value::Object(defs);
    portable(&mut root);
    root
}

/// Null says the same as absence in every field that may be absent.
fn nullable(object: &mut Value) {
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
fn portable(value: &mut Value) {
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

/// What `waypost catalog --json` prints: every trigger, action, operator, wait type and template filter.
#[must_use]
pub fn describe() -> Value {
    let row = |kind: &str, title: &str, schema: Value| {
        let docs = schema["description"].clone();
        json!({ "type": kind, "title": title, "docs": docs, "schema": schema })
    };
    let triggers = triggers::ALL.iter().map(|entry| {
        let mut row = row(entry.kind, entry.title, (entry.schema)().to_value());
        row["timed"] = json!(entry.timed);
        row
    });
    let actions = actions::ALL
        .iter()
        .map(|entry| row(entry.kind, entry.title, (entry.schema)().to_value()));
    let operators = Operator::ALL.iter().map(|row| {
        let takes = format!("{:?}", row.takes).to_lowercase();
        json!({ "name": row.name, "takes": takes, "docs": row.doc })
    });
    let filters = crate::model::template::FILTERS
        .iter()
        .map(|row| json!({ "name": row.name, "docs": row.doc }));
    json!({
        "triggers": triggers.collect::<Vec<_>>(),
        "actions": actions.collect::<Vec<_>>(),
        "operators": operators.collect::<Vec<_>>(),
        "waits": waits(),
        "filters": filters.collect::<Vec<_>>(),
    })
}

/// The wait types, as the schema of `wait` spells them out.
fn waits() -> Vec<Value> {
    let Some(entry) = actions::find("wait") else {
        return Vec::new();
    };
    let schema = (entry.schema)().to_value();
    let mut found = Vec::new();
    let mut open = vec![&schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(name) = members.get("const").and_then(Value::as_str) {
                    found.push(json!({ "type": name, "docs": members.get("description") }));
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found.sort_by_key(|row| row["type"].to_string());
    found
}

fn condition() -> Value {
    let operators: Vec<String> = Operator::ALL
        .iter()
        .flat_map(|row| [row.name.to_owned(), row.name.to_ascii_uppercase()])
        .collect();
    json!({
        "description": "A group of conditions, or one comparison.",
        "type": "object",
        "if": { "required": ["conditions"] },
        "then": {
            "required": ["operator", "conditions"],
            "properties": {
                "operator": { "enum": ["AND", "OR", "NOT", "and", "or", "not"] },
                "conditions": { "type": "array", "items": { "$ref": "#/$defs/Condition" } }
            },
            "additionalProperties": false
        },
        "else": {
            "required": ["field", "operator"],
            "properties": {
                "field": { "type": "string", "minLength": 1, "description": "A path such as contact.email." },
                "operator": { "enum": operators },
                "value": { "description": "What to compare with; text may be a template." }
            },
            "additionalProperties": false
        }
    })
}

fn timeout() -> Value {
    json!({
        "description": "Milliseconds, or {amount, unit}.",
        "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string" }, { "$ref": "#/$defs/SpanSpec" }]
    })
}

fn units() -> Vec<String> {
    let known = [
        "milliseconds",
        "seconds",
        "minutes",
        "hours",
        "days",
        "weeks",
        "months",
        "years",
    ];
    let forms = known
        .iter()
        .flat_map(|unit| [(*unit).to_owned(), unit[..unit.len() - 1].to_owned()]);
    forms
        .filter(|unit| Unit::parse(unit).is_ok())
        .flat_map(|unit| [unit.to_ascii_uppercase(), unit])
        .collect()
}

/// Puts another shape in place of a field's, and keeps its description.
fn describe_as(defs: &mut Map<String, Value>, def: &str, field: &str, mut shape: Value) {
    let place = &mut defs[def]["properties"][field];
    if let Some(description) = place.get("description") {
        shape["description"] = description.clone();
    }
    *place = shape;
}

fn replace(defs: &mut Map<String, Value>, def: &str, field: &str, shape: Value) {
    if defs.contains_key(def) {
        describe_as(defs, def, field, shape);
    }
}

/// Adds `if type is one of its spellings then config is that schema` for each row; all the spellings.
fn dispatch(
    defs: &mut Map<String, Value>,
    def: &str,
    prefix: &str,
    rows: Vec<(&'static str, Value)>,
) -> Vec<String> {
    let mut rules = Vec::new();
    let mut kinds = Vec::new();
    for (kind, schema) in rows {
        let name = format!("{prefix}.{kind}");
        // Without config a step has an empty one, which may lack what is required.
        let required = schema["required"]
            .as_array()
            .is_some_and(|fields| !fields.is_empty());
        let must: &[&str] = if required && def == "Step" {
            &["config"]
        } else {
            &[]
        };
        let inner = json!({ "$ref": format!("#/$defs/{name}") });
        let inner = if must.is_empty() {
            json!({ "anyOf": [inner, { "type": "null" }] })
        } else {
            inner
        };
        embed(defs, &name, schema);
        let spellings = spellings(kind);
        rules.push(json!({
            "if": { "properties": { "type": { "enum": spellings } }, "required": ["type"] },
            "then": { "required": must, "properties": { "config": inner } }
        }));
        kinds.extend(spellings);
    }
    defs[def]["allOf"] = Value::Array(rules);
    kinds
}

/// Puts a schema among the definitions, its own definitions beside it under names of their own.
fn embed(defs: &mut Map<String, Value>, name: &str, mut schema: Value) {
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
fn widen(schema: &mut Value, defs: &mut Map<String, Value>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_patterns_are_portable() {
        let schema = schema();
        let mut open = vec![&schema];
        let mut references = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(target)) = members.get("$ref") {
                        references += 1;
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(schema.pointer(pointer).is_some(), "{target}");
                    }
                    if let Some(Value::String(pattern)) = members.get("pattern") {
                        assert!(!pattern.contains("(?"), "{pattern}");
                    }
                    open.extend(members.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        assert!(references > 40);
    }

    #[test]
    fn words_and_types_are_accepted_in_every_spelling() {
        let schema = schema();
        let kinds = schema["$defs"]["Step"]["properties"]["type"]["enum"]
            .as_array()
            .unwrap();
        for spelling in [
            "send_email",
            "SEND_EMAIL",
            "sendEmail",
            "IfElse",
            "wait",
            "WAIT",
        ] {
            assert!(kinds.contains(&json!(spelling)), "{spelling}");
        }
        let text = schema.to_string();
        for word in [
            "UNTIL_CONDITION",
            "PERCENTAGE",
            "ARCHIVED",
            "GOTO",
            "HOLDOUT",
            "DAYS",
        ] {
            assert!(text.contains(&format!("\"{word}\"")), "{word}");
        }
    }
}
