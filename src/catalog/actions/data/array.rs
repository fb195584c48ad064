//! `array`: works on lists.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    compute::{self, Operands, bounded_list, failure, not_a_number, number, plain, range},
    string::joined,
};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Resolve},
        words,
    },
    model::{problem::Problem, workflow::Step},
};

/// Works on lists. Positions count from 0; a negative one counts from the end.
///
/// The result is `steps.<id>.result.value`, and the variable that `name` names; the list itself stays as it
/// is. A missing list is an empty one. Two values are the same where they are equal, numbers by what they
/// are worth. The step fails with `not_a_list`, `not_a_number` or `too_large` (10,000 elements).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read for its form; the operands are filled in as one value"
)]
pub struct List {
    /// What is done.
    operation: ListOperation,
    /// The list: a template such as `{{ vars.items }}`, or written out.
    #[serde(default)]
    list: Option<Value>,
    /// The value that is put in, taken out or looked for (`append`, `prepend`, `remove`, `includes`, `index_of`).
    #[serde(default)]
    value: Option<Value>,
    /// The lists that follow (`concat`): a list of lists.
    #[serde(default)]
    others: Option<Value>,
    /// A position (`get`, `remove_at`).
    #[serde(default)]
    index: Option<Value>,
    /// First position (`slice`).
    #[serde(default)]
    start: Option<Value>,
    /// How many elements (`slice`, `first`, `last`).
    #[serde(default)]
    count: Option<Value>,
    /// A condition in which `item` is the element: `{"field": "item.price", "operator": "greater_than", "value": 10}` (`filter`).
    #[serde(default, rename = "where")]
    condition: Option<Value>,
    /// A part of the elements: `price`, `product.name` (`map`; also `unique`, `sort`, `sum`).
    #[serde(default)]
    field: Option<String>,
    /// From the greatest to the least (`sort`).
    #[serde(default)]
    descending: bool,
    /// Between the elements (`join`).
    #[serde(default)]
    separator: Option<String>,
    /// Name of the variable that takes the result, read as `vars.<name>`.
    #[serde(default)]
    name: Option<String>,
}

/// What is done with the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListOperation {
    /// With `value` at the end.
    Append,
    /// With `value` at the start.
    Prepend,
    /// Without elements equal to `value`.
    Remove,
    /// Without the element at `index`; a position that is not there changes nothing.
    RemoveAt,
    /// The element at `index`; missing where there is none.
    Get,
    /// `count` elements from `start`; without a count all that follow.
    Slice,
    /// With the elements of `others` after it.
    Concat,
    /// Every element once, the first of equal ones; by `field` where it is given.
    Unique,
    /// In order, by `field` where it is given: numbers (also those that are text), then text, then the rest, missing ones last.
    Sort,
    /// From the last to the first.
    Reverse,
    /// The elements for which the condition `where` holds.
    Filter,
    /// Of every element what `field` names; missing where it has none.
    Map,
    /// How many elements.
    Length,
    /// The sum of the elements, or of what `field` names in them; missing ones are left out.
    Sum,
    /// Whether an element equals `value`.
    Includes,
    /// Position of the first element that equals `value`; -1 where there is none.
    IndexOf,
    /// The first element, or a list of the first `count`.
    First,
    /// The last element, or a list of the last `count`.
    Last,
    /// The elements as one text, with `separator` between them.
    Join,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "array",
    title: "Work on lists",
    schema: || schemars::schema_for!(List),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: List = words::config(step)?;
    compute::compile(step, row(config.operation), config.name.as_ref())
}

macro_rules! operation {
    ($needs:expr, $may:expr, $compute:expr) => {{
        const ROW: compute::Operation = compute::Operation::new(&$needs, &$may, $compute);
        &ROW
    }};
}

