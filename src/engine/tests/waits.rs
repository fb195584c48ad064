//! Every type of wait by the table: when it begins, when it ends, and what moves it on the way.

use chrono::Duration;
use serde_json::{Value, json};

use super::{Run, at, fields, program, set, steps};
use crate::model::{execution::Status, transition::Input};

/// A wait, then `late` on a timeout, else `went`.
pub(super) fn waiting(config: &Value) -> Value {
    steps(json!([
        { "id": "w", "type": "wait", "config": config, "onSuccess": ["went"], "onTimeout": ["late"] },
        set("went", json!(true), &[]),
        set("late", json!(true), &[]),
    ]))
}

/// Rows: config, zone of the contact, arrival, until when it stands still (the same: not at all).
fn stands_still(rows: &[(Value, &str, &str, &str)]) {
    for (config, zone, arrival, until) in rows {
        let program = program(&waiting(config));
        let contact = json!({ "timezone": zone, "appointment": "2026-03-30T15:00:00Z", "birthday": "2024-02-29",
                              "home": "Asia/Kathmandu" });
        let mut run = Run::new(&program, contact);
        run.now = at(arrival);
        run.ex.due_at = Some(run.now);
        run.go();
        if arrival == until {
            assert_eq!(run.ex.status, Status::Completed, "{config} goes on at once");
            continue;
        }
        let stands = (run.ex.status, run.ex.due_at);
        let wanted = (Status::Waiting, Some(at(until)));
        assert_eq!(stands, wanted, "{config} in {zone} at {arrival}");
        run.now = at(until) - Duration::milliseconds(1);
        assert!(!run.give(&Input::Time), "{config}: not before its time");
        run.now = at(until);
        run.go();
        assert_eq!(run.ex.status, Status::Completed, "{config}");
        assert_eq!(run.var("went"), true, "{config}");
    }
}

