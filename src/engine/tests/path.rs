//! The path itself: steps, waits, sends, failures, loops.

use chrono::Duration;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_pure_path_runs_in_one_burst() {
    let program = program(&steps(json!([
        set("a", json!(1), &["b"]),
        set("b", json!("{{ vars.a }}"), &["c"]),
        set("c", json!("n is {{ event.data.n }}"), &[]),
    ])));
    let mut run = Run::new(&program, fields());
    assert!(run.give(&Input::Time));
    assert_eq!(run.ex.status, Status::Completed);
    assert_eq!((run.var("b"), run.var("c")), (&json!(1), &json!("n is 1")));
    assert_eq!(
        run.story(),
        [
            "execution:started",
            "step:completed a",
            "step:completed b",
            "step:completed c",
            "execution:completed",
        ]
    );
    assert!(!run.give(&Input::Time), "a final execution stays as it is");
}

#[test]
fn a_burst_yields_and_keeps_its_due_time() {
    let program = program(&steps(json!([
        set("a", json!(1), &["b"]),
        set("b", json!(2), &["c"]),
        set("c", json!(3), &[]),
    ])));
    let mut run = Run::new(&program, fields());
    run.limits = Burst { max_steps: 2 };
    let due = run.ex.due_at;
    run.now += Duration::seconds(5);
    run.give(&Input::Time);
    assert_eq!(
        (run.ex.status, run.ex.due_at),
        (Status::Ready, due),
        "unchanged: a HOT update"
    );
    assert_eq!(run.last.as_ref().unwrap().node, 2);
    run.give(&Input::Time);
    assert_eq!(run.ex.status, Status::Completed);
}

#[test]
fn waits_by_the_clock() {
    let table = [
        (
            json!({"waitType": "duration", "duration": {"amount": 2, "unit": "hours"}}),
            "2026-03-02T12:00:00Z",
        ),
        // In the contact's zone the clocks go forward on the 29th.
        (
            json!({"waitType": "duration", "duration": {"amount": 30, "unit": "days"}}),
            "2026-04-01T09:00:00Z",
        ),
        (
            json!({"waitType": "until_date", "waitUntil": "2026-04-01"}),
            "2026-03-31T22:00:00Z",
        ),
        (
            json!({"waitType": "until_date", "waitUntil": "2026-04-01T08:00:00Z"}),
            "2026-04-01T08:00:00Z",
        ),
        (
            json!({"waitType": "until_date", "waitUntil": "{{contact.followUpDate}}"}),
            "2026-05-04T22:00:00Z",
        ),
    ];
    for (config, until) in table {
        let wait = json!([{ "id": "w", "type": "wait", "config": config }]);
        let program = program(&steps(wait));
        let contact = json!({ "timezone": "Europe/Berlin", "followUpDate": "2026-05-05" });
        let mut run = Run::new(&program, contact);
        run.go();
        assert_eq!(
            (run.ex.status, run.ex.due_at),
            (Status::Waiting, Some(at(until))),
            "{config}"
        );
        run.now = at(until) - Duration::milliseconds(1);
        assert!(!run.give(&Input::Time), "{config}");
        run.now = at(until);
        run.go();
        assert_eq!(run.ex.status, Status::Completed, "{config}");
    }
}

#[test]
fn a_past_date_goes_on_at_once_and_none_fails() {
    let table = [
        (json!("2020-01-01"), Status::Completed, None),
        (json!("soon"), Status::Failed, Some("invalid_date")),
        (Value::Null, Status::Failed, Some("invalid_date")),
    ];
    let program = program(&steps(json!([
        { "id": "w", "type": "WAIT", "config": {"waitType": "until_date", "waitUntil": "{{contact.when}}"} },
    ])));
    for (when, status, reason) in table {
        let mut run = Run::new(&program, json!({ "when": when }));
        run.go();
        assert_eq!((run.ex.status, run.reason()), (status, reason), "{when}");
    }
}

