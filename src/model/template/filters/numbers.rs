//! Filters on numbers, in decimals: what prices need.

use minijinja::{
    Environment, Error,
    value::{Value, ValueKind},
};
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero, prelude::ToPrimitive};

use super::{invalid, is_missing, text};
use crate::model::compare::Num;

pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("round", |value: &Value, digits: Option<u32>| {
        whole(value, |n| {
            Some(n.round_dp_with_strategy(capped(digits, 0), MidpointAwayFromZero))
        })
    });
    environment.add_filter("ceil", |value: &Value| whole(value, |n| Some(n.ceil())));
    environment.add_filter("floor", |value: &Value| whole(value, |n| Some(n.floor())));
    environment.add_filter("abs", |value: &Value| whole(value, |n| Some(n.abs())));
    environment.add_filter("int", |value: &Value| {
        number(value).map_or(Value::from(0), |n| plain(n.trunc()))
    });
    environment.add_filter("float", |value: &Value| {
        number(value)
            .and_then(|n| n.to_f64())
            .map_or(Value::from(0.0), Value::from)
    });
    for (name, apply) in PAIRS {
        environment.add_filter(*name, move |value: &Value, other: &Value| {
            pair(value, other, *apply)
        });
    }
    environment.add_filter(
        "number",
        |value: &Value, digits: Option<u32>, groups: Option<Value>, point: Option<Value>| {
            grouped(value, capped(digits, 0), "", groups, point)
        },
    );
    environment.add_filter(
        "money",
        |value: &Value, sign: Option<Value>, groups: Option<Value>, point: Option<Value>| {
            let sign = sign.unwrap_or_default();
            grouped(value, 2, &text(&sign)?, groups, point)
        },
    );
}

type Pair = fn(Decimal, Decimal) -> Option<Decimal>;

const PAIRS: &[(&str, Pair)] = &[
    ("plus", Decimal::checked_add),
    ("minus", Decimal::checked_sub),
    ("times", Decimal::checked_mul),
    ("quotient", Decimal::checked_div),
    ("modulo", Decimal::checked_rem),
    ("floor_div", |a, b| a.checked_div(b).map(|n| n.floor())),
    ("divided_by", |a, b| {
        let quotient = a.checked_div(b)?;
        Some(if a.is_integer() && b.is_integer() {
            quotient.floor()
        } else {
            quotient
        })
    }),
    ("at_least", |a, b| Some(a.max(b))),
    ("at_most", |a, b| Some(a.min(b))),
];

fn capped(digits: Option<u32>, otherwise: u32) -> u32 {
    digits.unwrap_or(otherwise).min(28)
}

/// The number that a value is; text counts where it is wholly one.
pub(super) fn number(value: &Value) -> Option<Decimal> {
    if let Some(text) = value.as_str() {
        return Num::parse(text.trim())?.as_decimal();
    }
    match value.kind() {
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(int) if value.is_integer() => Some(Decimal::from(int)),
            _ => Num::Float(f64::try_from(value.clone()).ok()?).as_decimal(),
        },
        _ => None,
    }
}

/// A decimal as the plainest number.
pub(super) fn plain(number: Decimal) -> Value {
    let number = number.normalize();
    match number.to_i64().filter(|_| number.is_integer()) {
        Some(int) => Value::from(int),
        // By way of text: the float that reads as these digits.
        None => Value::from(number.to_string().parse::<f64>().unwrap_or_default()),
    }
}

fn needed(value: &Value) -> Result<Decimal, Error> {
    number(value).ok_or_else(|| invalid("a number is needed here"))
}

/// What is missing stays missing, so that an empty field renders empty.
fn whole(value: &Value, apply: impl Fn(Decimal) -> Option<Decimal>) -> Result<Value, Error> {
    if is_missing(value) {
        return Ok(Value::UNDEFINED);
    }
    apply(needed(value)?)
        .map(plain)
        .ok_or_else(|| invalid("the number is too large"))
}

/// Of two numbers; a missing one counts as 0, as it does in Liquid.
fn pair(value: &Value, other: &Value, apply: Pair) -> Result<Value, Error> {
    let or_zero = |value: &Value| match is_missing(value) {
        true => Ok(Decimal::ZERO),
        false => needed(value),
    };
    let (a, b) = (or_zero(value)?, or_zero(other)?);
    apply(a, b)
        .map(plain)
        .ok_or_else(|| invalid("divided by zero, or the number is too large"))
}

fn grouped(
    value: &Value,
    digits: u32,
    sign: &str,
    groups: Option<Value>,
    point: Option<Value>,
) -> Result<String, Error> {
    if is_missing(value) {
        return Ok(String::new());
    }
    let groups = groups.unwrap_or_else(|| Value::from(","));
    let point = point.unwrap_or_else(|| Value::from("."));
    let rounded = needed(value)?.round_dp_with_strategy(digits, MidpointAwayFromZero);
    let shown = format!("{:.*}", digits as usize, rounded.abs());
    let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
    let mut out = String::new();
    if rounded.is_sign_negative() && !rounded.is_zero() {
        out.push('-');
    }
    out.push_str(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push_str(&text(&groups)?);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(&text(&point)?);
        out.push_str(fraction);
    }
    Ok(out)
}
