//! The one place where a wall-clock time becomes an instant, and where date texts are read.

use chrono::{
    DateTime, Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat,
    TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use super::nearest::nearest;

/// The instant of a wall-clock time in a zone.
///
/// A time that occurs twice (clocks set back) is the first of the two. A time that does not occur
/// (clocks set forward, or a calendar day left out) is the first instant after the gap.
pub fn resolve(local: NaiveDateTime, tz: Tz) -> DateTime<Utc> {
    match tz.from_local_datetime(&local) {
        LocalResult::Single(at) => at.with_timezone(&Utc),
        LocalResult::Ambiguous(first, second) => first.min(second).with_timezone(&Utc),
        LocalResult::None => end_of_gap(local, tz),
    }
}

/// The first instant whose wall-clock time is not before `local`, which lies in a gap.
///
/// Wall-clock minus true time is the zone's offset and never more than a day, so the jump lies
/// within two days on either side; halving finds it to the second, and zones change on seconds.
fn end_of_gap(local: NaiveDateTime, tz: Tz) -> DateTime<Utc> {
    let as_utc = local.and_utc();
    let wall = |seconds: i64| {
        DateTime::from_timestamp(seconds, 0).map(|at| at.with_timezone(&tz).naive_local())
    };
    let mut before = as_utc.timestamp() - 2 * 86_400;
    let mut after = as_utc.timestamp() + 2 * 86_400;
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        match wall(middle) {
            Some(wall) if wall < local => before = middle,
            _ => after = middle,
        }
    }
    DateTime::from_timestamp(after, 0).unwrap_or(as_utc)
}

/// The latest wall-clock time, in whole seconds, whose instant ([`resolve`]) is not after `now`: all that
/// the wall clock shows after it comes after `now`. In the second pass of an hour that occurs twice that
/// is the end of the hour. None: beyond the years that a wall clock can show (1 to 9,998).
pub fn wall_clock(now: DateTime<Utc>, tz: Tz) -> Option<NaiveDateTime> {
    if !(1..=9_998).contains(&now.year()) {
        return None;
    }
    let second = Duration::seconds(1);
    let local = now.with_timezone(&tz).naive_local().with_nanosecond(0)?;
    let second_pass =
        matches!(tz.from_local_datetime(&local), LocalResult::Ambiguous(a, b) if a.max(b) <= now);
    if !second_pass {
        return Some(local);
    }
    let mut before = local;
    let mut after = local + Duration::days(2);
    while after - before > second {
        let middle = before + Duration::seconds((after - before).num_seconds() / 2);
        match resolve(middle, tz) <= now {
            true => before = middle,
            false => after = middle,
        }
    }
    Some(before)
}

/// The zone of that name, such as `Europe/Berlin`; the error names the nearest.
pub fn zone_named(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        let near = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()));
        let near = near.unwrap_or("Europe/Berlin");
        format!("the zone is none by that name, write one such as {near}")
    })
}

/// An instant as text, in one spelling everywhere: UTC with `Z`, fractions in threes where there are any.
pub fn instant_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A date or date-time as written: with its zone, without one, or a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant (RFC 3339, with an offset).
    Instant(DateTime<Utc>),
    /// A wall-clock time in whatever zone applies.
    Local(NaiveDateTime),
    /// A whole day in whatever zone applies.
    Day(NaiveDate),
}

impl Moment {
    /// Reads RFC 3339, a date-time without zone, or a plain date; `T` or a space between the two.
    /// The whole text must be one. Fractions are cut to microseconds, which is what Postgres keeps.
    pub fn parse(text: &str) -> Option<Self> {
        // By hand, because every comparison of texts looks here: nearly all are refused at once,
        // and a date costs tens of nanoseconds instead of the thousand of a format string.
        let bytes = text.as_bytes();
        if !(10..=40).contains(&bytes.len()) || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let year = i32::try_from(digits(&bytes[..4])?).ok()?;
        let day = NaiveDate::from_ymd_opt(year, digits(&bytes[5..7])?, digits(&bytes[8..10])?)?;
        let Some((separator, rest)) = bytes[10..].split_first() else {
            return Some(Self::Day(day));
        };
        if !matches!(separator, b'T' | b't' | b' ') {
            return None;
        }
        let (time, zone) = clock(rest)?;
        let local = day.and_time(time);
        match zone.trim_ascii_start() {
            [] => Some(Self::Local(local)),
            [b'Z' | b'z'] => Some(Self::Instant(local.and_utc())),
            [sign @ (b'+' | b'-'), offset @ ..] => {
                let east = offset_seconds(offset)? * if *sign == b'-' { -1 } else { 1 };
                let at = local.checked_sub_signed(Duration::seconds(east))?;
                Some(Self::Instant(at.and_utc()))
            }
            _ => None,
        }
    }

