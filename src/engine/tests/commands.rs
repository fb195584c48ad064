//! What operators do to an execution.

use serde_json::json;

use super::*;

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