#[test]
fn a_condition_is_waited_for() {
    let definition = steps(json!([
        { "id": "w", "type": "wait", "onTimeout": ["late"], "onSuccess": ["met"],
          "config": { "waitType": "until_condition", "maxWaitDuration": {"amount": 7, "unit": "days"},
                      "condition": {"field": "contact.score", "operator": "greater_than", "value": 5} } },
        set("met", json!(true), &[]),
        set("late", json!(true), &[]),
    ]));
    let program = program(&definition);
    let mut run = Run::new(&program, json!({ "score": 9 }));
    run.go();
    assert_eq!(run.var("met"), true, "it holds already");

    let mut run = Run::new(&program, json!({ "score": 1 }));
    run.go();
    assert_eq!(run.ex.due_at, Some(at("2026-03-09T10:00:00Z")));
    assert!(!run.set("score", json!(2)));
    assert!(!run.event("contact.field.changed", json!({ "field": "email" })));
    assert!(run.set("score", json!(6)));
    assert_eq!(
        (run.ex.status, run.var("met")),
        (Status::Completed, &json!(true))
    );

    let mut run = Run::new(&program, fields());
    run.go().after(Duration::days(7));
    assert_eq!(
        (run.ex.status, run.var("late")),
        (Status::Completed, &json!(true))
    );
    assert_eq!(run.entries[2].result, json!({ "timedOut": true }));
}

#[test]
fn a_condition_flips_by_the_clock() {
    let program = program(&steps(json!([
        { "id": "w", "type": "wait", "config": { "waitType": "until_condition",
          "condition": {"field": "contact.lastPurchaseDate", "operator": "older_than", "value": "2 hours"} } },
    ])));
    let mut run = Run::new(
        &program,
        json!({ "last_purchase_date": "2026-03-02T09:30:00Z" }),
    );
    run.go();
    assert_eq!(run.ex.status, Status::Waiting);
    let due = run.ex.due_at.expect("older_than flips");
    assert!(
        due >= at("2026-03-02T11:30:00Z") && due <= at("2026-03-02T11:30:00.001Z"),
        "{due}"
    );
    run.now = due;
    run.go();
    assert_eq!(run.ex.status, Status::Completed);
}

#[test]
fn an_event_is_waited_for() {
    let program = program(&steps(json!([
        { "id": "w", "type": "wait", "onSuccess": ["got"], "config": { "waitType": "until_event",
          "event": "form.submitted", "maxWaitDuration": "2 days",
          "filters": [{"field": "event.data.formId", "operator": "equals", "value": "f"}] } },
        set("got", json!("{{ steps.w.result.event.data.score }}"), &[]),
    ])));
    let mut run = Run::new(&program, fields());
    run.go();
    assert!(!run.event("form.submitted", json!({ "formId": "g" })));
    assert!(!run.event("form.viewed", json!({ "formId": "f" })));
    assert!(run.event("form.submitted", json!({ "formId": "f", "score": 3 })));
    assert_eq!(
        (run.ex.status, run.var("got")),
        (Status::Completed, &json!(3))
    );
    let mut run = Run::new(&program, fields());
    run.go().after(Duration::days(2));
    assert_eq!(
        (run.ex.status, run.var("got")),
        (Status::Completed, &Value::Null)
    );
}

#[test]
fn ways_are_chosen() {
    let program = program(&steps(json!([
        { "id": "if", "type": "if_else", "config": { "trueBranch": ["yes"], "falseBranch": ["split"],
          "condition": {"operator": "AND", "conditions": [{"field": "contact.vip", "operator": "equals", "value": true}]} } },
        set("yes", json!(1), &[]),
        { "id": "split", "type": "split", "config": { "splitType": "conditional", "defaultBranch": [],
          "conditionalBranches": [
            { "id": "1", "condition": {"field": "contact.age", "operator": "less_than", "value": 18}, "actions": ["young"] },
            { "id": "2", "condition": {"field": "contact.age", "operator": "less_than", "value": 60}, "actions": ["old"] } ] } },
        set("young", json!(1), &[]),
        set("old", json!(1), &[]),
    ])));
    let table = [
        (json!({"vip": true}), Some("yes")),
        (json!({"age": 17}), Some("young")),
        (json!({"age": 18}), Some("old")),
        (json!({"age": 70}), None),
    ];
    for (contact, var) in table {
        let mut run = Run::new(&program, contact.clone());
        run.go();
        assert_eq!(run.ex.status, Status::Completed, "{contact}");
        assert_eq!(
            run.ex.state.vars.keys().next().map(|name| &**name),
            var,
            "{contact}"
        );
    }
}

