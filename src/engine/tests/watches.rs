//! Entry conditions, exit conditions, goals, snapshot.

use serde_json::json;

use super::*;
use crate::model::transition::Admission;

fn watched(goals: Value, settings: Value) -> Value {
    json!({
        "id": "w", "trigger": { "type": "custom.event" }, "goals": goals, "enrollmentSettings": settings,
        "actions": [
            { "id": "tag", "type": "add_tag", "config": { "tag": "in" }, "onSuccess": ["wait"] },
            { "id": "wait", "type": "delay", "config": { "duration": "10 days" }, "onSuccess": ["end"] },
            set("end", json!("{{ snapshot.score }}"), &[]),
            set("elsewhere", json!(true), &[]),
        ],
    })
}

fn score(above: u32) -> Value {
    json!({ "field": "contact.score", "operator": "greater_than", "value": above })
}

#[test]
fn entry_conditions_refuse() {
    let program = program(&watched(json!([]), json!({ "entryConditions": score(5) })));
    let mut run = Run::new(&program, json!({ "score": 3 }));
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Exited, Some("entry_conditions"))
    );
    assert_eq!(run.story(), ["execution:exited"]);
    let admission = run.last.as_ref().unwrap().admission.as_ref();
    let Some(Admission::Refused { detail, .. }) = admission else {
        panic!("{admission:?}")
    };
    assert!(detail.to_string().contains("score"), "{detail}");

    let mut run = Run::new(&program, json!({ "score": 6 }));
    run.give(&Input::Time);
    assert_eq!(
        run.last.as_ref().unwrap().admission,
        Some(Admission::Started)
    );
    assert_eq!(run.ex.state.snapshot.as_ref().unwrap()["score"], 6);
    run.contact.set("score", json!(1));
    run.after(Duration::days(10));
    assert_eq!(
        run.var("end"),
        &json!(6),
        "the snapshot is as at enrollment"
    );
}

#[test]
fn what_a_goal_does() {
    let goal = |then: Value| json!([{ "id": "g", "conditions": score(5), "onAchievement": then }]);
    let exit = Some("goal:g");
    let table = [
        (json!("CONTINUE"), json!({}), Status::Waiting, None, false),
        (json!("EXIT"), json!({}), Status::Exited, exit, false),
        (
            json!("continue"),
            json!({ "removeOnGoalAchievement": true }),
            Status::Exited,
            exit,
            false,
        ),
        (
            json!({"action": "goto", "stepId": "elsewhere"}),
            json!({}),
            Status::Completed,
            None,
            true,
        ),
    ];
    for (then, settings, status, reason, elsewhere) in table {
        let program = program(&watched(goal(then.clone()), settings));
        let mut run = Run::new(&program, json!({ "score": 1 }));
        run.go();
        assert!(!run.set("score", json!(2)), "{then}");
        assert!(run.set("score", json!(7)), "{then}");
        assert_eq!((run.ex.status, run.reason()), (status, reason), "{then}");
        assert_eq!(
            run.ex.state.vars.contains_key("elsewhere"),
            elsewhere,
            "{then}"
        );
        assert_eq!(
            run.story()
                .iter()
                .filter(|line| *line == "goal:achieved g")
                .count(),
            1
        );
        if status == Status::Waiting {
            assert!(!run.set("score", json!(8)), "each goal once");
        }
    }
}

#[test]
fn goals_see_the_bursts_own_writes_and_exits_come_first() {
    let tagged = json!({ "field": "contact.tags", "operator": "includes", "value": "in" });
    let goals = json!([{ "id": "g", "conditions": tagged, "onAchievement": "exit" }]);
    let met = program(&watched(goals.clone(), json!({})));
    let mut run = Run::new(&met, fields());
    run.go();
    assert_eq!(
        run.story(),
        [
            "execution:started",
            "step:completed tag",
            "goal:achieved g",
            "execution:exited",
        ]
    );
    let left = program(&watched(goals, json!({ "exitConditions": tagged })));
    let mut run = Run::new(&left, fields());
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Exited, Some("exit_conditions"))
    );
}

#[test]
fn a_goal_already_true_at_the_start() {
    let goals = json!([{ "id": "g", "conditions": score(5), "onAchievement": "exit" }]);
    let program = program(&watched(goals, json!({})));
    let mut run = Run::new(&program, json!({ "score": 9 }));
    run.go();
    assert_eq!(
        run.story(),
        ["execution:started", "goal:achieved g", "execution:exited"]
    );
}

#[test]
fn a_clock_bound_exit_sets_the_due_time() {
    let old = json!({ "field": "contact.lastPurchaseDate", "operator": "older_than", "value": "30 minutes" });
    let program = program(&watched(json!([]), json!({ "exitConditions": old })));
    let mut run = Run::new(
        &program,
        json!({ "last_purchase_date": "2026-03-02T09:45:00Z" }),
    );
    run.go();
    assert_eq!(run.ex.status, Status::Waiting);
    let due = run.ex.due_at.unwrap();
    assert!(
        due >= at("2026-03-02T10:15:00Z") && due < at("2026-03-02T10:15:01Z"),
        "{due}"
    );
    // A new purchase puts it off.
    assert!(run.set("last_purchase_date", json!("2026-03-02T09:50:00Z")));
    assert!(run.ex.due_at.unwrap() > due);
    run.after(Duration::hours(1));
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Exited, Some("exit_conditions"))
    );
}

#[test]
fn a_contact_that_is_gone_cancels() {
    let program = program(&watched(json!([]), json!({})));
    let mut run = Run::new(&program, fields());
    run.contact.exists = false;
    run.go();
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Cancelled, Some("contact_deleted"))
    );
}

#[test]
fn what_a_version_reads_and_depends_on() {
    let goals = json!([{ "id": "g", "conditions": score(5) }]);
    let program = program(&watched(
        goals,
        json!({
            "entryConditions": { "field": "contact.email", "operator": "exists" },
        }),
    ));
    let fields: Vec<&str> = program
        .reads()
        .contact
        .iter()
        .map(|field| &*field.name)
        .collect();
    assert_eq!(fields, ["email", "score", "timezone"]);
    // The wait is for days, and they are the contact's.
    let changed = |field: &str| ("contact.field.changed".to_owned(), field.to_owned());
    assert_eq!(program.interests(), [changed("score"), changed("timezone")]);
    assert_eq!(program.step_index("end"), Some(2));
}
