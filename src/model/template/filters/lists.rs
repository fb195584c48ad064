//! Filters on lists; most take text as a list of its characters.

use minijinja::{
    Environment, Error,
    value::{Value, ValueKind},
};
use rust_decimal::Decimal;

use super::{bounded, invalid, is_missing, numbers, text, too_large};
use crate::model::template::MAX_OUTPUT;

/// The most elements of a list that a filter makes.
pub(super) const MAX_LIST: usize = 100_000;

pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("join", join);
    environment.add_filter("split", split);
    environment.add_filter("first", |value: &Value| match value.as_str() {
        Some(text) => Ok(Value::from(text.chars().take(1).collect::<String>())),
        None => Ok::<Value, Error>(list(value)?.into_iter().next().unwrap_or(Value::UNDEFINED)),
    });
    environment.add_filter("last", |value: &Value| match value.as_str() {
        Some(text) => Ok(Value::from(
            text.chars().last().map(String::from).unwrap_or_default(),
        )),
        None => Ok::<Value, Error>(list(value)?.pop().unwrap_or(Value::UNDEFINED)),
    });
    for name in ["length", "size", "count"] {
        environment.add_filter(name, |value: &Value| match value.as_str() {
            Some(text) => text.chars().count(),
            None => value.len().unwrap_or(0),
        });
    }
    environment.add_filter("reverse", |value: &Value| match value.as_str() {
        Some(text) => Ok(Value::from(text.chars().rev().collect::<String>())),
        None => list(value).map(|mut items| {
            items.reverse();
            Value::from(items)
        }),
    });
    environment.add_filter("sort", sort);
    environment.add_filter("uniq", unique);
    environment.add_filter("unique", unique);
    environment.add_filter("compact", |value: &Value| {
        let items = list(value)?.into_iter().filter(|item| !is_missing(item));
        Ok::<Value, Error>(items.collect())
    });
    environment.add_filter("map", |value: &Value, key: &Value| {
        Ok::<Value, Error>(list(value)?.iter().map(|item| part(item, key)).collect())
    });
    environment.add_filter("where", select);
    environment.add_filter("slice", slice);
    environment.add_filter("sum", sum);
    environment.add_filter("items", items);
}

/// The elements; nothing of what is missing, the value itself of what is no list.
fn list(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Vec::new()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            if value.len().is_some_and(|len| len > MAX_LIST) {
                return Err(too_large());
            }
            let mut items = Vec::new();
            for item in value.try_iter()?.checked().take(MAX_LIST) {
                items.push(item?);
            }
            Ok(items)
        }
        _ => Ok(vec![value.clone()]),
    }
}

/// What `key` names in an element, `a.b` in depth.
fn part(item: &Value, key: &Value) -> Value {
    let Some(keys) = key.as_str() else {
        return item.get_item(key).unwrap_or_default();
    };
    keys.split('.').fold(item.clone(), |item, key| {
        item.get_attr(key).unwrap_or_default()
    })
}

fn join(value: &Value, between: Option<Value>) -> Result<Value, Error> {
    let between = between.unwrap_or_else(|| Value::from(" "));
    let between = text(&between)?;
    let mut out = String::new();
    for (i, item) in list(value)?.iter().enumerate() {
        if i > 0 {
            out.push_str(&between);
        }
        out.push_str(&text(item)?);
        if out.len() > MAX_OUTPUT {
            return Err(too_large());
        }
    }
    bounded(out)
}

fn split(value: &Value, between: Option<Value>) -> Result<Value, Error> {
    let text_value = text(value)?;
    let between = between.unwrap_or_else(|| Value::from(" "));
    let between = text(&between)?;
    let parts: Vec<Value> = match &*between {
        _ if text_value.is_empty() => Vec::new(),
        "" => text_value
            .chars()
            .take(MAX_LIST + 1)
            .map(|c| Value::from(c.to_string()))
            .collect(),
        " " => text_value
            .split_whitespace()
            .take(MAX_LIST + 1)
            .map(Value::from)
            .collect(),
        between => text_value
            .split(between)
            .take(MAX_LIST + 1)
            .map(Value::from)
            .collect(),
    };
    if parts.len() > MAX_LIST {
        Err(too_large())
    } else {
        Ok(Value::from(parts))
    }
}

fn sort(value: &Value, key: Option<Value>) -> Result<Value, Error> {
    let mut items = list(value)?;
    match key {
        Some(key) => items.sort_by_cached_key(|item| part(item, &key)),
        None => items.sort(),
    }
    Ok(Value::from(items))
}

fn unique(value: &Value) -> Result<Value, Error> {
    let mut seen = std::collections::BTreeSet::new();
    let items = list(value)?
        .into_iter()
        .filter(|item| seen.insert(item.clone()));
    Ok(Value::from(items.collect::<Vec<Value>>()))
}

fn select(value: &Value, key: &Value, wanted: Option<Value>) -> Result<Value, Error> {
    let fits = |item: &Value| match &wanted {
        Some(wanted) => part(item, key) == *wanted,
        None => part(item, key).is_true(),
    };
    Ok(Value::from(
        list(value)?
            .into_iter()
            .filter(fits)
            .collect::<Vec<Value>>(),
    ))
}

fn slice(value: &Value, from: i64, count: Option<i64>) -> Result<Value, Error> {
    let range = |len: usize| {
        let len_signed = i64::try_from(len).unwrap_or(i64::MAX);
        let start = if from < 0 {
            len_signed.saturating_add(from).max(0)
        } else {
            from
        };
        let end = start.saturating_add(count.unwrap_or(1).max(0));
        let place = |n: i64| usize::try_from(n).unwrap_or(0).min(len);
        place(start)..place(end)
    };
    if let Some(text) = value.as_str() {
        let range = range(text.chars().count());
        let cut: String = text.chars().skip(range.start).take(range.len()).collect();
        return Ok(Value::from(cut));
    }
    let items = list(value)?;
    let range = range(items.len());
    Ok(Value::from(items[range].to_vec()))
}

fn sum(value: &Value, key: Option<Value>) -> Result<Value, Error> {
    let mut total = Decimal::ZERO;
    for item in list(value)? {
        let item = key
            .as_ref()
            .map_or_else(|| item.clone(), |key| part(&item, key));
        if is_missing(&item) {
            continue;
        }
        let number = numbers::number(&item).ok_or_else(|| invalid("a number is needed here"))?;
        total = total
            .checked_add(number)
            .ok_or_else(|| invalid("the sum is too large"))?;
    }
    Ok(numbers::plain(total))
}

fn items(value: &Value) -> Result<Value, Error> {
    let pairs = list(value)?.into_iter().map(|key| {
        let item = value.get_item(&key).unwrap_or_default();
        Value::from(vec![key, item])
    });
    Ok(Value::from(pairs.collect::<Vec<Value>>()))
}

/// Liquid's `contains`: a part of a text, or an element of a list.
pub(super) fn is_containing(value: &Value, wanted: &Value) -> Result<bool, Error> {
    if let Some(whole) = value.as_str() {
        return Ok(!is_missing(wanted) && whole.contains(&*text(wanted)?));
    }
    Ok(!is_missing(value) && list(value)?.contains(wanted))
}
