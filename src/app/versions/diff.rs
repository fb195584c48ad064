//! What differs between two definitions, said by step, goal, trigger and setting.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::workflow::Definition;

/// The difference of two versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The workflow's id.
    pub workflow: String,
    /// The older version.
    pub from: i32,
    /// The newer one.
    pub to: i32,
    /// In the order of the newer one; what is gone comes last.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// `step`, `goal`, `trigger` or `setting`.
    pub what: &'static str,
    /// Its id; of a setting, its path.
    pub id: String,
    /// What became of it.
    pub change: Kind,
    /// What is different in it, where it was changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Something in it is different.
    Changed,
    /// It stands elsewhere in the list.
    Moved,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Where, e.g. `config.duration.amount`.
    pub path: String,
    /// Before; absent: it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// After; absent: it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// What differs.
#[must_use]
pub fn changes(old: &Definition, new: &Definition) -> Vec<Change> {
    let (mut old, mut new) = (members(old), members(new));
    let mut all = Vec::new();
    for (what, name) in [
        ("trigger", "trigger"),
        ("step", "actions"),
        ("goal", "goals"),
    ] {
        all.extend(parts(what, &take(&mut old, name), &take(&mut new, name)));
    }
    let mut fields = Vec::new();
    compare("", &Value::Object(old), &Value::Object(new), &mut fields);
    all.extend(fields.into_iter().map(|field| Change {
        what: "setting",
        id: field.path.clone(),
        change: match (&field.old, &field.new) {
            (None, _) => Kind::Added,
            (_, None) => Kind::Removed,
            _ => Kind::Changed,
        },
        fields: vec![field],
    }));
    all
}

fn members(definition: &Definition) -> Map<String, Value> {
    match serde_json::to_value(definition) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// A list of parts, by id. `trigger` and `triggers` are one list.
fn take(definition: &mut Map<String, Value>, name: &str) -> Vec<(String, Value)> {
    let mut list = match definition.remove(name) {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    if name == "trigger"
        && let Some(Value::Array(more)) = definition.remove("triggers")
    {
        list.extend(more);
    }
    let ids = list.into_iter().enumerate().map(|(at, part)| {
        let id = part.get("id").and_then(Value::as_str);
        let id = id.map_or_else(|| default_id(at), str::to_owned);
        (id, part)
    });
    ids.collect()
}

/// What a trigger without an id is called.
fn default_id(at: usize) -> String {
    match at {
        0 => "trigger".to_owned(),
        _ => format!("trigger-{}", at + 1),
    }
}

fn parts(what: &'static str, old: &[(String, Value)], new: &[(String, Value)]) -> Vec<Change> {
    let change = |id: &str, change, fields| Change {
        what,
        id: id.to_owned(),
        change,
        fields,
    };
    let stayed = in_order(old, new);
    let mut found = Vec::new();
    for (id, part) in new {
        let Some((_, before)) = old.iter().find(|(other, _)| other == id) else {
            found.push(change(id, Kind::Added, Vec::new()));
            continue;
        };
        let mut fields = Vec::new();
        compare("", before, part, &mut fields);
        if !fields.is_empty() {
            found.push(change(id, Kind::Changed, fields));
        }
        if !stayed.contains(&id.as_str()) {
            found.push(change(id, Kind::Moved, Vec::new()));
        }
    }
    for (id, _) in old {
        if !new.iter().any(|(other, _)| other == id) {
            found.push(change(id, Kind::Removed, Vec::new()));
        }
    }
    found
}

/// The longest run of ids that are in both lists in the same order: all others were moved.
fn in_order<'a>(old: &[(String, Value)], new: &'a [(String, Value)]) -> Vec<&'a str> {
    let place = |id: &str| old.iter().position(|(other, _)| other == id);
    let both: Vec<(&str, usize)> = new
        .iter()
        .filter_map(|(id, _)| Some((id.as_str(), place(id)?)))
        .collect();
    // For each, the longest rising run that ends there, and what comes before it in that run.
    let mut runs: Vec<(usize, Option<usize>)> = Vec::with_capacity(both.len());
    for (at, (_, place)) in both.iter().enumerate() {
        let before = (0..at).filter(|other| both[*other].1 < *place);
        let best = before.max_by_key(|other| (runs[*other].0, std::cmp::Reverse(*other)));
        runs.push((best.map_or(1, |best| runs[best].0 + 1), best));
    }
    let last = (0..runs.len()).max_by_key(|at| (runs[*at].0, std::cmp::Reverse(*at)));
    let mut ids = Vec::new();
    let mut at = last;
    while let Some(here) = at {
        ids.push(both[here].0);
        at = runs[here].1;
    }
    ids
}

