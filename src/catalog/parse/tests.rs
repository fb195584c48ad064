//! What reading accepts, and what it says about the rest.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::workflow::{GoalWord, OnAchievement, WorkflowStatus};

const SEED: &str = include_str!("../../../examples/abandoned-cart.json");

#[test]
fn the_seeds_example_reads_with_its_upper_case_names() {
    let definition = read(SEED, "abandoned-cart.json").unwrap().definition;
    let kinds: Vec<_> = definition
        .actions
        .iter()
        .map(|step| step.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        ["wait", "send_email", "wait", "if_else", "send_email"]
    );
    assert_eq!(definition.status, Some(WorkflowStatus::Active));
    assert_eq!(definition.trigger.unwrap().kind, "form.abandoned");
    assert_eq!(
        definition.goals[0].on_achievement,
        Some(OnAchievement::Word(GoalWord::Exit))
    );
}

#[test]
fn a_finding_reads_as_one_line() {
    let text = SEED.replace(
        "\"onSuccess\": [\"send-email-1\"]",
        "\"onSucces\": [\"send-email-1\"]",
    );
    let findings = read(&text, "abandoned-cart.json").unwrap_err();
    assert_eq!(
        findings.to_string(),
        "abandoned-cart.json:20: error[unknown_field] actions[0].onSucces: unknown field \
         \"onSucces\"; did you mean onSuccess?\n"
    );
}