#[test]
fn a_split_is_stable_and_honours_its_first_choice() {
    let split = |a: f64| {
        steps(json!([
            { "id": "s", "type": "split", "config": { "splitType": "percentage", "branches": [
                { "id": "A", "percentage": a, "actions": [] },
                { "id": "B", "percentage": 100.0 - a, "actions": [], "kind": "holdout" } ] } },
        ]))
    };
    let (all, none) = (program(&split(100.0)), program(&split(0.0)));
    let mut run = Run::new(&all, fields());
    run.go();
    assert_eq!(run.entries[1].result, json!({ "variant": "A" }));
    assert_eq!(run.ex.state.choices["s"], "A");
    let mut run = Run::new(&none, fields());
    run.ex.state.choices.insert("s".into(), "A".into());
    run.go();
    assert_eq!(run.entries[1].result, json!({ "variant": "A" }));
    let mut run = Run::new(&none, fields());
    run.ex.state.choices.insert("s".into(), "gone".into());
    run.go();
    assert_eq!(
        run.entries[1].result,
        json!({ "variant": "B", "holdout": true })
    );
}

#[test]
fn what_a_send_asks_for_and_what_its_answer_does() {
    let definition = steps(json!([
        { "id": "mail", "type": "send_email", "timeout": 5000, "onSuccess": ["ok"], "onUnknown": ["unsure"],
          "retryConfig": { "maxAttempts": 3, "backoffStrategy": "EXPONENTIAL" },
          "config": { "subject": "Hi {{contact.firstName}}", "html": "<b>{{contact.firstName}}</b>", "trackOpens": true } },
        set("ok", json!("{{ steps.mail.result.status }}"), &[]),
        set("unsure", json!(true), &[]),
    ]));
    let program = program(&definition);
    let contact = json!({ "email": "a@example.com", "first_name": "A&B" });
    let mut run = Run::new(&program, contact.clone());
    run.go();
    assert_eq!((run.ex.status, run.ex.due_at), (Status::Dispatching, None));
    let send = run.sends()[0].clone();
    assert_eq!(
        send.request,
        json!({
            "to": "a@example.com", "subject": "Hi A&B", "html": "<b>A&amp;B</b>", "trackOpens": true,
        })
    );
    assert_eq!(
        (send.seq, send.action, send.timeout),
        (1, "send_email", Duration::seconds(5))
    );
    assert_eq!(send.retry.as_ref().unwrap()["maxAttempts"], 3);
    assert_eq!(run.entries[1].kind, EntryKind::Dispatched);
    assert!(
        !run.reply_to(99, ReplyOutcome::Sent, None),
        "nobody waits for that"
    );
    assert!(run.reply(ReplyOutcome::Sent, None));
    assert_eq!(
        (run.ex.status, run.var("ok")),
        (Status::Completed, &json!(200))
    );

    let table = [
        (
            ReplyOutcome::Suppressed,
            Some("dnd"),
            Status::Completed,
            json!({"suppressed": "dnd"}),
            Some("ok"),
        ),
        (
            ReplyOutcome::Unknown,
            Some("timeout"),
            Status::Completed,
            json!({"unknown": true, "error": "timeout"}),
            Some("unsure"),
        ),
        (
            ReplyOutcome::Failed,
            Some("smtp_550"),
            Status::Failed,
            json!({"error": "smtp_550", "message": "smtp_550", "response": {"status": 200}}),
            None,
        ),
    ];
    for (outcome, error, status, result, var) in table {
        let mut run = Run::new(&program, contact.clone());
        run.go();
        run.reply(outcome, error);
        assert_eq!(run.ex.status, status, "{outcome:?}");
        assert_eq!(run.entries[2].result, result, "{outcome:?}");
        assert_eq!(
            run.ex.state.vars.keys().next().map(|name| &**name),
            var,
            "{outcome:?}"
        );
        if status == Status::Failed {
            assert_eq!(run.reason(), error);
            assert_eq!(
                run.ex.state.branches[0].step, 0,
                "it can be retried from there"
            );
        }
    }
    let mut run = Run::new(&program, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("no_recipient"))
    );
}

#[test]
fn a_skipped_step_goes_on() {
    let mut second = set("b", json!(1), &["c"]);
    second["executeIf"] = json!({ "field": "vars.a", "operator": "equals", "value": 2 });
    let program = program(&steps(json!([
        set("a", json!(1), &["b"]),
        second,
        set("c", json!(1), &[])
    ])));
    let mut run = Run::new(&program, fields());
    run.go();
    assert_eq!(run.story()[2], "step:skipped b");
    assert_eq!(
        (run.ex.status, run.ex.state.vars.contains_key("b")),
        (Status::Completed, false)
    );
}