fn row(operation: ListOperation) -> &'static compute::Operation {
    use ListOperation as L;
    match operation {
        L::Append => operation!(["list", "value"], [], |o| {
            let mut items = o.list("list")?;
            items.push(value(o).clone());
            bounded_list(items)
        }),
        L::Prepend => operation!(["list", "value"], [], |o| {
            let mut items = o.list("list")?;
            items.insert(0, value(o).clone());
            bounded_list(items)
        }),
        L::Remove => operation!(["list", "value"], [], |o| {
            let mut items = o.list("list")?;
            items.retain(|item| !same(item, value(o)));
            bounded_list(items)
        }),
        L::RemoveAt => operation!(["list", "index"], [], |o| {
            let mut items = o.list("list")?;
            if let Some(at) = place(items.len(), o.whole_needed("index")?) {
                items.remove(at);
            }
            bounded_list(items)
        }),
        L::Get => operation!(["list", "index"], [], |o| {
            let mut items = o.list("list")?;
            let at = place(items.len(), o.whole_needed("index")?);
            Ok(at.map_or(Value::Null, |at| items.swap_remove(at)))
        }),
        L::Slice => operation!(["list", "start"], ["count"], |o| {
            let items = o.list("list")?;
            let cut = range(items.len(), o.whole_needed("start")?, o.whole("count")?);
            bounded_list(items[cut].to_vec())
        }),
        L::Concat => operation!(["list", "others"], [], |o| {
            let mut items = o.list("list")?;
            for other in o.list("others")? {
                match other {
                    Value::Array(more) => items.extend(more),
                    Value::Null => {}
                    _ => return Err(failure("not_a_list", "\"others\" is no list of lists")),
                }
                if items.len() > compute::MAX_LIST {
                    break;
                }
            }
            bounded_list(items)
        }),
        L::Unique => operation!(["list"], ["field"], |o| {
            let mut keyed: Vec<(usize, Value)> = o.list("list")?.into_iter().enumerate().collect();
            let field = o.text("field");
            let by = |a: &(usize, Value), b: &(usize, Value)| {
                order(part(&a.1, &field), part(&b.1, &field))
            };
            // The first of equal ones stays first: the sort is stable.
            keyed.sort_by(by);
            keyed.dedup_by(|b, a| by(a, b).is_eq());
            keyed.sort_by_key(|(at, _)| *at);
            bounded_list(keyed.into_iter().map(|(_, item)| item).collect())
        }),
        L::Sort => operation!(["list"], ["field", "descending"], |o| {
            let mut items = o.list("list")?;
            let field = o.text("field");
            let down = o.get("descending").is_some();
            items.sort_by(|a, b| {
                let (a, b) = (part(a, &field), part(b, &field));
                match (a.is_null(), b.is_null()) {
                    (false, false) if down => order(b, a),
                    (a_missing, b_missing) if a_missing || b_missing => a_missing.cmp(&b_missing),
                    _ => order(a, b),
                }
            });
            bounded_list(items)
        }),
        L::Reverse => operation!(["list"], [], |o| {
            let mut items = o.list("list")?;
            items.reverse();
            bounded_list(items)
        }),
        L::Filter => operation!(["list", "where"], [], |o| {
            let mut items = o.list("list")?;
            items.retain(|item| o.holds(item));
            bounded_list(items)
        }),
        L::Map => operation!(["list", "field"], [], |o| {
            let field = o.text("field");
            let items = o.list("list")?;
            bounded_list(
                items
                    .iter()
                    .map(|item| part(item, &field).clone())
                    .collect(),
            )
        }),
        L::Length => operation!(["list"], [], |o| Ok(Value::from(o.list("list")?.len()))),
        L::Sum => operation!(["list"], ["field"], |o| {
            let field = o.text("field");
            let mut total = Decimal::ZERO;
            for item in &o.list("list")? {
                let item = part(item, &field);
                if !item.is_null() && item != "" {
                    let more = number(item).ok_or_else(|| not_a_number("list"))?;
                    let sum = total.checked_add(more);
                    total =
                        sum.ok_or_else(|| failure("overflow", "the sum has more than 28 digits"))?;
                }
            }
            Ok(plain(total))
        }),
        L::Includes => operation!(["list", "value"], [], |o| {
            Ok(Value::from(
                o.list("list")?.iter().any(|item| same(item, value(o))),
            ))
        }),
        L::IndexOf => operation!(["list", "value"], [], |o| {
            let at = o.list("list")?.iter().position(|item| same(item, value(o)));
            Ok(at.map_or(Value::from(-1), Value::from))
        }),
        L::First => operation!(["list"], ["count"], |o| {
            let mut items = o.list("list")?;
            match o.whole("count")? {
                None => Ok(items.drain(..1.min(items.len())).next().unwrap_or_default()),
                Some(count) => {
                    items.truncate(usize::try_from(count).unwrap_or(0));
                    bounded_list(items)
                }
            }
        }),
        L::Last => operation!(["list"], ["count"], |o| {
            let mut items = o.list("list")?;
            match o.whole("count")? {
                None => Ok(items.pop().unwrap_or_default()),
                Some(count) => {
                    let count = usize::try_from(count).unwrap_or(0).min(items.len());
                    bounded_list(items.split_off(items.len() - count))
                }
            }
        }),
        L::Join => operation!(["list"], ["separator"], |o| {
            joined(&o.list("list")?, &o.text("separator"))
        }),
    }
}

static MISSING: Value = Value::Null;

fn value<'a>(operands: &'a Operands<'_>) -> &'a Value {
    operands.get("value").unwrap_or(&MISSING)
}

/// The position, if there is one.
fn place(len: usize, index: i64) -> Option<usize> {
    let from_end = || len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
    let at = match index < 0 {
        true => from_end()?,
        false => usize::try_from(index).ok()?,
    };
    (at < len).then_some(at)
}

/// What a dotted field names in an element; the element itself where the field is empty.
fn part<'a>(item: &'a Value, field: &str) -> &'a Value {
    if field.is_empty() {
        return item;
    }
    let found = field.split('.').try_fold(item, |value, key| match value {
        Value::Object(map) => map.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    });
    found.unwrap_or(&MISSING)
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => order(a, b).is_eq(),
        _ => a == b,
    }
}

/// One order over all values: numbers (also those that are text), text, flags, lists and objects, missing.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value, number: Option<Decimal>| match value {
        _ if number.is_some() => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Bool(_) => 3,
        Value::Null => 5,
        _ => 4,
    };
    let (x, y) = (number(a), number(b));
    rank(a, x).cmp(&rank(b, y)).then_with(|| match (a, b) {
        // "7" and 7 stand side by side, and are not one.
        _ if x.is_some() => x.cmp(&y).then(a.as_str().cmp(&b.as_str())),
        (Value::Number(a), Value::Number(b)) => {
            let float = |n: &serde_json::Number| n.as_f64().unwrap_or_default();
            float(a).total_cmp(&float(b))
        }
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => a.to_string().cmp(&b.to_string()),
    })
}
