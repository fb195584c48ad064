//! The filter `date`.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{Environment, Error, State, value::Value};

use super::{invalid, is_missing, is_now, text};
use crate::model::{
    template::engine::with_clock,
    zone::{self, Moment},
};

pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("date", date);
}

/// The longest format, in bytes.
const MAX_FORMAT: usize = 200;

/// By a strftime format, in the zone named or the one that applies. What is no date stays as it is.
fn date(
    state: &State,
    value: &Value,
    format: Option<Value>,
    zone: Option<Value>,
) -> Result<Value, Error> {
    let (now, mut tz) = with_clock(state, |clock| (clock.now, clock.tz))?;
    if let Some(zone) = zone.filter(|zone| !is_missing(zone)) {
        tz = zone::zone_named(&text(&zone)?).map_err(invalid)?;
    }
    let Some(at) = instant(value, now, tz) else {
        return Ok(value.clone());
    };
    let format = format.filter(|format| !is_missing(format));
    let format = format.unwrap_or_else(|| Value::from("%Y-%m-%d"));
    let format = text(&format)?;
    if format.len() > MAX_FORMAT {
        return Err(invalid(format!(
            "a date format has at most {MAX_FORMAT} characters"
        )));
    }
    let mut out = String::new();
    // chrono reports a bad format by failing to write.
    match write!(out, "{}", at.with_timezone(&tz).format(&format)) {
        Ok(()) => Ok(Value::from(out)),
        Err(_) => Err(invalid(
            "the format is no strftime format, write one such as %Y-%m-%d",
        )),
    }
}

/// Text that is a date, `now`, or seconds since 1970.
fn instant(value: &Value, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
    match value.as_str() {
        Some(text) if is_now(text) => Some(now),
        Some(text) => Moment::parse(text.trim()).map(|moment| moment.at(tz)),
        None if value.is_integer() => DateTime::from_timestamp(value.as_i64()?, 0),
        None => None,
    }
}
