//! What becomes of an execution that is moved: table by table, and for any workflow at any moment.

use chrono::Duration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    catalog::parse,
    engine::{
        program::{Numbers, TenantInfo},
        tests::{Run, generator, properties, set, steps},
    },
    model::transition::{Effect, ReplyOutcome},
};

/// A version with its definition.
struct Made {
    definition: Definition,
    program: Program,
}

impl Made {
    fn new(version: i32, definition: &Value) -> Self {
        let source = parse::read(&definition.to_string(), "test.json")
            .unwrap_or_else(|found| panic!("{found:?}"));
        let tenant = TenantInfo {
            name: "default".into(),
            timezone: chrono_tz::UTC,
        };
        let numbers = Numbers {
            workflow: 7,
            version,
        };
        let program = Program::compile(&source.definition, numbers, &tenant)
            .unwrap_or_else(|problems| panic!("{problems:#?}"));
        Self {
            definition: source.definition,
            program,
        }
    }

    fn version(&self) -> Version<'_> {
        Version {
            definition: &self.definition,
            program: &self.program,
        }
    }
}

fn map(answers: &[(&str, &str)]) -> StepMap {
    let answers = answers.iter();
    answers
        .map(|(old, new)| ((*old).to_owned(), Answer::read(new)))
        .collect()
}

fn way<'a>(from: &'a Made, to: &'a Made, answers: &[(&str, &str)]) -> Migration<'a> {
    Migration::new(from.version(), to.version(), &map(answers)).expect("the map is right")
}

/// Moves a run as the store does; true: it runs on the new version.
fn go_over<'p>(run: &mut Run<'p>, way: &Migration<'_>, to: &'p Made, force: bool) -> bool {
    match way.apply(&run.ex, &mut run.contact, run.now, force) {
        Moved::To(step) => {
            assert_eq!(
                step.seq,
                run.ex.seq + i32::try_from(step.entries.len()).expect("few")
            );
            run.ex.version = to.program.numbers.version;
            run.ex.status = step.status;
            run.ex.due_at = step.due_at;
            run.ex.seq = step.seq;
            run.ex.state = step.state.clone();
            run.entries.extend(step.entries.iter().cloned());
            run.effects.extend(step.effects.iter().cloned());
            run.program = &to.program;
            run.last = Some(*step);
            true
        }
        Moved::Stays => false,
        other => panic!("{other:?}"),
    }
}

fn wait(id: &str, days: i64, next: &[&str]) -> Value {
    json!({ "id": id, "type": "delay", "config": { "duration": { "amount": days, "unit": "days" } },
            "onSuccess": next })
}

fn mail(id: &str, next: &[&str]) -> Value {
    json!({ "id": id, "type": "send_email", "config": { "subject": "s", "body": "b" }, "onSuccess": next })
}

#[test]
fn where_who_stands_on_a_step_goes() {
    let event = |id: &str| json!({ "id": id, "type": "wait", "config": { "waitType": "until_event", "event": "form.submitted" } });
    let (time, reply) = (Some(ParkKind::Time), Some(ParkKind::Reply));
    type Row<'a> = (
        Value,
        Value,
        &'a [(&'a str, &'a str)],
        Option<ParkKind>,
        Verdict,
    );
    let rows: Vec<Row<'_>> = vec![
        (
            wait("a", 3, &[]),
            wait("a", 3, &[]),
            &[],
            time,
            Verdict::Keep,
        ),
        (
            wait("a", 3, &[]),
            wait("a", 5, &[]),
            &[],
            time,
            Verdict::Retime,
        ),
        // Not yet waiting: it will wait as the new version says anyway.
        (
            wait("a", 3, &[]),
            wait("a", 5, &[]),
            &[],
            None,
            Verdict::Keep,
        ),
        // What was sent was sent as the old version said.
        (
            mail("a", &[]),
            json!({ "id": "a", "type": "send_email", "config": { "subject": "t", "body": "b" } }),
            &[],
            reply,
            Verdict::Keep,
        ),
        (wait("a", 3, &[]), mail("a", &[]), &[], time, Verdict::Ask),
        (
            wait("a", 3, &[]),
            mail("a", &[]),
            &[("a", "a")],
            time,
            Verdict::Renew,
        ),
        (
            wait("a", 3, &[]),
            wait("b", 3, &[]),
            &[],
            time,
            Verdict::Ask,
        ),
        (
            wait("a", 3, &[]),
            wait("b", 3, &[]),
            &[("a", "b")],
            time,
            Verdict::Keep,
        ),
        (
            wait("a", 3, &[]),
            wait("b", 4, &[]),
            &[("a", "b")],
            time,
            Verdict::Retime,
        ),
        (
            wait("a", 3, &[]),
            wait("b", 3, &[]),
            &[("a", "exit")],
            time,
            Verdict::Exit,
        ),
        (
            wait("a", 3, &[]),
            wait("b", 3, &[]),
            &[("a", "pin")],
            time,
            Verdict::Pin,
        ),
        (
            wait("a", 3, &[]),
            wait("exit", 3, &[]),
            &[("a", "step:exit")],
            time,
            Verdict::Keep,
        ),
        (
            event("a"),
            wait("a", 3, &[]),
            &[],
            Some(ParkKind::Event),
            Verdict::Ask,
        ),
    ];
    for (old, new, answers, park, wanted) in rows {
        let from = Made::new(1, &steps(json!([old])));
        let to = Made::new(2, &steps(json!([new])));
        assert_eq!(
            way(&from, &to, answers).verdict(0, park),
            wanted,
            "{old} {new} {answers:?}"
        );
    }
    let (from, to) = (
        Made::new(1, &steps(json!([wait("a", 3, &[])]))),
        Made::new(2, &steps(json!([wait("first", 3, &[])]))),
    );
    let refused = Migration::new(from.version(), to.version(), &map(&[("a", "frist")]));
    let why = refused.expect_err("there is no such step");
    assert!(
        why.contains("--map a=frist") && why.contains("\"first\""),
        "{why}"
    );
}

