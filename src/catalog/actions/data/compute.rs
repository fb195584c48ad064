//! What the data steps share: operands with templates, one function of them, a variable for the result.

use std::borrow::Cow;

use chrono_tz::Tz;
use regex::Regex;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Map, Value, json};

use crate::{
    catalog::{
        action::{Action, Class, Done, Failure, Outcome, StepContext},
        codes,
        words::{self, Problems},
    },
    model::{
        compare::Num,
        condition::{self, Condition},
        path::{Path, Root, Segment},
        problem::Problem,
        reads::Reads,
        scope::Scope,
        template::{MAX_OUTPUT, ValueTemplate},
        workflow::Step,
    },
};

/// The most elements of a list that a data step makes.
pub(super) const MAX_LIST: usize = 10_000;

/// One operation of a data step.
#[derive(Debug)]
pub(super) struct Operation {
    /// Fields of the config that it needs.
    pub needs: &'static [&'static str],
    /// Fields that it may have beside those.
    pub may: &'static [&'static str],
    /// What it does.
    pub compute: fn(&Operands<'_>) -> Result<Value, Failure>,
}

impl Operation {
    pub(super) const fn new(
        needs: &'static [&'static str],
        may: &'static [&'static str],
        compute: fn(&Operands<'_>) -> Result<Value, Failure>,
    ) -> Self {
        Self {
            needs,
            may,
            compute,
        }
    }
}

#[derive(Debug)]
struct Compiled {
    operation: &'static Operation,
    name: Option<String>,
    fields: ValueTemplate,
    pattern: Option<Regex>,
    condition: Option<Condition>,
}

/// Compiles a step whose config has been read once for its form: all fields but `operation` and `name` are operands.
pub(super) fn compile(
    step: &Step,
    operation: &'static Operation,
    name: Option<&String>,
) -> Result<Box<dyn Action>, Vec<Problem>> {
    let mut found = Problems::default();
    let given = step.config.as_object().cloned().unwrap_or_default();
    let mut given: Map<String, Value> = given
        .into_iter()
        .filter(|(field, value)| {
            !matches!(&**field, "operation" | "name" | "descending") && !value.is_null()
                || field == "descending" && *value == Value::Bool(true)
        })
        .collect();
    if name.is_some_and(String::is_empty) {
        let problem = Problem::error(codes::INVALID_VALUE, "config.name", "a variable has a name");
        found.0.push(problem);
    }
    for field in operation.needs.iter().filter(|f| !given.contains_key(**f)) {
        let path = format!("config.{field}");
        found.0.extend(words::required(None::<()>, &path).err());
    }
    let takes = |field: &str| operation.needs.contains(&field) || operation.may.contains(&field);
    for field in given.keys().filter(|field| !takes(field)) {
        let all: Vec<&str> = operation
            .needs
            .iter()
            .chain(operation.may)
            .copied()
            .collect();
        let text = "the operation has no use for this field";
        let problem = Problem::error(codes::INVALID_VALUE, format!("config.{field}"), text);
        found
            .0
            .push(problem.hint(format!("it takes {}", all.join(", "))));
    }
    let pattern = given.remove("pattern").and_then(|value| {
        let pattern = condition::pattern(value.as_str().unwrap_or_default());
        found.take(pattern.map_err(|problem| problem.within("config.pattern")))
    });
    let condition = given
        .remove("where")
        .and_then(|value| found.take(words::condition(&of_elements(value), "config.where")));
    let fields = found.take(words::value(&Value::Object(given), "config"));
    let action = fields.map(|fields| {
        Box::new(Compiled {
            operation,
            name: name.cloned(),
            fields,
            pattern,
            condition,
        }) as Box<dyn Action>
    });
    found.finish(action)
}

/// In the condition of a filter, `item` is the element: the language knows it as the variable of that name.
fn of_elements(mut condition: Value) -> Value {
    match &mut condition {
        Value::Object(map) => {
            if let Some(Value::String(field)) = map.get_mut("field")
                && (field == "item" || field.starts_with("item.") || field.starts_with("item["))
            {
                field.insert_str(0, "vars.");
            }
            if let Some(parts) = map.get_mut("conditions") {
                *parts = of_elements(parts.take());
            }
        }
        Value::Array(parts) => {
            for part in parts {
                *part = of_elements(part.take());
            }
        }
        _ => {}
    }
    condition
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let value = words::filled(&self.fields, cx).and_then(|fields| {
            let operands = Operands {
                fields,
                pattern: self.pattern.as_ref(),
                condition: self.condition.as_ref(),
                cx,
            };
            (self.operation.compute)(&operands)
        });
        match value {
            Ok(value) => Outcome::Done(Done {
                result: json!({ "value": value }),
                vars: self
                    .name
                    .iter()
                    .map(|name| (name.clone(), value.clone()))
                    .collect(),
                ..Done::default()
            }),
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.fields.reads(reads);
        if let Some(condition) = &self.condition {
            let mut own = Reads::default();
            condition.reads(&mut own);
            own.vars.remove(ITEM);
            reads.union(&own);
        }
        if self.operation.may.contains(&"zone") {
            // Its calendar is the contact's.
            reads.add(&Path::from_keys(
                "contact",
                Root::Contact,
                vec!["timezone".into()],
            ));
        }
    }

    fn class(&self) -> Class {
        Class::Database
    }
}

