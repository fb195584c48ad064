//! `date`: computes with dates, on the contact's calendar.

use std::fmt::Write;

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Timelike,
    Utc,
};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compute::{self, Operands, failure, text};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Failure, Resolve},
        words,
    },
    model::{
        problem::Problem,
        span::{Span, Unit},
        workflow::Step,
        zone::{Moment, instant_text, resolve},
    },
};

/// Computes with dates. Days and longer go by the calendar of `zone`, by default the contact's zone, else the
/// tenant's, else UTC; hours and shorter are exact.
///
/// The result is `steps.<id>.result.value`, and the variable that `name` names; instants are UTC text with `Z`.
/// A local time that clocks skip is the next valid instant, one that occurs twice the first. The step fails
/// with `invalid_date`, `invalid_span`, `invalid_format` or `invalid_zone`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read for its form; the operands are filled in as one value"
)]
pub struct Date {
    /// What is done.
    operation: DateOperation,
    /// The date: ISO text, seconds since 1970, `now`, or a template that gives one. Default: now.
    #[serde(default)]
    value: Option<Value>,
    /// The other date (`diff`, `compare`).
    #[serde(default)]
    other: Option<Value>,
    /// How many units (`add`, `subtract`); a negative number goes the other way.
    #[serde(default)]
    amount: Option<Value>,
    /// Milliseconds, seconds, minutes, hours, days, weeks, months or years (`add`, `subtract`, `diff`, `start_of`, `end_of`).
    #[serde(default)]
    unit: Option<String>,
    /// A strftime format such as `%d.%m.%Y %H:%M` (`format`, `parse`).
    #[serde(default)]
    format: Option<String>,
    /// The parts that are set (`set`): year, month, day, hour, minute, second. A day past the month's end is its last.
    #[serde(default)]
    set: Option<Value>,
    /// Name of a time zone such as Europe/Berlin. Default: the contact's.
    #[serde(default)]
    zone: Option<String>,
    /// Name of the variable that takes the result, read as `vars.<name>`.
    #[serde(default)]
    name: Option<String>,
}

/// What is done with the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOperation {
    /// The present.
    Now,
    /// The instant that `value` names, read by `format` where it is given, else as ISO text.
    Parse,
    /// As text, by `format`.
    Format,
    /// `amount` units later.
    Add,
    /// `amount` units earlier.
    Subtract,
    /// Whole units from `value` to `other`; negative where `other` is earlier.
    Diff,
    /// The first instant of its minute, hour, day, week (Monday), month or year.
    StartOf,
    /// The last microsecond of its minute, hour, day, week (Sunday), month or year.
    EndOf,
    /// With the parts of its wall clock that `set` names.
    Set,
    /// Its parts: year, month, day, hour, minute, second, weekday (Monday is 1), week (ISO) and day of the year.
    Parts,
    /// Its day of the week: Monday is 1, Sunday 7.
    Weekday,
    /// As the wall clock of `zone` shows it, with the offset.
    ToZone,
    /// -1 where it is before `other`, 0 at the same instant, 1 after it.
    Compare,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "date",
    title: "Compute with dates",
    schema: || schemars::schema_for!(Date),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Date = words::config(step)?;
    let written = |text: &&String| !text.contains("{{");
    if let Some(name) = config.zone.as_ref().filter(written)
        && name.parse::<Tz>().is_err()
    {
        let problem = Problem::error("invalid_value", "config.zone", "no time zone has this name");
        return Err(vec![problem.hint("write one such as Europe/Berlin")]);
    }
    if let Some(name) = config.unit.as_ref().filter(written) {
        Unit::parse(name)
            .map_err(|error| vec![Problem::error("invalid_span", "config.unit", error.0)])?;
    }
    compute::compile(step, row(config.operation), config.name.as_ref())
}