#[test]
fn time_that_has_passed_counts() {
    for (old, new, passed, left) in [
        (3, 5, 2, 3),
        (5, 3, 2, 1),
        (3, 3, 2, 1),
        (5, 1, 2, 0),
        (3, 0, 1, 0),
    ] {
        let from = Made::new(
            1,
            &steps(json!([wait("a", old, &["b"]), set("b", json!(1), &[])])),
        );
        let to = Made::new(
            2,
            &steps(json!([set("b", json!(2), &[]), wait("a", new, &["b"])])),
        );
        let mut run = Run::new(&from.program, json!({}));
        run.go();
        run.after(Duration::days(passed));
        assert!(go_over(&mut run, &way(&from, &to, &[]), &to, false));
        if left > 0 {
            assert_eq!(
                run.ex.due_at,
                Some(run.now + Duration::days(left)),
                "{old} {new}"
            );
            run.after(Duration::days(left) - Duration::seconds(1));
            assert_eq!(run.ex.status, Status::Waiting, "{old} {new}");
        }
        run.after(Duration::seconds(1));
        assert_eq!(run.ex.status, Status::Completed, "{old} {new}");
        assert_eq!(run.var("b"), &json!(2), "the step of the new version ran");
    }
}

#[test]
fn a_wait_of_another_kind_begins_where_the_old_one_began() {
    let until = |condition: Value| {
        json!({ "id": "a", "type": "wait", "config": { "waitType": "until_condition",
            "condition": condition, "maxWaitDuration": { "amount": 4, "unit": "days" } } })
    };
    let from = Made::new(
        1,
        &steps(
            json!([{ "id": "a", "type": "wait", "config": { "duration": { "amount": 9, "unit": "days" } } }]),
        ),
    );
    let score = json!({ "field": "contact.score", "operator": "greater_than", "value": 5 });
    let to = Made::new(2, &steps(json!([until(score)])));
    for (score, left) in [(1, 2), (9, 0)] {
        let mut run = Run::new(&from.program, json!({ "score": score }));
        run.go();
        run.after(Duration::days(2));
        assert!(go_over(&mut run, &way(&from, &to, &[]), &to, false));
        if left > 0 {
            let park = run.ex.state.branches[0].park.as_ref();
            assert_eq!(park.map(|park| park.kind), Some(ParkKind::Condition));
        }
        run.go();
        assert_eq!(run.ex.status.is_final(), left == 0, "{score}");
        run.after(Duration::days(left));
        assert_eq!(run.ex.status, Status::Completed, "{score}");
    }
}

#[test]
fn what_a_step_left_is_found_under_its_new_name() {
    let made = |version: i32, first: &str| {
        let split = json!({ "id": first, "type": "split", "config": {
            "branches": [{ "id": "a", "percentage": 100, "actions": ["w"] }] } });
        let last = set(
            "end",
            json!(format!("{{{{ steps.{first}.result.variant }}}}")),
            &[],
        );
        Made::new(
            version,
            &steps(json!([split, wait("w", 1, &["end"]), last])),
        )
    };
    let (from, to) = (made(1, "old"), made(2, "new"));
    let mut run = Run::new(&from.program, json!({}));
    run.go();
    let map = [("old", "new")];
    assert!(go_over(&mut run, &way(&from, &to, &map), &to, false));
    let kept: Vec<_> = run.ex.state.results.keys().collect();
    assert_eq!(kept, ["new"]);
    run.after(Duration::days(1));
    assert_eq!(run.var("end"), "a");
}