/// What an operation works on: its fields, filled in.
pub(super) struct Operands<'a> {
    fields: Value,
    pattern: Option<&'a Regex>,
    condition: Option<&'a Condition>,
    /// The step's surroundings.
    pub cx: &'a StepContext<'a>,
}

impl Operands<'_> {
    /// A field; missing and null are none.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Whether the step does not name the field at all.
    pub fn is_absent(&self, field: &str) -> bool {
        self.fields.get(field).is_none()
    }

    /// A field as text; missing is empty, lists and objects are JSON.
    pub fn text(&self, field: &str) -> Cow<'_, str> {
        text(self.get(field).unwrap_or(&Value::Null))
    }

    /// A field as a number; missing: none.
    pub fn number(&self, field: &str) -> Result<Option<Decimal>, Failure> {
        let value = self.get(field).filter(|value| **value != "");
        value
            .map(|value| number(value).ok_or_else(|| not_a_number(field)))
            .transpose()
    }

    /// A field as a whole number; missing: none.
    pub fn whole(&self, field: &str) -> Result<Option<i64>, Failure> {
        let whole = |n: Decimal| n.is_integer().then(|| n.to_i64()).flatten();
        self.number(field)?
            .map(|n| {
                whole(n).ok_or_else(|| {
                    failure("not_a_number", format!("\"{field}\" is no whole number"))
                })
            })
            .transpose()
    }

    /// A field as a whole number that must not be missing.
    pub fn whole_needed(&self, field: &str) -> Result<i64, Failure> {
        self.whole(field)?.ok_or_else(|| not_a_number(field))
    }

    /// A field as a list; missing is an empty one.
    pub fn list(&self, field: &str) -> Result<Vec<Value>, Failure> {
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.clone()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(_) => Err(failure("not_a_list", format!("\"{field}\" is no list"))),
        }
    }

    /// The zone that the field `zone` names, else the contact's.
    pub fn zone(&self) -> Result<Tz, Failure> {
        match self.get("zone") {
            None => Ok(self.cx.tz),
            Some(value) => text(value).parse().map_err(|_| {
                failure(
                    "invalid_zone",
                    "\"zone\" is no time zone such as Europe/Berlin",
                )
            }),
        }
    }

    /// The regular expression.
    pub fn pattern(&self) -> Result<&Regex, Failure> {
        self.pattern
            .ok_or_else(|| failure("invalid_operand", "the pattern is missing"))
    }

    /// Whether the condition holds for an element.
    pub fn holds(&self, item: &Value) -> bool {
        let scope = OverItem {
            item,
            under: self.cx.scope,
        };
        self.condition
            .is_some_and(|condition| condition.eval(&scope, self.cx.now, self.cx.tz))
    }
}

const ITEM: &str = "item";

/// A scope that knows the element as the variable `item`.
struct OverItem<'a> {
    item: &'a Value,
    under: &'a dyn Scope,
}

impl Scope for OverItem<'_> {
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>> {
        match (path.root(), path.segments()) {
            (Root::Vars, [first, rest @ ..]) if first.key() == ITEM => below(self.item, rest),
            _ => self.under.get(path),
        }
    }
}

fn below<'a>(value: &'a Value, segments: &[Segment]) -> Option<Cow<'a, Value>> {
    crate::catalog::event_scope::descend(value, segments)
}

/// A step's failure.
pub(super) fn failure(error: &str, message: impl Into<String>) -> Failure {
    Failure {
        error: error.into(),
        message: message.into(),
    }
}

pub(super) fn not_a_number(field: &str) -> Failure {
    failure(
        "not_a_number",
        format!("\"{field}\" holds something that is no number"),
    )
}

pub(super) fn too_large() -> Failure {
    failure("too_large", "the result is larger than a value may be")
}

/// A value as text, as templates write it.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// A value as an exact number; text counts where it is wholly one.
pub(super) fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Num::of(number).as_decimal(),
        Value::String(text) => Num::parse(text.trim())?.as_decimal(),
        _ => None,
    }
}

/// An exact number as JSON: text where a JSON number would lose digits.
pub(super) fn plain(number: Decimal) -> Value {
    let number = number.normalize();
    if let Some(int) = number.to_i64().filter(|_| number.is_integer()) {
        return Value::from(int);
    }
    let text = number.to_string();
    match text.parse::<f64>() {
        Ok(float) if Num::Float(float).as_decimal() == Some(number) => Value::from(float),
        _ => Value::from(text),
    }
}

/// Text that may be kept.
pub(super) fn bounded(text: String) -> Result<Value, Failure> {
    match text.len() > MAX_OUTPUT {
        true => Err(too_large()),
        false => Ok(Value::from(text)),
    }
}

/// A list that may be kept.
pub(super) fn bounded_list(items: Vec<Value>) -> Result<Value, Failure> {
    match items.len() > MAX_LIST {
        true => Err(too_large()),
        false => Ok(Value::from(items)),
    }
}

/// Position and end within `len` of `count` (none: all) from `start`, which counts from the end where it is negative.
pub(super) fn range(len: usize, start: i64, count: Option<i64>) -> std::ops::Range<usize> {
    let signed = i64::try_from(len).unwrap_or(i64::MAX);
    let from = match start < 0 {
        true => signed.saturating_add(start).max(0),
        false => start,
    };
    let to = count.map_or(signed, |count| from.saturating_add(count.max(0)));
    let place = |n: i64| usize::try_from(n).unwrap_or(0).min(len);
    place(from)..place(to).max(place(from))
}