macro_rules! operation {
    ([$($needs:literal),*], [$($may:literal),*], $compute:expr) => {{
        const ROW: compute::Operation =
            compute::Operation::new(&[$($needs),*], &[$($may,)* "zone"], $compute);
        &ROW
    }};
}

fn row(operation: DateOperation) -> &'static compute::Operation {
    use DateOperation as D;
    match operation {
        D::Now => operation!([], [], |o| Ok(instant_text(o.cx.now).into())),
        D::Parse => operation!(["value"], ["format"], |o| {
            let tz = o.zone()?;
            let at = match o.get("format") {
                None => date(o, "value", tz)?,
                Some(format) => read(&o.text("value"), &text(format), tz)?,
            };
            Ok(instant_text(at).into())
        }),
        D::Format => operation!(["format"], ["value"], |o| {
            let tz = o.zone()?;
            let at = date(o, "value", tz)?;
            let format = o.text("format");
            let mut out = String::new();
            let bad = || {
                failure(
                    "invalid_format",
                    "\"format\" is no strftime format such as %Y-%m-%d",
                )
            };
            if format.len() > 200 {
                return Err(bad());
            }
            // chrono reports a bad format by failing to write.
            write!(out, "{}", at.with_timezone(&tz).format(&format)).map_err(|_| bad())?;
            Ok(out.into())
        }),
        D::Add => operation!(["amount", "unit"], ["value"], |o| moved(o, true)),
        D::Subtract => operation!(["amount", "unit"], ["value"], |o| moved(o, false)),
        D::Diff => operation!(["other", "unit"], ["value"], |o| {
            let tz = o.zone()?;
            let (from, to) = (date(o, "value", tz)?, date(o, "other", tz)?);
            Ok(between(from, to, unit(o)?, tz)?.into())
        }),
        D::StartOf => operation!(["unit"], ["value"], |o| {
            let tz = o.zone()?;
            Ok(instant_text(start_of(date(o, "value", tz)?, unit(o)?, tz)?).into())
        }),
        D::EndOf => operation!(["unit"], ["value"], |o| {
            let (tz, unit) = (o.zone()?, unit(o)?);
            let start = start_of(date(o, "value", tz)?, unit, tz)?;
            let next = Span::new(1, unit).map_err(span_failure)?.add(start, tz);
            // A day that clocks begin late ends where the next one begins all the same.
            let next = if unit < Unit::Days {
                next
            } else {
                start_of(next, unit, tz)?
            };
            let end = next.checked_sub_signed(TimeDelta::microseconds(1));
            Ok(instant_text(end.ok_or_else(out_of_range)?).into())
        }),
        D::Set => operation!(["set"], ["value"], |o| {
            let tz = o.zone()?;
            let at = date(o, "value", tz)?;
            Ok(instant_text(resolve(with_parts(o, local(at, tz)?)?, tz)).into())
        }),
        D::Parts => operation!([], ["value"], |o| {
            let tz = o.zone()?;
            let at = local(date(o, "value", tz)?, tz)?;
            Ok(json!({
                "year": at.year(), "month": at.month(), "day": at.day(), "hour": at.hour(), "minute": at.minute(),
                "second": at.second(), "weekday": at.weekday().number_from_monday(), "week": at.iso_week().week(),
                "dayOfYear": at.ordinal(),
            }))
        }),
        D::Weekday => operation!([], ["value"], |o| {
            let tz = o.zone()?;
            Ok(local(date(o, "value", tz)?, tz)?
                .weekday()
                .number_from_monday()
                .into())
        }),
        D::ToZone => operation!([], ["value"], |o| {
            let tz = o.zone()?;
            let at = date(o, "value", tz)?;
            local(at, tz)?;
            Ok(at
                .with_timezone(&tz)
                .to_rfc3339_opts(SecondsFormat::AutoSi, false)
                .into())
        }),
        D::Compare => operation!(["other"], ["value"], |o| {
            let tz = o.zone()?;
            Ok((date(o, "value", tz)?.cmp(&date(o, "other", tz)?) as i8).into())
        }),
    }
}