#[test]
#[rustfmt::skip] // a row a line
fn a_span() {
    let of = |amount: u32, unit: &str| json!({ "duration": { "amount": amount, "unit": unit } });
    stands_still(&[
        (of(90, "minutes"), "UTC", "2026-03-02T10:00:00Z", "2026-03-02T11:30:00Z"),
        (of(0, "days"), "UTC", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        // Below a day exact, from a day on the same time on the wall clock.
        (of(24, "hours"), "Europe/Berlin", "2026-03-28T10:00:00Z", "2026-03-29T10:00:00Z"),
        (of(1, "days"), "Europe/Berlin", "2026-03-28T10:00:00Z", "2026-03-29T09:00:00Z"),
        (of(1, "days"), "Europe/Berlin", "2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z"),
        (of(1, "days"), "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T11:00:00Z"),
        (of(1, "weeks"), "America/New_York", "2026-10-28T12:00:00Z", "2026-11-04T13:00:00Z"),
        (of(1, "days"), "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T23:30:00Z"),
        (of(1, "days"), "Asia/Kathmandu", "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"),
        // Into the gap: half past two comes at three. Into the day that Apia left out: its end.
        (of(1, "days"), "Europe/Berlin", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"),
        (of(1, "days"), "Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z"),
        // Month ends, and the 29th of February.
        (of(1, "months"), "UTC", "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"),
        (of(1, "months"), "UTC", "2024-01-31T10:00:00Z", "2024-02-29T10:00:00Z"),
        (of(1, "years"), "UTC", "2024-02-29T10:00:00Z", "2025-02-28T10:00:00Z"),
        (of(4, "years"), "UTC", "2024-02-29T10:00:00Z", "2028-02-29T10:00:00Z"),
        (json!({ "duration": "1 day", "timezone": "Europe/Berlin" }), "UTC", "2026-03-28T10:00:00Z", "2026-03-29T09:00:00Z"),
    ]);
}

#[test]
#[rustfmt::skip] // a row a line
fn a_date() {
    let on = |more: Value| {
        let mut config =
            json!({ "waitType": "until_date", "waitUntil": "{{contact.appointment}}" });
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        config
    };
    let (berlin, now) = ("Europe/Berlin", "2026-03-02T10:00:00Z");
    stands_still(&[
        (on(json!({})), berlin, now, "2026-03-30T15:00:00Z"),
        (on(json!({ "waitUntil": "2026-04-01" })), berlin, now, "2026-03-31T22:00:00Z"),
        (on(json!({ "waitUntil": "2026-04-01T12:00" })), "Asia/Kathmandu", now, "2026-04-01T06:15:00Z"),
        (on(json!({ "waitUntil": "2026-04-01T12:00-04:00" })), berlin, now, "2026-04-01T16:00:00Z"),
        (on(json!({ "waitUntil": "2026-04-01", "timezone": "America/New_York" })), berlin, now, "2026-04-01T04:00:00Z"),
        (on(json!({ "waitUntil": "2026-04-01", "timezone": "{{contact.home}}" })), berlin, now, "2026-03-31T18:15:00Z"),
        // A time in the gap, a time that comes twice, a day that was left out.
        (on(json!({ "waitUntil": "2026-03-29T02:30" })), berlin, now, "2026-03-29T01:00:00Z"),
        (on(json!({ "waitUntil": "2026-10-25T02:30" })), berlin, now, "2026-10-25T00:30:00Z"),
        (on(json!({ "waitUntil": "2011-12-30" })), "Pacific/Apia", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
        // Before and after it; across the change of clocks a day is a day.
        (on(json!({ "before": "2 days" })), berlin, now, "2026-03-28T16:00:00Z"),
        (on(json!({ "before": "48 hours" })), berlin, now, "2026-03-28T15:00:00Z"),
        (on(json!({ "after": { "amount": 1, "unit": "months" } })), berlin, now, "2026-04-30T15:00:00Z"),
        // On that day at nine.
        (on(json!({ "before": "1 day", "time": "9 am" })), berlin, now, "2026-03-29T07:00:00Z"),
        (on(json!({ "waitUntil": "{{contact.birthday}}", "after": "1 year" })), "UTC", "2024-03-01T00:00:00Z", "2025-02-28T00:00:00Z"),
        // The past goes on at once.
        (on(json!({ "waitUntil": "2020-01-01" })), berlin, now, now),
        (on(json!({ "before": "30 days" })), berlin, now, now),
    ]);
}

#[test]
#[rustfmt::skip] // a row a line
fn a_time_of_day() {
    let of = |time: &str, days: &[&str]| match days {
        [] => json!({ "waitType": "until_time", "time": time }),
        days => json!({ "waitType": "until_time", "time": time, "weekdays": days }),
    };
    stands_still(&[
        (of("09:00", &[]), "Europe/Berlin", "2026-03-02T07:59:00Z", "2026-03-02T08:00:00Z"),
        // At nine sharp it is nine tomorrow, so that a loop goes round once a day.
        (of("09:00", &[]), "Europe/Berlin", "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z"),
        (of("9:30 pm", &["fri"]), "America/New_York", "2026-03-02T00:00:00Z", "2026-03-07T02:30:00Z"),
        (of("02:30", &[]), "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        (of("02:30", &[]), "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        (of("02:15", &[]), "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
        (of("06:00", &[]), "Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T00:15:00Z"),
        (of("09:00", &[]), "Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z"),
        (of("12:00", &["thu"]), "UTC", "2024-02-28T00:00:00Z", "2024-02-29T12:00:00Z"),
        (
            json!({ "waitType": "until_time", "time": "09:00", "timezone": "Asia/Kathmandu" }),
            "Europe/Berlin",
            "2026-03-02T00:00:00Z",
            "2026-03-02T03:15:00Z",
        ),
    ]);
}

#[test]
#[rustfmt::skip] // a row a line
fn a_window() {
    let of = |more: Value| {
        let mut config = json!({ "waitType": "until_window", "from": "09:00", "to": "17:00" });
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        config
    };
    let office = of(json!({ "weekdays": ["mon", "tue", "wed", "thu", "fri"] }));
    let holidays = of(json!({ "holidays": ["12-25", "2026-12-26"] }));
    let night = of(json!({ "from": "22:00", "to": "06:00", "weekdays": ["fri"] }));
    let gap = of(json!({ "from": "02:15", "to": "02:45" }));
    stands_still(&[
        // Inside it there is no wait.
        (office.clone(), "Europe/Berlin", "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
        (office.clone(), "Europe/Berlin", "2026-03-02T07:59:59Z", "2026-03-02T08:00:00Z"),
        (office.clone(), "Europe/Berlin", "2026-03-27T16:00:00Z", "2026-03-30T07:00:00Z"),
        (office.clone(), "America/New_York", "2026-10-30T21:00:00Z", "2026-11-02T14:00:00Z"),
        (holidays, "UTC", "2026-12-24T17:00:00Z", "2026-12-27T09:00:00Z"),
        (night.clone(), "UTC", "2026-03-07T05:59:00Z", "2026-03-07T05:59:00Z"),
        (night, "UTC", "2026-03-07T06:00:00Z", "2026-03-13T22:00:00Z"),
        // There is no such time in the night of the change.
        (gap, "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:15:00Z"),
        (office.clone(), "Australia/Lord_Howe", "2026-04-03T12:00:00Z", "2026-04-05T22:30:00Z"),
        (office.clone(), "Asia/Kathmandu", "2026-03-02T00:00:00Z", "2026-03-02T03:15:00Z"),
        (office, "Pacific/Apia", "2011-12-30T04:00:00Z", "2012-01-01T19:00:00Z"),
    ]);
}

#[test]
#[rustfmt::skip] // a row a line
fn a_pattern() {
    let of = |cron: &str| json!({ "waitType": "recurring", "cron": cron });
    stands_still(&[
        (of("0 9 * * MON-FRI"), "Europe/Berlin", "2026-03-27T08:00:00Z", "2026-03-30T07:00:00Z"),
        (of("30 2 * * *"), "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        (of("30 1 * * *"), "America/New_York", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"),
        (of("15 2 * * *"), "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
        (of("0 0 L * *"), "Asia/Kathmandu", "2024-02-01T00:00:00Z", "2024-02-28T18:15:00Z"),
        (of("0 12 29 2 *"), "UTC", "2026-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
        (of("0 9 * * *"), "Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z"),
        (of("*/20 * * * * *"), "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:20Z"),
    ]);
    let program = program(&waiting(&of("0 0 0 1 1 * 2020")));
    let mut run = Run::new(&program, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("never_comes"))
    );
}

/// In a loop it comes round at every occurrence, and a late worker makes up for none.
#[test]
#[rustfmt::skip] // a row a line
fn a_pattern_in_a_loop() {
    let program = program(&steps(json!([
        { "id": "w", "type": "wait", "config": { "waitType": "recurring", "cron": "0 9 * * *" }, "onSuccess": ["n"] },
        { "id": "n", "type": "update_variable", "config": { "name": "n", "operation": "increment" }, "onSuccess": ["w"] },
    ])));
    let mut run = Run::new(&program, fields());
    run.go();
    let wakes = [
        ("2026-03-03T09:00:00Z", 1, "2026-03-04T09:00:00Z"),
        ("2026-03-04T09:00:00Z", 2, "2026-03-05T09:00:00Z"),
        // Three days late.
        ("2026-03-08T12:00:00Z", 3, "2026-03-09T09:00:00Z"),
        ("2026-03-09T09:00:00.250Z", 4, "2026-03-10T09:00:00Z"),
    ];
    for (now, rounds, next) in wakes {
        run.now = at(now);
        run.go();
        assert_eq!(
            (run.var("n"), run.ex.due_at),
            (&json!(rounds), Some(at(next))),
            "{now}"
        );
    }
}
