//! How an execution ends beside its path: goals that are not met, and replies.

use serde_json::json;

use super::*;

/// One step, then the end of the path; `bought` counts.
fn with(goals: Value, settings: Value) -> Program {
    program(&json!({
        "id": "w", "trigger": { "type": "custom.event" }, "goals": goals, "enrollmentSettings": settings,
        "actions": [
            { "id": "tag", "type": "add_tag", "config": { "tag": "in" } },
            set("thanks", json!("{{ contact.bought }}"), &[]),
        ],
    }))
}

fn goal(id: &str, at_least: u32, unmet: Value) -> Value {
    let conditions =
        json!({ "field": "contact.bought", "operator": "greater_or_equal", "value": at_least });
    let mut goal = json!({ "id": id, "conditions": conditions });
    let more = unmet.as_object().cloned().unwrap_or_default();
    goal.as_object_mut().unwrap().extend(more);
    goal
}

#[test]
fn what_an_unmet_goal_does_at_the_end_of_the_path() {
    let week = json!({ "onUnmet": "wait", "maxWaitDuration": { "amount": 7, "unit": "days" } });
    let and_exit = |mut goal: Value| {
        goal["onAchievement"] = json!("exit");
        goal
    };
    // (goal, days until the contact buys; 0: never), then status, reason and days to the end; none: waits
    type Row = (Value, i64, Status, Option<&'static str>, Option<i64>);
    let table: [Row; 10] = [
        (json!({}), 0, Status::Completed, None, Some(0)),
        (
            json!({ "onUnmet": "CONTINUE" }),
            0,
            Status::Completed,
            None,
            Some(0),
        ),
        (
            json!({ "onUnmet": "end" }),
            0,
            Status::Exited,
            Some("goal_unmet:g"),
            Some(0),
        ),
        (json!({ "onUnmet": "wait" }), 0, Status::Waiting, None, None),
        (
            json!({ "onUnmet": "wait" }),
            30,
            Status::Completed,
            None,
            Some(30),
        ),
        (
            and_exit(json!({ "onUnmet": "wait" })),
            3,
            Status::Exited,
            Some("goal:g"),
            Some(3),
        ),
        (week.clone(), 3, Status::Completed, None, Some(3)),
        (week.clone(), 0, Status::Completed, None, Some(7)),
        (week.clone(), 9, Status::Completed, None, Some(7)),
        (and_exit(week), 9, Status::Completed, None, Some(7)),
    ];
    for (unmet, buys, status, reason, ends) in table {
        let program = with(json!([goal("g", 1, unmet.clone())]), json!({}));
        let mut run = Run::new(&program, fields());
        run.mishaps = vec![Mishap::LostAfterCommit];
        run.go();
        let mut ended = None;
        for day in 0..40 {
            if day > 0 {
                run.after(Duration::days(1));
            }
            if day == buys && day > 0 {
                run.set("bought", json!(1));
            }
            if run.ex.status.is_final() {
                ended = ended.or(Some(day));
            }
        }
        let got = (
            run.ex.status,
            run.reason().filter(|_| ended.is_some()),
            ended,
        );
        assert_eq!(got, (status, reason, ends), "{unmet} {buys}");
        let met = buys > 0 && ends.is_none_or(|ends| buys <= ends);
        let achieved = run.story().iter().any(|line| line == "goal:achieved g");
        assert_eq!(achieved, met, "{unmet} {buys}");
    }
}

#[test]
fn several_unmet_goals() {
    let wait = json!({ "onUnmet": "wait", "maxWaitDuration": { "amount": 2, "unit": "days" } });
    let long = json!({ "onUnmet": "wait", "maxWaitDuration": { "amount": 5, "unit": "days" } });
    let both = with(
        json!([goal("few", 1, wait.clone()), goal("many", 5, long)]),
        json!({}),
    );
    let mut run = Run::new(&both, fields());
    run.go();
    assert_eq!(run.entries.last().unwrap().kind, EntryKind::Waiting);
    assert_eq!(
        run.entries.last().unwrap().result,
        json!({ "goals": ["few", "many"], "limit": "2026-03-07T10:00:00Z" })
    );
    run.after(Duration::days(1));
    run.set("bought", json!(1));
    assert_eq!(run.ex.status, Status::Waiting, "the other is waited for");
    run.after(Duration::days(4));
    assert_eq!(run.ex.status, Status::Completed);
    assert_eq!(
        run.entries.last().unwrap().result,
        json!({ "unmet": ["many"] })
    );

    // What is waited for comes first; whoever must be met then decides the end.
    let end = with(
        json!([
            goal("must", 5, json!({ "onUnmet": "end" })),
            goal("may", 1, wait)
        ]),
        json!({}),
    );
    let mut run = Run::new(&end, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.ex.due_at),
        (Status::Waiting, Some(run.now + Duration::days(2)))
    );
    run.after(Duration::days(2));
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Exited, Some("goal_unmet:must"))
    );
}

