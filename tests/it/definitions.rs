//! The examples are clean and pass the published schema; each bad file says what is wrong with it.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its files fails"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;
use waypost::catalog::{finding::Findings, parse, schema};
use waypost::engine::check;

fn files(dir: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        path.extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| extensions.contains(&e))
    });
    found.sort();
    assert!(!found.is_empty(), "{} holds no definitions", dir.display());
    found
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

/// All findings of a file: of reading, else of checking.
fn findings(path: &Path) -> Findings {
    let text = fs::read_to_string(path).unwrap();
    match parse::read(&text, name(path)) {
        Ok(source) => check::check(&source),
        Err(findings) => findings,
    }
}

/// The value as the author wrote it, without any name normalised.
fn raw(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&text).unwrap(),
        _ => waypost::catalog::lines::yaml::read(&text).unwrap().value,
    }
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema::schema()).expect("the schema is one")
}

fn complaints(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
}

#[test]
fn examples_are_clean_and_pass_the_schema() {
    let validator = validator();
    for path in files("examples", &["json", "yaml"]) {
        let text = fs::read_to_string(&path).unwrap();
        let source = parse::read(&text, name(&path)).unwrap_or_else(|found| panic!("{found}"));
        let found = check::check(&source);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(
            complaints(&validator, &raw(&path)),
            [""; 0],
            "{}",
            name(&path)
        );
        assert_eq!(
            complaints(&validator, &source.value),
            [""; 0],
            "{}",
            name(&path)
        );
    }
}

/// The warnings that examples are allowed to have, so that a new one is noticed.
#[test]
fn the_examples_have_these_warnings_only() {
    let mut found = BTreeMap::new();
    for path in files("examples", &["json", "yaml"]) {
        for finding in findings(&path).list {
            found
                .entry(finding.file)
                .or_insert_with(Vec::new)
                .push(finding.code);
        }
    }
    let want = [(
        "abandoned-cart.json".to_owned(),
        vec!["goal_may_be_true_at_entry"],
    )];
    assert_eq!(found, BTreeMap::from(want));
}

/// Beside each bad file stands what is said about it: line, severity, code, path, hint.
/// `UPDATE_EXPECTED=1` writes these files anew; read the difference before you keep it.
#[test]
fn bad_definitions_are_refused_with_what_is_wrong() {
    let mut wrong = Vec::new();
    for path in files("tests/fixtures/bad", &["json", "yaml"]) {
        let found = findings(&path);
        assert!(found.has_errors(), "{} has no error", name(&path));
        let lines: String = found
            .list
            .iter()
            .map(|f| {
                let severity = if f.is_error() { "error" } else { "warning" };
                let hint = f.hint.as_deref().unwrap_or("-");
                format!("{} {severity} {} {} | {hint}\n", f.line, f.code, f.path)
            })
            .collect();
        let expected = path.with_file_name(format!("{}.expected", name(&path)));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &lines).unwrap();
        }
        let want = fs::read_to_string(&expected).unwrap_or_default();
        if want != lines {
            wrong.push(format!(
                "{}\nwant:\n{want}found:\n{lines}\n{found}",
                name(&path)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_refuses_what_its_dispatch_can_see() {
    let validator = validator();
    for file in [
        "unknown-field.json",
        "unknown-field-of-step.json",
        "wrong-types.yaml",
        "bad-operator.json",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/bad")
            .join(file);
        assert!(!validator.is_valid(&raw(&path)), "{file}");
    }
    // Only the config of the type at hand is complained about.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad/unknown-field.json");
    let found = complaints(&validator, &raw(&path));
    assert!(
        found.iter().any(|line| line.contains("waitTyp")),
        "{found:?}"
    );
    assert!(found.len() <= 3, "{found:?}");
    assert!(
        found.iter().any(|line| line.contains("formid")),
        "{found:?}"
    );
}

#[test]
fn the_catalog_describes_everything() {
    let catalog = waypost::catalog::describe();
    for (list, least) in [
        ("triggers", 15),
        ("actions", 17),
        ("operators", 28),
        ("waits", 4),
        ("filters", 20),
    ] {
        let rows = catalog[list].as_array().unwrap();
        assert!(rows.len() >= least, "{list}: {}", rows.len());
        for row in rows {
            assert!(
                row["docs"].as_str().is_some_and(|docs| !docs.is_empty()),
                "{list}: {row}"
            );
        }
    }
}

/// The checker meets whatever reads well: broken graphs, odd configs, texts of all kinds.
fn odd_definition() -> impl Strategy<Value = Value> {
    let id = prop::sample::select(vec!["a", "b", "c", "d", "e", ""]);
    let ids = prop::collection::vec(id.clone(), 0..4);
    let kind = prop::sample::select(vec![
        "wait",
        "delay",
        "if_else",
        "split",
        "random_path",
        "parallel",
        "go_to",
        "end_workflow",
        "add_tag",
        "send_email",
        "webhook",
        "custom.x",
        "nonsense",
    ]);
    let text = prop::sample::select(vec![
        "x",
        "{{ contact.email }}",
        "{{ steps.zz.result }}",
        "{{ secrets.k }}",
        "{{",
        "{% if %}",
        "24 hours",
        "\u{0}",
    ]);
    let config = (ids.clone(), text, id.clone()).prop_map(|(ids, text, id)| {
        serde_json::json!({
            "branches": ids, "trueBranch": ids, "falseBranch": [id], "stepId": id, "body": text, "tag": text,
            "condition": {"field": text, "operator": "equals", "value": text}, "url": text
        })
    });
    let join = prop::sample::select(vec!["all", "any", "each"]);
    let step = (id, kind, config, ids.clone(), ids, prop::option::of(join));
    let step = step.prop_map(|(id, kind, config, success, failure, join)| {
        serde_json::json!({
            "id": id, "type": kind, "config": config, "onSuccess": success, "onFailure": failure, "join": join
        })
    });
    prop::collection::vec(step, 0..6)
        .prop_map(|steps| serde_json::json!({ "id": "w", "actions": steps }))
}

/// One of the examples with one value somewhere replaced.
fn mutated_example(which: usize, mut at: usize, by: &Value) -> Value {
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
    let files = files("examples", &["json", "yaml"]);
    let mut value = raw(&files[which % files.len()]);
    put(&mut value, &mut at, by);
    value
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(serde_json::json!({})),
        Just(serde_json::json!([])),
        Just(serde_json::json!(["a", "welcome"])),
        Just(
            serde_json::json!({"operator": "NOT", "conditions": [{"field": "x", "operator": "in"}]})
        ),
        prop::sample::select(vec![-1.0, 0.0, 0.5, 1.0, 3.0, 1e12, 1e300]).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,16}".prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn mutated_examples_neither_panic_nor_pass_the_checker_alone(
        which in 0usize..3, at in 0usize..160, by in odd_value(),
    ) {
        let value = mutated_example(which, at, &by);
        if let Ok(source) = parse::Source::from_value(value.clone(), "mutated")
            && !check::check(&source).has_errors()
        {
            // What is accepted passes the published schema, as written and as stored.
            static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(validator);
            prop_assert_eq!(complaints(&SCHEMA, &value), [""; 0], "{}", value);
            prop_assert_eq!(complaints(&SCHEMA, &source.value), [""; 0]);
        }
    }

    #[test]
    fn no_definition_that_reads_makes_the_checker_panic(definition in odd_definition()) {
        if let Ok(source) = parse::Source::from_value(definition, "odd") {
            let found = check::check(&source);
            prop_assert!(found.list.iter().all(|finding| !finding.message.is_empty()));
        }
    }
}
