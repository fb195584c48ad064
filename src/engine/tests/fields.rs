//! The fields that every step has, one by one: executeIf, timeout, retryConfig and the four lists.

use serde_json::json;

use super::*;

/// A step that always fails with `type_mismatch`, inside the database.
fn failing(more: Value) -> Program {
    let mut step = json!({ "id": "bad", "type": "update_variable",
        "config": { "name": "n", "operation": "increment", "value": "x" } });
    let more = more.as_object().unwrap().clone();
    step.as_object_mut().unwrap().extend(more);
    program(&steps(json!([
        step,
        set("caught", json!("{{ steps.bad.result.error }}"), &[])
    ])))
}

#[test]
fn how_long_each_backoff_waits() {
    // (retryConfig, seconds between the tries)
    let table: [(Value, &[i64]); 9] = [
        (
            json!({ "maxAttempts": 4, "backoffStrategy": "FIXED" }),
            &[1, 1, 1],
        ),
        (
            json!({ "maxAttempts": 4, "backoffStrategy": "LINEAR" }),
            &[1, 2, 3],
        ),
        (
            json!({ "maxAttempts": 5, "backoffStrategy": "EXPONENTIAL" }),
            &[1, 2, 4, 8],
        ),
        (
            json!({ "maxAttempts": 5, "retryDelay": { "initial": 10_000, "max": 60_000, "multiplier": 3 } }),
            &[10, 30, 60, 60],
        ),
        (
            json!({ "maxAttempts": 3, "backoffStrategy": "fixed",
                    "retryDelay": { "initial": { "amount": 2, "unit": "minutes" } } }),
            &[120, 120],
        ),
        (json!({ "maxAttempts": 1 }), &[]),
        (json!({ "maxAttempts": 9, "enabled": false }), &[]),
        (
            json!({ "maxAttempts": 3, "retryableErrors": ["TYPE_MISMATCH"] }),
            &[1, 2],
        ),
        (
            json!({ "maxAttempts": 3, "retryableErrors": ["template_error"] }),
            &[],
        ),
    ];
    for (retry, wanted) in table {
        let program = failing(json!({ "retryConfig": retry, "onFailure": ["caught"] }));
        let mut run = Run::new(&program, fields());
        run.mishaps = vec![Mishap::LostAfterCommit];
        run.go();
        let mut waited = Vec::new();
        while run.ex.status == Status::Waiting {
            let due = run.ex.due_at.unwrap();
            waited.push((due - run.now).num_seconds());
            run.now = due;
            run.go();
        }
        assert_eq!(waited, wanted, "{retry}");
        assert_eq!(run.var("caught"), "type_mismatch", "{retry}");
        let failed = run
            .story()
            .iter()
            .filter(|line| *line == "step:failed bad")
            .count();
        assert_eq!(failed, wanted.len() + 1, "{retry}");
        assert!(!run.ex.state.visits.contains_key(&0), "a try is no visit");
    }
}

#[test]
fn jitter_shortens_by_half_at_most_and_is_the_same_at_a_repeat() {
    let program = failing(json!({ "retryConfig": { "maxAttempts": 2, "jitter": true } }));
    let delay = |id: u128| {
        let mut run = Run::new(&program, fields());
        run.ex.id = Uuid::from_u128(id);
        run.go();
        (run.ex.due_at.unwrap() - run.now).num_milliseconds()
    };
    let delays: Vec<i64> = (0..50).map(delay).collect();
    assert!(
        delays.iter().all(|ms| (500..=1_000).contains(ms)),
        "{delays:?}"
    );
    assert!(delays.iter().any(|ms| *ms != delays[0]), "{delays:?}");
    assert_eq!(delay(7), delays[7]);
}

#[test]
fn without_retry_config() {
    let database = failing(json!({}));
    let mut run = Run::new(&database, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("type_mismatch"))
    );

    let outside = program(&steps(json!([
        { "id": "m", "type": "send_email", "config": { "subject": "s", "body": "b", "to": "a@b.c" } },
    ])));
    let mut run = Run::new(&outside, fields());
    run.go();
    assert_eq!(run.sends()[0].retry, None, "the dispatcher's default holds");
}

#[test]
fn an_outside_step_hands_its_retry_and_timeout_to_the_dispatcher() {
    let program = program(&steps(json!([
        { "id": "m", "type": "http_request", "config": { "url": "https://example.com" },
          "timeout": { "amount": 2, "unit": "seconds" },
          "retryConfig": { "maxAttempts": 7, "backoffStrategy": "linear", "retryableErrors": ["http_404"] } },
    ])));
    let mut run = Run::new(&program, fields());
    run.go();
    let send = run.sends()[0];
    assert_eq!(send.timeout, Duration::seconds(2));
    let retry: crate::model::retry::RetryConfig =
        serde_json::from_value(send.retry.clone().unwrap()).unwrap();
    assert_eq!((retry.attempts(), retry.names("HTTP_404")), (7, true));
    assert_eq!([1, 2, 3].map(|n| retry.delay(n, 0).as_secs()), [1, 2, 3]);
}

