//! Whole journeys: the seed's example, windows, order, chains between workflows.

use serde_json::json;

use super::*;
use crate::{
    catalog::parse,
    engine::program::{Numbers, TenantInfo},
};

fn program(text: &str, file: &str, workflow: i32) -> Program {
    let source = parse::read(text, file).unwrap_or_else(|found| panic!("{found:?}"));
    let tenant = TenantInfo {
        name: "default".into(),
        timezone: chrono_tz::UTC,
    };
    let numbers = Numbers {
        workflow,
        version: 1,
    };
    Program::compile(&source.definition, numbers, &tenant)
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn abandoned_cart() -> Program {
    program(
        include_str!("../../../examples/abandoned-cart.json"),
        "abandoned-cart.json",
        1,
    )
}

/// Rows in short: `time contact event step`.
fn simulate(
    programs: &[Program],
    people: &[Value],
    happened: &[Value],
    options: Options,
) -> (Vec<Row>, Summary) {
    let lines = |values: &[Value]| values.iter().map(|v| format!("{v}\n")).collect::<String>();
    let people = contacts(&lines(people)).unwrap();
    let happened = events(&lines(happened)).unwrap();
    let mut rows = Vec::new();
    let summary = Simulation::new(programs, people, options, |row| rows.push(row)).run(happened);
    (rows, summary)
}

fn told(rows: &[Row], contact: &str) -> Vec<String> {
    let own = rows.iter().filter(|row| row.contact_id == contact);
    own.map(|row| match &row.step_id {
        Some(step) => format!("{} {} {step}", row.at, row.event),
        None => format!("{} {}", row.at, row.event),
    })
    .collect()
}

fn abandoned(contact: &str) -> Value {
    json!({ "type": "form.abandoned", "contact_id": contact, "occurred_at": "2026-03-02T10:00:00Z",
            "data": { "formId": "checkout-form" } })
}

#[test]
fn the_seeds_example_sends_at_one_hour_and_twenty_five() {
    let programs = [abandoned_cart()];
    let people = [
        json!({ "id": "buyer", "email": "b@example.com" }),
        json!({ "id": "other", "email": "o@example.com" }),
        json!({ "id": "owner", "email": "x@example.com", "lastPurchaseDate": "2025-01-01" }),
    ];
    let happened = [
        abandoned("buyer"),
        abandoned("other"),
        abandoned("owner"),
        json!({ "type": "form.abandoned", "contact_id": "other", "occurred_at": "2026-03-02T10:30:00Z",
                "data": { "formId": "another-form" } }),
        json!({ "type": "payment.successful", "contact_id": "buyer", "occurred_at": "2026-03-02T20:00:00Z",
                "data": { "paymentId": "p1" }, "set": { "lastPurchaseDate": "2026-03-02T20:00:00Z" } }),
    ];
    let (rows, summary) = simulate(&programs, &people, &happened, Options::default());
    assert_eq!(
        told(&rows, "buyer"),
        [
            "2026-03-02T10:00:00Z execution:created",
            "2026-03-02T10:00:00Z execution:started",
            "2026-03-02T10:00:00Z execution:waiting wait-1hr",
            "2026-03-02T11:00:00Z step:completed wait-1hr",
            "2026-03-02T11:00:00Z action:dispatched send-email-1",
            "2026-03-02T11:00:00Z step:completed send-email-1",
            "2026-03-02T11:00:00Z execution:waiting wait-24hr",
            "2026-03-02T20:00:00Z goal:achieved",
            "2026-03-02T20:00:00Z execution:exited",
        ]
    );
    assert_eq!(
        told(&rows, "other")[7..],
        [
            "2026-03-03T11:00:00Z step:completed wait-24hr",
            "2026-03-03T11:00:00Z step:completed check-purchase",
            "2026-03-03T11:00:00Z action:dispatched send-email-2",
            "2026-03-03T11:00:00Z step:completed send-email-2",
            "2026-03-03T11:00:00Z execution:completed",
        ]
    );
    assert_eq!(
        told(&rows, "owner").last().unwrap(),
        "2026-03-02T10:00:00Z execution:exited"
    );
    assert_eq!(
        serde_json::to_value(&summary).unwrap(),
        json!({
            "total_enrollments": 3, "active_enrollments": 0, "completed_enrollments": 1,
            "failed_enrollments": 0, "exited_enrollments": 2, "goal_achievements": 2,
            "average_completion_time": 90_000.0,
        })
    );
    let dispatched = rows
        .iter()
        .find(|row| row.event == "action:dispatched")
        .unwrap();
    assert_eq!(
        dispatched.detail["request"]["templateId"],
        "abandoned-cart-reminder-1"
    );
    assert!(rows.is_sorted_by_key(|row| row.at.clone()));
}

#[test]
fn the_rules_of_enrollment_hold() {
    let programs = [abandoned_cart()];
    let people = [json!({ "id": "a", "email": "a@example.com" })];
    let on = |day: &str| {
        json!({ "type": "form.abandoned", "contact_id": "a",
        "occurred_at": format!("2026-03-{day}T10:00:00Z"), "data": { "formId": "checkout-form" } })
    };
    let mut lost = on("04");
    lost["contact_id"] = json!("nobody");
    let happened = [on("02"), on("03"), on("05"), on("09"), lost];
    let (rows, summary) = simulate(&programs, &people, &happened, Options::default());
    let blocked = rows.iter().filter(|row| row.event == "enrollment:blocked");
    let blocked: Vec<_> = blocked
        .map(|row| (&row.at[8..10], row.detail["reason"].clone()))
        .collect();
    assert_eq!(
        blocked,
        [
            ("03", json!("duplicate")),
            ("04", json!("unknown_contact")),
            ("05", json!("re_enrollment_delay")),
        ]
    );
    assert_eq!(summary.total_enrollments, 2);
}

#[test]
fn an_execution_knows_what_it_was_enrolled_by() {
    let text = r#"{ "id": "w", "trigger": { "type": "custom.event" },
        "actions": [{ "id": "t", "type": "add_tag", "config": { "tag": "{{ event.data.tag }}" } }] }"#;
    let programs = [program(text, "w.json", 1)];
    let happened = [
        json!({ "type": "custom.event", "contact_id": "a", "data": { "tag": "x" },
                            "occurred_at": "2026-03-02T10:00:00Z" }),
    ];
    let (_, summary) = simulate(
        &programs,
        &[json!({ "id": "a" })],
        &happened,
        Options::default(),
    );
    assert_eq!(summary.completed_enrollments, 1);
}

