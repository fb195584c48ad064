//! What operators do to an execution.

use serde_json::json;

use super::*;
use crate::model::{refusal::Refusal, transition::Admission};

fn waiting() -> Program {
    program(&steps(json!([
        { "id": "mail", "type": "send_email", "onSuccess": ["wait"], "config": { "subject": "s", "body": "b" } },
        { "id": "wait", "type": "delay", "config": { "duration": "10 days" }, "onSuccess": ["end"] },
        set("end", json!(1), &[]),
    ])))
}

#[test]
fn a_wait_is_skipped() {
    let program = waiting();
    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
    run.go();
    assert!(!run.command(Command::SkipWait), "it does not wait yet");
    run.reply(ReplyOutcome::Sent, None);
    assert!(run.command(Command::SkipWait));
    assert_eq!(run.ex.status, Status::Completed);
    assert_eq!(
        run.story()[4..],
        [
            "execution:moved",
            "step:completed wait",
            "step:completed end",
            "execution:completed"
        ]
    );
    assert_eq!(run.entries[5].result, json!({ "skipped": true }));
}

#[test]
fn an_execution_is_moved() {
    let program = waiting();
    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
    run.go();
    assert!(!run.command(Command::Move {
        step: "nowhere".into()
    }));
    assert!(run.command(Command::Move {
        step: "wait".into()
    }));
    assert_eq!(
        (run.ex.status, run.effects.last()),
        (
            Status::Waiting,
            Some(&Effect::CancelSends { seqs: vec![1] })
        )
    );
}

#[test]
fn a_failed_execution_goes_on_where_it_failed() {
    let program = waiting();
    let mut run = Run::new(&program, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("no_recipient"))
    );
    assert!(!run.give(&Input::Time) && !run.command(Command::SkipWait));
    run.contact.set("email", json!("a@b.c"));
    assert!(run.command(Command::Retry { step: None }));
    assert_eq!((run.ex.status, run.sends().len()), (Status::Dispatching, 1));
    assert_eq!(
        run.sends()[0].seq,
        run.ex.seq - 1,
        "a new visit has a new key"
    );
    run.reply(ReplyOutcome::Failed, Some("smtp_550"));
    assert!(run.command(Command::Retry {
        step: Some("end".into())
    }));
    assert_eq!(run.ex.status, Status::Completed);
}

#[test]
fn a_paused_execution_settles_but_does_not_go_on() {
    let program = waiting();
    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
    run.go();
    run.ex.status = Status::Paused;
    run.ex.due_at = None;
    assert!(!run.give(&Input::Time));
    assert!(run.reply(ReplyOutcome::Sent, None));
    assert_eq!((run.ex.status, run.ex.due_at), (Status::Paused, None));
    assert_eq!(run.story().last().unwrap(), "step:completed mail");
    run.ex.status = Status::Ready;
    run.ex.due_at = Some(run.now);
    run.go();
    assert_eq!(run.ex.status, Status::Waiting);
}

#[test]
fn the_clock_does_not_wake_a_paused_execution() {
    let program = waiting();
    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
    run.go();
    run.reply(ReplyOutcome::Sent, None);
    let due = run.ex.due_at;
    run.ex.status = Status::Paused;
    run.now += Duration::days(11);
    assert!(!run.give(&Input::Time));
    (run.ex.status, run.ex.due_at) = (Status::Waiting, due);
    assert_eq!(run.go().ex.status, Status::Completed);
}

/// Events wake those whom they concern; the clock's work is left to the clock.
#[test]
fn an_event_that_concerns_nothing_changes_nothing() {
    let program = waiting();
    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
    run.go();
    run.reply(ReplyOutcome::Sent, None);
    run.now += Duration::days(11);
    let other = event("order.shipped", json!({}), run.now);
    assert!(!run.give(&Input::Event(other)));
    assert_eq!(run.go().ex.status, Status::Completed);
}

#[test]
fn what_has_not_begun_hears_nothing() {
    let mut definition = steps(json!([set("end", json!(1), &[])]));
    definition["enrollmentSettings"] = json!({ "exitConditions":
        { "field": "contact.score", "operator": "greater_than", "value": 5 } });
    let program = program(&definition);
    let mut run = Run::new(&program, json!({ "score": 9 }));
    let told = event(
        "contact.field.changed",
        json!({ "field": "score" }),
        run.now,
    );
    assert!(program.depends_on(&told));
    assert!(!run.give(&Input::Event(told)));
    assert!(run.entries.is_empty());
}

#[test]
fn an_execution_ends_where_its_contact_is_gone() {
    let program = waiting();
    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
    run.go();
    run.contact = Contact::missing(CONTACT);
    assert!(run.give(&Input::Time));
    let ended = (Status::Cancelled, Some("contact_deleted"));
    assert_eq!((run.ex.status, run.reason()), ended);
    let mut fresh = Run::new(&program, json!({}));
    fresh.contact = Contact::missing(CONTACT);
    fresh.go();
    assert_eq!((fresh.ex.status, fresh.reason()), ended);
    let refused = fresh.last.unwrap().admission;
    assert!(matches!(
        refused,
        Some(Admission::Refused {
            reason: Refusal::ContactDeleted,
            ..
        })
    ));
}

#[test]
fn a_retried_arm_still_meets_at_its_join() {
    let program = program(&steps(json!([
        { "id": "fork", "type": "parallel", "config": { "branches": ["a", "b"] } },
        set("a", json!(1), &["join"]),
        { "id": "b", "type": "send_email", "onSuccess": ["join"], "config": { "subject": "s", "body": "b" } },
        { "id": "join", "type": "update_variable", "join": "all", "onSuccess": ["end"],
          "config": { "name": "n", "operation": "increment" } },
        set("end", json!(1), &[]),
    ])));
    let mut run = Run::new(&program, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.ex.state.forks.len()),
        (Status::Failed, 1)
    );
    run.contact.set("email", json!("a@b.c"));
    run.command(Command::Retry { step: None });
    run.reply(ReplyOutcome::Sent, None);
    assert_eq!(
        (run.ex.status, run.var("n"), run.var("end")),
        (Status::Completed, &json!(1), &json!(1))
    );
}
