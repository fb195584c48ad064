//! Manual reviews: who decides, what that leads to, and what happens when nobody does.

use serde_json::json;

use super::*;

/// A review that may have these fields and lists, and a step for each way.
fn reviewed(more: Value) -> Program {
    let mut step = json!({ "id": "ask", "type": "manual_review", "onSuccess": ["yes"],
        "config": { "instructions": "Refund {{ contact.firstName }}?", "assignee": "ida" } });
    for (name, value) in more.as_object().unwrap() {
        match name.as_str() {
            "rejectBranch" => step["config"][name] = value.clone(),
            _ => step[name] = value.clone(),
        }
    }
    program(&steps(json!([
        step,
        set("yes", json!("{{ steps.ask.result.note }}"), &[]),
        set("no", json!("{{ steps.ask.result.note }}"), &[]),
        set("failed", json!("{{ steps.ask.result.error }}"), &[]),
        set("late", json!("{{ steps.ask.result.timedOut }}"), &[]),
    ])))
}

fn decide(approve: bool, note: Option<&str>) -> Command {
    Command::Review {
        step: None,
        approve,
        note: note.map(str::to_owned),
    }
}

#[test]
fn what_a_decision_leads_to() {
    let day = json!({ "amount": 1, "unit": "days" });
    let reject = json!({ "rejectBranch": ["no"] });
    let nowhere = json!({ "rejectBranch": [] });
    let catch = json!({ "onFailure": ["failed"] });
    let timed = json!({ "timeout": day, "onTimeout": ["late"] });
    let failed = Status::Failed;
    let done = Status::Completed;
    // (step, decision; none: nobody decides), then the variable that tells the way, status and reason
    type Row<'a> = (
        &'a Value,
        Option<bool>,
        Option<(&'a str, Value)>,
        Status,
        Option<&'a str>,
    );
    let table: [Row<'_>; 9] = [
        (
            &reject,
            Some(true),
            Some(("yes", json!("seen"))),
            done,
            None,
        ),
        (
            &reject,
            Some(false),
            Some(("no", json!("seen"))),
            done,
            None,
        ),
        (&nowhere, Some(false), None, done, None),
        (&catch, Some(true), Some(("yes", json!("seen"))), done, None),
        (
            &catch,
            Some(false),
            Some(("failed", json!("rejected"))),
            done,
            None,
        ),
        (&timed, Some(false), None, failed, Some("rejected")),
        (&timed, Some(true), Some(("yes", json!("seen"))), done, None),
        (&timed, None, Some(("late", json!(true))), done, None),
        (&reject, None, None, Status::Waiting, None),
    ];
    for (more, decision, way, status, reason) in table {
        let program = reviewed(more.clone());
        let mut run = Run::new(&program, json!({ "first_name": "Ada" }));
        run.reload = true;
        run.go();
        assert_eq!(run.ex.status, Status::Waiting);
        let asked = &run.entries[1].result;
        assert_eq!(asked["instructions"], "Refund Ada?");
        assert_eq!(asked["assignee"], "ida");
        assert!(
            !run.command(Command::SkipWait),
            "a review is decided, not skipped"
        );
        if let Some(approve) = decision {
            assert!(run.command(decide(approve, Some("seen"))), "{more}");
            assert!(!run.command(decide(approve, None)), "it is decided");
        }
        run.after(Duration::days(2));
        let got = run.ex.state.vars.iter().next();
        let got = got.map(|(name, value)| (&**name, value.clone()));
        assert_eq!((got, run.ex.status), (way, status), "{more} {decision:?}");
        assert_eq!(run.reason().filter(|_| status == failed), reason, "{more}");
    }
}

#[test]
fn one_of_several_reviews_or_all_of_them() {
    let ask = |id: &str| json!({ "id": id, "type": "manual_review", "config": {}, "onSuccess": [format!("{id}-ok")] });
    let program = program(&steps(json!([
        { "id": "fork", "type": "parallel", "config": { "branches": ["a", "b", "c"] } },
        ask("a"), ask("b"), { "id": "c", "type": "delay", "config": { "duration": "1 day" } },
        set("a-ok", json!(1), &[]), set("b-ok", json!(1), &[]),
    ])));
    let at = |step: &str| Command::Review {
        step: Some(step.into()),
        approve: true,
        note: None,
    };
    let mut run = Run::new(&program, fields());
    run.go();
    for step in ["c", "nowhere", "fork"] {
        assert!(!run.command(at(step)), "{step} asks nothing");
    }
    assert!(run.command(at("b")));
    assert_eq!(run.ex.state.vars.keys().collect::<Vec<_>>(), ["b-ok"]);
    assert!(run.command(Command::SkipWait), "the delay can be skipped");
    assert_eq!(run.ex.status, Status::Waiting);
    assert!(run.command(decide(true, None)));
    assert_eq!(run.ex.status, Status::Completed);

    let mut run = Run::new(&program, fields());
    run.go();
    assert!(run.command(decide(true, None)));
    assert_eq!(run.ex.state.vars.len(), 2, "both at once");
}

#[test]
fn the_wire_form_of_a_decision() {
    let sent = json!({ "command": "review", "approve": false, "seq": 3 });
    let read: Command = serde_json::from_value(sent).unwrap();
    let Command::Review {
        step,
        approve,
        note,
    } = read
    else {
        panic!("{read:?}")
    };
    assert_eq!((step, approve, note), (None, false, None));
}