#[test]
fn visits_are_counted_on_where_the_steps_stand_in_another_order() {
    let looped = steps(json!([
        set("a", json!(1), &["b"]),
        set("b", json!(1), &["w"]),
        wait("w", 1, &["a"])
    ]));
    let (from, to) = (Made::new(1, &looped), Made::new(2, &turned(&looped, 1)));
    let counts = |run: &Run<'_>, made: &Made| {
        let ids = made.program.step_ids();
        let visits = run.ex.state.visits.iter();
        visits
            .map(|(step, count)| (ids[*step as usize].clone(), *count))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let mut run = Run::new(&from.program, json!({}));
    run.go().after(Duration::days(1));
    let before = counts(&run, &from);
    assert_eq!(before.len(), 3, "{before:?}");
    assert!(go_over(&mut run, &way(&from, &to, &[]), &to, false));
    assert_eq!(counts(&run, &to), before);
}

#[test]
fn what_was_sent_is_waited_for_where_the_step_stays_and_refused_where_it_goes() {
    let from = Made::new(
        1,
        &steps(json!([mail("m", &["b"]), set("b", json!(1), &[])])),
    );
    let stays = Made::new(
        2,
        &steps(json!([set("b", json!(2), &[]), mail("m", &["b"])])),
    );
    let mut run = Run::new(&from.program, json!({ "email": "a@b.c" }));
    run.go();
    assert!(go_over(&mut run, &way(&from, &stays, &[]), &stays, false));
    assert_eq!(run.ex.status, Status::Dispatching);
    run.reply(ReplyOutcome::Sent, None);
    assert_eq!(
        (run.ex.status, run.var("b")),
        (Status::Completed, &json!(2))
    );

    let gone = Made::new(2, &steps(json!([set("b", json!(2), &[])])));
    for (answers, status) in [
        (&[("m", "b")][..], Status::Completed),
        (&[("m", "exit")][..], Status::Exited),
    ] {
        let mut run = Run::new(&from.program, json!({ "email": "a@b.c" }));
        run.go();
        let way = way(&from, &gone, answers);
        let refused = way.apply(&run.ex, &mut run.contact, run.now, false);
        assert!(matches!(refused, Moved::Unsettled { step } if step == "m"));
        let seq = run.sends()[0].seq;
        assert!(go_over(&mut run, &way, &gone, true));
        assert!(
            run.effects
                .contains(&Effect::CancelSends { seqs: vec![seq] })
        );
        run.go();
        assert_eq!(run.ex.status, status);
        let ended = status == Status::Exited;
        assert_eq!(run.reason(), ended.then_some(EXIT_REASON));
    }
}

#[test]
fn of_several_branches_one_that_is_pinned_holds_all_and_one_without_an_answer_asks() {
    let both = |first: &str| {
        steps(json!([
            { "id": "fork", "type": "parallel", "config": { "branches": [first, "b"] } },
            wait(first, 1, &[]), wait("b", 1, &[]),
        ]))
    };
    let (from, to) = (Made::new(1, &both("a")), Made::new(2, &both("c")));
    let mut run = Run::new(&from.program, json!({}));
    run.go();
    let asked = way(&from, &to, &[]).apply(&run.ex, &mut run.contact, run.now, false);
    assert!(matches!(asked, Moved::Ask { step } if step == "a"));
    let before = run.ex.state.clone();
    assert!(!go_over(
        &mut run,
        &way(&from, &to, &[("a", "pin")]),
        &to,
        false
    ));
    assert_eq!(run.ex.state, before);
    assert!(go_over(
        &mut run,
        &way(&from, &to, &[("a", "c")]),
        &to,
        false
    ));
    run.after(Duration::days(1));
    assert_eq!(run.ex.status, Status::Completed);
}

#[test]
fn who_waits_at_a_join_that_is_another_one_is_asked_for() {
    let joined = |join: Value| {
        steps(json!([
            { "id": "fork", "type": "parallel", "config": { "branches": ["a", "b"] } },
            wait("a", 1, &["j"]), wait("b", 2, &["j"]),
            { "id": "j", "type": "set_variable", "config": { "name": "j", "value": 1 }, "join": join },
        ]))
    };
    let (from, to) = (
        Made::new(1, &joined(json!("all"))),
        Made::new(2, &joined(json!("any"))),
    );
    let mut run = Run::new(&from.program, json!({}));
    run.go();
    run.after(Duration::days(1));
    let asked = way(&from, &to, &[]).apply(&run.ex, &mut run.contact, run.now, false);
    assert!(matches!(asked, Moved::Ask { step } if step == "j"));
    assert!(go_over(
        &mut run,
        &way(&from, &to, &[("j", "j")]),
        &to,
        false
    ));
    run.after(Duration::seconds(1));
    assert_eq!(run.var("j"), &json!(1), "it goes on without waiting");
}

