//! Times of day and weekdays as people write them, and when the wall clock shows them next.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Datelike, Days, NaiveTime, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{
    nearest::did_you_mean,
    schema::any_case,
    zone::{resolve, wall_clock},
};

/// A time of day on the wall clock, to the second: `09:00`, `21:30:15`, `9 am`, `9:30 pm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayTime(NaiveTime);

impl DayTime {
    /// Reads a time of day; the error says what would be one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text.trim()).ok_or_else(|| {
            let short: String = text.chars().take(40).collect();
            match short.trim() {
                "24:00" => "24:00 is no time of day: write 00:00".to_owned(),
                _ => format!("{short:?} is no time of day: write 09:00, 21:30 or 9:30 pm"),
            }
        })
    }

    fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let half = ["am", "pm"]
            .into_iter()
            .find_map(|half| Some((lower.strip_suffix(half)?.trim_end(), half == "pm")));
        let (clock, afternoon) = match half {
            Some((clock, afternoon)) => (clock, Some(afternoon)),
            None => (&*lower, None),
        };
        let mut parts = clock.split(':').map(|part| {
            let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u32>().ok()).flatten()
        });
        let hour = parts.next()??;
        // An hour alone is one only where `am` or `pm` says so.
        let minute = match (parts.next(), afternoon) {
            (Some(minute), _) => minute?,
            (None, Some(_)) => 0,
            (None, None) => return None,
        };
        let second = parts.next().unwrap_or(Some(0))?;
        if parts.next().is_some() {
            return None;
        }
        let hour = match afternoon {
            Some(_) if !(1..=12).contains(&hour) => return None,
            Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
            None => hour,
        };
        NaiveTime::from_hms_opt(hour, minute, second).map(Self)
    }

    /// The time itself.
    #[must_use]
    pub fn time(self) -> NaiveTime {
        self.0
    }

    /// The next instant after `now` at which the wall clock in `tz` shows this time on one of the days.
    /// In a gap it is the first instant after it, in an overlap the first of the two; none: no days.
    #[must_use]
    pub fn next_after(self, days: Weekdays, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let wall = wall_clock(now, tz)?;
        (0..=7).find_map(|ahead| {
            let day = wall.date().checked_add_days(Days::new(ahead))?;
            let shown = day.and_time(self.0);
            (days.has(day.weekday()) && shown > wall).then(|| resolve(shown, tz))
        })
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.second() {
            0 => write!(f, "{}", self.0.format("%H:%M")),
            _ => write!(f, "{}", self.0.format("%H:%M:%S")),
        }
    }
}

impl<'de> Deserialize<'de> for DayTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DayTime::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for DayTime {
    fn schema_name() -> Cow<'static, str> {
        "DayTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A time of day: 09:00, 21:30:15, 9 am or 9:30 pm.",
            "type": "string",
            "pattern": "^\\s*([01]?[0-9]|2[0-3])(:[0-5]?[0-9]){1,2}\\s*$|^\\s*(0?[1-9]|1[0-2])(:[0-5]?[0-9]){0,2}\\s*[AaPp][Mm]\\s*$"
        })
    }
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

/// Names of the days, Monday first.
const NAMES: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0x7f);

    /// These days.
    #[must_use]
    pub fn of(days: &[Weekday]) -> Self {
        let bit = |day: &Weekday| 1 << day.num_days_from_monday();
        Self(days.iter().map(bit).fold(0, |all, bit: u8| all | bit))
    }

    /// Whether the day is among them.
    #[must_use]
    pub fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.num_days_from_monday()) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(value: &Value) -> Result<u8, String> {
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(name) => {
                let name = name.trim();
                let known = NAMES.iter().position(|day| {
                    name.eq_ignore_ascii_case(day) || name.eq_ignore_ascii_case(&day[..3])
                });
                let Some(known) = known else {
                    let short: String = name.chars().take(40).collect();
                    let near = did_you_mean(name, NAMES).unwrap_or_else(|| {
                        "days are monday to sunday, mon to sun, or 1 to 7".to_owned()
                    });
                    return Err(format!("{short:?} is no day of the week: {near}"));
                };
                Some(known as u64 + 1)
            }
            _ => None,
        };
        match number {
            Some(number @ 0..=7) => Ok(1 << ((number + 6) % 7)),
            _ => Err("a day of the week is monday to sunday, mon to sun, or 1 to 7".into()),
        }
    }
}

