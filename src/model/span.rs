//! Spans such as two days: exact below a day, calendar units in a zone from a day upward.

use std::{borrow::Cow, fmt, time::Duration};

use chrono::{DateTime, Days, Months, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::{nearest::did_you_mean, schema::any_case, zone};

/// The longest span, in years; a longer one is an error where it is written.
pub const MAX_YEARS: i64 = 1_000;

/// A unit of time. Milliseconds to hours are exact; days to years go by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A thousandth of a second.
    Milliseconds,
    /// 1,000 milliseconds.
    Seconds,
    /// 60 seconds.
    Minutes,
    /// 60 minutes.
    Hours,
    /// Calendar days.
    Days,
    /// Seven calendar days.
    Weeks,
    /// Calendar months; the day clamps to the month's end.
    Months,
    /// Twelve calendar months.
    Years,
}

/// Every unit: itself, its plural and singular, its milliseconds or (for the limit) nominal ones.
const UNITS: [(Unit, &str, &str, i64); 8] = [
    (Unit::Milliseconds, "milliseconds", "millisecond", 1),
    (Unit::Seconds, "seconds", "second", 1_000),
    (Unit::Minutes, "minutes", "minute", 60_000),
    (Unit::Hours, "hours", "hour", 3_600_000),
    (Unit::Days, "days", "day", 86_400_000),
    (Unit::Weeks, "weeks", "week", 7 * 86_400_000),
    (Unit::Months, "months", "month", 31 * 86_400_000),
    (Unit::Years, "years", "year", 366 * 86_400_000),
];

impl Unit {
    /// The unit of that name: singular or plural, any case.
    pub fn parse(name: &str) -> Result<Unit, SpanError> {
        let known = |(_, plural, singular, _): &&(Unit, &str, &str, i64)| {
            name.eq_ignore_ascii_case(plural)
                || name.eq_ignore_ascii_case(singular)
                || (name.eq_ignore_ascii_case("ms") && *plural == "milliseconds")
        };
        UNITS.iter().find(known).map(|row| row.0).ok_or_else(|| {
            let short: String = name.chars().take(40).collect();
            let names: Vec<&str> = UNITS.iter().map(|row| row.1).collect();
            let hint = did_you_mean(name, UNITS.iter().map(|row| row.1))
                .unwrap_or_else(|| format!("units are {}", names.join(", ")));
            SpanError(format!("{short:?} is no unit of time: {hint}"))
        })
    }

    fn row(self) -> &'static (Unit, &'static str, &'static str, i64) {
        // The table is in the order of the variants; a test holds it so.
        &UNITS[self as usize]
    }

    fn is_calendar(self) -> bool {
        self >= Unit::Days
    }
}

/// Why something is no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpanError(pub String);

/// A span of time: never negative, at most [`MAX_YEARS`] years.
///
/// Read from `{"amount": 2, "unit": "days"}`, from text `"2 days"`, or from a bare number, which is
/// milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Span {
    amount: i64,
    unit: Unit,
}

impl Span {
    /// `amount` of `unit`; an error where negative or longer than [`MAX_YEARS`] years.
    pub fn new(amount: i64, unit: Unit) -> Result<Span, SpanError> {
        let limit = MAX_YEARS * UNITS[Unit::Years as usize].3 / unit.row().3;
        match amount {
            ..0 => Err(SpanError(format!("a span of {amount} {unit} is negative"))),
            _ if amount > limit => Err(SpanError(format!(
                "{amount} {unit} is longer than {MAX_YEARS} years"
            ))),
            _ => Ok(Span { amount, unit }),
        }
    }

    /// A span of that many milliseconds; an error where longer than [`MAX_YEARS`] years.
    pub fn millis(millis: u64) -> Result<Span, SpanError> {
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        Span::new(millis, Unit::Milliseconds)
    }

