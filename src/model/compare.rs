//! How two values compare: by type, exactly, and never with an error.

use std::cmp::Ordering;

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde_json::{Number, Value};

use super::zone::Moment;

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not.
    False,
    /// The types cannot be compared: false, and worth a note.
    Mismatch,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::True } else { Verdict::False }
    }
}

impl Verdict {
    /// True where one is; a mismatch where every one is; else false.
    fn any(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        let mut all = None;
        for verdict in verdicts {
            match verdict {
                Verdict::True => return Verdict::True,
                Verdict::Mismatch => all = all.or(Some(Verdict::Mismatch)),
                Verdict::False => all = Some(Verdict::False),
            }
        }
        all.unwrap_or(Verdict::False)
    }
}

/// A number without loss: what decimal text says is compared as decimal, never by way of binary.
#[derive(Debug, Clone, Copy)]
pub enum Num {
    /// A whole number.
    Int(i64),
    /// A decimal of up to 28 digits.
    Dec(Decimal),
    /// Whatever is larger, smaller or finer.
    Float(f64),
}

/// The longest text that is looked at as a number.
const MAX_NUMBER_CHARS: usize = 64;
/// Whole numbers up to here are exact as a float.
const EXACT_FLOAT: u64 = 1 << 53;

impl Num {
    /// A JSON number.
    pub fn of(number: &Number) -> Num {
        match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), ..) => Num::Int(int),
            (_, Some(int), _) => Num::Dec(Decimal::from(int)),
            (.., float) => Num::Float(float.unwrap_or(0.0)),
        }
    }

    /// Text that is wholly a number: sign, digits, fraction, exponent; no spaces.
    pub fn parse(text: &str) -> Option<Num> {
        let first = *text.as_bytes().first()?;
        if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.'))
            || text.len() > MAX_NUMBER_CHARS
        {
            return None;
        }
        let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        if !text.bytes().all(plain) || !text.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Ok(int) = text.parse() {
            return Some(Num::Int(int));
        }
        // The float parser is the judge of what is a number at all; decimals carry the digits.
        let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
        let decimal = match text.contains(['e', 'E']) {
            true => Decimal::from_scientific(text).ok(),
            false => Decimal::from_str_exact(text.trim_start_matches('+')).ok(),
        };
        Some(decimal.map_or(Num::Float(float), Num::Dec))
    }

    fn as_f64(self) -> f64 {
        match self {
            Num::Int(int) => int as f64,
            Num::Dec(decimal) => f64::try_from(decimal).unwrap_or(0.0),
            Num::Float(float) => float,
        }
    }

    /// As a decimal, where it has one; a float's is the shortest text that reads back as it.
    pub fn as_decimal(self) -> Option<Decimal> {
        match self {
            Num::Int(int) => Some(Decimal::from(int)),
            Num::Dec(decimal) => Some(decimal),
            Num::Float(float) if float.abs() < 1e28 => {
                Decimal::from_str_exact(&float.to_string()).ok()
            }
            Num::Float(_) => None,
        }
    }

    fn cmp(self, other: Num) -> Ordering {
        let by_float = || self.as_f64().total_cmp(&other.as_f64());
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => a.cmp(&b),
            // Two floats are equal exactly when their shortest texts are; -0.0 is 0.0.
            (Num::Float(a), Num::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Num::Int(int), Num::Float(_)) | (Num::Float(_), Num::Int(int))
                if int.unsigned_abs() < EXACT_FLOAT =>
            {
                (self.as_f64() + 0.0).total_cmp(&(other.as_f64() + 0.0))
            }
            _ => match (self.as_decimal(), other.as_decimal()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => by_float(),
            },
        }
    }
}

/// A value to compare with, looked at once: what number and what date its text is.
#[derive(Debug, Clone)]
pub struct Operand {
    value: Value,
    num: Option<Num>,
    moment: Option<Moment>,
}

impl Operand {
    /// Prepares a value.
    pub fn new(value: Value) -> Operand {
        let (num, moment) = match &value {
            Value::Number(number) => (Some(Num::of(number)), None),
            Value::String(text) => (Num::parse(text), Moment::parse(text)),
            _ => (None, None),
        };
        Operand { value, num, moment }
    }

