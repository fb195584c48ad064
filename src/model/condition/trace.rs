//! Why a condition held or not: every comparison with what it wanted and found, bounded in size.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Group, Leaf, Want,
    eval::{self, Cx, compare_leaf, found},
    wanted::Wanted,
};
use crate::model::path::Root;

/// The most comparisons that are kept.
const MAX_KEPT: usize = 200;
/// The most characters of a text that are kept.
const MAX_TEXT: usize = 200;
/// The most elements of a list or an object that are kept.
const MAX_ITEMS: usize = 20;
/// How deep a value is kept.
const MAX_DEPTH: usize = 4;

/// An evaluated condition, group by group.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Trace {
    /// A group and its parts.
    Group {
        /// AND, OR or NOT.
        operator: &'static str,
        /// Whether it held.
        result: bool,
        /// Its parts.
        conditions: Vec<Trace>,
        /// How many parts were left out because the trace was full.
        #[serde(skip_serializing_if = "is_zero")]
        omitted: usize,
    },
    /// One comparison.
    Leaf(Box<LeafTrace>),
}

/// One evaluated comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeafTrace {
    /// The field as written.
    pub field: String,
    /// The operator's name.
    pub operator: &'static str,
    /// What was wanted, templates filled in, cut.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub wanted: Value,
    /// What was found, cut; null where missing.
    pub found: Value,
    /// For operators that tell of a change: what the field held before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_old: Option<Value>,
    /// Whether it held.
    pub result: bool,
    /// Whether the two could not be compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub type_mismatch: bool,
    /// Why the wanted value could not be filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

pub(super) fn traced(group: &Group, cx: &Cx<'_>) -> (bool, Trace) {
    let mut left = MAX_KEPT;
    trace(group, cx, &mut left)
}

fn trace(group: &Group, cx: &Cx<'_>, left: &mut usize) -> (bool, Trace) {
    let (operator, parts) = match group {
        Group::All(parts) => ("AND", parts),
        Group::Any(parts) => ("OR", parts),
        Group::None(parts) => ("NOT", parts),
        Group::Leaf(leaf) => {
            *left = left.saturating_sub(1);
            let leaf = trace_leaf(leaf, cx);
            return (leaf.result, Trace::Leaf(Box::new(leaf)));
        }
    };
    let (mut every, mut some, mut omitted) = (true, false, 0);
    let mut conditions = Vec::with_capacity(parts.len().min(MAX_KEPT));
    for part in parts {
        let held = if *left == 0 {
            omitted += 1;
            eval::holds(part, cx)
        } else {
            let (held, trace) = trace(part, cx, left);
            conditions.push(trace);
            held
        };
        every &= held;
        some |= held;
    }
    let result = match group {
        Group::All(_) => every,
        Group::Any(_) => some,
        _ => !some,
    };
    (
        result,
        Trace::Group {
            operator,
            result,
            conditions,
            omitted,
        },
    )
}

fn trace_leaf(leaf: &Leaf, cx: &Cx<'_>) -> LeafTrace {
    let wanted = leaf.wanted(cx);
    let found = found(leaf, cx);
    let finding = compare_leaf(leaf, wanted.as_deref().ok(), found.as_deref(), cx);
    // A secret is looked at, never shown.
    let shown = |value: Option<&Value>| match (leaf.field.root(), value) {
        (_, None) => Value::Null,
        (Root::Secrets, Some(_)) => json!("(secret)"),
        (_, Some(value)) => cut(value, 0),
    };
    let old = leaf
        .change
        .as_ref()
        .map(|change| shown(cx.scope.get(&change.old).as_deref()));
    let hides = reads_secrets(leaf);
    LeafTrace {
        field: cut_text(leaf.field.text()),
        operator: leaf.operator.name(),
        wanted: match &wanted {
            Ok(_) if hides => json!("(secret)"),
            Ok(wanted) => shown_wanted(wanted),
            Err(_) => Value::Null,
        },
        found: shown(found.as_deref()),
        found_old: old,
        result: finding.holds,
        type_mismatch: finding.mismatch,
        error: wanted
            .as_ref()
            .err()
            .filter(|_| !hides)
            .map(|why| cut_text(why)),
    }
}

fn reads_secrets(leaf: &Leaf) -> bool {
    let Want::Template(template) = &leaf.wanted else {
        return false;
    };
    let mut reads = crate::model::reads::Reads::default();
    template.reads(&mut reads);
    !reads.secrets.is_empty()
}

fn shown_wanted(wanted: &Wanted) -> Value {
    match wanted {
        Wanted::Flag(flag) => json!(flag),
        Wanted::One(operand) => cut(operand.value(), 0),
        Wanted::List(list) => {
            let items = list
                .iter()
                .take(MAX_ITEMS + 1)
                .map(|operand| operand.value().clone());
            cut(&Value::Array(items.collect()), 0)
        }
        Wanted::Pair(pair) => json!(pair.each_ref().map(|end| cut(end.value(), 1))),
        Wanted::Span(span) => json!(span.to_string()),
        Wanted::Regex(regex) => json!(cut_text(regex.as_str())),
    }
}

/// A copy that is small whatever the original is.
fn cut(value: &Value, depth: usize) -> Value {
    let more = || json!("…");
    match value {
        Value::String(text) => Value::String(cut_text(text)),
        Value::Array(items) if !items.is_empty() && depth >= MAX_DEPTH => more(),
        Value::Object(map) if !map.is_empty() && depth >= MAX_DEPTH => more(),
        Value::Array(items) => {
            let kept = items
                .iter()
                .take(MAX_ITEMS)
                .map(|item| cut(item, depth + 1));
            Value::Array(kept.chain((items.len() > MAX_ITEMS).then(more)).collect())
        }
        Value::Object(map) => {
            let kept = map.iter().take(MAX_ITEMS);
            let mut kept: Map<String, Value> = kept
                .map(|(key, item)| (cut_text(key), cut(item, depth + 1)))
                .collect();
            if map.len() > MAX_ITEMS {
                kept.insert("…".into(), more());
            }
            Value::Object(kept)
        }
        value => value.clone(),
    }
}

fn cut_text(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