/// Leaves that differ, by path. Lists are one leaf unless both have as many members.
fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<Field>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            // By name, whatever order the maps keep.
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                match (a.get(name), b.get(name)) {
                    (Some(old), Some(new)) => compare(&below(name), old, new, found),
                    (old, new) => found.push(Field {
                        path: below(name),
                        old: old.cloned(),
                        new: new.cloned(),
                    }),
                }
            }
        }
        (Value::Array(a), Value::Array(b))
            if a.len() == b.len() && a.iter().chain(b).all(|value| value.is_object()) =>
        {
            for (at, (old, new)) in a.iter().zip(b).enumerate() {
                compare(&below(&at.to_string()), old, new, found);
            }
        }
        _ if old != new => found.push(Field {
            path: path.to_owned(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Changes in short: `step a changed config.tag: "x" -> "y"`.
    fn told(old: Value, new: Value) -> Vec<String> {
        let read = |value: Value| serde_json::from_value::<Definition>(value).expect("definition");
        let list = changes(&read(old), &read(new));
        list.iter()
            .map(|one| {
                let kind = serde_json::to_value(one.change).expect("a word");
                let mut text = format!("{} {} {}", one.what, one.id, kind.as_str().expect("word"));
                for field in &one.fields {
                    let side = |v: &Option<Value>| v.as_ref().map_or("-".into(), Value::to_string);
                    let (old, new) = (side(&field.old), side(&field.new));
                    text.push_str(&format!(" {}: {old} -> {new}", field.path));
                }
                text
            })
            .collect()
    }

    fn workflow(actions: Value) -> Value {
        json!({"id": "w", "trigger": {"type": "contact.created"}, "actions": actions})
    }

    #[test]
    fn steps_are_added_removed_changed_and_moved() {
        let step =
            |id: &str, tag: &str| json!({"id": id, "type": "add_tag", "config": {"tag": tag}});
        /// Id and tag of each step.
        type Steps<'a> = &'a [(&'a str, &'a str)];
        let rows: &[(Steps<'_>, Steps<'_>, &[&str])] = &[
            (&[("a", "1"), ("b", "1")], &[("a", "1"), ("b", "1")], &[]),
            (&[("a", "1")], &[("a", "1"), ("b", "1")], &["step b added"]),
            (
                &[("a", "1"), ("b", "1")],
                &[("b", "1")],
                &["step a removed"],
            ),
            (
                &[("a", "1")],
                &[("a", "2")],
                &["step a changed config.tag: \"1\" -> \"2\""],
            ),
            (
                &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")],
                &[("d", "1"), ("a", "1"), ("b", "1"), ("c", "1")],
                &["step d moved"],
            ),
            (
                &[("a", "1")],
                &[("b", "1")],
                &["step b added", "step a removed"],
            ),
        ];
        for (old, new, wanted) in rows {
            let list = |of: Steps<'_>| {
                workflow(of.iter().map(|(id, tag)| step(id, tag)).collect::<Value>())
            };
            assert_eq!(told(list(old), list(new)), *wanted, "{old:?} {new:?}");
        }
    }

    #[test]
    fn goals_triggers_and_settings_are_told_by_their_names() {
        let mut old = workflow(json!([]));
        let mut new = old.clone();
        old["goals"] =
            json!([{"id": "g", "conditions": {"field": "contact.x", "operator": "exists"}}]);
        new["goals"] =
            json!([{"id": "g", "conditions": {"field": "contact.y", "operator": "exists"}}]);
        new["trigger"]["type"] = json!("form.submitted");
        old["enrollmentSettings"] = json!({"enrollmentLimit": 2});
        new["enrollmentSettings"] = json!({"enrollmentLimit": 3});
        old["name"] = json!("W");
        assert_eq!(
            told(old, new),
            [
                "trigger trigger changed type: \"contact.created\" -> \"form.submitted\"",
                "goal g changed conditions.field: \"contact.x\" -> \"contact.y\"",
                "setting enrollmentSettings.enrollmentLimit changed enrollmentSettings.enrollmentLimit: 2 -> 3",
                "setting name removed name: \"W\" -> -",
            ]
        );
    }
}
