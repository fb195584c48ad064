//! Patterns as people write them, over zones and clock changes.

use chrono::TimeZone;
use chrono_tz::Tz::*;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Rows: pattern, zone, now, the next occurrences.
#[test]
#[rustfmt::skip] // a row a line
fn patterns_and_what_follows() {
    let rows: &[(&str, Tz, &str, &[&str])] = &[
        // Five fields: minute, hour, day, month, weekday.
        ("0 9 * * 1", UTC, "2026-03-01T00:00:00Z", &["2026-03-02T09:00:00Z", "2026-03-09T09:00:00Z"]),
        ("0 9 * * mon", UTC, "2026-03-02T09:00:00Z", &["2026-03-09T09:00:00Z"]),
        ("*/15 8-9 * * MON-FRI", UTC, "2026-03-06T09:30:00Z", &["2026-03-06T09:45:00Z", "2026-03-09T08:00:00Z"]),
        // Sunday is 0 and 7.
        ("0 0 * * 0", UTC, "2026-03-01T00:00:00Z", &["2026-03-08T00:00:00Z"]),
        ("0 0 * * 7", UTC, "2026-03-01T00:00:00Z", &["2026-03-08T00:00:00Z"]),
        (
            "0 0 * * fri-sun",
            UTC,
            "2026-03-05T12:00:00Z",
            &[
                "2026-03-06T00:00:00Z",
                "2026-03-07T00:00:00Z",
                "2026-03-08T00:00:00Z",
                "2026-03-13T00:00:00Z",
            ],
        ),
        ("0 0 * * sun-mon", UTC, "2026-03-05T12:00:00Z", &["2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"]),
        // Six fields begin with seconds, seven end with years.
        ("30 0 9 * * *", UTC, "2026-03-01T09:00:30Z", &["2026-03-02T09:00:30Z"]),
        ("0 0 9 1 1 * 2028,2030-2031", UTC, "2026-03-01T00:00:00Z", &["2028-01-01T09:00:00Z", "2030-01-01T09:00:00Z", "2031-01-01T09:00:00Z"]),
        ("0 0 0 1 1 ? *", UTC, "2026-03-01T00:00:00Z", &["2027-01-01T00:00:00Z"]),
        // Steps from a number on, lists.
        (
            "5/20 0 1 1 *",
            UTC,
            "2026-03-01T00:00:00Z",
            &[
                "2027-01-01T00:05:00Z",
                "2027-01-01T00:25:00Z",
                "2027-01-01T00:45:00Z",
                "2028-01-01T00:05:00Z",
            ],
        ),
        ("0 6,18 * jan,JUL *", UTC, "2026-01-31T07:00:00Z", &["2026-01-31T18:00:00Z", "2026-07-01T06:00:00Z"]),
        // A day of the month and a day of the week: either is enough.
        ("0 0 13 * 5", UTC, "2026-01-10T00:00:00Z", &["2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z"]),
        // Month ends, the 31st, the 29th of February.
        ("0 0 31 * *", UTC, "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
        ("0 0 L * *", UTC, "2026-01-31T00:00:00Z", &["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]),
        ("0 0 15,l * *", UTC, "2024-02-15T00:00:00Z", &["2024-02-29T00:00:00Z", "2024-03-15T00:00:00Z"]),
        ("0 12 29 2 *", UTC, "2026-01-01T00:00:00Z", &["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]),
        ("0 12 29 2 *", UTC, "2096-03-01T00:00:00Z", &["2104-02-29T12:00:00Z"]),
        ("@daily", Europe__Berlin, "2026-01-01T00:00:00Z", &["2026-01-01T23:00:00Z"]),
        ("@Weekly", UTC, "2026-03-05T12:00:00Z", &["2026-03-08T00:00:00Z"]),
        // Fractions of a second do not hide the next second.
        ("* * * * * *", UTC, "2026-03-05T12:00:00.5Z", &["2026-03-05T12:00:01Z", "2026-03-05T12:00:02Z"]),
        // Berlin, clocks forward: half past two comes at three, and only once.
        ("30 2 * * *", Europe__Berlin, "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("*/30 2-3 * * *", Europe__Berlin, "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"]),
        // Clocks back: the first of the two, never both.
        ("30 2 * * *", Europe__Berlin, "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("0 * * * *", Europe__Berlin, "2026-10-24T23:30:00Z", &["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"]),
        ("0 * * * *", Europe__Berlin, "2026-10-25T01:30:00Z", &["2026-10-25T02:00:00Z"]),
        ("0 9 * * *", America__New_York, "2026-03-07T12:00:00Z", &["2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z"]),
        ("30 1 1 11 *", America__New_York, "2026-10-31T00:00:00Z", &["2026-11-01T05:30:00Z", "2027-11-01T05:30:00Z"]),
        ("15 2 * * *", Australia__Lord_Howe, "2026-10-03T00:00:00Z", &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]),
        ("45 1 * * *", Australia__Lord_Howe, "2026-04-04T00:00:00Z", &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]),
        ("0 6 1 * *", Asia__Kathmandu, "2026-01-01T00:00:00Z", &["2026-01-01T00:15:00Z", "2026-02-01T00:15:00Z"]),
        // Apia left out the 30th of December 2011.
        (
            "0 9 * * *",
            Pacific__Apia,
            "2011-12-29T12:00:00Z",
            &[
                "2011-12-29T19:00:00Z",
                "2011-12-30T10:00:00Z",
                "2011-12-30T19:00:00Z",
                "2011-12-31T19:00:00Z",
            ],
        ),
    ];
    for (pattern, tz, now, wanted) in rows {
        let cron = Cron::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let next: Vec<_> = cron.upcoming(at(now), *tz).take(wanted.len()).collect();
        let wanted: Vec<_> = wanted.iter().map(|text| at(text)).collect();
        assert_eq!(next, wanted, "{pattern} in {tz} after {now}");
    }
    let past = Cron::parse("0 0 0 1 1 * 2020").unwrap();
    assert_eq!(
        past.next_after(at("2026-01-01T00:00:00Z"), UTC),
        None,
        "it has had its last"
    );
}

#[test]
#[rustfmt::skip] // a row a line
fn what_is_wrong_and_where() {
    let rows = [
        ("0 24 * * *", "hour: 24 is not 0 to 23"),
        ("60 * * * *", "minute: 60 is not 0 to 59"),
        ("* * 0 * *", "day of the month: 0 is not 1 to 31"),
        ("* * 32 * *", "day of the month: 32 is not 1 to 31"),
        ("* * * 13 *", "month: 13 is not 1 to 12"),
        ("* * * jann *", "month: \"jann\" is no number from 1 to 12, did you mean \"jan\"?"),
        ("* * * * 8", "day of the week: 8 is not 0 to 7"),
        ("60 * * * * *", "second: 60 is not 0 to 59"),
        ("0 0 0 1 1 * 1969", "year: 1969 is not 1970 to 2199"),
        ("5-1 * * * *", "minute: the range 5-1 runs backwards"),
        ("*/0 * * * *", "minute: the step of \"*/0\" is no number from 1 up"),
        ("*/x * * * *", "minute: the step of \"*/x\" is no number from 1 up"),
        ("1,,2 * * * *", "minute: a number is missing"),
        ("1- * * * *", "minute: a number is missing"),
        ("? * * * *", "minute: \"?\" is no number from 0 to 59"),
        ("-1 * * * *", "minute: a number is missing"),
        ("* L * * *", "hour: \"L\" is no number from 0 to 23"),
        (
            "0 9 * *",
            "a cron pattern has five fields (minute, hour, day, month, weekday), six with \
                     seconds before or seven with years after them, not 4",
        ),
        ("@dayly", "\"@dayly\" is no cron pattern: did you mean \"@daily\"?"),
        ("0 0 30 2 *", "the pattern never fires: no date has this day, month and year"),
        ("0 0 31 4,6,9,11 *", "the pattern never fires: no date has this day, month and year"),
        ("0 0 0 29 2 * 2026", "the pattern never fires: no date has this day, month and year"),
    ];
    for (pattern, wanted) in rows {
        let error = Cron::parse(pattern).unwrap_err();
        assert_eq!(error.to_string(), wanted, "{pattern}");
        assert_eq!(
            error == CronError::Never,
            wanted.contains("never fires"),
            "{pattern}"
        );
    }
    assert!(Cron::parse(&"0".repeat(MAX_CHARS + 1)).is_err());
    let odd = "the 30th of February is one with a Monday beside it";
    assert!(Cron::parse("0 0 30 2 1").is_ok(), "{odd}");
}

fn any_field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let one = (low..=high).prop_map(|n| n.to_string());
    let range = (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let step = (1u32..20).prop_map(|n| format!("*/{n}"));
    prop_oneof![
        Just("*".to_owned()),
        one.clone(),
        range,
        step,
        (one.clone(), one).prop_map(|(a, b)| format!("{a},{b}"))
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}", cronish in "[0-9*/,?LlA-Z@ -]{0,40}") {
        for text in [text, cronish] {
            if let Ok(cron) = Cron::parse(&text) {
                let _ = cron.next_after(at("2026-01-01T00:00:00Z"), UTC);
                let _ = cron.next_after(DateTime::<Utc>::MAX_UTC, Pacific__Apia);
                let _ = cron.next_after(DateTime::<Utc>::MIN_UTC, UTC);
                let _ = cron.next_after(at("9998-12-31T23:59:59Z"), UTC);
            }
        }
    }

    /// Between now and the next there is no second at which the wall clock, showing a time for the first
    /// time, meets the pattern; and at the next it does, unless that time lay in a gap.
    #[test]
    fn none_is_skipped_and_none_comes_twice(
        minute in any_field(0, 59), hour in any_field(0, 23), day in any_field(1, 28), weekday in any_field(0, 7),
        seconds in 1_000_000_000i64..2_000_000_000, zone in 0usize..chrono_tz::TZ_VARIANTS.len(),
    ) {
        let cron = Cron::parse(&format!("{minute} {hour} {day} * {weekday}")).unwrap();
        let (now, tz) = (DateTime::from_timestamp(seconds, 0).unwrap(), chrono_tz::TZ_VARIANTS[zone]);
        let next = cron.next_after(now, tz).unwrap();
        prop_assert!(next > now);
        let meets = |wall: NaiveDateTime| {
            let just_before = wall - chrono::Duration::seconds(1);
            cron.next_wall(just_before) == Some(wall)
        };
        // By the minute, for two days at most.
        let first = (seconds / 60 + 1) * 60;
        for second in (first..first + 2 * 86_400).step_by(60) {
            let moment = DateTime::from_timestamp(second, 0).unwrap();
            if moment >= next {
                break;
            }
            let wall = tz.from_utc_datetime(&moment.naive_utc()).naive_local();
            let first_time = resolve(wall, tz) == moment;
            prop_assert!(!(first_time && meets(wall)), "{} was skipped, {} is next", moment, next);
        }
        let shown = tz.from_utc_datetime(&next.naive_utc()).naive_local();
        let after_gap = (next - chrono::Duration::seconds(1)).with_timezone(&tz).naive_local() != shown - chrono::Duration::seconds(1);
        prop_assert!(meets(shown) || after_gap, "{} does not meet it", next);
    }
}