impl<'de> Deserialize<'de> for Weekdays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = Vec::<Value>::deserialize(deserializer)?;
        let bits: Result<Vec<u8>, String> = days.iter().map(Weekdays::bit).collect();
        let bits = bits.map_err(de::Error::custom)?;
        Ok(Self(bits.into_iter().fold(0, |all, bit| all | bit)))
    }
}

impl JsonSchema for Weekdays {
    fn schema_name() -> Cow<'static, str> {
        "Weekdays".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = NAMES.iter().flat_map(|name| [*name, &name[..3]]).collect();
        let name = any_case(&names, "A day of the week.");
        json_schema!({
            "description": "Days of the week: monday to sunday, mon to sun, or 1 (Monday) to 7.",
            "type": "array",
            "items": {"anyOf": [name, {"type": "integer", "minimum": 0, "maximum": 7}]}
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz::*;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn times_of_day_as_people_write_them() {
        let rows = [
            ("09:00", Some("09:00")),
            ("9:00", Some("09:00")),
            (" 21:30 ", Some("21:30")),
            ("21:30:15", Some("21:30:15")),
            ("9 am", Some("09:00")),
            ("9am", Some("09:00")),
            ("9:30 PM", Some("21:30")),
            ("12 am", Some("00:00")),
            ("12:05 pm", Some("12:05")),
            ("00:00", Some("00:00")),
            ("23:59:59", Some("23:59:59")),
            ("24:00", None),
            ("9", None),
            ("13 pm", None),
            ("0 am", None),
            ("09:60", None),
            ("09:00:00:00", None),
            ("9:", None),
            ("am", None),
            ("noon", None),
            ("-1:00", None),
            ("09:0x", None),
            ("", None),
        ];
        let schema = serde_json::to_value(schemars::schema_for!(DayTime)).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        for (text, want) in rows {
            let read = DayTime::parse(text).map(|time| time.to_string());
            assert_eq!(read.as_deref().ok(), want, "{text:?}");
            assert_eq!(
                schema.is_valid(&json!(text)),
                want.is_some(),
                "the schema on {text:?}"
            );
        }
        assert_eq!(
            DayTime::parse("24:00").unwrap_err(),
            "24:00 is no time of day: write 00:00"
        );
    }

    #[test]
    #[rustfmt::skip] // a row a line
    fn weekdays_by_name_and_number() {
        let rows = [
            (json!(["monday", "TUE", "Sun"]), Ok(0b100_0011)),
            (json!([1, 2, 7]), Ok(0b100_0011)),
            (json!([0, 7]), Ok(0b100_0000)),
            (json!([]), Ok(0)),
            (json!(["mondy"]), Err("\"mondy\" is no day of the week: did you mean \"monday\"?")),
            (json!([8]), Err("a day of the week is monday to sunday, mon to sun, or 1 to 7")),
            (json!([1.5]), Err("a day of the week is monday to sunday, mon to sun, or 1 to 7")),
        ];
        let schema = serde_json::to_value(schemars::schema_for!(Weekdays)).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        for (value, want) in rows {
            assert_eq!(
                schema.is_valid(&value),
                want.is_ok(),
                "the schema on {value}"
            );
            let read = serde_json::from_value::<Weekdays>(value.clone());
            let read = read.map(|days| days.0).map_err(|error| error.to_string());
            assert_eq!(read, want.map_err(str::to_owned), "{value}");
        }
    }

    /// Time, days, zone, now, the next instants.
    type Row<'a> = (&'a str, &'a [u8], Tz, &'a str, &'a [&'a str]);

