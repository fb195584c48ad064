//! Other workflows of the contact: what the machine asks for, and what it makes of the answers.

use serde_json::json;

use super::*;
use crate::{
    engine::others::{answer, ended},
    model::{
        execution::ParkKind,
        transition::{Enroll, Removal},
    },
};

fn asked(run: &Run<'_>) -> Enroll {
    let asked = run.effects.iter().find_map(|effect| match effect {
        Effect::Enroll(asked) => Some((**asked).clone()),
        _ => None,
    });
    asked.expect("it asks for a workflow")
}

fn parent(config: Value, more: Value) -> Value {
    let mut step =
        json!({ "id": "ask", "type": "enroll_in_workflow", "config": config, "onSuccess": ["on"] });
    for (name, value) in more.as_object().unwrap() {
        step[name] = value.clone();
    }
    steps(json!([
        step,
        set(
            "on",
            json!("{{ steps.ask.result.status }}|{{ steps.ask.result.outcome }}"),
            &[]
        ),
        set("bad", json!("{{ steps.ask.result.error }}"), &[]),
        set("late", json!(true), &[]),
    ]))
}

#[test]
fn what_is_asked_for() {
    let config = json!({ "workflow": "{{ contact.next }}", "key": "k-{{ event.data.n }}", "data": { "n": "{{ event.data.n }}" } });
    let program = program(&parent(config, json!({})));
    let mut run = Run::new(&program, json!({ "next": "child" }));
    run.go();
    let asked = asked(&run);
    assert_eq!(
        (&*asked.workflow, asked.key.as_deref()),
        ("child", Some("k-1"))
    );
    assert_eq!(asked.envelope["data"], json!({ "n": 1 }));
    assert_eq!(asked.envelope["parent"]["workflow"], "w");
    assert_eq!((asked.depth, asked.waits), (1, false));
    assert_eq!(run.ex.status, Status::Waiting);
    let kind = run.ex.state.branches[0].park.as_ref().unwrap().kind;
    assert_eq!((kind, run.ex.due_at), (ParkKind::Workflow, None));
}

#[test]
fn what_comes_of_the_answer() {
    let rows = [
        // outcome, reason -> the variable of the step that follows
        ("enrolled", None, "on", "|enrolled"),
        ("duplicate", Some("duplicate"), "on", "|duplicate"),
        ("blocked", Some("enrollment_limit"), "on", "|blocked"),
        (
            "blocked",
            Some("unknown_workflow"),
            "bad",
            "unknown_workflow",
        ),
        ("not_simulated", None, "on", "|not_simulated"),
    ];
    for (outcome, reason, var, wanted) in rows {
        let definition = parent(
            json!({ "workflow": "child" }),
            json!({ "onFailure": ["bad"] }),
        );
        let program = program(&definition);
        let mut run = Run::new(&program, fields());
        run.go();
        let reply = answer(&asked(&run), outcome, reason, None).expect("it does not wait");
        run.give(&Input::Reply(reply.clone()));
        assert_eq!(run.ex.status, Status::Completed);
        assert_eq!(run.var(var), wanted, "{outcome} {reason:?}");
        assert!(!run.give(&Input::Reply(reply)), "told twice");
    }
    let program = program(&parent(json!({ "workflow": "child" }), json!({})));
    let mut run = Run::new(&program, fields());
    run.go();
    let reply = answer(&asked(&run), "blocked", Some("unknown_workflow"), None);
    run.give(&Input::Reply(reply.expect("told")));
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("unknown_workflow"))
    );
}

#[test]
fn what_comes_of_the_end() {
    let vars = json!({ "total": 7, "other": 1 });
    let rows = [
        (Status::Completed, true, "on", "completed|enrolled"),
        (Status::Exited, false, "on", "exited|enrolled"),
        (Status::Failed, true, "bad", "child_failed"),
        (Status::Cancelled, true, "bad", "child_cancelled"),
        // Nobody says what then: the result tells.
        (Status::Failed, false, "on", "failed|enrolled"),
    ];
    for (status, catches, var, wanted) in rows {
        let config =
            json!({ "workflow": "child", "waitForEnd": true, "outputs": ["total", "none"] });
        let more = match catches {
            true => json!({ "onFailure": ["bad"] }),
            false => json!({}),
        };
        let program = program(&parent(config, more));
        let mut run = Run::new(&program, fields());
        run.go();
        let asked = asked(&run);
        assert!(answer(&asked, "enrolled", None, None).is_none(), "it waits");
        let vars = vars.as_object().unwrap();
        let reply = ended(&asked, Uuid::nil(), status, Some("why"), vars);
        assert_eq!(reply.response["outputs"], json!({ "total": 7 }));
        assert_eq!(reply.response["reason"], "why");
        run.give(&Input::Reply(reply));
        assert_eq!(run.var(var), wanted, "{status:?}");
    }
}