#[test]
fn goals_keep_what_was_achieved_and_new_ones_are_looked_at_at_once() {
    let goal = |id: &str, least: i64| json!({ "id": id, "conditions": { "field": "contact.score", "operator": "greater_than", "value": least } });
    let with = |goals: Value| {
        let mut whole = steps(json!([wait("a", 9, &[])]));
        whole["goals"] = goals;
        whole
    };
    let from = Made::new(1, &with(json!([goal("low", 1)])));
    let to = Made::new(2, &with(json!([goal("new", 2), goal("low", 1)])));
    let mut run = Run::new(&from.program, json!({ "score": 5 }));
    run.go();
    assert_eq!(run.ex.state.goals, [0]);
    assert!(go_over(&mut run, &way(&from, &to, &[]), &to, false));
    assert_eq!(run.ex.due_at, Some(run.now));
    run.go();
    assert_eq!(
        run.ex.state.goals,
        [1, 0],
        "low is known, new was achieved now"
    );
}

#[test]
fn an_execution_that_has_not_begun_begins_in_the_new_version() {
    let from = Made::new(1, &steps(json!([set("a", json!(1), &[])])));
    let to = Made::new(2, &steps(json!([set("b", json!(1), &[])])));
    let mut run = Run::new(&from.program, json!({}));
    assert!(go_over(&mut run, &way(&from, &to, &[]), &to, false));
    assert!(run.entries.is_empty());
    run.go();
    assert_eq!(
        (run.ex.status, run.var("b")),
        (Status::Completed, &json!(1))
    );
}

/// The same workflow with its steps turned: every index is another one.
fn turned(definition: &Value, by: usize) -> Value {
    let mut whole = definition.clone();
    whole["startStepId"] = definition["actions"][0]["id"].clone();
    let list = whole["actions"].as_array_mut().expect("steps");
    let by = by % list.len();
    list.rotate_left(by);
    list.reverse();
    whole
}

/// What happened since, by the names of the version it runs on; moves are left out.
fn news(run: &Run<'_>, from: usize) -> Vec<String> {
    let entries = run.entries[from..].iter();
    entries
        .filter(|entry| entry.result["command"] != json!("migrate"))
        .map(|entry| {
            let ids = match entry.kind {
                EntryKind::GoalAchieved => run.program.goal_ids(),
                _ => run.program.step_ids(),
            };
            let id = usize::try_from(entry.step).ok().and_then(|at| ids.get(at));
            format!("{} {id:?} {}", entry.kind.name(), entry.result)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn moving_to_the_same_steps_in_another_order_changes_no_path(
        dice in generator::dice(),
        inputs in generator::inputs(),
        at in 0usize..12,
        by in 0usize..9,
    ) {
        let definition = generator::definition(&dice);
        let (one, two) = (Made::new(1, &definition), Made::new(2, &turned(&definition, by)));
        let (there, back) = (way(&one, &two, &[]), way(&two, &one, &[]));
        let fields = generator::contact(&dice);
        let mut runs = [Run::new(&one.program, fields.clone()), Run::new(&one.program, fields)];
        let mut told = [Vec::new(), Vec::new()];
        for run in &mut runs {
            run.go();
        }
        for (n, input) in [None].into_iter().chain(inputs.iter().map(Some)).enumerate() {
            for (run, told) in runs.iter_mut().zip(&mut told) {
                let from = run.entries.len();
                if let Some(input) = input {
                    generator::give(run, *input);
                } else {
                    told.extend(news(run, 0));
                }
                told.extend(news(run, from));
            }
            if n == at && !runs[1].ex.status.is_final() {
                let (before, due) = (runs[1].ex.state.clone(), runs[1].ex.due_at);
                // There and back is where it was.
                prop_assert!(go_over(&mut runs[1], &there, &two, false));
                prop_assert!(go_over(&mut runs[1], &back, &one, false));
                prop_assert_eq!(&runs[1].ex.state, &before);
                prop_assert_eq!(runs[1].ex.due_at, due);
                prop_assert!(go_over(&mut runs[1], &there, &two, false));
                properties::sound(&runs[1]);
            }
            prop_assert_eq!(&told[0], &told[1]);
            prop_assert_eq!(runs[0].ex.status, runs[1].ex.status);
            prop_assert_eq!(runs[0].ex.due_at, runs[1].ex.due_at);
            prop_assert_eq!(&runs[0].ex.state.vars, &runs[1].ex.state.vars);
            prop_assert_eq!(&runs[0].contact, &runs[1].contact);
            prop_assert_eq!(runs[0].sends().len(), runs[1].sends().len());
        }
    }
}