    /// Reads text such as `24 hours`, `1 day` or `1.5 hours`; a bare number has no unit and is refused.
    pub fn parse(text: &str) -> Result<Span, SpanError> {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c)));
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let short: String = text.chars().take(40).collect();
        if number.is_empty() || unit.trim().is_empty() {
            return Err(SpanError(format!(
                "{short:?} is no span: write an amount and a unit, such as \"24 hours\""
            )));
        }
        let unit = Unit::parse(unit.trim())?;
        match number.parse::<f64>() {
            Ok(amount) => Span::of_amount(amount, unit),
            Err(_) => Err(SpanError(format!(
                "{short:?} is no span: {number:?} is no number"
            ))),
        }
    }

    /// Reads `{amount, unit}`, text, or a number of milliseconds.
    pub fn from_value(value: &Value) -> Result<Span, SpanError> {
        match value {
            Value::String(text) => Span::parse(text),
            Value::Number(number) => Span::of_number(number, Unit::Milliseconds),
            Value::Object(map) => {
                if let Some(other) = map.keys().find(|key| !matches!(&***key, "amount" | "unit")) {
                    let near = did_you_mean(other, ["amount", "unit"]).unwrap_or_default();
                    return Err(SpanError(format!(
                        "a span has amount and unit, not {other:?} {near}"
                    )));
                }
                let Some(Value::String(unit)) = map.get("unit") else {
                    return Err(SpanError("a span needs a unit such as \"hours\"".into()));
                };
                let unit = Unit::parse(unit)?;
                match map.get("amount") {
                    Some(Value::Number(number)) => Span::of_number(number, unit),
                    Some(Value::String(text)) => Span::parse(&format!("{text} {unit}")),
                    _ => Err(SpanError("a span needs an amount, a number".into())),
                }
            }
            _ => Err(SpanError(
                "a span is {\"amount\": 2, \"unit\": \"days\"}, \"2 days\" or milliseconds".into(),
            )),
        }
    }

    fn of_number(number: &serde_json::Number, unit: Unit) -> Result<Span, SpanError> {
        match number.as_f64() {
            Some(amount) => Span::of_amount(amount, unit),
            None => Err(SpanError(format!("{number} {unit} is no span"))),
        }
    }

    /// Every whole amount within the limit is exact as a float. A broken one becomes milliseconds where the
    /// unit is exact; calendar units have no fractions.
    fn of_amount(amount: f64, unit: Unit) -> Result<Span, SpanError> {
        let whole = amount.fract() == 0.0;
        if !whole && unit.is_calendar() {
            return Err(SpanError(format!(
                "{amount} {unit} has a fraction: from days upward spans are whole, use hours"
            )));
        }
        let (scaled, unit) = match whole {
            true => (amount, unit),
            false => ((amount * unit.row().3 as f64).round(), Unit::Milliseconds),
        };
        // A saturating cast: what is too big fails the limit, NaN cannot come from JSON or digits.
        Span::new(scaled as i64, unit)
    }

    /// How many units.
    pub fn amount(self) -> i64 {
        self.amount
    }

    /// Which unit.
    pub fn unit(self) -> Unit {
        self.unit
    }

    /// Whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self.amount == 0
    }

    /// Whether it goes by the calendar of a zone: from days upward, and not nothing.
    pub fn is_calendar(self) -> bool {
        self.unit.is_calendar() && self.amount != 0
    }

    /// Its exact length; calendar units count as days of 24 hours, months of 30, years of 365 days.
    pub fn nominal(self) -> Duration {
        let days = |n: i64| n.saturating_mul(86_400_000);
        let millis = match self.unit {
            Unit::Months => days(self.amount.saturating_mul(30)),
            Unit::Years => days(self.amount.saturating_mul(365)),
            unit => self.amount.saturating_mul(unit.row().3),
        };
        Duration::from_millis(millis.unsigned_abs())
    }

    /// The instant this span after `now`. Days and up keep the wall-clock time in `tz`; a month's
    /// end clamps, a gap moves to the next valid instant, an overlap takes the first.
    /// Past the end of the calendar (year 262,142) it is the last instant.
    pub fn add(self, now: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
        self.step(now, tz, true).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The instant this span before `now`, by the same rules.
    pub fn sub(self, now: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
        self.step(now, tz, false)
            .unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    fn step(self, now: DateTime<Utc>, tz: Tz, forward: bool) -> Option<DateTime<Utc>> {
        if self.amount == 0 {
            return Some(now);
        }
        if !self.unit.is_calendar() {
            let delta = TimeDelta::try_milliseconds(self.amount.checked_mul(self.unit.row().3)?)?;
            return match forward {
                true => now.checked_add_signed(delta),
                false => now.checked_sub_signed(delta),
            };
        }
        // The wall clock cannot be told within a day of the calendar's ends.
        let edge = TimeDelta::days(2);
        now.checked_add_signed(edge)
            .and(now.checked_sub_signed(edge))?;
        let local: NaiveDateTime = now.with_timezone(&tz).naive_local();
        let amount = self.amount.unsigned_abs();
        let moved = match self.unit {
            Unit::Months | Unit::Years => {
                let per = if self.unit == Unit::Years { 12 } else { 1 };
                let months = Months::new(u32::try_from(amount.checked_mul(per)?).ok()?);
                match forward {
                    true => local.checked_add_months(months)?,
                    false => local.checked_sub_months(months)?,
                }
            }
            unit => {
                let per = if unit == Unit::Weeks { 7 } else { 1 };
                let days = Days::new(amount.checked_mul(per)?);
                match forward {
                    true => local.checked_add_days(days)?,
                    false => local.checked_sub_days(days)?,
                }
            }
        };
        moved
            .checked_add_signed(edge)
            .and(moved.checked_sub_signed(edge))?;
        Some(zone::resolve(moved, tz))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().1)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, plural, singular, _) = self.unit.row();
        write!(
            f,
            "{} {}",
            self.amount,
            if self.amount == 1 { singular } else { plural }
        )
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Span::from_value(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = UNITS
            .iter()
            .flat_map(|row| [row.1, row.2])
            .chain(["ms"])
            .collect();
        let unit = any_case(
            &names,
            "Exact below a day, calendar units in the zone from a day upward.",
        );
        json_schema!({
            "description": "A span of time: {amount, unit}, text such as \"24 hours\", or milliseconds.",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": "^\\s*[0-9.]+\\s*[A-Za-z]+\\s*$"},
                {
                    "type": "object",
                    "properties": {
                        "amount": {"type": "number", "minimum": 0},
                        "unit": unit
                    },
                    "required": ["amount", "unit"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests;