#[test]
fn a_goal_that_is_waited_for_can_lead_on() {
    let on =
        json!({ "onUnmet": "wait", "onAchievement": { "action": "goto", "stepId": "thanks" } });
    let program = with(json!([goal("g", 1, on)]), json!({}));
    let mut run = Run::new(&program, fields());
    run.go();
    assert!(run.ex.state.branches.is_empty() && run.ex.due_at.is_none());
    assert!(!run.event("contact.field.changed", json!({ "field": "email" })));
    assert!(run.set("bought", json!(2)));
    assert_eq!(
        (run.ex.status, run.var("thanks")),
        (Status::Completed, &json!(2))
    );
    assert_eq!(run.ex.state.path_ended, None);
}

#[test]
fn operators_end_the_wait_for_a_goal() {
    let program = with(
        json!([goal("g", 1, json!({ "onUnmet": "wait" }))]),
        json!({}),
    );
    let mut run = Run::new(&program, fields());
    run.go();
    assert!(run.command(Command::SkipWait));
    assert_eq!((run.ex.status, run.reason()), (Status::Completed, None));
    assert_eq!(
        run.entries.last().unwrap().result,
        json!({ "unmet": ["g"] })
    );

    let mut run = Run::new(&program, fields());
    run.go();
    assert!(run.command(Command::Move {
        step: "thanks".into()
    }));
    assert_eq!(run.ex.status, Status::Waiting, "it comes to its end again");
    assert_eq!(
        run.story()
            .iter()
            .filter(|line| *line == "execution:waiting")
            .count(),
        2
    );
}

#[test]
fn a_span_of_a_goal_without_a_wait_is_a_mistake() {
    let wrong = json!({ "onUnmet": "end", "maxWaitDuration": { "amount": 1, "unit": "days" } });
    let mut definition = steps(json!([set("a", json!(1), &[])]));
    definition["goals"] = json!([goal("g", 1, wrong)]);
    let found = compile(&definition).unwrap_err();
    assert_eq!(
        (found[0].code, &*found[0].path),
        ("unused_field", "goals[0].maxWaitDuration")
    );
}

#[test]
fn a_reply_ends_what_is_under_way() {
    // (stopOnReply, event, data, whether it ends)
    let table = [
        (json!(true), "email.replied", json!({}), true),
        (
            json!(true),
            "sms.received",
            json!({ "channel": "whatsapp" }),
            true,
        ),
        (json!(["EMAIL"]), "sms.replied", json!({}), false),
        (
            json!(["sms"]),
            "sms.replied",
            json!({ "workflow": "w" }),
            true,
        ),
        (
            json!(["sms"]),
            "sms.replied",
            json!({ "workflow": "another" }),
            false,
        ),
        (json!(false), "email.replied", json!({}), false),
    ];
    for (setting, kind, data, ends) in table {
        let mut definition = steps(json!([
            { "id": "mail", "type": "send_email", "config": { "subject": "s", "body": "b", "to": "a@b.c" },
              "onSuccess": ["wait"] },
            { "id": "wait", "type": "delay", "config": { "duration": "3 days" } },
        ]));
        definition["enrollmentSettings"] = json!({ "stopOnReply": setting });
        let program = program(&definition);
        let mut run = Run::new(&program, fields());
        run.go();
        let changed = run.event(kind, data.clone());
        assert_eq!(changed, ends, "{setting} {kind} {data}");
        if ends {
            assert_eq!(
                (run.ex.status, run.reason()),
                (Status::Exited, Some("replied"))
            );
            assert_eq!(run.entries.last().unwrap().result["event"], kind);
            let moot = Effect::CancelSends { seqs: vec![1] };
            assert_eq!(
                run.effects.last(),
                Some(&moot),
                "what is not sent yet is moot"
            );
        }
        // The days of the delay are the contact's: its zone matters whatever the setting is.
        let replies = program
            .interests()
            .iter()
            .any(|(kind, _)| kind != "contact.field.changed");
        assert_eq!(replies, setting != false, "{setting}");
    }
}

#[test]
fn a_reply_ends_a_paused_execution_too() {
    let mut definition =
        steps(json!([{ "id": "w", "type": "delay", "config": { "duration": "3 days" } }]));
    definition["enrollmentSettings"] = json!({ "stopOnReply": true });
    let program = program(&definition);
    let mut run = Run::new(&program, fields());
    run.go();
    run.ex.status = Status::Paused;
    assert!(run.event("email.replied", json!({})));
    assert_eq!(run.ex.status, Status::Exited);
}
