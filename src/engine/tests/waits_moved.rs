//! What moves a wait or ends it before its time: changes of the contact, limits, operators, late looks.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{Run, at, compile, event, fields, program, waits::waiting};
use crate::model::{
    execution::Status,
    transition::{Command, Input},
};

/// Rows: config, then what changes at which time, and until when it stands then (the same: no longer).
#[test]
#[rustfmt::skip] // a row a line
fn a_change_moves_it_at_once() {
    type Change<'a> = (&'a str, &'a str, Value, &'a str);
    let rows: &[(Value, &str, &[Change<'_>])] = &[
        // Three days from 10:00 in Berlin; what has passed counts, in whatever zone.
        (
            json!({ "duration": "3 days" }),
            "2026-03-30T10:00:00Z",
            &[
                ("2026-03-28T10:00:00Z", "timezone", json!("America/New_York"), "2026-03-30T11:00:00Z"),
                ("2026-03-29T10:00:00Z", "timezone", Value::Null, "2026-03-30T11:00:00Z"),
            ],
        ),
        (
            json!({ "duration": "72 hours" }),
            "2026-03-30T11:00:00Z",
            &[(
                "2026-03-28T10:00:00Z",
                "timezone",
                json!("America/New_York"),
                "2026-03-30T11:00:00Z",
            )],
        ),
        // Nine o'clock is nine o'clock where the contact is, and never a nine o'clock that has been.
        (
            json!({ "waitType": "until_time", "time": "09:00" }),
            "2026-03-28T08:00:00Z",
            &[
                ("2026-03-27T12:00:00Z", "timezone", json!("America/New_York"), "2026-03-27T13:00:00Z"),
                ("2026-03-27T12:30:00Z", "timezone", json!("Asia/Kathmandu"), "2026-03-28T03:15:00Z"),
            ],
        ),
        (
            json!({ "waitType": "until_time", "time": "09:00", "timezone": "Europe/Berlin" }),
            "2026-03-28T08:00:00Z",
            &[(
                "2026-03-27T12:00:00Z",
                "timezone",
                json!("America/New_York"),
                "2026-03-28T08:00:00Z",
            )],
        ),
        (
            json!({ "waitType": "recurring", "cron": "0 9 * * *" }),
            "2026-03-28T08:00:00Z",
            &[(
                "2026-03-27T12:00:00Z",
                "timezone",
                json!("America/New_York"),
                "2026-03-27T13:00:00Z",
            )],
        ),
        // Eleven in New York is within the window.
        (
            json!({ "waitType": "until_window", "from": "10:30", "to": "11:30" }),
            "2026-03-28T09:30:00Z",
            &[(
                "2026-03-27T15:00:00Z",
                "timezone",
                json!("America/New_York"),
                "2026-03-27T15:00:00Z",
            )],
        ),
        // The appointment is put off, then brought forward into the past.
        (
            json!({ "waitType": "until_date", "waitUntil": "{{contact.appointment}}", "before": "1 day" }),
            "2026-04-01T22:00:00Z",
            &[
                ("2026-03-28T10:00:00Z", "appointment", json!("2026-04-10"), "2026-04-08T22:00:00Z"),
                ("2026-03-28T10:00:00Z", "timezone", json!("UTC"), "2026-04-09T00:00:00Z"),
                ("2026-03-28T10:00:00Z", "appointment", json!("2026-03-28"), "2026-03-28T10:00:00Z"),
            ],
        ),
        (
            json!({ "waitType": "until_date", "waitUntil": "2026-04-01" }),
            "2026-03-31T22:00:00Z",
            &[(
                "2026-03-28T10:00:00Z",
                "timezone",
                json!("Asia/Kathmandu"),
                "2026-03-31T18:15:00Z",
            )],
        ),
        // A date counted from the arrival stays where it is.
        (
            json!({ "waitType": "until_date", "waitUntil": "{{ 'now' | date: '%Y-12-31' }}" }),
            "2026-12-30T23:00:00Z",
            &[(
                "2026-03-28T10:00:00Z",
                "timezone",
                json!("UTC"),
                "2026-12-30T23:00:00Z",
            )],
        ),
    ];
    for (config, first, changes) in rows {
        let Ok(program) = compile(&waiting(config)) else {
            panic!("{config}");
        };
        let mut run = Run::new(
            &program,
            json!({ "timezone": "Europe/Berlin", "appointment": "2026-04-03" }),
        );
        // A fraction of a millisecond is no reason to move anything.
        run.now = at("2026-03-27T11:00:00Z") + Duration::microseconds(300);
        run.ex.due_at = Some(run.now);
        run.mishaps = vec![super::Mishap::LostAfterCommit];
        run.go();
        let near = |due: Option<DateTime<Utc>>, wanted: &str| {
            let off = due.unwrap_or_else(|| panic!("{config}")) - at(wanted);
            off >= Duration::zero() && off <= Duration::milliseconds(1)
        };
        assert!(near(run.ex.due_at, first), "{config}: {:?}", run.ex.due_at);
        for (now, field, value, until) in *changes {
            run.now = at(now);
            run.set(field, value.clone());
            if now == until {
                assert_eq!(
                    run.ex.status,
                    Status::Completed,
                    "{config}: {field} {value}"
                );
            } else {
                assert!(
                    near(run.ex.due_at, until),
                    "{config}: {field} {value}: {:?}",
                    run.ex.due_at
                );
            }
        }
    }
}

#[test]
fn nothing_moves_where_nothing_has_changed() {
    let configs = [
        json!({ "duration": "3 days" }),
        json!({ "duration": "90 minutes" }),
        json!({ "waitType": "until_date", "waitUntil": "{{contact.appointment}}" }),
        json!({ "waitType": "until_time", "time": "09:00", "maxWaitDuration": "9 days" }),
        json!({ "waitType": "until_window", "from": "12:00", "to": "14:00", "maxWaitDuration": "9 days" }),
        json!({ "waitType": "recurring", "cron": "0 9 * * *", "maxWaitDuration": "9 days" }),
        json!({ "waitType": "until_event", "event": "x", "maxWaitDuration": "9 days" }),
        json!({ "waitType": "until_condition", "maxWaitDuration": "9 days",
                "condition": { "field": "contact.tags", "operator": "includes", "value": "x" } }),
    ];
    for config in configs {
        let program = program(&waiting(&config));
        let mut run = Run::new(
            &program,
            json!({ "timezone": "Europe/Berlin", "appointment": "2026-04-03" }),
        );
        run.now = at("2026-03-02T10:00:00Z") + Duration::microseconds(700);
        run.ex.due_at = Some(run.now);
        run.go();
        run.now += Duration::minutes(5);
        let looked = event(
            "contact.field.changed",
            json!({ "field": "timezone" }),
            run.now,
        );
        assert!(!run.give(&Input::Event(looked)), "{config}");
    }
}

/// Whatever can wait long times out, along `onTimeout`; a limit in days moves with the zone.
#[test]
fn it_times_out() {
    let waits = [
        json!({ "waitType": "until_date", "waitUntil": "2027-01-01" }),
        json!({ "waitType": "until_time", "time": "09:00", "weekdays": ["sun"] }),
        json!({ "waitType": "until_window", "from": "09:00", "to": "10:00", "weekdays": ["sun"] }),
        json!({ "waitType": "recurring", "cron": "0 9 * * SUN" }),
        json!({ "waitType": "until_event", "event": "x" }),
        json!({ "waitType": "until_condition",
                "condition": { "field": "contact.tags", "operator": "includes", "value": "x" } }),
    ];
    for mut config in waits {
        config["maxWaitDuration"] = json!("2 days");
        let program = program(&waiting(&config));
        let start = |zone: &str| {
            let mut run = Run::new(&program, json!({ "timezone": zone }));
            run.now = at("2026-10-24T10:00:00Z");
            run.ex.due_at = Some(run.now);
            run.ex.enrolled_at = run.now;
            run
        };
        // From Saturday: the Sunday of the change is nearer than two days.
        let mut run = start("Europe/Berlin");
        run.now = at("2026-10-19T10:00:00Z");
        run.ex.due_at = Some(run.now);
        run.go();
        run.now = at("2026-10-21T10:00:00Z");
        run.go();
        assert_eq!(run.ex.status, Status::Completed, "{config}");
        assert_eq!(run.var("late"), true, "{config}");
        let end = run
            .entries
            .iter()
            .find(|entry| entry.result["timedOut"] == true);
        assert!(end.is_some(), "{config}: {:?}", run.story());

        if config["waitType"] == "until_event" {
            let mut run = start("Europe/Berlin");
            run.go();
            assert_eq!(run.ex.due_at, Some(at("2026-10-26T11:00:00Z")));
            run.set("timezone", json!("UTC"));
            assert_eq!(
                run.ex.due_at,
                Some(at("2026-10-26T10:00:00Z")),
                "a limit in days moves"
            );
        }
        let mut run = start("Europe/Berlin");
        run.go();
        assert!(run.command(Command::SkipWait), "{config}");
        assert_eq!(
            (run.ex.status, run.var("went")),
            (Status::Completed, &json!(true))
        );
        assert!(
            run.entries
                .iter()
                .any(|entry| entry.result["skipped"] == true)
        );
    }
}

/// One who looks late decides as one who looked in time.
#[test]
fn a_late_look_decides_the_same() {
    let of =
        |max: &str| json!({ "waitType": "until_time", "time": "09:00", "maxWaitDuration": max });
    for (max, way) in [("1 hour", "late"), ("30 hours", "went")] {
        let program = program(&waiting(&of(max)));
        let mut run = Run::new(&program, fields());
        run.go().after(Duration::days(9));
        assert_eq!(
            (run.ex.status, run.var(way)),
            (Status::Completed, &json!(true)),
            "{max}"
        );
    }
    // A window that has closed meanwhile has closed: it is waited for again.
    let config = json!({ "waitType": "until_window", "from": "12:00", "to": "13:00" });
    let program = program(&waiting(&config));
    let mut run = Run::new(&program, fields());
    run.go();
    assert_eq!(run.ex.due_at, Some(at("2026-03-02T12:00:00Z")));
    run.now = at("2026-03-02T13:00:00Z");
    run.go();
    assert_eq!(
        (run.ex.status, run.ex.due_at),
        (Status::Waiting, Some(at("2026-03-03T12:00:00Z")))
    );
    run.now = at("2026-03-03T12:59:59Z");
    run.go();
    assert_eq!(run.ex.status, Status::Completed);
}

#[test]
fn a_template_for_the_zone() {
    let config =
        json!({ "waitType": "until_time", "time": "09:00", "timezone": "{{contact.home}}" });
    let program = program(&waiting(&config));
    let rows = [
        (json!("Asia/Kathmandu"), Ok("2026-03-03T03:15:00Z")),
        // Nothing is the contact's own.
        (Value::Null, Ok("2026-03-03T08:00:00Z")),
        (json!("Asia/Katmandoo"), Err("unknown_timezone")),
    ];
    for (home, wanted) in rows {
        let mut run = Run::new(
            &program,
            json!({ "timezone": "Europe/Berlin", "home": home }),
        );
        run.go();
        match wanted {
            Ok(until) => assert_eq!(run.ex.due_at, Some(at(until)), "{home}"),
            Err(reason) => assert_eq!(run.reason(), Some(reason), "{home}"),
        }
    }
    let mut run = Run::new(&program, json!({ "home": "Europe/Berlin" }));
    run.go();
    assert!(run.set("home", json!("UTC")), "its zone is its own field");
    assert_eq!(run.ex.due_at, Some(at("2026-03-03T09:00:00Z")));
}

/// Rows: config, then code and path of what is wrong with it.
#[test]
#[rustfmt::skip] // a row a line
fn what_is_refused() {
    let rows = [
        (json!({ "waitType": "recurring", "cron": "0 24 * * *" }), "invalid_cron config.cron"),
        (json!({ "waitType": "recurring", "cron": "0 0 30 2 *" }), "cron_never_fires config.cron"),
        (json!({ "waitType": "recurring" }), "missing_field config.cron"),
        (json!({ "waitType": "until_time" }), "missing_field config.time"),
        (json!({ "waitType": "until_time", "time": "25:00" }), "invalid_value config.time"),
        (json!({ "waitType": "until_time", "time": "09:00", "weekdays": [] }), "time_never_comes config.weekdays"),
        (json!({ "waitType": "until_time", "time": "09:00", "weekdays": ["mondy"] }), "invalid_value config.weekdays"),
        (json!({ "waitType": "until_time", "time": "09:00", "timezone": "Berlin" }), "unknown_timezone config.timezone"),
        (json!({ "waitType": "until_time", "time": "09:00", "timezone": "{{ x" }), "bad_template config.timezone"),
        (json!({ "waitType": "until_window", "from": "09:00" }), "missing_field config.to"),
        (json!({ "waitType": "until_window", "from": "09:00", "to": "17:00", "weekdays": [] }), "window_never_opens config.weekdays"),
        (json!({ "waitType": "until_window", "from": "09:00", "to": "17:00", "holidays": ["soon"] }), "invalid_date config.holidays[0]"),
        (json!({ "waitType": "until_date", "waitUntil": "2026-01-01", "before": "1 day", "after": "1 day" }), "invalid_value config.after"),
        (json!({ "waitType": "until_date", "waitUntil": "soon" }), "invalid_date config.waitUntil"),
        (json!({ "duration": "1 day", "maxWaitDuration": "2 days" }), "unused_field config.maxWaitDuration"),
        (json!({ "waitType": "until_event", "event": "x", "timezone": "UTC" }), "unused_field config.timezone"),
        (json!({ "waitType": "until_event", "event": "x", "cron": "* * * * *" }), "unused_field config.cron"),
        (json!({ "waitType": "until_time", "time": "09:00", "maxWaitDuration": 0 }), "invalid_value config.maxWaitDuration"),
    ];
    for (config, wanted) in rows {
        let problems = compile(&waiting(&config)).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|p| format!("{} {}", p.code, p.path))
            .collect();
        let wanted = wanted.replace(" config", " actions[0].config");
        assert_eq!(told, [wanted], "{config}: {problems:?}");
    }
}