fn invalid(field: &str) -> Failure {
    failure("invalid_date", format!("\"{field}\" is no date"))
}

fn out_of_range() -> Failure {
    failure("invalid_date", "the date lies outside of the calendar")
}

fn span_failure(error: crate::model::span::SpanError) -> Failure {
    failure("invalid_span", error.0)
}

/// A field as an instant; a `value` that is not given is now.
fn date(operands: &Operands<'_>, field: &str, tz: Tz) -> Result<DateTime<Utc>, Failure> {
    match operands.get(field) {
        // Given but missing is no date: only a step that names none means now.
        None if field == "value" && operands.is_absent(field) => Ok(operands.cx.now),
        Some(Value::String(text)) if text == "now" => Ok(operands.cx.now),
        Some(Value::String(text)) => Moment::parse(text.trim())
            .map(|moment| moment.at(tz))
            .ok_or_else(|| invalid(field)),
        Some(Value::Number(seconds)) => seconds
            .as_i64()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or_else(|| invalid(field)),
        _ => Err(invalid(field)),
    }
}

/// Text read by a format; without a time of day it is midnight.
fn read(text: &str, format: &str, tz: Tz) -> Result<DateTime<Utc>, Failure> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_str(text, format) {
        return Ok(at.with_timezone(&Utc));
    }
    let local = NaiveDateTime::parse_from_str(text, format)
        .ok()
        .or_else(|| {
            let day = NaiveDate::parse_from_str(text, format).ok()?;
            Some(day.and_time(NaiveTime::MIN))
        });
    local
        .map(|local| resolve(local, tz))
        .ok_or_else(|| failure("invalid_date", "\"value\" does not fit \"format\""))
}

/// The wall clock; none within two days of the calendar's ends.
fn local(at: DateTime<Utc>, tz: Tz) -> Result<NaiveDateTime, Failure> {
    let years = (1..=9_999).contains(&at.year());
    years
        .then(|| at.with_timezone(&tz).naive_local())
        .ok_or_else(out_of_range)
}

fn unit(operands: &Operands<'_>) -> Result<Unit, Failure> {
    Unit::parse(&operands.text("unit")).map_err(span_failure)
}

fn moved(operands: &Operands<'_>, forward: bool) -> Result<Value, Failure> {
    let tz = operands.zone()?;
    let at = date(operands, "value", tz)?;
    let amount = operands.whole_needed("amount")?;
    let size = i64::try_from(amount.unsigned_abs()).unwrap_or(i64::MAX);
    let span = Span::new(size, unit(operands)?).map_err(span_failure)?;
    let moved = match forward == (amount >= 0) {
        true => span.add(at, tz),
        false => span.sub(at, tz),
    };
    local(moved, tz)?;
    Ok(instant_text(moved).into())
}

/// Whole units from one instant to the other: the most that can be added to the first without passing the other.
fn between(from: DateTime<Utc>, to: DateTime<Utc>, unit: Unit, tz: Tz) -> Result<i64, Failure> {
    if to < from {
        return Ok(-between(to, from, unit, tz)?);
    }
    let one = Span::new(1, unit)
        .map_err(span_failure)?
        .nominal()
        .as_millis();
    let one = i64::try_from(one).unwrap_or(i64::MAX).max(1);
    let mut count = (to - from).num_milliseconds() / one;
    let fits = |count: i64| Span::new(count, unit).is_ok_and(|span| span.add(from, tz) <= to);
    if unit < Unit::Days {
        return Ok(count);
    }
    // The nominal length is off by a day in thirty at most.
    while count > 0 && !fits(count) {
        count -= 1;
    }
    while fits(count + 1) {
        count += 1;
    }
    Ok(count)
}

