//! What holds for any workflow: where it is cut or crashes changes nothing, and nothing panics or hangs.

use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::{
    generator::{contact, definition, dice, give, inputs},
    *,
};

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        Just(Mishap::None),
        Just(Mishap::LostBeforeCommit),
        Just(Mishap::LostAfterCommit)
    ]
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
    // PROPTEST_CASES, 256 if it is not set, by ten.
    #![proptest_config(ProptestConfig::with_cases(10 * ProptestConfig::default().cases))]

    /// In one go, cut after every few steps, and with a crash at any of these cuts.
    #[test]
    fn where_it_is_cut_or_crashes_changes_nothing(
        dice in dice(),
        inputs in inputs(),
        max_steps in 1u32..4,
        mishaps in vec(mishap(), 1..7),
    ) {
        let definition = definition(&dice);
        let (compiled, again) = (program(&definition), program(&definition));
        let ways = [(64, vec![]), (max_steps, vec![]), (max_steps, mishaps)];
        let mut runs = ways.map(|(max_steps, mishaps)| {
            let mut run = Run::new(&compiled, contact(&dice));
            run.limits = Burst { max_steps };
            run.mishaps = mishaps;
            run.other = Some(&again);
            run.go();
            run
        });
        for input in [None].into_iter().chain(inputs.iter().map(Some)) {
            for run in &mut runs {
                if let Some(input) = input {
                    give(run, *input);
                }
                sound(run);
            }
            let [first, others @ ..] = &runs;
            for other in others {
                let told = || format!("{definition}\nafter {input:?}, {:?}", other.mishaps);
                prop_assert_eq!(first.story(), other.story(), "{}", told());
                prop_assert_eq!(&first.entries, &other.entries, "{}", told());
                prop_assert_eq!(&first.effects, &other.effects, "{}", told());
                prop_assert_eq!(&first.ex.state, &other.ex.state, "{}", told());
                prop_assert_eq!(first.ex.status, other.ex.status, "{}", told());
                prop_assert_eq!(first.ex.due_at, other.ex.due_at, "{}", told());
                prop_assert_eq!(&first.contact, &other.contact, "{}", told());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

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
