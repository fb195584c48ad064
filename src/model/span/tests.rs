//! Spans: what is read, what is refused, and the calendar's corners.

use chrono::Datelike;
use chrono_tz::{America::New_York, Australia::Lord_Howe, Europe::Berlin};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn the_table_is_in_order() {
    for (unit, ..) in UNITS {
        assert_eq!(unit.row().0, unit);
    }
}

#[test]
fn what_is_read() {
    let rows = [
        (json!({"amount": 2, "unit": "days"}), "2 days"),
        (json!({"amount": 1, "unit": "HOUR"}), "1 hour"),
        (json!({"amount": "3", "unit": "Weeks"}), "3 weeks"),
        (
            json!({"amount": 1.5, "unit": "hours"}),
            "5400000 milliseconds",
        ),
        (json!({"amount": 2.0, "unit": "months"}), "2 months"),
        (json!("24 hours"), "24 hours"),
        (json!(" 1 Day "), "1 day"),
        (json!("90minutes"), "90 minutes"),
        (json!(1500), "1500 milliseconds"),
        (json!("0 days"), "0 days"),
        (json!(31_536_000_000_000u64), "31536000000000 milliseconds"),
        (json!("31535999999999 ms"), "31535999999999 milliseconds"),
    ];
    for (value, want) in rows {
        assert_eq!(
            serde_json::from_value::<Span>(value).unwrap().to_string(),
            want
        );
    }
}

#[test]
fn what_is_refused() {
    let rows = [
        (
            json!({"amount": 2, "unit": "dayz"}),
            "did you mean \"days\"?",
        ),
        (
            json!({"amount": 2, "unit": "fortnights"}),
            "units are milliseconds, seconds",
        ),
        (
            json!({"amount": 2, "units": "days"}),
            "did you mean \"unit\"?",
        ),
        (json!({"unit": "days"}), "needs an amount"),
        (json!({"amount": -1, "unit": "days"}), "negative"),
        (json!({"amount": 1.5, "unit": "days"}), "has a fraction"),
        (
            json!({"amount": 9e99, "unit": "hours"}),
            "longer than 1000 years",
        ),
        (
            json!({"amount": 1001, "unit": "years"}),
            "longer than 1000 years",
        ),
        (json!("24"), "an amount and a unit"),
        (json!("soon"), "an amount and a unit"),
        (json!("1-2 hours"), "is no number"),
        (json!(true), "a span is"),
    ];
    for (value, want) in rows {
        let error = serde_json::from_value::<Span>(value.clone())
            .unwrap_err()
            .to_string();
        assert!(error.contains(want), "{value}: {error}");
    }
}

#[test]
fn calendar_corners() {
    let rows = [
        // Hours are exact across a change of clocks, days keep the time of day.
        (
            "24 hours",
            "2024-03-30T09:00:00Z",
            Berlin,
            "2024-03-31T09:00:00Z",
        ),
        (
            "1 day",
            "2024-03-30T09:00:00Z",
            Berlin,
            "2024-03-31T08:00:00Z",
        ),
        (
            "1 day",
            "2024-11-02T13:00:00Z",
            New_York,
            "2024-11-03T14:00:00Z",
        ),
        (
            "1 week",
            "2024-10-20T08:00:00Z",
            Berlin,
            "2024-10-27T09:00:00Z",
        ),
        // Into a gap: the next valid instant; into an overlap: the first.
        (
            "1 day",
            "2024-03-30T01:30:00Z",
            Berlin,
            "2024-03-31T01:00:00Z",
        ),
        (
            "1 day",
            "2024-10-26T00:30:00Z",
            Berlin,
            "2024-10-27T00:30:00Z",
        ),
        (
            "1 day",
            "2024-10-04T15:40:00Z",
            Lord_Howe,
            "2024-10-05T15:30:00Z",
        ),
        // Month ends clamp.
        (
            "1 month",
            "2024-01-31T12:00:00Z",
            Tz::UTC,
            "2024-02-29T12:00:00Z",
        ),
        (
            "1 month",
            "2023-01-31T12:00:00Z",
            Tz::UTC,
            "2023-02-28T12:00:00Z",
        ),
        (
            "1 year",
            "2024-02-29T12:00:00Z",
            Tz::UTC,
            "2025-02-28T12:00:00Z",
        ),
        (
            "4 years",
            "2024-02-29T12:00:00Z",
            Tz::UTC,
            "2028-02-29T12:00:00Z",
        ),
        (
            "0 months",
            "2024-01-31T12:00:00Z",
            Berlin,
            "2024-01-31T12:00:00Z",
        ),
    ];
    for (span, from, tz, want) in rows {
        assert_eq!(
            Span::parse(span).unwrap().add(at(from), tz),
            at(want),
            "{from} + {span}"
        );
    }
    let month = Span::parse("1 month").unwrap();
    assert_eq!(
        month.sub(at("2024-03-31T12:00:00Z"), Tz::UTC),
        at("2024-02-29T12:00:00Z")
    );
    let day = Span::parse("1 day").unwrap();
    assert_eq!(
        day.sub(at("2024-04-01T00:30:00Z"), Berlin),
        at("2024-03-31T01:00:00Z")
    );
}