/// (text, then each finding as `line code path hint`)
#[test]
fn every_problem_is_named_at_its_place() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let deeper = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let beyond = format!("1 too_deep {} -", "[0]".repeat(64));
    let groups = format!(
        "{{\"executeIf\": {}{{}}{}}}",
        "{\"conditions\": [".repeat(64),
        "]}".repeat(64)
    );
    let groups_in_yaml = format!("# the same\n{groups}");
    // A long path is cut where it is printed.
    let path = format!("executeIf{}.conditio...", ".conditions[0]".repeat(13));
    let (beyond_groups, second_line) = (
        format!("1 too_deep {path} -"),
        format!("2 too_deep {path} -"),
    );
    let rows: &[(&str, &[&str])] = &[
        ("{", &["1 syntax  -"]),
        ("a: [", &["2 syntax  -"]),
        ("", &["1 syntax  -"]),
        ("[]", &["1 invalid_value  -"]),
        ("{}", &["1 missing_field  -", "1 missing_field  -"]),
        (&deep, &[&beyond]),
        (&deeper, &[&beyond]),
        (&groups, &[&beyond_groups]),
        (&groups_in_yaml, &[&second_line]),
        (
            "{\"id\": \"w\",\n\"id\": \"v\",\n\"actions\": []}",
            &["2 duplicate_key id keep one of the two"],
        ),
        (
            "{\"id\": 7, \"actions\": [\n{\"id\": \"a\", \"typ\": \"wait\", \"join\": \"al\"},\n3]}",
            &[
                "1 invalid_value id -",
                "2 missing_field actions[0] -",
                "2 unknown_field actions[0].typ did you mean type?",
                "2 invalid_value actions[0].join did you mean \"all\"?",
                "3 invalid_value actions[1] -",
            ],
        ),
        (
            "id: w\nactions:\n  - id: a\n    type: WAIT\n    onSuccess: b\n    maxPasses: 0\n",
            &[
                "5 invalid_value actions[0].onSuccess write [\"b\"]",
                "6 invalid_value actions[0].maxPasses -",
            ],
        ),
        (
            "id: w\nactions: []\nstartsAt: soon\npriority: 1000\ngoals:\n  - id: g\n    conditions: {}\n    onAchievement: {action: GOTO, step: x}\n",
            &[
                "3 invalid_value startsAt -",
                "4 invalid_value priority -",
                "8 unknown_field goals[0].onAchievement.step did you mean stepId?",
            ],
        ),
    ];
    for (text, want) in rows {
        let findings = read(text, "x").unwrap_err();
        let got: Vec<_> = findings
            .list
            .iter()
            .map(|f| {
                format!(
                    "{} {} {} {}",
                    f.line,
                    f.code,
                    f.path,
                    f.hint.as_deref().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(got, *want, "{text:.200}");
    }
}

#[test]
fn limits_hold() {
    let findings = read(&" ".repeat(MAX_BYTES + 1), "x.json").unwrap_err();
    assert_eq!(findings.list[0].code, codes::TOO_LARGE);
    let steps: Vec<_> = (0..501)
        .map(|i| json!({"id": format!("s{i}"), "type": "wait"}))
        .collect();
    let text = json!({"id": "w", "actions": steps}).to_string();
    assert_eq!(
        read(&text, "x.json").unwrap_err().list[0].code,
        codes::TOO_MANY_STEPS
    );
    let unknown: serde_json::Map<_, _> = (0..300).map(|i| (format!("z{i}"), json!(1))).collect();
    let findings = read(&Value::Object(unknown).to_string(), "x.json").unwrap_err();
    assert_eq!((findings.list.len(), findings.more), (100, 202));
}

/// Many keys, many problems: placing them is not quadratic.
#[test]
fn a_file_full_of_unknown_fields_is_told_at_once() {
    let text: String = (0..40_000).map(|i| format!("k{i}: 1\n")).collect();
    let begun = std::time::Instant::now();
    let findings = read(&text, "x.yaml").unwrap_err();
    assert_eq!((findings.list.len(), findings.more), (100, 39_902));
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn null_says_the_same_as_absence_and_yaml_the_same_as_json() {
    let json = read(r#"{"id":"w","name":null,"goals":null,"actions":[{"id":"a","type":"delay","timeout":null}]}"#, "x.json").unwrap();
    let yaml = read("id: w\nactions:\n- {id: a, type: DELAY}\n", "x.yaml").unwrap();
    assert_eq!(json.definition, yaml.definition);
}

/// The table of shapes and the structs say the same.
#[test]
fn shapes_have_the_fields_of_the_structs() {
    use crate::model::workflow as w;
    fn names(schema: &schemars::Schema) -> Vec<String> {
        let mut names: Vec<_> = schema.as_value()["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        names.sort();
        names
    }
    let rows = [
        (schemars::schema_for!(w::Definition), shape::DEFINITION),
        (schemars::schema_for!(w::Trigger), shape::TRIGGER),
        (schemars::schema_for!(w::RateLimiting), shape::RATE_LIMITING),
        (schemars::schema_for!(w::Step), shape::STEP),
        (schemars::schema_for!(w::Goal), shape::GOAL),
        (
            schemars::schema_for!(w::EnrollmentSettings),
            shape::ENROLLMENT,
        ),
    ];
    for (schema, fields) in rows {
        let mut known: Vec<_> = fields.iter().map(|field| field.name.to_owned()).collect();
        known.sort();
        assert_eq!(names(&schema), known);
    }
}

/// The seed's example with one value somewhere replaced by another.
fn mutated(at: usize, by: Value) -> Value {
    fn put(value: &mut Value, at: &mut usize, by: &Value) -> bool {
        if *at == 0 {
            *value = by.clone();
            return true;
        }
        *at -= 1;
        match value {
            Value::Array(items) => items.iter_mut().any(|item| put(item, at, by)),
            Value::Object(members) => members.values_mut().any(|item| put(item, at, by)),
            _ => false,
        }
    }
    let mut value: Value = serde_json::from_str(SEED).unwrap();
    put(&mut value, &mut { at }, &by);
    value
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z.]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in "[ -~\\n\\t\u{e9}]{0,200}") {
        drop(read(&text, "x.json"));
        drop(read(&text, "x.yaml"));
    }

    #[test]
    fn no_piece_of_yaml_is_a_panic(text in "([ \\n\\-:,&*!|>'\"#%@`?\\[\\]{}a0x~]|: |- |\\n  ){0,80}") {
        drop(read(&text, "x.yaml"));
    }

    #[test]
    fn no_mutation_is_a_panic(at in 0usize..90, by in any_value()) {
        let text = mutated(at, by).to_string();
        let from_json = read(&text, "x.json");
        if let Ok(source) = from_json {
            let again = Source::from_value(source.value.clone(), "x").unwrap();
            prop_assert_eq!(again.definition, source.definition);
        }
    }

    #[test]
    fn no_cut_of_the_example_is_a_panic(at in 0usize..2000) {
        let cut: String = SEED.chars().take(at).collect();
        drop(read(&cut, "x.json"));
        drop(read(&cut, "x.yaml"));
    }
}