#[test]
fn a_database_step_fails_along_its_ways() {
    let bad = |extra: Value| {
        let mut step = json!({ "id": "bad", "type": "update_variable",
            "config": { "name": "n", "operation": "increment", "value": "x" } });
        step.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        program(&steps(json!([
            step,
            set("caught", json!("{{ steps.bad.result.error }}"), &[])
        ])))
    };
    let plain = bad(json!({}));
    let mut run = Run::new(&plain, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("type_mismatch"))
    );

    let caught = bad(json!({ "onFailure": ["caught"] }));
    let mut run = Run::new(&caught, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.var("caught")),
        (Status::Completed, &json!("type_mismatch"))
    );

    let retried = bad(json!({ "onFailure": ["caught"],
        "retryConfig": { "maxAttempts": 3, "backoffStrategy": "LINEAR" } }));
    let mut run = Run::new(&retried, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.ex.due_at),
        (Status::Waiting, Some(run.now + Duration::seconds(1)))
    );
    run.after(Duration::seconds(1));
    assert_eq!(run.ex.due_at, Some(run.now + Duration::seconds(2)));
    run.after(Duration::seconds(2));
    assert_eq!(run.ex.status, Status::Completed);
    assert_eq!(
        run.story()
            .iter()
            .filter(|line| *line == "step:failed bad")
            .count(),
        3
    );

    let other = bad(json!({ "retryConfig": { "maxAttempts": 3, "retryableErrors": ["other"] } }));
    let mut run = Run::new(&other, fields());
    run.go();
    assert_eq!(
        run.ex.status,
        Status::Failed,
        "only what is named is retried"
    );
}

#[test]
fn loops_are_bounded() {
    let looped = |passes: Value| {
        let mut count = json!({ "id": "count", "type": "update_variable", "onSuccess": ["back"],
            "config": { "name": "n", "operation": "increment" } });
        if !passes.is_null() {
            count["maxPasses"] = passes;
        }
        program(&steps(json!([
            count,
            { "id": "back", "type": "go_to", "maxPasses": 100_000, "config": { "stepId": "count" } },
        ])))
    };
    for (passes, wanted) in [(json!(null), 100), (json!(3), 3), (json!(50_000), 5_000)] {
        let program = looped(passes.clone());
        assert_eq!(program.cyclic().collect::<Vec<_>>(), [0, 1]);
        let mut run = Run::new(&program, fields());
        run.go();
        assert_eq!(
            (run.ex.status, run.reason()),
            (Status::Failed, Some("loop_limit"))
        );
        assert_eq!(run.var("n"), &json!(wanted), "{passes}");
    }
}

#[test]
fn an_end_ends_everything() {
    for (config, status, reason) in [
        (json!({}), Status::Completed, None),
        (json!({ "reason": "bored" }), Status::Exited, Some("bored")),
    ] {
        let program = program(&steps(json!([
            { "id": "fork", "type": "parallel", "config": { "branches": ["mail", "end"] } },
            { "id": "mail", "type": "send_email", "config": { "subject": "s", "body": "b", "to": "a@b.c" } },
            { "id": "end", "type": "end_workflow", "config": config },
        ])));
        let mut run = Run::new(&program, fields());
        run.go();
        assert_eq!((run.ex.status, run.reason()), (status, reason));
        assert_eq!(run.effects[1], Effect::CancelSends { seqs: vec![2] });
        assert!(run.ex.state.branches.is_empty() && run.ex.state.forks.is_empty());
    }
}

#[test]
fn crm_writes_are_seen_at_once() {
    let program = program(&steps(json!([
        { "id": "tag", "type": "add_tag", "config": { "tags": ["{{contact.city}}", "x"] }, "onSuccess": ["upd"] },
        { "id": "upd", "type": "update_contact", "config": { "fields": { "lastName": "{{contact.tags[1]}}", "score": 4 } }, "onSuccess": ["off"] },
        { "id": "off", "type": "remove_tag", "config": { "tag": "x" }, "onSuccess": ["note"] },
        { "id": "note", "type": "add_note", "config": { "body": "{{contact.lastName}} {{contact.tags | join: ','}}" } },
    ])));
    let mut run = Run::new(&program, json!({ "city": "Rome", "tags": [] }));
    run.go();
    let note = run.effects.last().unwrap();
    let wanted = crate::model::transition::CrmWrite::AddNote {
        body: "x Rome".into(),
    };
    assert_eq!(note, &Effect::Crm(wanted));
}