#[test]
fn a_wait_for_the_end_can_time_out() {
    let config = json!({ "workflow": "child", "waitForEnd": true });
    let more = json!({ "timeout": { "amount": 2, "unit": "hours" }, "onTimeout": ["late"] });
    let program = program(&parent(config, more));
    let mut run = Run::new(&program, fields());
    run.go();
    run.after(Duration::minutes(119));
    assert_eq!(run.ex.status, Status::Waiting);
    run.after(Duration::minutes(1));
    assert_eq!(
        (run.ex.status, run.var("late")),
        (Status::Completed, &json!(true))
    );
    let late = ended(
        &asked(&run),
        Uuid::nil(),
        Status::Completed,
        None,
        &Map::new(),
    );
    assert!(!run.give(&Input::Reply(late)), "too late");
}

#[test]
fn circles_are_refused() {
    let table = [
        (json!({ "workflow": "w" }), 0, Some("self_enrollment")),
        (json!({ "workflow": "w", "allowSelf": true }), 0, None),
        (json!({ "workflow": "child" }), 7, None),
        (json!({ "workflow": "child" }), 8, Some("too_deep")),
    ];
    for (config, depth, refused) in table {
        let program = program(&parent(config.clone(), json!({})));
        let mut run = Run::new(&program, fields());
        run.ex.state.depth = depth;
        run.go();
        let completed = run.ex.status == Status::Completed;
        assert_eq!(completed, refused.is_some(), "{config} {depth}");
        if let Some(reason) = refused {
            let result = &run
                .entries
                .iter()
                .find(|entry| entry.step == 0)
                .unwrap()
                .result;
            assert_eq!(
                (&result["outcome"], &result["reason"]),
                (&json!("blocked"), &json!(reason))
            );
            assert!(run.effects.is_empty());
        }
    }
}

#[test]
fn removals() {
    let table = [
        (json!({ "workflow": "a" }), ("a", true), Status::Completed),
        (json!({ "workflow": "a" }), ("w", false), Status::Completed),
        (
            json!({ "workflows": ["a", "{{ contact.b }}"] }),
            ("bee", true),
            Status::Completed,
        ),
        (json!({ "all": true }), ("w", true), Status::Completed),
        (
            json!({ "all": true, "includeSelf": true }),
            ("a", true),
            Status::Cancelled,
        ),
        (
            json!({ "except": ["w"], "includeSelf": true }),
            ("a", true),
            Status::Completed,
        ),
    ];
    for (config, (workflow, named), status) in table {
        let program = program(&steps(
            json!([{ "id": "s", "type": "remove_from_workflow", "config": config }]),
        ));
        let mut run = Run::new(&program, json!({ "b": "bee" }));
        run.go();
        let Some(Effect::Remove(removal)) = run.effects.first() else {
            panic!("nothing is removed");
        };
        let removal: &Removal = removal;
        assert_eq!(removal.names(workflow), named, "{config} {workflow}");
        assert_eq!(removal.reason, "removed_by:w");
        assert_eq!(run.ex.status, status, "{config}");
    }
    for config in [json!({}), json!({ "all": true, "workflow": "a" })] {
        let step = json!([{ "id": "s", "type": "remove_from_workflow", "config": config }]);
        assert!(compile(&steps(step)).is_err(), "{config}");
    }
}

/// One that was held when another execution's step ended it.
#[test]
fn a_removal_that_had_to_wait_ends_it_wherever_it_is() {
    let program = program(&steps(json!([
        { "id": "hour", "type": "delay", "config": { "duration": "1 hour" } },
    ])));
    let remove = || {
        Input::Command(Command::Remove {
            reason: "removed_by:x".into(),
        })
    };
    for (begun, paused) in [(false, false), (true, false), (true, true)] {
        let mut run = Run::new(&program, fields());
        if begun {
            run.go();
        }
        if paused {
            run.ex.status = Status::Paused;
        }
        run.give(&remove());
        assert_eq!(
            (run.ex.status, run.reason()),
            (Status::Cancelled, Some("removed_by:x"))
        );
        assert_eq!(run.story().last().unwrap(), "execution:cancelled");
    }
}
