//! Cron patterns on the wall clock: five, six or seven fields, mapped to instants by the one rule of zones.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc,
};
use chrono_tz::Tz;

use super::zone::{resolve, wall_clock};

mod fields;

use fields::Fields;

/// The longest pattern, in characters.
pub const MAX_CHARS: usize = 256;
/// Years that are looked through for the next occurrence: the calendar repeats itself after 400.
const MAX_YEARS: i32 = 400;

/// A pattern such as `0 9 * * MON-FRI`.
///
/// Fields are minute, hour, day of the month, month, day of the week; six begin with seconds, seven end
/// with years. Days of the week are 1 (Monday) to 7, 0 is Sunday as well; months and days may be named.
/// `*`, lists, ranges and steps are understood, `L` is the last day of the month, `?` stands for `*`,
/// and `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` for what they say. Where the day of the
/// month and the day of the week are both given, either is enough, as crontab has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    fields: Fields,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It does not parse; the text names the field.
    #[error("{0}")]
    Syntax(String),
    /// It parses, but no date is ever met.
    #[error("the pattern never fires: no date has this day, month and year")]
    Never,
}

impl Cron {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is none, or no date ever meets it (the 30th of February).
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        if text.chars().nth(MAX_CHARS).is_some() {
            let message = format!("a cron pattern has at most {MAX_CHARS} characters");
            return Err(CronError::Syntax(message));
        }
        let cron = Self {
            text: text.to_owned(),
            fields: Fields::parse(text).map_err(CronError::Syntax)?,
        };
        let start = fields::FIRST_YEAR - 1;
        let start =
            NaiveDate::from_ymd_opt(start, 12, 31).and_then(|day| day.and_hms_opt(23, 59, 59));
        match start.and_then(|start| cron.next_wall(start)) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The next occurrence after `now`: the wall clock in `tz` shows it. One that falls into a gap comes
    /// at the first instant after it, one that occurs twice at the first of the two. None: it has had
    /// its last.
    #[must_use]
    pub fn next_after(&self, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let shown = self.next_wall(wall_clock(now, tz)?)?;
        Some(resolve(shown, tz))
    }

    /// The next occurrences after `now`, in order, each once.
    pub fn upcoming(&self, now: DateTime<Utc>, tz: Tz) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.next_after(now, tz), move |last| {
            self.next_after(*last, tz)
        })
    }

    /// The next wall-clock time after `wall` that the pattern meets, as if the clock had no zone.
    fn next_wall(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let first = wall
            .with_nanosecond(0)?
            .checked_add_signed(chrono::Duration::seconds(1))?;
        let fields = &self.fields;
        let last_year = (first.year() + MAX_YEARS).min(9_998);
        let (mut day, mut from) = (first.date(), first.time());
        while day.year() <= last_year {
            // Whole years and months that cannot be are left out at once.
            if !fields.has_year(day.year()) {
                day = NaiveDate::from_ymd_opt(fields.year_after(day.year())?, 1, 1)?;
            } else if !fields.has_month(day.month()) {
                day = day.with_day(1)?.checked_add_months(Months::new(1))?;
            } else {
                let time = fields.has_day(day).then(|| self.next_time(from)).flatten();
                if let Some(time) = time {
                    return Some(day.and_time(time));
                }
                day = day.checked_add_days(Days::new(1))?;
            }
            from = NaiveTime::MIN;
        }
        None
    }

    /// The first time of day, not before `from`, that the pattern meets.
    fn next_time(&self, from: NaiveTime) -> Option<NaiveTime> {
        let fields = &self.fields;
        let hours = (from.hour()..24).filter(|hour| fields.hours & (1 << hour) != 0);
        hours.into_iter().find_map(|hour| {
            let later = hour > from.hour();
            let first = if later { 0 } else { from.minute() };
            let minutes = (first..60).filter(|minute| fields.minutes & (1 << minute) != 0);
            minutes.into_iter().find_map(|minute| {
                let later = later || minute > from.minute();
                let first = if later { 0 } else { from.second() };
                let second = (first..60).find(|second| fields.seconds & (1 << second) != 0)?;
                NaiveTime::from_hms_opt(hour, minute, second)
            })
        })
    }
}

#[cfg(test)]
mod tests;
