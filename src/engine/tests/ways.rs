//! Which way a step that chooses goes: if_else, split, random_path, and how many ways there may be at once.

use serde_json::json;

use super::*;

/// The choosing step `s` and a step for each name it leads to.
fn choosing(kind: &str, config: Value, names: &[&str]) -> Value {
    let mut actions = vec![json!({ "id": "s", "type": kind, "config": config })];
    actions.extend(names.iter().map(|name| set(name, json!(1), &[])));
    steps(json!(actions))
}

/// The names it came to.
fn came_to(program: &Program, contact: Value) -> Vec<String> {
    let mut run = Run::new(program, contact);
    run.go();
    assert_eq!(run.ex.status, Status::Completed);
    run.ex.state.vars.keys().cloned().collect()
}

fn score(operator: &str, value: u32) -> Value {
    json!({ "field": "contact.score", "operator": operator, "value": value })
}

#[test]
fn the_first_branch_that_holds() {
    let branches = json!([
        { "id": "gold", "name": "Gold", "condition": score("greater_or_equal", 90), "actions": ["gold"] },
        { "id": "silver", "condition": score("greater_or_equal", 50), "actions": ["silver", "also"] },
        { "id": "out", "condition": score("less_than", 0), "actions": [] },
    ]);
    let names = ["gold", "silver", "also", "none"];
    let several = json!({ "branches": branches, "noneBranch": ["none"] });
    let split = json!({ "splitType": "CONDITIONAL", "conditionalBranches": branches, "defaultBranch": ["none"] });
    // (contact, steps, id in history, how many conditions were looked at)
    let table: [(Value, &[&str], &str, usize); 5] = [
        (json!({ "score": 95 }), &["gold"], "gold", 1),
        (json!({ "score": 50 }), &["silver", "also"], "silver", 2),
        (json!({ "score": -1 }), &[], "out", 3),
        (json!({ "score": 7 }), &["none"], "", 3),
        (json!({}), &["none"], "", 3),
    ];
    for (kind, config, key, none) in [
        ("if_else", several, "branch", "none"),
        ("split", split, "variant", "default"),
    ] {
        let program = program(&choosing(kind, config, &names));
        for (contact, wanted, id, looked) in &table {
            assert_eq!(
                came_to(&program, contact.clone()),
                *wanted,
                "{kind} {contact}"
            );
            let mut run = Run::new(&program, contact.clone());
            run.go();
            let result = &run.entries[1].result;
            let id = if id.is_empty() { none } else { *id };
            assert_eq!(result[key], id, "{kind} {contact}");
            let traces = result["traces"].as_array().unwrap();
            assert_eq!(traces.len(), *looked, "{kind} {contact}");
            assert_eq!(traces[0]["branch"], "gold");
            assert_eq!(traces[0]["trace"]["field"], "contact.score");
            assert_eq!(traces[0]["trace"]["found"], contact["score"]);
        }
    }
    let without = json!({ "branches": branches });
    let program = program(&choosing("if_else", without, &names));
    assert_eq!(came_to(&program, json!({ "score": 7 })), [""; 0]);
}

#[test]
fn one_condition_and_its_trace() {
    let condition = json!({ "operator": "AND", "conditions": [
        score("greater_than", 5),
        { "field": "contact.city", "operator": "equals", "value": 7 },
    ] });
    let config = json!({ "condition": condition, "trueBranch": ["yes"], "falseBranch": ["no"] });
    let program = program(&choosing("if_else", config, &["yes", "no"]));
    assert_eq!(came_to(&program, json!({ "score": 6, "city": 7 })), ["yes"]);
    let mut run = Run::new(&program, json!({ "score": 6, "city": "Rome" }));
    run.go();
    let result = &run.entries[1].result;
    assert_eq!(result["branch"], false);
    let city = &result["trace"]["conditions"][1];
    assert_eq!(
        city,
        &json!({ "field": "contact.city", "operator": "equals", "wanted": 7, "found": "Rome",
                 "result": false, "type_mismatch": true })
    );
}

