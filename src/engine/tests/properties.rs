//! What holds for any workflow: how a burst is cut changes nothing, and nothing panics or hangs.

use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;

/// What a random step is made of: a kind, ways on, and some numbers to vary it.
pub(in crate::engine) type Dice = (u8, Vec<u8>, Vec<u8>, u8, u8);

pub(in crate::engine) fn dice() -> impl Strategy<Value = Vec<Dice>> {
    let step = (
        0u8..16,
        vec(any::<u8>(), 0..3),
        vec(any::<u8>(), 0..3),
        any::<u8>(),
        any::<u8>(),
    );
    vec(step, 1..9)
}

pub(in crate::engine) fn definition(dice: &[Dice]) -> Value {
    let name = |n: u8| format!("s{}", usize::from(n) % dice.len());
    let names = |list: &[u8]| {
        let mut names: Vec<String> = list.iter().map(|n| name(*n)).collect();
        names.dedup();
        json!(names)
    };
    let condition = |n: u8| match n % 4 {
        0 => json!({ "field": "contact.score", "operator": "greater_than", "value": n % 7 }),
        1 => {
            json!({ "field": "contact.tags", "operator": "includes", "value": format!("t{}", n % 3) })
        }
        2 => {
            json!({ "field": "contact.lastPurchaseDate", "operator": "newer_than", "value": "2 hours" })
        }
        _ => json!({ "operator": "NOT", "conditions": [
            { "field": "vars.n", "operator": "less_than", "value": n % 5 } ] }),
    };
    let steps = dice.iter().enumerate().map(|(i, (kind, next, other, a, b))| {
        let (kind, config) = match kind {
            0 | 1 => ("set_variable", json!({ "name": "n", "value": a % 5 })),
            2 => ("update_variable", json!({ "name": "n", "operation": "increment" })),
            3 => ("update_variable", json!({ "name": "l", "operation": "append", "value": "{{ vars.n }}" })),
            4 => ("add_tag", json!({ "tag": format!("t{}", a % 3) })),
            5 => ("remove_tag", json!({ "tag": format!("t{}", a % 3) })),
            6 => ("update_contact", json!({ "fields": { "score": a % 9 } })),
            7 => ("delay", json!({ "duration": { "amount": a % 4, "unit": "hours" } })),
            8 => ("wait", json!({ "waitType": "until_condition", "condition": condition(*a),
                                  "maxWaitDuration": { "amount": 1 + b % 4, "unit": "hours" } })),
            9 => ("wait", json!({ "waitType": "until_event", "event": "form.submitted",
                                  "maxWaitDuration": { "amount": 1 + b % 4, "unit": "hours" } })),
            10 => ("if_else", json!({ "condition": condition(*a), "trueBranch": names(next), "falseBranch": names(other) })),
            11 => ("split", json!({ "sticky": b % 2 == 0, "branches": [
                { "id": "A", "percentage": a % 101, "actions": names(next) },
                { "id": "B", "percentage": 100 - a % 101, "actions": names(other) } ] })),
            12 => ("parallel", json!({ "branches": [name(*a), name(*b), name(a.wrapping_add(1))] })),
            13 => ("send_email", json!({ "subject": "s", "body": "{{ contact.score }}" })),
            14 => ("go_to", json!({ "stepId": name(*a) })),
            _ => ("end_workflow", json!({})),
        };
        let mut step = json!({ "id": format!("s{i}"), "type": kind, "config": config, "maxPasses": 3 });
        if !matches!(kind, "if_else" | "split" | "go_to" | "parallel" | "end_workflow") {
            step["onSuccess"] = names(next);
        }
        match a % 8 {
            0 => step["join"] = json!("all"),
            1 => step["join"] = json!("any"),
            2 => step["join"] = json!({ "atLeast": 1 + b % 3 }),
            3 => step["join"] = json!("each"),
            4 => step["executeIf"] = condition(*b),
            5 => step["onFailure"] = names(other),
            6 => step["retryConfig"] = json!({ "maxAttempts": 1 + b % 3 }),
            _ => {}
        }
        step
    });
    let steps: Vec<Value> = steps.collect();
    let (kind, _, _, a, b) = &dice[0];
    let mut whole = super::steps(json!(steps));
    let then = match kind % 4 {
        0 => json!("continue"),
        1 => json!("exit"),
        _ => json!({ "action": "goto", "stepId": name(*b) }),
    };
    if a % 2 == 0 {
        whole["goals"] =
            json!([{ "id": "g", "conditions": condition(a / 2), "onAchievement": then }]);
    }
    if b % 3 == 0 {
        whole["enrollmentSettings"] = json!({ "exitConditions": condition(b / 3) });
    }
    whole
}

/// What comes up from outside, after the execution has come to rest.
pub(in crate::engine) fn inputs() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((0u8..9, any::<u8>()), 0..12)
}