    #[test]
    #[rustfmt::skip] // a row a line
    fn the_next_time_the_wall_clock_shows_it() {
        let all: &[u8] = &[1, 2, 3, 4, 5, 6, 7];
        let rows: &[Row<'_>] = &[
            // Strictly after now: at nine it is nine tomorrow.
            ("09:00", all, UTC, "2026-03-02T09:00:00Z", &["2026-03-03T09:00:00Z"]),
            ("09:00", all, UTC, "2026-03-02T08:59:59.999Z", &["2026-03-02T09:00:00Z"]),
            // Clocks go forward in Berlin on 2026-03-29, back on 2026-10-25.
            ("02:30", all, Europe__Berlin, "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
            ("02:30", all, Europe__Berlin, "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
            // In the second pass of the hour it has been.
            ("02:30", all, Europe__Berlin, "2026-10-25T01:10:00Z", &["2026-10-26T01:30:00Z"]),
            ("09:00", &[1], America__New_York, "2026-03-07T12:00:00Z", &["2026-03-09T13:00:00Z", "2026-03-16T13:00:00Z"]),
            ("01:30", &[7], America__New_York, "2026-10-31T12:00:00Z", &["2026-11-01T05:30:00Z", "2026-11-08T06:30:00Z"]),
            // Half an hour forward in October, back in April.
            ("02:15", all, Australia__Lord_Howe, "2026-10-03T00:00:00Z", &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]),
            ("01:45", all, Australia__Lord_Howe, "2026-04-04T00:00:00Z", &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]),
            ("06:00", all, Asia__Kathmandu, "2026-01-01T00:00:00Z", &["2026-01-01T00:15:00Z", "2026-01-02T00:15:00Z"]),
            // Apia left out the 30th of December 2011: what was to be then is at the first instant after it.
            ("09:00", all, Pacific__Apia, "2011-12-29T20:00:00Z", &["2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T19:00:00Z"]),
            // The 29th of February is a day as any other.
            ("12:00", &[4], UTC, "2024-02-28T00:00:00Z", &["2024-02-29T12:00:00Z", "2024-03-07T12:00:00Z"]),
            ("12:00", &[], UTC, "2024-02-28T00:00:00Z", &[]),
        ];
        for (time, days, tz, now, wanted) in rows {
            let days: Weekdays = serde_json::from_value(json!(days)).unwrap();
            let mut now: DateTime<Utc> = now.parse().unwrap();
            for want in *wanted {
                let next = DayTime::parse(time)
                    .unwrap()
                    .next_after(days, now, *tz)
                    .unwrap();
                assert_eq!(
                    next,
                    want.parse::<DateTime<Utc>>().unwrap(),
                    "{time} in {tz} after {now}"
                );
                now = next;
            }
            if wanted.is_empty() {
                assert_eq!(
                    DayTime::parse(time).unwrap().next_after(days, now, *tz),
                    None
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}", timeish in "[0-9:apm ]{0,12}") {
            let _ = DayTime::parse(&text);
            let _ = DayTime::parse(&timeish);
        }

        /// It is the first of all days' instants that lie after now: none is skipped, none comes twice.
        #[test]
        fn the_next_is_the_first_after_now(
            seconds in 0i64..4_000_000_000, zone in 0usize..chrono_tz::TZ_VARIANTS.len(), days in 1u8..0x80,
            second in 0u32..86_400,
        ) {
            let (now, tz) = (DateTime::from_timestamp(seconds, 0).unwrap(), chrono_tz::TZ_VARIANTS[zone]);
            let time = NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap();
            let days = Weekdays(days);
            let first = now.date_naive() - Days::new(2);
            let wanted = first.iter_days().take(12).filter(|day| days.has(day.weekday()));
            let wanted = wanted.map(|day| resolve(day.and_time(time), tz)).filter(|at| *at > now).min();
            prop_assert_eq!(DayTime(time).next_after(days, now, tz), wanted);
        }
    }
}
