//! Weekly windows of time on the wall clock: open hours, quiet hours, with weekdays and holidays.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    daytime::{DayTime, Weekdays},
    problem::Problem,
    zone::{resolve, wall_clock},
};

/// Holidays that one window may name.
pub const MAX_HOLIDAYS: usize = 1_000;
/// Days that are looked at for the next opening: the calendar repeats itself after 400 years.
const MAX_DAYS: u64 = 400 * 366;

/// A window as it is written.
///
/// It opens at `from` on each of its days and closes at `to`; where `to` is not after `from` it closes
/// the next day, and where the two are the same it is open for a whole day. The day on which it opens
/// counts, also past midnight.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowSpec {
    /// Opens at this time of day.
    pub from: DayTime,
    /// Closes at this time of day; not after `from`: the next day.
    pub to: DayTime,
    /// Opens on these days of the week. Default: every day.
    #[serde(default)]
    pub weekdays: Option<Weekdays>,
    /// Does not open on these dates: `2026-12-24`, or `12-25` for every year.
    #[serde(default)]
    pub holidays: Vec<String>,
}

/// A window, compiled. It opens at least once in 400 years.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    from: NaiveTime,
    to: NaiveTime,
    weekdays: Weekdays,
    /// Sorted.
    dates: Vec<NaiveDate>,
    /// (month, day), sorted.
    yearly: Vec<(u32, u32)>,
}

impl Window {
    /// Compiles a window; the paths of problems are relative to it (`holidays[2]`).
    ///
    /// # Errors
    /// `invalid_date`, `invalid_value` (too many holidays), `window_never_opens`.
    pub fn compile(spec: &WindowSpec) -> Result<Self, Vec<Problem>> {
        let mut window = Self {
            from: spec.from.time(),
            to: spec.to.time(),
            weekdays: spec.weekdays.unwrap_or(Weekdays::ALL),
            dates: Vec::new(),
            yearly: Vec::new(),
        };
        if spec.holidays.len() > MAX_HOLIDAYS {
            let text = format!("a window names at most {MAX_HOLIDAYS} holidays");
            return Err(vec![Problem::error("invalid_value", "holidays", text)]);
        }
        let mut problems = Vec::new();
        for (i, text) in spec.holidays.iter().enumerate() {
            match holiday(text.trim()) {
                Some(Holiday::Once(date)) => window.dates.push(date),
                Some(Holiday::Yearly(month, day)) => window.yearly.push((month, day)),
                None => {
                    let at = format!("holidays[{i}]");
                    let problem = Problem::error("invalid_date", at, "this is no date");
                    problems.push(problem.hint("write 2026-12-24, or 12-25 for every year"));
                }
            }
        }
        window.dates.sort_unstable();
        window.yearly.sort_unstable();
        window.yearly.dedup();
        if window.weekdays.is_empty() {
            let text = "without a day of the week the window never opens";
            problems.push(Problem::error("window_never_opens", "weekdays", text));
        } else if window.yearly.len() == 366 {
            let text = "every day of the year is a holiday, so the window never opens";
            problems.push(Problem::error("window_never_opens", "holidays", text));
        }
        match problems.is_empty() {
            true => Ok(window),
            false => Err(problems),
        }
    }

    /// Whether it is open: from its opening on, up to its close and not at it.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>, tz: Tz) -> bool {
        self.opening(now, tz).is_some()
    }

    /// Now where it is open, else the instant at which it opens next. None: not in 400 years, or beyond
    /// the calendar.
    #[must_use]
    pub fn next_open(&self, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        if self.is_open(now, tz) {
            return Some(now);
        }
        let today = wall_clock(now, tz)?.date();
        let days = (0..MAX_DAYS).map_while(|ahead| today.checked_add_days(Days::new(ahead)));
        days.filter(|day| self.opens_on(*day))
            .map_while(|day| self.on(day, tz))
            .find_map(|(open, close)| (open > now && open < close).then_some(open))
    }

    /// Where it is open, the instant at which it closes; where one opening follows upon another
    /// without a gap, the close of the last. None: it is closed, or stays open for a year and more.
    #[must_use]
    pub fn closes(&self, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let mut close = self.opening(now, tz)?;
        for _ in 0..366 {
            match self.opening(close, tz) {
                Some(later) => close = later,
                None => return Some(close),
            }
        }
        None
    }

    /// The close of the opening that `now` lies in; of several the latest.
    fn opening(&self, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let today = wall_clock(now, tz)?.date();
        // Where clocks are set back over midnight the wall clock is a day ahead of what resolves first.
        let days = [
            today.pred_opt().and_then(|day| day.pred_opt()),
            today.pred_opt(),
            Some(today),
        ];
        let days = days.into_iter().flatten().filter(|day| self.opens_on(*day));
        days.filter_map(|day| self.on(day, tz))
            .filter(|(open, close)| *open <= now && now < *close)
            .map(|(_, close)| close)
            .max()
    }

    fn opens_on(&self, day: NaiveDate) -> bool {
        self.weekdays.has(day.weekday())
            && self.dates.binary_search(&day).is_err()
            && self
                .yearly
                .binary_search(&(day.month(), day.day()))
                .is_err()
    }

    /// When it opens and closes on a day that it opens on.
    fn on(&self, day: NaiveDate, tz: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let last = match self.to > self.from {
            true => day,
            false => day.succ_opt()?,
        };
        // A wall clock can be told up to the year 9,998.
        (last.year() <= 9_998).then(|| {
            (
                resolve(day.and_time(self.from), tz),
                resolve(last.and_time(self.to), tz),
            )
        })
    }
}

enum Holiday {
    Once(NaiveDate),
    Yearly(u32, u32),
}

fn holiday(text: &str) -> Option<Holiday> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    match text.len() {
        10 if plain => text.parse().ok().map(Holiday::Once),
        5 if plain => {
            // Any leap year will do: the 29th of February is a day of every such year.
            let date: NaiveDate = format!("2024-{text}").parse().ok()?;
            Some(Holiday::Yearly(date.month(), date.day()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
