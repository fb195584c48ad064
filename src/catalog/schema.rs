//! The published JSON Schema of a definition, put together from the rows of the catalog.
//!
//! Steps and triggers are told apart by `type` with `if` and `then`, so that a validator complains
//! about the one config that was meant, and not about every one that was not.

mod rewrite;

use serde_json::{Map, Value, json};

use super::parse::names::spellings;
use super::{actions, triggers};
use crate::model::{operator::Operator, retry::RetryConfig, span::Unit, workflow::Definition};
use rewrite::{embed, nullable, portable, widen};

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
    for words in [
        "WorkflowStatus",
        "JoinWord",
        "GoalWord",
        "OnUnmet",
        "ReplyChannel",
        "Policy",
    ] {
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