    /// Its instant; a day is its midnight.
    pub fn at(self, tz: Tz) -> DateTime<Utc> {
        match self {
            Self::Instant(at) => at,
            Self::Local(local) => resolve(local, tz),
            Self::Day(day) => resolve(day.and_time(NaiveTime::MIN), tz),
        }
    }

    /// The first instant after it: of a day the next day's midnight, else a microsecond later.
    pub fn after(self, tz: Tz) -> DateTime<Utc> {
        let next = match self {
            Self::Day(day) => day
                .succ_opt()
                .map(|next| resolve(next.and_time(NaiveTime::MIN), tz)),
            _ => self.at(tz).checked_add_signed(Duration::microseconds(1)),
        };
        next.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// Reads a date-time text; without a zone of its own it is taken in `tz`, a plain date as midnight.
pub fn parse_datetime(text: &str, tz: Tz) -> Option<DateTime<Utc>> {
    Moment::parse(text).map(|moment| moment.at(tz))
}

/// A number of digits and nothing else.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff` at the start, and what follows it.
fn clock(bytes: &[u8]) -> Option<(NaiveTime, &[u8])> {
    let two = |at: usize| digits(bytes.get(at..at + 2)?);
    if bytes.get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (two(0)?, two(3)?);
    let mut rest = &bytes[5..];
    let (mut second, mut micros) = (0, 0);
    if let [b':', after @ ..] = rest {
        second = two(6)?;
        rest = &after[2..];
        if let [b'.' | b',', fraction @ ..] = rest {
            let length = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            // What is finer than a microsecond is cut, as Postgres keeps no more.
            let kept = length.min(6);
            micros = digits(&fraction[..kept])? * 10u32.pow(6 - u32::try_from(kept).ok()?);
            rest = (length > 0).then(|| &fraction[length..])?;
        }
    }
    // A leap second is the last one of its minute.
    Some((
        NaiveTime::from_hms_micro_opt(hour, minute, second.min(59), micros)?,
        rest,
    ))
    .filter(|_| second <= 60)
}

/// `02:00`, `0200` or `02` in seconds.
fn offset_seconds(offset: &[u8]) -> Option<i64> {
    let (hours, minutes) = match offset {
        [_, _] => (digits(offset)?, 0),
        [_, _, _, _] => (digits(&offset[..2])?, digits(&offset[2..])?),
        [_, _, b':', _, _] => (digits(&offset[..2])?, digits(&offset[3..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(i64::from(hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_to_instant() {
        let rows = [
            // An ordinary time, in winter and in summer.
            (
                "2024-01-15T09:00:00",
                "Europe/Berlin",
                "2024-01-15T08:00:00Z",
            ),
            (
                "2024-07-15T09:00:00",
                "Europe/Berlin",
                "2024-07-15T07:00:00Z",
            ),
            // Clocks forward: 02:30 does not occur, the next valid instant is 03:00.
            (
                "2024-03-31T02:30:00",
                "Europe/Berlin",
                "2024-03-31T01:00:00Z",
            ),
            (
                "2024-03-10T02:15:00",
                "America/New_York",
                "2024-03-10T07:00:00Z",
            ),
            // Lord Howe moves by half an hour.
            (
                "2024-10-06T02:10:00",
                "Australia/Lord_Howe",
                "2024-10-05T15:30:00Z",
            ),
            // Clocks back: the first of the two.
            (
                "2024-10-27T02:30:00",
                "Europe/Berlin",
                "2024-10-27T00:30:00Z",
            ),
            (
                "2024-11-03T01:30:00",
                "America/New_York",
                "2024-11-03T05:30:00Z",
            ),
            (
                "2024-04-07T01:45:00",
                "Australia/Lord_Howe",
                "2024-04-06T14:45:00Z",
            ),
            // An offset of 5:45, and a calendar day that Samoa left out.
            (
                "2024-05-01T12:00:00",
                "Asia/Kathmandu",
                "2024-05-01T06:15:00Z",
            ),
            (
                "2011-12-30T12:00:00",
                "Pacific/Apia",
                "2011-12-30T10:00:00Z",
            ),
            (
                "2011-12-31T00:00:00",
                "Pacific/Apia",
                "2011-12-30T10:00:00Z",
            ),
            ("2024-02-29T23:59:59", "UTC", "2024-02-29T23:59:59Z"),
        ];
        for (local, zone, want) in rows {
            let tz: Tz = zone.parse().unwrap();
            let want: DateTime<Utc> = want.parse().unwrap();
            assert_eq!(resolve(local.parse().unwrap(), tz), want, "{local} {zone}");
        }
    }

    #[test]
    fn date_texts() {
        let rows = [
            ("2024-05-01", Some("2024-04-30T22:00:00Z")),
            ("2024-05-01T10:00", Some("2024-05-01T08:00:00Z")),
            ("2024-05-01 10:00:30", Some("2024-05-01T08:00:30Z")),
            ("2024-05-01T10:00:00Z", Some("2024-05-01T10:00:00Z")),
            (
                "2024-05-01T10:00:00.1234567+02:00",
                Some("2024-05-01T08:00:00.123456Z"),
            ),
            ("2024-05-01 10:00:00+00", Some("2024-05-01T10:00:00Z")),
            ("2024-05-01T10:00:00-0330", Some("2024-05-01T13:30:00Z")),
            ("2024-02-29", Some("2024-02-28T23:00:00Z")),
            ("2024-05-01T10:00:00.5", Some("2024-05-01T08:00:00.500Z")),
            ("2024-05-01T23:59:60Z", Some("2024-05-01T23:59:59Z")),
            ("2024-05-01 10:00:00 +02:00", Some("2024-05-01T08:00:00Z")),
            ("2024-05-01T10:00:00.Z", None),
            ("2024-05-01T10:00:61Z", None),
            ("2024-05-01T24:00", None),
            ("2024-05-01T1:00", None),
            ("2024-05-01T10:00:0", None),
            ("+024-05-01", None),
            ("2024-05-0\u{661}", None),
            ("2023-02-29", None),
            ("2024-05-01x", None),
            ("2024-05-01T10:00:00+99:00", None),
            ("2024", None),
            ("", None),
            ("soon, on 2024-05-01", None),
        ];
        let tz = chrono_tz::Europe::Berlin;
        for (text, want) in rows {
            let want = want.map(|want| want.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(parse_datetime(text, tz), want, "{text}");
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let day = Moment::parse("2024-03-31").unwrap();
        let hours =
            (day.after(chrono_tz::Europe::Berlin) - day.at(chrono_tz::Europe::Berlin)).num_hours();
        assert_eq!(hours, 23);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", dateish in "[0-9TZ:+. -]{0,36}") {
            let _ = Moment::parse(&text);
            let _ = Moment::parse(&dateish);
            let _ = Moment::parse(&format!("2024-05-01T{dateish}"));
        }

        /// What the wall clock shows until then has been, the second after it is still to come.
        #[test]
        fn the_wall_clock_parts_past_and_future(seconds in -2_000_000_000i64..4_000_000_000, zone in 0usize..chrono_tz::TZ_VARIANTS.len()) {
            let (now, tz) = (DateTime::from_timestamp(seconds, 0).unwrap(), chrono_tz::TZ_VARIANTS[zone]);
            let wall = wall_clock(now, tz).unwrap();
            proptest::prop_assert!(resolve(wall, tz) <= now);
            proptest::prop_assert!(resolve(wall + Duration::seconds(1), tz) > now);
        }

        #[test]
        fn every_wall_clock_resolves(seconds in -2_000_000_000i64..4_000_000_000, zone in 0usize..chrono_tz::TZ_VARIANTS.len()) {
            let tz = chrono_tz::TZ_VARIANTS[zone];
            let local = DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            // The answer's own wall clock is the one asked for, or the first after a gap.
            let back = resolve(local, tz).with_timezone(&tz).naive_local();
            proptest::prop_assert!(back >= local && back - local <= Duration::days(1));
        }
    }
}