#[test]
fn a_triggers_own_limit_and_its_debounce() {
    let of = |more: &str| {
        let text = format!(
            r#"{{ "id": "w", "trigger": {{ "type": "custom.event", {more} }},
                 "actions": [{{ "id": "t", "type": "add_tag", "config": {{ "tag": "x" }} }}] }}"#
        );
        let happened: Vec<Value> = ["02T10:00", "02T10:05", "04T10:00"]
            .iter()
            .map(|at| json!({ "type": "custom.event", "contact_id": "a", "occurred_at": format!("2026-03-{at}:00Z") }))
            .collect();
        let programs = [program(&text, "w.json", 1)];
        let (rows, _) = simulate(
            &programs,
            &[json!({ "id": "a" })],
            &happened,
            Options::default(),
        );
        rows.iter()
            .filter(|row| ["execution:started", "enrollment:blocked"].contains(&row.event))
            .map(|row| {
                format!(
                    "{} {}",
                    &row.at[8..16],
                    row.detail["reason"].as_str().unwrap_or("started")
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(
            r#""rateLimiting": { "maxPerContact": 1, "timeWindow": { "amount": 1, "unit": "days" } }"#
        ),
        [
            "02T10:00 started",
            "02T10:05 rate_limited",
            "04T10:00 started"
        ]
    );
    assert_eq!(
        of(r#""debounce": { "amount": 10, "unit": "minutes" }"#),
        ["02T10:15 started", "04T10:10 started"]
    );
}

/// Each of two workflows starts the other: the chain ends where it is too deep.
#[test]
fn a_chain_of_workflows_ends() {
    let on = |id: &str, tag: &str, then: &str| {
        format!(
            r#"{{ "id": "{id}", "trigger": {{ "type": "contact.tag.added", "config": {{ "tag": "{tag}" }} }},
            "actions": [{{ "id": "r", "type": "remove_tag", "config": {{ "tag": "{tag}" }}, "onSuccess": ["a"] }},
                        {{ "id": "a", "type": "add_tag", "config": {{ "tag": "{then}" }} }}] }}"#
        )
    };
    let programs = [
        program(&on("ping", "x", "y"), "ping.json", 1),
        program(&on("pong", "y", "x"), "pong.json", 2),
    ];
    let happened = [
        json!({ "type": "contact.tag.added", "contact_id": "a", "data": { "tag": "x" },
                            "occurred_at": "2026-03-02T10:00:00Z" }),
    ];
    let (_, summary) = simulate(
        &programs,
        &[json!({ "id": "a" })],
        &happened,
        Options::default(),
    );
    assert_eq!(summary.total_enrollments, 9);
}