#[test]
fn what_does_not_go_together() {
    let leaf = score("exists", 1);
    let leaf = json!({ "field": leaf["field"], "operator": "exists" });
    let one = json!([{ "id": "a", "condition": leaf, "actions": [] }]);
    let table = [
        ("if_else", json!({}), "missing_field config.condition"),
        (
            "if_else",
            json!({ "condition": leaf, "branches": one }),
            "unused_field config.condition",
        ),
        (
            "if_else",
            json!({ "branches": one, "trueBranch": ["x"] }),
            "unused_field config.trueBranch",
        ),
        (
            "if_else",
            json!({ "branches": one, "falseBranch": ["x"] }),
            "unused_field config.falseBranch",
        ),
        (
            "split",
            json!({ "branches": [{ "id": "a", "percentage": 100 }], "defaultBranch": ["x"] }),
            "unused_field config.defaultBranch",
        ),
        (
            "split",
            json!({ "branches": [{ "id": "a", "percentage": 100 }], "conditionalBranches": one }),
            "unused_field config.conditionalBranches",
        ),
        (
            "split",
            json!({ "splitType": "conditional", "conditionalBranches": one, "sticky": true }),
            "unused_field config.sticky",
        ),
        (
            "split",
            json!({ "splitType": "conditional", "conditionalBranches": one,
                    "branches": [{ "id": "a", "percentage": 100 }] }),
            "unused_field config.branches",
        ),
        (
            "if_else",
            json!({ "condition": leaf, "noneBranch": ["x"] }),
            "unused_field config.noneBranch",
        ),
        (
            "if_else",
            json!({ "branches": [one[0], one[0]] }),
            "duplicate_branch config.branches[1].id",
        ),
        (
            "if_else",
            json!({ "branches": [{ "id": "none", "condition": leaf }] }),
            "duplicate_branch config.branches[0].id",
        ),
        (
            "if_else",
            json!({ "branches": [{ "id": "a", "condition": leaf, "actions": ["y"] }] }),
            "unknown_step config.branches[0].actions[0]",
        ),
        (
            "split",
            json!({ "splitType": "conditional", "conditionalBranches": [{ "id": "default", "condition": leaf }] }),
            "duplicate_branch config.conditionalBranches[0].id",
        ),
        (
            "split",
            json!({ "branches": [{ "id": "a", "percentage": 50 }, { "id": "a", "percentage": 50 }] }),
            "duplicate_branch config.branches[1].id",
        ),
        (
            "split",
            json!({ "branches": [{ "id": "a", "percentage": 99.98 }] }),
            "percentages_not_100 config.branches",
        ),
        (
            "random_path",
            json!({ "paths": [{ "weight": 0 }] }),
            "invalid_value config.paths",
        ),
        (
            "random_path",
            json!({ "paths": [{ "weight": -1 }] }),
            "invalid_value config.paths[0].weight",
        ),
        (
            "parallel",
            json!({ "branches": [] }),
            "invalid_value config.branches",
        ),
    ];
    for (kind, config, wanted) in table {
        let found = compile(&choosing(kind, config.clone(), &["x"])).unwrap_err();
        let found: Vec<String> = found
            .iter()
            .map(|problem| format!("{} {}", problem.code, problem.path))
            .collect();
        let (code, path) = wanted.split_once(' ').unwrap();
        assert_eq!(
            found,
            [format!("{code} actions[0].{path}")],
            "{kind} {config}"
        );
    }
}

/// How many of 4,000 contacts, each with an execution of its own, come to each name.
fn shares(program: &Program, names: &[&str]) -> Vec<usize> {
    let mut counts = vec![0; names.len()];
    for i in 0..4_000u128 {
        let mut run = Run::new(program, fields());
        run.ex.contact = Uuid::from_u128(i);
        run.ex.id = Uuid::from_u128(i + 1_000_000);
        run.contact = Contact::new(run.ex.contact, Map::new());
        run.go();
        let name = run.ex.state.vars.keys().next().unwrap();
        counts[names.iter().position(|known| known == name).unwrap()] += 1;
    }
    counts
}

#[test]
fn shares_of_the_contacts() {
    let names = ["a", "b", "c"];
    let weighted = |weights: [f64; 3]| {
        let paths = names
            .iter()
            .zip(weights)
            .map(|(name, weight)| json!({ "id": name, "weight": weight, "actions": [name] }));
        ("random_path", json!({ "paths": paths.collect::<Vec<_>>() }))
    };
    let percent = |percentages: [f64; 3], sticky: bool| {
        let branches = names
            .iter()
            .zip(percentages)
            .map(|(name, share)| json!({ "id": name, "percentage": share, "actions": [name] }));
        let branches: Vec<Value> = branches.collect();
        ("split", json!({ "sticky": sticky, "branches": branches }))
    };
    let table = [
        (percent([50.0, 30.0, 20.0], true), [2_000, 1_200, 800]),
        (percent([50.0, 30.0, 20.0], false), [2_000, 1_200, 800]),
        (percent([0.0, 100.0, 0.0], true), [0, 4_000, 0]),
        (percent([33.33, 33.33, 33.33], true), [1_333, 1_333, 1_333]),
        (weighted([1.0, 1.0, 2.0]), [1_000, 1_000, 2_000]),
        (weighted([0.0, 0.3, 0.1]), [0, 3_000, 1_000]),
    ];
    for ((kind, config), wanted) in table {
        let program = program(&choosing(kind, config.clone(), &names));
        let got = shares(&program, &names);
        for (got, wanted) in got.iter().zip(wanted) {
            assert!(got.abs_diff(wanted) <= 120, "{config}: {got} for {wanted}");
        }
    }
}

