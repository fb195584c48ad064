//! What a comparison wants, in the form its operator needs.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::model::{compare::Operand, operator::Takes, span::Span};

/// The longest pattern, in characters.
const MAX_PATTERN: usize = 1_000;
/// The largest compiled pattern, in bytes.
const MAX_REGEX: usize = 1 << 20;
/// The most values of a list.
const MAX_LIST: usize = 10_000;

/// A wanted value, checked against what its operator takes.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// A flag; false turns the operator round.
    Flag(bool),
    One(Operand),
    List(Vec<Operand>),
    Pair(Box<[Operand; 2]>),
    Span(Span),
    Regex(Regex),
}

/// What is wrong, and what would be right.
pub(super) type Refusal = (String, Option<String>);

fn refuse<T>(why: impl Into<String>, hint: &str) -> Result<T, Refusal> {
    Err((why.into(), Some(hint.to_owned())))
}

impl Wanted {
    /// Checks a value that is written out or was filled in. Null comes only from a template that
    /// found nothing, and equals nothing.
    pub(super) fn of(takes: Takes, value: Value) -> Result<Wanted, Refusal> {
        match takes {
            Takes::Flag => match &value {
                Value::Bool(flag) => Ok(Wanted::Flag(*flag)),
                Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Wanted::Flag(true)),
                Value::String(text) if text.eq_ignore_ascii_case("false") => {
                    Ok(Wanted::Flag(false))
                }
                _ => refuse(
                    "the value is neither true nor false",
                    "leave it out, or say true",
                ),
            },
            Takes::One => Ok(Wanted::One(Operand::new(value))),
            Takes::Text => match value {
                Value::String(_) | Value::Null => Ok(Wanted::One(Operand::new(value))),
                // A number is compared by its digits: starts_with 49 is what was meant.
                Value::Number(number) => {
                    Ok(Wanted::One(Operand::new(Value::String(number.to_string()))))
                }
                _ => refuse("the value is no text", "write text such as \"Dr.\""),
            },
            Takes::Regex => Self::regex(&value).map(Wanted::Regex),
            Takes::List => match value {
                Value::Array(items) if items.len() > MAX_LIST => refuse(
                    format!("the list has more than {MAX_LIST} values"),
                    "use a tag instead",
                ),
                Value::Array(items) => {
                    Ok(Wanted::List(items.into_iter().map(Operand::new).collect()))
                }
                Value::Null => Ok(Wanted::List(Vec::new())),
                Value::Object(_) => refuse("the value is no list", "write a list such as [\"a\"]"),
                one => Ok(Wanted::List(vec![Operand::new(one)])),
            },
            Takes::Date => Self::date(value).map(Wanted::One),
            Takes::Pair => {
                let (low, high) = pair(value)?;
                Ok(Wanted::Pair(Box::new([low, high].map(Operand::new))))
            }
            Takes::Dates => {
                let (from, to) = pair(value)?;
                Ok(Wanted::Pair(Box::new([Self::date(from)?, Self::date(to)?])))
            }
            Takes::Span => match value {
                Value::Number(number) => refuse(
                    format!("the span {number} has no unit"),
                    "write \"24 hours\" or {\"amount\": 24, \"unit\": \"hours\"}",
                ),
                value => Span::from_value(&value)
                    .map(Wanted::Span)
                    .map_err(|e| (e.0, None)),
            },
        }
    }

    fn date(value: Value) -> Result<Operand, Refusal> {
        let operand = Operand::new(value);
        match operand.moment() {
            Some(_) => Ok(operand),
            None if operand.value().is_null() => Ok(operand),
            None => refuse(
                "the value is no date",
                "write \"2024-12-31\" or \"2024-12-31T18:00:00Z\"",
            ),
        }
    }

    pub(super) fn regex(value: &Value) -> Result<Regex, Refusal> {
        let Value::String(pattern) = value else {
            return refuse(
                "the pattern is no text",
                "write an expression such as \"^[A-Z]{2}\"",
            );
        };
        if pattern.chars().nth(MAX_PATTERN).is_some() {
            return refuse(
                format!("the pattern is longer than {MAX_PATTERN} characters"),
                "use in with a list",
            );
        }
        let built = RegexBuilder::new(pattern)
            .size_limit(MAX_REGEX)
            .dfa_size_limit(MAX_REGEX)
            .nest_limit(64)
            .build();
        built.map_err(|error| {
            let hint = if pattern.contains("{{") {
                "a pattern is written out: templates are not filled in"
            } else if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<")
            {
                "look-around and back-references are not supported: matching is linear in time"
            } else {
                "see https://docs.rs/regex/#syntax"
            };
            // The last line of the error is its reason; the ones above draw the place.
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            (
                format!("the pattern is no regular expression: {reason}"),
                Some(hint.to_owned()),
            )
        })
    }
}

/// `[from, to]`, `{"from", "to"}`, `{"start", "end"}` or `{"min", "max"}`.
fn pair(value: Value) -> Result<(Value, Value), Refusal> {
    match value {
        Value::Array(items) => {
            if let Ok([low, high]) = <[Value; 2]>::try_from(items) {
                return Ok((low, high));
            }
        }
        Value::Object(mut map) if map.len() == 2 => {
            for (low, high) in [("from", "to"), ("start", "end"), ("min", "max")] {
                if let (Some(low), Some(high)) = (map.remove(low), map.remove(high)) {
                    return Ok((low, high));
                }
            }
        }
        Value::Null => return Ok((Value::Null, Value::Null)),
        _ => {}
    }
    refuse(
        "the value is no pair of bounds",
        "write [from, to] or {\"from\": ..., \"to\": ...}",
    )
}