/// The first instant of the unit in which `at` lies.
fn start_of(at: DateTime<Utc>, unit: Unit, tz: Tz) -> Result<DateTime<Utc>, Failure> {
    let local = local(at, tz)?;
    let start = floor(local, unit);
    Ok(match unit < Unit::Days {
        // Exact: the hour that occurs twice is two hours.
        true => at - (local - start),
        false => resolve(start, tz),
    })
}

/// The start of a unit on the wall clock.
fn floor(at: NaiveDateTime, unit: Unit) -> NaiveDateTime {
    let day = at.date();
    let time = |hour, minute, second, milli| {
        NaiveTime::from_hms_milli_opt(hour, minute, second, milli).unwrap_or(NaiveTime::MIN)
    };
    let (day, time) = match unit {
        Unit::Milliseconds => {
            let milli = (at.nanosecond() / 1_000_000).min(999);
            (Some(day), time(at.hour(), at.minute(), at.second(), milli))
        }
        Unit::Seconds => (Some(day), time(at.hour(), at.minute(), at.second(), 0)),
        Unit::Minutes => (Some(day), time(at.hour(), at.minute(), 0, 0)),
        Unit::Hours => (Some(day), time(at.hour(), 0, 0, 0)),
        Unit::Days => (Some(day), NaiveTime::MIN),
        Unit::Weeks => {
            let back = i64::from(day.weekday().num_days_from_monday());
            (
                day.checked_sub_signed(TimeDelta::days(back)),
                NaiveTime::MIN,
            )
        }
        Unit::Months => (day.with_day(1), NaiveTime::MIN),
        Unit::Years => (NaiveDate::from_ymd_opt(day.year(), 1, 1), NaiveTime::MIN),
    };
    day.unwrap_or(at.date()).and_time(time)
}

fn with_parts(operands: &Operands<'_>, at: NaiveDateTime) -> Result<NaiveDateTime, Failure> {
    let Some(Value::Object(parts)) = operands.get("set") else {
        return Err(failure(
            "invalid_date",
            "\"set\" is no object such as {\"day\": 1}",
        ));
    };
    let known = ["year", "month", "day", "hour", "minute", "second"];
    let mut values = [
        i64::from(at.year()),
        at.month().into(),
        at.day().into(),
        at.hour().into(),
        at.minute().into(),
        at.second().into(),
    ];
    for (name, value) in parts {
        let at = known.iter().position(|known| known == name);
        let whole =
            compute::number(value).and_then(|n| i64::try_from(n).ok().filter(|_| n.is_integer()));
        match (at, whole) {
            (Some(at), Some(whole)) => values[at] = whole,
            (None, _) => {
                let text = format!("\"set\" has only {}", known.join(", "));
                return Err(failure("invalid_date", text));
            }
            (_, None) => {
                return Err(failure(
                    "not_a_number",
                    format!("\"set.{name}\" is no whole number"),
                ));
            }
        }
    }
    let small = |at: usize| u32::try_from(values[at]).ok();
    let year = i32::try_from(values[0])
        .ok()
        .filter(|year| (1..=9_999).contains(year));
    // A day past the month's end is its last.
    let day = year
        .zip(small(1))
        .zip(small(2))
        .and_then(|((year, month), day)| {
            let last = (28..=31)
                .rev()
                .find_map(|day| NaiveDate::from_ymd_opt(year, month, day))?;
            (1..=31)
                .contains(&day)
                .then(|| last.with_day(day).unwrap_or(last))
        });
    let time = small(3).zip(small(4)).zip(small(5));
    let time =
        time.and_then(|((hour, minute), second)| NaiveTime::from_hms_opt(hour, minute, second));
    match (day, time) {
        (Some(day), Some(time)) => {
            let fraction = TimeDelta::nanoseconds((at.nanosecond() % 1_000_000_000).into());
            let kept = if parts.contains_key("second") {
                TimeDelta::zero()
            } else {
                fraction
            };
            Ok(day.and_time(time) + kept)
        }
        _ => Err(failure(
            "invalid_date",
            "\"set\" has a part that no date has",
        )),
    }
}