    /// The value itself.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The date that it is.
    pub fn moment(&self) -> Option<Moment> {
        self.moment
    }

    /// The text that it is.
    pub fn text(&self) -> Option<&str> {
        self.value.as_str()
    }
}

/// Whether two values are equal. Text equals text letter by letter, or as the same instant.
pub fn equals(found: &Value, wanted: &Operand, tz: Tz) -> Verdict {
    match (found, &wanted.value) {
        (Value::String(a), Value::String(b)) => {
            let same_instant = || {
                let (a, b) = (Moment::parse(a)?, wanted.moment?);
                Some(a.at(tz) == b.at(tz))
            };
            (a == b || same_instant().unwrap_or(false)).into()
        }
        (Value::Number(a), Value::Number(_)) => match wanted.num {
            Some(b) => (Num::of(a).cmp(b) == Ordering::Equal).into(),
            None => Verdict::Mismatch,
        },
        (Value::Number(a), Value::String(_)) => match wanted.num {
            Some(b) => (Num::of(a).cmp(b) == Ordering::Equal).into(),
            None => Verdict::Mismatch,
        },
        (Value::String(a), Value::Number(_)) => match (Num::parse(a), wanted.num) {
            (Some(a), Some(b)) => (a.cmp(b) == Ordering::Equal).into(),
            _ => Verdict::Mismatch,
        },
        (Value::Bool(a), Value::Bool(b)) => (a == b).into(),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            same(found, &wanted.value).into()
        }
        _ => Verdict::Mismatch,
    }
}

/// Deep equality in which 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Num::of(a).cmp(Num::of(b)) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// How two values are ordered; `None` where their types have no common order.
///
/// Two texts that are both numbers are ordered as numbers, both dates as dates, neither as text.
pub fn order(found: &Value, wanted: &Operand, tz: Tz) -> Option<Ordering> {
    match (found, &wanted.value) {
        (Value::Number(a), Value::Number(_) | Value::String(_)) => {
            Some(Num::of(a).cmp(wanted.num?))
        }
        (Value::String(a), Value::Number(_)) => Some(Num::parse(a)?.cmp(wanted.num?)),
        (Value::String(a), Value::String(b)) => {
            match (Num::parse(a), wanted.num, Moment::parse(a), wanted.moment) {
                (Some(a), Some(b), ..) => Some(a.cmp(b)),
                (.., Some(a), Some(b)) => Some(a.at(tz).cmp(&b.at(tz))),
                (None, None, None, None) => Some(a.as_str().cmp(b)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether text has this text in it, or a list this element.
pub fn contains(found: &Value, wanted: &Operand, tz: Tz) -> Verdict {
    match (found, &wanted.value) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()).into(),
        (Value::Array(_), _) => includes(found, wanted, tz),
        _ => Verdict::Mismatch,
    }
}

/// Whether a list has this element, or any of these where several are wanted.
pub fn includes(found: &Value, wanted: &Operand, tz: Tz) -> Verdict {
    let Value::Array(items) = found else {
        return Verdict::Mismatch;
    };
    // An element of another type is simply not the one: lists are mixed, and no mismatch.
    let has = |wanted: &Operand| {
        items
            .iter()
            .any(|item| equals(item, wanted, tz) == Verdict::True)
    };
    match &wanted.value {
        Value::Array(several) => several
            .iter()
            .any(|one| has(&Operand::new(one.clone())))
            .into(),
        _ => has(wanted).into(),
    }
}

/// Whether the value, or any element of it where it is a list, equals one of the list.
pub fn is_in(found: &Value, list: &[Operand], tz: Tz) -> Verdict {
    match found {
        Value::Array(items) => items
            .iter()
            .any(|item| {
                list.iter()
                    .any(|wanted| equals(item, wanted, tz) == Verdict::True)
            })
            .into(),
        found => Verdict::any(list.iter().map(|wanted| equals(found, wanted, tz))),
    }
}

/// Whether there is nothing in it.
pub fn is_empty(found: Option<&Value>) -> bool {
    match found {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests;
