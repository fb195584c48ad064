//! The fields of a cron pattern: texts to sets of numbers, and what is wrong with them.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use crate::model::nearest::did_you_mean;

/// The first year that a field of years can name.
pub(super) const FIRST_YEAR: i32 = 1970;
const LAST_YEAR: i32 = 2199;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
/// Names of days, at their number.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Whole patterns with a name.
const NAMED: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// A field: what errors call it, its numbers, and the names of some.
struct Kind {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
    /// The number of the first name.
    first: u32,
}

const fn kind(name: &'static str, low: u32, high: u32) -> Kind {
    Kind {
        name,
        low,
        high,
        names: &[],
        first: 0,
    }
}

const SECOND: Kind = kind("second", 0, 59);
const MINUTE: Kind = kind("minute", 0, 59);
const HOUR: Kind = kind("hour", 0, 23);
const DAY: Kind = kind("day of the month", 1, 31);
const MONTH: Kind = Kind {
    name: "month",
    low: 1,
    high: 12,
    names: &MONTHS,
    first: 1,
};
const WEEKDAY: Kind = Kind {
    name: "day of the week",
    low: 0,
    high: 7,
    names: &DAYS,
    first: 0,
};
const YEAR: Kind = kind("year", FIRST_YEAR as u32, LAST_YEAR as u32);

/// A compiled pattern: a bit for each number that is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    months: u64,
    days: Days,
    /// None: every year.
    years: Option<BTreeSet<i32>>,
}

/// Which days of a month are met.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Days {
    of_month: u64,
    /// The last of the month, whichever that is.
    last: bool,
    /// Bit 0 is Sunday.
    of_week: u64,
    /// Both are given, so that either is enough.
    either: bool,
}

impl Fields {
    /// Reads a whole pattern; the error names the field.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let named = NAMED
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let text = match named {
            Some((_, pattern)) => pattern,
            None if text.starts_with('@') => {
                let near = did_you_mean(text, NAMED.map(|row| row.0));
                let near = near.unwrap_or_else(|| "write @hourly, @daily or five fields".into());
                return Err(format!("{text:?} is no cron pattern: {near}"));
            }
            None => text,
        };
        let parts: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, rest) = match parts.len() {
            5 => ("0", &parts[..]),
            6 | 7 => (parts[0], &parts[1..]),
            count => {
                return Err(format!(
                    "a cron pattern has five fields (minute, hour, day, month, weekday), six with \
                     seconds before or seven with years after them, not {count}"
                ));
            }
        };
        let (day, weekday) = (rest[2], rest[4]);
        let (last, listed) = split_last(day);
        let of_month = match (last, listed.is_empty()) {
            (true, true) => 0,
            _ => bits(&numbers(&listed, &DAY)?),
        };
        // 7 is Sunday as well.
        let of_week = numbers(weekday, &WEEKDAY)?.into_iter().map(|day| day % 7);
        let given = |field: &str| !field.starts_with(['*', '?']);
        let years = rest.get(5).filter(|field| given(field) || field.len() > 1);
        let years = years.map(|field| numbers(field, &YEAR)).transpose()?;
        Ok(Self {
            seconds: bits(&numbers(second, &SECOND)?),
            minutes: bits(&numbers(rest[0], &MINUTE)?),
            hours: bits(&numbers(rest[1], &HOUR)?),
            months: bits(&numbers(rest[3], &MONTH)?),
            days: Days {
                of_month,
                last,
                of_week: bits(&of_week.collect()),
                either: given(day) && given(weekday),
            },
            years: years.map(|years| years.into_iter().map(|year| year as i32).collect()),
        })
    }

    pub(super) fn has_year(&self, year: i32) -> bool {
        self.years
            .as_ref()
            .is_none_or(|years| years.contains(&year))
    }

    /// The first year after this one that is met.
    pub(super) fn year_after(&self, year: i32) -> Option<i32> {
        match &self.years {
            None => year.checked_add(1),
            Some(years) => years.range(year.saturating_add(1)..).next().copied(),
        }
    }

    pub(super) fn has_month(&self, month: u32) -> bool {
        self.months & (1 << month) != 0
    }

    /// Whether the day is met, as far as the fields of days say.
    pub(super) fn has_day(&self, day: NaiveDate) -> bool {
        let days = &self.days;
        let is_last = || {
            day.succ_opt()
                .is_none_or(|next| next.month() != day.month())
        };
        let month = days.of_month & (1 << day.day()) != 0 || (days.last && is_last());
        let week = days.of_week & (1 << day.weekday().num_days_from_sunday()) != 0;
        match days.either {
            true => month || week,
            false => month && week,
        }
    }
}

fn bits(numbers: &BTreeSet<u32>) -> u64 {
    numbers.iter().fold(0, |bits, number| bits | 1 << number)
}

/// Whether the list of days has `L`, and the list without it.
fn split_last(field: &str) -> (bool, String) {
    let is_last = |item: &&str| item.eq_ignore_ascii_case("l");
    let rest: Vec<&str> = field.split(',').filter(|item| !is_last(item)).collect();
    (rest.len() < field.split(',').count(), rest.join(","))
}

/// The numbers that a field lists.
fn numbers(field: &str, kind: &Kind) -> Result<BTreeSet<u32>, String> {
    let mut all = BTreeSet::new();
    for item in field.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (low, high) = match range {
            "*" => (kind.low, kind.high),
            "?" if kind.name.starts_with("day") => (kind.low, kind.high),
            _ => match (range.split_once('-'), step) {
                (Some((low, high)), _) => (number(low, kind)?, number(high, kind)?),
                (None, None) => {
                    let number = number(range, kind)?;
                    (number, number)
                }
                (None, Some(_)) => (number(range, kind)?, kind.high),
            },
        };
        // `fri-sun` ends the week, `sun-tue` begins it.
        let (low, high) = match kind.high {
            7 if high == 0 && low > 0 => (low, 7),
            7 if low == 7 && high < 7 => (0, high),
            _ => (low, high),
        };
        if low > high {
            return Err(format!("{}: the range {range} runs backwards", kind.name));
        }
        let step = match step.map(plain) {
            None => 1,
            Some(Some(step @ 1..)) => step as usize,
            Some(_) => {
                return Err(format!(
                    "{}: the step of {item:?} is no number from 1 up",
                    kind.name
                ));
            }
        };
        all.extend((low..=high).step_by(step));
    }
    Ok(all)
}

/// One number or name.
fn number(text: &str, kind: &Kind) -> Result<u32, String> {
    let named = |name: &str| name.eq_ignore_ascii_case(text);
    if let Some(at) = kind.names.iter().position(|name| named(name)) {
        return Ok(kind.first + at as u32);
    }
    let Kind {
        name, low, high, ..
    } = kind;
    match plain(text) {
        Some(number) if (*low..=*high).contains(&number) => Ok(number),
        Some(number) => Err(format!("{name}: {number} is not {low} to {high}")),
        None if text.is_empty() => Err(format!("{name}: a number is missing")),
        None => {
            let near = did_you_mean(&text.to_ascii_lowercase(), kind.names.iter().copied());
            let hint = near.map(|near| format!(", {near}")).unwrap_or_default();
            Err(format!(
                "{name}: {text:?} is no number from {low} to {high}{hint}"
            ))
        }
    }
}

/// Digits and nothing else, at most five.
fn plain(text: &str) -> Option<u32> {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