/// A place in the whole workflow is taken by who begins first; who finds none never began.
#[test]
fn what_finds_no_room_counts_as_no_exit() {
    let text = r#"{ "id": "w", "trigger": { "type": "custom.event" },
        "enrollmentSettings": { "enrollmentLimit": 1, "enrollmentLimitScope": "workflow" },
        "actions": [{ "id": "t", "type": "add_tag", "config": { "tag": "x" } }] }"#;
    let programs = [program(text, "w.json", 1)];
    let people = [json!({ "id": "a" }), json!({ "id": "b" })];
    let on = |contact: &str| json!({ "type": "custom.event", "contact_id": contact, "occurred_at": "2026-03-02T10:00:00Z" });
    let (rows, summary) = simulate(&programs, &people, &[on("a"), on("b")], Options::default());
    let blocked: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "enrollment:blocked")
        .map(|row| (&*row.contact_id, row.detail["reason"].clone()))
        .collect();
    assert_eq!(blocked, [("b", json!("workflow_limit"))]);
    assert_eq!(
        (summary.completed_enrollments, summary.exited_enrollments),
        (1, 0)
    );
}

#[test]
fn the_window_is_half_open_and_events_come_before_timers() {
    let programs = [abandoned_cart()];
    let people = [json!({ "id": "a", "email": "a@example.com" })];
    let purchase = |at: &str| {
        json!({ "type": "payment.successful", "contact_id": "a",
        "occurred_at": at, "set": { "lastPurchaseDate": at } })
    };
    let options = |from: Option<&str>, until: &str| Options {
        from: from.map(|at| at.parse().unwrap()),
        until: Some(until.parse().unwrap()),
        ..Options::default()
    };
    // The purchase falls on the very end of the second wait: it is seen first.
    let happened = [abandoned("a"), purchase("2026-03-03T11:00:00Z")];
    let (rows, _) = simulate(
        &programs,
        &people,
        &happened,
        options(None, "2026-04-01T00:00:00Z"),
    );
    assert_eq!(
        told(&rows, "a").last().unwrap(),
        "2026-03-03T11:00:00Z execution:exited"
    );
    let (rows, summary) = simulate(
        &programs,
        &people,
        &happened,
        options(None, "2026-03-03T11:00:00Z"),
    );
    assert_eq!((rows.len(), summary.active_enrollments), (7, 1));
    let late = options(Some("2026-03-02T10:00:01Z"), "2026-04-01T00:00:00Z");
    assert!(simulate(&programs, &people, &happened, late).0.is_empty());
}

#[test]
fn one_workflow_starts_another_but_never_itself() {
    let first = r#"{ "id": "first", "trigger": { "type": "custom.event" },
        "actions": [{ "id": "t", "type": "add_tag", "config": { "tag": "hot" } }] }"#;
    let second = r#"{ "id": "second", "trigger": { "type": "contact.tag.added", "config": { "tag": "hot" } },
        "actions": [{ "id": "r", "type": "remove_tag", "config": { "tag": "hot" }, "onSuccess": ["a"] },
                    { "id": "a", "type": "add_tag", "config": { "tag": "hot" } }] }"#;
    let programs = [
        program(first, "first.json", 1),
        program(second, "second.json", 2),
    ];
    let happened = [
        json!({ "type": "custom.event", "contact_id": "a", "occurred_at": "2026-03-02T10:00:00Z" }),
    ];
    let (rows, summary) = simulate(
        &programs,
        &[json!({ "id": "a" })],
        &happened,
        Options::default(),
    );
    let created: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "execution:created")
        .collect();
    assert_eq!(created[1].detail["workflow"], "second");
    assert_eq!((created.len(), summary.completed_enrollments), (2, 2));
}

#[test]
fn results_decide_how_sends_end() {
    let programs = [abandoned_cart()];
    let people = [
        json!({ "id": "a", "email": "a@b.c" }),
        json!({ "id": "b", "email": "b@b.c" }),
    ];
    let text = r#"{"step_id": "send-email-1", "contact_id": "a", "outcome": "failed", "error": "smtp_550"}"#;
    let options = Options {
        results: results(text).unwrap(),
        ..Options::default()
    };
    let (_, summary) = simulate(
        &programs,
        &people,
        &[abandoned("a"), abandoned("b")],
        options,
    );
    assert_eq!(
        (summary.failed_enrollments, summary.completed_enrollments),
        (1, 1)
    );
}