pub(in crate::engine) fn give(run: &mut Run<'_>, (what, n): (u8, u8)) {
    match what {
        0 | 1 => drop(run.after(Duration::minutes(i64::from(n)))),
        2 => drop(run.set("score", json!(n % 9))),
        3 => drop(run.set("last_purchase_date", json!(run.now))),
        4 => drop(run.event("form.submitted", json!({ "formId": n }))),
        5 => drop(run.command(Command::SkipWait)),
        6 => {
            // By name: the order of the steps must not matter.
            let mut steps = run.program.step_ids().to_vec();
            steps.sort_unstable();
            let step = steps[usize::from(n) % steps.len()].clone();
            match n % 3 {
                0 => drop(run.command(Command::Move { step })),
                1 => drop(run.command(Command::Retry { step: None })),
                _ => drop(run.command(Command::Retry { step: Some(step) })),
            }
        }
        _ => {
            let seqs: Vec<i32> = run.sends().iter().map(|send| send.seq).collect();
            let outcomes = [
                ReplyOutcome::Sent,
                ReplyOutcome::Failed,
                ReplyOutcome::Unknown,
                ReplyOutcome::Suppressed,
            ];
            if !seqs.is_empty() {
                let seq = seqs[usize::from(n / 4) % seqs.len()];
                run.reply_to(seq, outcomes[usize::from(n % 4)], Some("e"));
            }
        }
    }
}

/// What must hold of any execution at rest.
pub(in crate::engine) fn sound(run: &Run<'_>) {
    let state = &run.ex.state;
    let forks: Vec<i32> = state.forks.iter().map(|fork| fork.id).collect();
    for branch in &state.branches {
        if run.ex.status.is_final() {
            assert_eq!(run.ex.status, Status::Failed);
            continue;
        }
        assert!(
            branch.park.is_some(),
            "at rest nobody can go on: {:#?}",
            run.ex
        );
        assert!(
            branch.forks.iter().all(|fork| forks.contains(fork)),
            "{:#?}",
            run.ex
        );
    }
    for fork in forks.iter().filter(|_| !run.ex.status.is_final()) {
        let own = state
            .branches
            .iter()
            .filter(|branch| branch.forks.contains(fork));
        let waits = own.filter(|branch| {
            let join = branch
                .park
                .as_ref()
                .is_some_and(|park| park.kind == crate::model::execution::ParkKind::Join);
            !(join && branch.forks.last() == Some(fork))
        });
        assert!(
            waits.count() > 0,
            "a join that nobody can come to any more: {:#?}",
            run.ex
        );
    }
    assert_eq!(
        run.ex.status.is_final(),
        run.reason().is_some() || run.ex.status == Status::Completed
    );
    assert!(!state.branches.is_empty() || run.ex.status.is_final());
    if run.ex.status == Status::Waiting {
        assert!(
            run.ex.due_at.is_some_and(|due| due > run.now),
            "nobody would wake it: {:#?}",
            run.ex
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn how_a_burst_is_cut_changes_nothing(dice in dice(), inputs in inputs()) {
        let definition = definition(&dice);
        let program = program(&definition);
        let mut runs: Vec<Run<'_>> = [(64, false), (1, false), (1, true), (3, true)]
            .into_iter()
            .map(|(max_steps, reload)| {
                let mut run = Run::new(&program, json!({ "email": "a@b.c", "score": 3 }));
                run.limits = Burst { max_steps };
                run.reload = reload;
                run.go();
                run
            })
            .collect();
        for input in [None].into_iter().chain(inputs.iter().map(Some)) {
            for run in &mut runs {
                if let Some(input) = input {
                    give(run, *input);
                }
                sound(run);
            }
            let (first, others) = runs.split_first().expect("there are four");
            for other in others {
                prop_assert_eq!(first.story(), other.story());
                prop_assert_eq!(&first.entries, &other.entries);
                prop_assert_eq!(&first.effects, &other.effects);
                prop_assert_eq!(&first.ex.state, &other.ex.state);
                prop_assert_eq!(first.ex.status, other.ex.status);
                prop_assert_eq!(first.ex.due_at, other.ex.due_at);
                prop_assert_eq!(&first.contact, &other.contact);
            }
        }
    }

    #[test]
    fn any_config_compiles_or_says_why(
        kind in 0usize..17,
        field in "[a-z]{1,12}",
        text in ".{0,40}",
        number in any::<i32>(),
    ) {
        let kind = crate::catalog::actions::ALL[kind].kind;
        let configs = [
            json!(null), json!({}), json!({ &field: &text }), json!({ "url": &text, "body": [&text] }),
            json!({ "tag": &text, "tags": [&text] }), json!({ "body": &text, "subject": &text }),
            json!({ "name": &text, "value": { "a": &text } }), json!({ "duration": number }),
            json!({ "waitType": "until_date", "waitUntil": &text }), json!({ "duration": &text }),
            json!({ "waitType": "until_event", "event": &text, "filters": [{ "field": &text }] }),
            json!({ "condition": { "field": "contact.x", "operator": "equals", "value": &text } }),
            json!({ "paths": [{ "weight": number, "actions": ["s"] }] }),
            json!({ "branches": [{ "id": &text, "percentage": 100, "actions": ["s", &text] }] }),
            json!({ "stepId": &text }), json!({ "fields": { &text: &text } }),
        ];
        for config in configs {
            let step = json!([{ "id": "s", "type": kind, "config": config }]);
            let tenant = TenantInfo { name: "default".into(), timezone: chrono_tz::UTC };
            let definition = serde_json::from_value(steps(step)).expect("its own shape is right");
            match Program::compile(&definition, Numbers { workflow: 7, version: 1 }, &tenant) {
                Ok(program) => {
                    let mut run = Run::new(&program, json!({ "email": "a@b.c" }));
                    run.go();
                    prop_assert!(run.ex.seq > 0);
                }
                Err(problems) => {
                    for problem in &problems {
                        prop_assert!(problem.path.starts_with("actions[0]"), "{}", problem);
                    }
                    prop_assert!(!problems.is_empty());
                }
            }
        }
    }
}