#[test]
fn the_ends_of_the_calendar_hold() {
    for unit in UNITS.map(|row| row.0) {
        let span = Span::new(900, unit).unwrap();
        for tz in [Tz::UTC, Berlin, chrono_tz::Pacific::Kiritimati] {
            assert!(
                span.add(DateTime::<Utc>::MAX_UTC, tz) >= span.sub(DateTime::<Utc>::MAX_UTC, tz)
            );
            assert!(
                span.add(DateTime::<Utc>::MIN_UTC, tz) >= span.sub(DateTime::<Utc>::MIN_UTC, tz)
            );
        }
    }
}

fn any_unit() -> impl Strategy<Value = Unit> {
    (0usize..UNITS.len()).prop_map(|i| UNITS[i].0)
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}", number in "[0-9.+e-]{0,30}", unit in "[a-z]{0,12}") {
        let _ = Span::parse(&text);
        let _ = Span::parse(&format!("{number} {unit}"));
        let _ = Span::parse(&format!("{number} days"));
    }

    /// A longer span of one unit ends no sooner, and none ends before it begins.
    #[test]
    fn add_is_monotone_in_the_amount(
        seconds in 0i64..4_000_000_000, a in 0i64..900, b in 0i64..900,
        unit in any_unit(), zone in 0usize..chrono_tz::TZ_VARIANTS.len(),
    ) {
        let (now, tz) = (DateTime::from_timestamp(seconds, 0).unwrap(), chrono_tz::TZ_VARIANTS[zone]);
        let (short, long) = (Span::new(a.min(b), unit).unwrap(), Span::new(a.max(b), unit).unwrap());
        prop_assert!(now <= short.add(now, tz));
        prop_assert!(short.add(now, tz) <= long.add(now, tz));
        prop_assert!(long.sub(now, tz) <= short.sub(now, tz));
    }

    /// A later start ends no sooner, as long as the wall clock did not go back in between and no
    /// month's end clamps (the 28th at 20:00 and the 31st at 19:00 meet in February the other way).
    #[test]
    fn add_is_monotone_in_the_start(
        seconds in 0i64..4_000_000_000, later in 0i64..10_000_000, amount in 0i64..900,
        unit in any_unit(), zone in 0usize..chrono_tz::TZ_VARIANTS.len(),
    ) {
        let tz = chrono_tz::TZ_VARIANTS[zone];
        let first = DateTime::from_timestamp(seconds, 0).unwrap();
        let second = DateTime::from_timestamp(seconds + later, 0).unwrap();
        let wall = |at: DateTime<Utc>| at.with_timezone(&tz).naive_local();
        let span = Span::new(amount, unit).unwrap();
        let clamps = unit >= Unit::Months && [first, second].iter().any(|at| wall(*at).day() > 28);
        if wall(first) <= wall(second) && !clamps {
            prop_assert!(span.add(first, tz) <= span.add(second, tz));
        }
    }
}