#[test]
fn each_outcome_of_the_results_by_step() {
    let definition = json!({
        "id": "w", "trigger": { "type": "form.abandoned" },
        "actions": [
            { "id": "first", "type": "send_email", "config": { "subject": "s", "body": "b" }, "onSuccess": ["ask"],
              "onFailure": ["failed"], "onUnknown": ["unknown"] },
            { "id": "ask", "type": "manual_review", "onSuccess": ["second"], "onTimeout": ["late"],
              "timeout": { "amount": 1, "unit": "days" }, "config": { "rejectBranch": ["rejected"] } },
            { "id": "second", "type": "send_email", "config": { "subject": "s", "body": "b" } },
            { "id": "failed", "type": "add_tag", "config": { "tag": "x" } },
            { "id": "unknown", "type": "add_tag", "config": { "tag": "x" } },
            { "id": "rejected", "type": "add_tag", "config": { "tag": "x" } },
            { "id": "late", "type": "add_tag", "config": { "tag": "x" } },
        ],
    });
    let programs = [program(&definition.to_string(), "w.json", 1)];
    let approved = r#"{"step_id": "ask"}"#;
    // (results, the last step, the result of the step that they are about)
    let table = [
        (
            r#"{"step_id": "second"}"#,
            "late",
            json!({ "timedOut": true }),
        ),
        (approved, "second", json!({ "outcome": "approved" })),
        (
            r#"{"step_id": "ask", "outcome": "failed", "message": "no"}"#,
            "rejected",
            json!({ "outcome": "rejected", "note": "no" }),
        ),
        (
            r#"{"step_id": "first", "outcome": "failed", "error": "smtp_550", "message": "no"}"#,
            "failed",
            json!({ "error": "smtp_550", "message": "no" }),
        ),
        (
            r#"{"step_id": "first", "outcome": "unknown", "error": "timeout"}"#,
            "unknown",
            json!({ "unknown": true, "error": "timeout" }),
        ),
    ];
    for (text, last, result) in table {
        let options = Options {
            results: results(text).unwrap(),
            ..Options::default()
        };
        let people = [json!({ "id": "a", "email": "a@b.c" })];
        let (rows, summary) = simulate(&programs, &people, &[abandoned("a")], options);
        let steps: Vec<&Row> = rows.iter().filter(|row| row.step_id.is_some()).collect();
        let ended = steps.last().unwrap();
        assert_eq!(ended.step_id.as_deref(), Some(last), "{text}");
        assert!(
            steps.iter().any(|row| row.detail == result),
            "{text}: {steps:#?}"
        );
        assert_eq!(summary.completed_enrollments, 1, "{text}");
    }
    let suppressed = r#"{"step_id": "first", "outcome": "suppressed", "error": "dnd"}
        {"step_id": "ask"}"#;
    let options = Options {
        results: results(suppressed).unwrap(),
        ..Options::default()
    };
    let people = [json!({ "id": "a", "email": "a@b.c" })];
    let (rows, _) = simulate(&programs, &people, &[abandoned("a")], options);
    let first = rows
        .iter()
        .find(|row| row.step_id.as_deref() == Some("first") && row.event == "step:completed");
    assert_eq!(first.unwrap().detail, json!({ "suppressed": "dnd" }));
}

#[test]
fn every_example_compiles_and_runs() {
    let examples = [
        (
            include_str!("../../../examples/welcome-series.yaml"),
            "welcome-series.yaml",
        ),
        (
            include_str!("../../../examples/win-back.json"),
            "win-back.json",
        ),
    ];
    let programs: Vec<Program> = (1..)
        .zip(examples)
        .map(|(n, (text, file))| program(text, file, n))
        .collect();
    let people: Vec<Value> = (0..40)
        .map(|n| json!({ "id": format!("c{n}"), "email": format!("c{n}@example.com") }))
        .collect();
    let happened: Vec<Value> = (0..40)
        .map(|n| {
            let kind = if n % 2 == 0 { "form.submitted" } else { "payment.failed" };
            json!({ "type": kind, "contact_id": format!("c{n}"), "occurred_at": "2026-03-02T10:00:00Z",
                    "data": { "formId": "newsletter", "paymentId": "p", "amount": 5 } })
        })
        .collect();
    let (rows, summary) = simulate(&programs, &people, &happened, Options::default());
    assert_eq!(
        (summary.completed_enrollments, summary.total_enrollments),
        (40, 40),
        "{rows:#?}"
    );
    let joined = rows.iter().filter(|row| row.event == "step:joined").count();
    assert_eq!(joined, 60);
    let again = simulate(&programs, &people, &happened, Options::default());
    assert_eq!(
        (rows, summary),
        again,
        "the same input gives the same output"
    );
}
