//! `update_variable`: changes a variable from the value that it has.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Done, Failure, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        path::{Path, Root},
        problem::Problem,
        reads::Reads,
        template::ValueTemplate,
        workflow::Step,
    },
};

/// Changes a variable from the value that it has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateVariable {
    /// Name of the variable.
    pub name: String,
    /// What is done with it. Default `set`.
    #[serde(default)]
    pub operation: Operation,
    /// With what: any JSON; strings may be templates. Default for `increment`: 1.
    #[serde(default)]
    pub value: Value,
}

/// What is done with the variable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Takes the value.
    #[default]
    Set,
    /// Adds the number; a missing variable counts as 0.
    Increment,
    /// Puts the value at the end of the list, or text at the end of text; missing counts as an empty list.
    Append,
    /// Takes over the object's keys; a missing variable counts as an empty object.
    Merge,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "update_variable",
    title: "Change a variable",
    schema: || schemars::schema_for!(UpdateVariable),
    compile,
};

#[derive(Debug)]
struct Compiled {
    name: String,
    current: Path,
    operation: Operation,
    value: ValueTemplate,
}

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: UpdateVariable = words::config(step)?;
    let mut found = Problems::default();
    if config.name.is_empty() {
        found.0.push(Problem::error(
            "invalid_value",
            "config.name",
            "a variable has a name",
        ));
    }
    let value = match (config.operation, &config.value) {
        (Operation::Increment, Value::Null) => &Value::from(1),
        (_, value) => value,
    };
    let value = found.take(words::value(value, "config.value"));
    let action = value.map(|value| Compiled {
        current: Path::from_keys("vars", Root::Vars, vec![config.name.clone()]),
        name: config.name,
        operation: config.operation,
        value,
    });
    found.finish(action.map(|action| Box::new(action) as Box<dyn Action>))
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let value = words::filled(&self.value, cx).and_then(|value| {
            let current = cx
                .scope
                .get(&self.current)
                .map(|current| current.into_owned());
            updated(self.operation, current, value)
        });
        match value {
            Ok(value) => Outcome::Done(Done {
                vars: vec![(self.name.clone(), value)],
                ..Done::default()
            }),
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.value.reads(reads);
        reads.add(&self.current);
    }

    fn class(&self) -> Class {
        Class::Database
    }
}

fn updated(operation: Operation, current: Option<Value>, value: Value) -> Result<Value, Failure> {
    let wrong = |wanted: &str| Failure {
        error: "type_mismatch".into(),
        message: format!("{operation:?} needs {wanted}").to_lowercase(),
    };
    Ok(match (operation, current) {
        (Operation::Set, _) => value,
        (Operation::Increment, current) => {
            let current = current.unwrap_or(Value::from(0));
            sum(&current, &value).ok_or_else(|| wrong("two numbers"))?
        }
        (Operation::Append, None) => Value::Array(vec![value]),
        (Operation::Append, Some(Value::Array(mut items))) => {
            items.push(value);
            Value::Array(items)
        }
        (Operation::Append, Some(Value::String(mut text))) => match value {
            Value::String(more) => {
                text.push_str(&more);
                Value::String(text)
            }
            Value::Number(more) => Value::String(format!("{text}{more}")),
            _ => return Err(wrong("text to put at the end of text")),
        },
        (Operation::Append, Some(_)) => return Err(wrong("a list or text")),
        (Operation::Merge, current) => {
            match (current.unwrap_or(Value::Object(Map::new())), value) {
                (Value::Object(mut map), Value::Object(more)) => {
                    map.extend(more);
                    Value::Object(map)
                }
                _ => return Err(wrong("two objects")),
            }
        }
    })
}

/// Whole numbers stay whole, decimals add up as they are written.
fn sum(a: &Value, b: &Value) -> Option<Value> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64())
        && let Some(sum) = a.checked_add(b)
    {
        return Some(Value::from(sum));
    }
    let number = |value: &Value| match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        _ => None,
    };
    let (a, b) = (number(a)?, number(b)?);
    let decimal = |text: &str| {
        text.parse::<Decimal>()
            .ok()
            .or_else(|| Decimal::from_scientific(text).ok())
    };
    if let (Some(a), Some(b)) = (decimal(&a), decimal(&b))
        && let Some(sum) = a.checked_add(b)
    {
        let whole = sum.is_integer().then(|| sum.to_i64()).flatten();
        return whole
            .map(Value::from)
            .or_else(|| sum.to_f64().map(Value::from));
    }
    let sum = a.parse::<f64>().ok()? + b.parse::<f64>().ok()?;
    sum.is_finite().then(|| Value::from(sum))
}
