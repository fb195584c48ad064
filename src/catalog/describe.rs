//! The catalog as data: what `waypost catalog` prints.

use serde_json::{Value, json};

use super::{actions, triggers};
use crate::model::{operator::Operator, template::FILTERS};

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
    let filters = FILTERS
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
