//! Windows over midnights, weekdays, holidays and clock changes.

use chrono::TimeDelta;
use chrono_tz::Tz::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn window(spec: &Value) -> Window {
    let spec: WindowSpec =
        serde_json::from_value(spec.clone()).unwrap_or_else(|e| panic!("{spec}: {e}"));
    Window::compile(&spec).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Rows: window, zone, now, when it opens next (the same: it is open), when it closes then.
#[test]
#[rustfmt::skip] // a row a line
fn when_it_opens_and_closes() {
    let office =
        json!({"from": "09:00", "to": "5 pm", "weekdays": ["mon", "tue", "wed", "thu", "fri"]});
    let night = json!({"from": "22:00", "to": "06:00"});
    let friday_night = json!({"from": "22:00", "to": "02:00", "weekdays": ["fri"]});
    let all_day = json!({"from": "00:00", "to": "00:00", "weekdays": ["sat", "sun"]});
    let small = json!({"from": "02:15", "to": "02:45"});
    let closed =
        json!({"from": "09:00", "to": "17:00", "holidays": ["2026-12-24", "12-25", "01-01"]});
    let rows = [
        // Open from the opening on, up to the close and not at it.
        (&office, UTC, "2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", "2026-03-02T17:00:00Z"),
        (&office, UTC, "2026-03-02T16:59:59.999Z", "2026-03-02T16:59:59.999Z", "2026-03-02T17:00:00Z"),
        (&office, UTC, "2026-03-02T17:00:00Z", "2026-03-03T09:00:00Z", "2026-03-03T17:00:00Z"),
        (&office, UTC, "2026-03-02T08:59:59.999Z", "2026-03-02T09:00:00Z", "2026-03-02T17:00:00Z"),
        (&office, UTC, "2026-03-06T18:00:00Z", "2026-03-09T09:00:00Z", "2026-03-09T17:00:00Z"),
        // Over midnight: the day on which it opens counts.
        (&night, UTC, "2026-03-02T05:59:00Z", "2026-03-02T05:59:00Z", "2026-03-02T06:00:00Z"),
        (&night, UTC, "2026-03-02T06:00:00Z", "2026-03-02T22:00:00Z", "2026-03-03T06:00:00Z"),
        (&friday_night, UTC, "2026-03-07T01:00:00Z", "2026-03-07T01:00:00Z", "2026-03-07T02:00:00Z"),
        (&friday_night, UTC, "2026-03-06T01:00:00Z", "2026-03-06T22:00:00Z", "2026-03-07T02:00:00Z"),
        // The same time twice is a whole day; days that follow each other are one opening.
        (&all_day, UTC, "2026-03-06T12:00:00Z", "2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z"),
        // Holidays of one year and of every year.
        (&closed, UTC, "2026-12-24T10:00:00Z", "2026-12-26T09:00:00Z", "2026-12-26T17:00:00Z"),
        (&closed, UTC, "2027-12-24T10:00:00Z", "2027-12-24T10:00:00Z", "2027-12-24T17:00:00Z"),
        (&closed, UTC, "2027-12-31T17:00:00Z", "2028-01-02T09:00:00Z", "2028-01-02T17:00:00Z"),
        // Berlin, clocks forward on 2026-03-29: the hour is not there, nor the window within it.
        (&small, Europe__Berlin, "2026-03-28T12:00:00Z", "2026-03-30T00:15:00Z", "2026-03-30T00:45:00Z"),
        (&night, Europe__Berlin, "2026-03-28T22:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z"),
        // Clocks back on 2026-10-25: the first of the two, and closed in the second pass.
        (&small, Europe__Berlin, "2026-10-24T12:00:00Z", "2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"),
        (&small, Europe__Berlin, "2026-10-25T01:20:00Z", "2026-10-26T01:15:00Z", "2026-10-26T01:45:00Z"),
        (&office, America__New_York, "2026-03-08T12:00:00Z", "2026-03-09T13:00:00Z", "2026-03-09T21:00:00Z"),
        (&office, America__New_York, "2026-11-01T12:00:00Z", "2026-11-02T14:00:00Z", "2026-11-02T22:00:00Z"),
        (&small, Australia__Lord_Howe, "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z"),
        (&office, Asia__Kathmandu, "2026-03-02T00:00:00Z", "2026-03-02T03:15:00Z", "2026-03-02T11:15:00Z"),
        // Apia had no 30th of December 2011: no opening on it, and the night of the 29th is cut short.
        (&office, Pacific__Apia, "2011-12-30T04:00:00Z", "2012-01-01T19:00:00Z", "2012-01-02T03:00:00Z"),
        (&night, Pacific__Apia, "2011-12-30T09:00:00Z", "2011-12-30T09:00:00Z", "2011-12-30T16:00:00Z"),
    ];
    for (spec, tz, now, opens, closes) in rows {
        let window = window(spec);
        let open = window.next_open(at(now), tz).unwrap();
        assert_eq!(open, at(opens), "{spec} in {tz} at {now}");
        assert_eq!(
            window.is_open(at(now), tz),
            now == opens,
            "{spec} in {tz} at {now}"
        );
        assert_eq!(
            window.closes(open, tz),
            Some(at(closes)),
            "{spec} in {tz} at {now}"
        );
    }
    let always = window(&json!({"from": "08:00", "to": "08:00"}));
    assert_eq!(
        always.closes(at("2026-03-02T00:00:00Z"), UTC),
        None,
        "it never closes"
    );
    assert_eq!(
        window(&office).closes(at("2026-03-02T18:00:00Z"), UTC),
        None,
        "it is closed"
    );
}

#[test]
#[rustfmt::skip] // a row a line
fn what_is_wrong_and_where() {
    let every_day: Vec<String> = (0..366)
        .map(|n| {
            (NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(n))
                .format("%m-%d")
                .to_string()
        })
        .collect();
    let rows = [
        (json!({ "from": "9:00", "to": "17:00", "weekdays": []}), "window_never_opens weekdays"),
        (json!({ "from": "9:00", "to": "17:00", "holidays": every_day}), "window_never_opens holidays"),
        (
            json!({"from": "9:00", "to": "17:00", "holidays": ["12-25", "25.12.", "2026-02-30"]}),
            "invalid_date holidays[1], invalid_date holidays[2]",
        ),
        (json!({ "from": "9:00", "to": "17:00", "holidays": ["02-29", "13-01"]}), "invalid_date holidays[1]"),
        (
            json!({"from": "9:00", "to": "17:00", "holidays": ["+2026-5-01", "1 -02"]}),
            "invalid_date holidays[0], invalid_date holidays[1]",
        ),
        (json!({ "from": "9:00", "to": "17:00", "holidays": vec!["12-25"; MAX_HOLIDAYS + 1]}), "invalid_value holidays"),
    ];
    for (spec, wanted) in rows {
        let read: WindowSpec = serde_json::from_value(spec.clone()).unwrap();
        let problems = Window::compile(&read).unwrap_err();
        let problems: Vec<_> = problems
            .iter()
            .map(|p| format!("{} {}", p.code, p.path))
            .collect();
        assert_eq!(problems.join(", "), wanted);
    }
}

#[test]
fn the_rarest_of_days_is_found_and_soon() {
    let mut holidays: Vec<String> = (0..366)
        .map(|n| {
            (NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(n))
                .format("%m-%d")
                .to_string()
        })
        .collect();
    holidays.retain(|day| day != "02-29");
    let rare =
        window(&json!({"from": "09:00", "to": "10:00", "weekdays": ["mon"], "holidays": holidays}));
    let next = rare.next_open(at("2072-03-01T00:00:00Z"), UTC);
    assert_eq!(
        next,
        Some(at("2112-02-29T09:00:00Z")),
        "2100 is no leap year"
    );
}

proptest! {
    #[test]
    fn no_holiday_text_panics(text in "\\PC{0,12}", dateish in "[0-9-]{0,12}") {
        let _ = holiday(&text);
        let _ = holiday(&dateish);
    }

    #[test]
    fn it_opens_later_and_not_before(
        from in 0u32..1440, to in 0u32..1440, days in 1u8..0x80, seconds in 0i64..4_000_000_000,
        zone in 0usize..chrono_tz::TZ_VARIANTS.len(), step in 1i64..200_000,
    ) {
        let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let days: Vec<u8> = (1..=7).filter(|day| days & (1 << (day - 1)) != 0).collect();
        let window = window(&json!({"from": clock(from), "to": clock(to), "weekdays": days}));
        let (now, tz) = (DateTime::from_timestamp(seconds, 0).unwrap(), chrono_tz::TZ_VARIANTS[zone]);
        let open = window.next_open(now, tz).unwrap();
        prop_assert!(open >= now && window.is_open(open, tz));
        prop_assert_eq!(open == now, window.is_open(now, tz));
        // Closed all the while before it opens, open all the while before it closes.
        let between = now + TimeDelta::seconds(step);
        prop_assert!(between >= open || !window.is_open(between, tz));
        if let Some(close) = window.closes(open, tz) {
            prop_assert!(close > open && !window.is_open(close, tz));
            let inside = open + TimeDelta::seconds(step);
            prop_assert!(inside >= close || window.is_open(inside, tz));
        }
        let _ = window.next_open(DateTime::<Utc>::MAX_UTC, tz);
        let _ = window.next_open(DateTime::<Utc>::MIN_UTC, tz);
        let _ = window.next_open(at("9998-12-31T12:00:00Z"), tz);
    }
}