#[test]
fn a_sticky_split_chooses_once_and_another_at_every_visit() {
    // Round and round through the split, 40 times.
    for sticky in [true, false] {
        let program = program(&steps(json!([
            { "id": "s", "type": "split", "config": { "sticky": sticky, "branches": [
                { "id": "a", "percentage": 50, "actions": ["a"] }, { "id": "b", "percentage": 50, "actions": ["b"] } ] } },
            { "id": "a", "type": "update_variable", "config": { "name": "a", "operation": "increment" }, "onSuccess": ["w"] },
            { "id": "b", "type": "update_variable", "config": { "name": "b", "operation": "increment" }, "onSuccess": ["w"] },
            { "id": "w", "type": "delay", "config": { "duration": "1 hour" }, "maxPasses": 40, "onSuccess": ["s"] },
        ])));
        let mut run = Run::new(&program, fields());
        run.go();
        for _ in 0..40 {
            run.after(Duration::hours(1));
        }
        assert_eq!(run.reason(), Some("loop_limit"));
        let both = run.ex.state.vars.len() == 2;
        assert_eq!(both, !sticky, "{:?}", run.ex.state.vars);
    }
}

#[test]
fn a_contact_keeps_its_variant_over_executions_and_versions() {
    let version = |percentages: &[(&str, f64)], sticky: bool| {
        let branches = percentages
            .iter()
            .map(|(id, share)| json!({ "id": id, "percentage": share, "actions": [id] }));
        let branches: Vec<Value> = branches.collect();
        let config = json!({ "sticky": sticky, "branches": branches });
        program(&choosing("split", config, &["a", "b", "c"]))
    };
    // One contact, one execution of each version after the other: (shares, sticky), the variant it gets, and
    // whether that is written down.
    type Row<'a> = (&'a [(&'a str, f64)], bool, &'a str, bool);
    let table: [Row<'_>; 7] = [
        (&[("a", 100.0), ("b", 0.0)], true, "a", true),
        (&[("a", 0.0), ("b", 100.0)], true, "a", false),
        (&[("b", 0.0), ("a", 0.0), ("c", 100.0)], true, "a", false),
        (&[("a", 0.0), ("b", 100.0)], false, "b", false),
        (&[("b", 100.0)], true, "b", true),
        (&[("a", 100.0), ("b", 0.0)], true, "b", false),
        (&[("a", 50.0), ("b", 50.0)], true, "b", false),
    ];
    let mut contact = Contact::new(CONTACT, Map::new());
    for (n, (shares, sticky, wanted, news)) in (0u128..).zip(table) {
        let program = version(shares, sticky);
        let mut run = Run::new(&program, fields());
        run.ex.id = Uuid::from_u128(n);
        run.contact = contact;
        run.go();
        assert_eq!(run.entries[1].result["variant"], wanted, "{shares:?}");
        let effect = Effect::Remember {
            step: "s".into(),
            variant: wanted.into(),
        };
        assert_eq!(run.effects, vec![effect; usize::from(news)], "{shares:?}");
        assert_eq!(program.sticky, sticky);
        contact = run.contact;
    }
}

#[test]
fn forks_are_bounded() {
    // Each round doubles the branches: the thousandth is refused, nothing hangs.
    let program = program(&steps(json!([
        { "id": "s", "type": "delay", "config": { "duration": "1 hour" }, "onSuccess": ["a", "b"] },
        { "id": "a", "type": "go_to", "config": { "stepId": "s" }, "maxPasses": 100_000 },
        { "id": "b", "type": "go_to", "config": { "stepId": "s" }, "maxPasses": 100_000 },
    ])));
    let mut program = program;
    program.steps[0].max_passes = 100_000;
    let mut run = Run::new(&program, fields());
    run.go();
    for _ in 0..20 {
        run.after(Duration::hours(1));
        assert!(run.ex.state.branches.len() <= 1_000);
    }
    assert_eq!(
        (run.ex.status, run.reason()),
        (Status::Failed, Some("loop_limit"))
    );
}