#[test]
fn where_an_outside_step_leads() {
    // (outcome, the lists it has, where it goes; none: it ends)
    let all = ["onSuccess", "onFailure", "onUnknown"];
    let table: [(ReplyOutcome, &[&str], Option<&str>, Status); 10] = [
        (
            ReplyOutcome::Sent,
            &all,
            Some("onSuccess"),
            Status::Completed,
        ),
        (ReplyOutcome::Sent, &[], None, Status::Completed),
        (
            ReplyOutcome::Suppressed,
            &all,
            Some("onSuccess"),
            Status::Completed,
        ),
        (
            ReplyOutcome::Failed,
            &all,
            Some("onFailure"),
            Status::Completed,
        ),
        (ReplyOutcome::Failed, &["onSuccess"], None, Status::Failed),
        (ReplyOutcome::Failed, &["onUnknown"], None, Status::Failed),
        (
            ReplyOutcome::Unknown,
            &all,
            Some("onUnknown"),
            Status::Completed,
        ),
        (
            ReplyOutcome::Unknown,
            &["onSuccess", "onFailure"],
            Some("onSuccess"),
            Status::Completed,
        ),
        (
            ReplyOutcome::Unknown,
            &["onFailure"],
            None,
            Status::Completed,
        ),
        (ReplyOutcome::Unknown, &[], None, Status::Completed),
    ];
    for (outcome, lists, wanted, status) in table {
        let mut mail = json!({ "id": "m", "type": "send_email", "config": { "subject": "s", "body": "b", "to": "a@b.c" } });
        for list in lists {
            mail[*list] = json!([list]);
        }
        let program = program(&steps(json!([
            mail,
            set("onSuccess", json!(1), &[]),
            set("onFailure", json!(1), &[]),
            set("onUnknown", json!(1), &[]),
        ])));
        let mut run = Run::new(&program, fields());
        run.go();
        run.reply(outcome, Some("why"));
        let went = run.ex.state.vars.keys().next().map(|name| &**name);
        assert_eq!(
            (went, run.ex.status),
            (wanted, status),
            "{outcome:?} {lists:?}"
        );
    }
}

#[test]
fn every_wait_can_have_a_timeout() {
    let table = [
        json!({ "type": "wait", "config": { "duration": "10 days" } }),
        json!({ "type": "delay", "config": { "duration": "10 days" } }),
        json!({ "type": "wait", "config": { "waitType": "until_date", "waitUntil": "2027-01-01" } }),
        json!({ "type": "wait", "config": { "waitType": "until_event", "event": "form.submitted" } }),
        json!({ "type": "wait", "config": { "waitType": "until_condition",
            "condition": { "field": "contact.vip", "operator": "exists" } } }),
        json!({ "type": "wait", "config": { "waitType": "until_event", "event": "form.submitted",
            "maxWaitDuration": "9 days" } }),
    ];
    for step in table {
        for on_timeout in [true, false] {
            let mut step = step.clone();
            step["id"] = json!("w");
            step["onSuccess"] = json!(["done"]);
            step["timeout"] = json!(3_600_000);
            if on_timeout {
                step["onTimeout"] = json!(["late"]);
            }
            let program = program(&steps(json!([
                step,
                set("done", json!("{{ steps.w.result.timedOut }}"), &[]),
                set("late", json!("{{ steps.w.result.timedOut }}"), &[]),
            ])));
            let mut run = Run::new(&program, fields());
            run.go();
            assert_eq!(run.ex.due_at, Some(run.now + Duration::hours(1)), "{step}");
            run.after(Duration::hours(1));
            let name = if on_timeout { "late" } else { "done" };
            assert_eq!(run.ex.state.vars.len(), 1, "{step}");
            assert_eq!(
                (run.ex.status, run.var(name)),
                (Status::Completed, &json!(true)),
                "{step}"
            );
        }
    }
}

#[test]
fn a_timeout_that_is_longer_changes_nothing() {
    let program = program(&steps(json!([
        { "id": "w", "type": "wait", "timeout": { "amount": 2, "unit": "days" }, "onTimeout": ["late"],
          "config": { "duration": "1 day" }, "onSuccess": ["done"] },
        set("done", json!(1), &[]),
        set("late", json!(1), &[]),
    ])));
    let mut run = Run::new(&program, fields());
    run.go().after(Duration::days(1));
    assert_eq!(
        (run.ex.status, run.var("done")),
        (Status::Completed, &json!(1))
    );
}

#[test]
fn execute_if_skips_with_its_reasons() {
    let only = json!({ "field": "contact.score", "operator": "greater_than", "value": 5 });
    let table = [
        json!({ "type": "add_tag", "config": { "tag": "t" } }),
        json!({ "type": "delay", "config": { "duration": "1 day" } }),
        json!({ "type": "send_email", "config": { "subject": "s", "body": "b", "to": "a@b.c" } }),
        json!({ "type": "if_else", "config": { "trueBranch": ["no"],
            "condition": { "field": "contact.score", "operator": "exists" } } }),
    ];
    for mut step in table {
        step["id"] = json!("s");
        step["executeIf"] = only.clone();
        step["onSuccess"] = json!(["after"]);
        let program = program(&steps(json!([
            step,
            set("after", json!(1), &[]),
            set("no", json!(1), &[])
        ])));
        let mut run = Run::new(&program, json!({ "score": 3 }));
        run.go();
        assert_eq!(
            run.story()[1..3],
            ["step:skipped s", "step:completed after"],
            "{step}"
        );
        assert_eq!(run.ex.status, Status::Completed);
        let trace = &run.entries[1].result["trace"];
        assert_eq!(
            (&trace["result"], &trace["found"]),
            (&json!(false), &json!(3)),
            "{trace}"
        );
        let mut run = Run::new(&program, json!({ "score": 6 }));
        run.go();
        assert_ne!(run.story()[1], "step:skipped s", "{step}");
    }
}
