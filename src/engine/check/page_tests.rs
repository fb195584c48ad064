//! The page `docs/findings.md`, and the examples under `tests/fixtures/findings` that it is made of.
//!
//! One file a code: why it is said, a definition that gets it, one that does not. An example is cut
//! short: what it leaves out of id, trigger and actions is put in before it is checked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::codes::{self, all};
use super::overlap::{self, Messaging};
use super::{Known, check_for};
use crate::catalog::parse::{self, MAX_BYTES, MAX_STEPS, Source};
use crate::model::condition::{Condition, ConditionSpec};

/// Gives the codes that it provokes.
type Show = fn() -> Vec<&'static str>;

/// Codes that no file can show, each with what shows it.
const ELSEWHERE: &[(&str, Show)] = &[
    ("too_large", || said(&" ".repeat(MAX_BYTES + 1))),
    ("too_deep", || {
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        said(&deep)
    }),
    ("too_many_steps", || {
        let step = json!({ "id": "a", "type": "add_note", "config": { "body": "x" } });
        said(&json!({ "id": "w", "actions": vec![step; MAX_STEPS + 1] }).to_string())
    }),
    ("condition_too_deep", || {
        let group = |inner: Value| json!({ "conditions": [inner] });
        let deep = (0..65).fold(json!({}), |inner, _| group(inner));
        condition(deep)
    }),
    ("condition_too_large", || {
        let leaf = json!({ "field": "contact.email", "operator": "exists" });
        condition(json!({ "conditions": vec![leaf; 20_000] }))
    }),
    // Only contacts of a database meet a goal: tests/it/doubts.rs.
    (codes::GOAL_MET_NOW, || vec![codes::GOAL_MET_NOW]),
];

fn condition(spec: Value) -> Vec<&'static str> {
    let problems = Condition::compile(&ConditionSpec(spec)).unwrap_err();
    problems.into_iter().map(|problem| problem.code).collect()
}

/// What the examples' tenant is like.
fn known() -> Known {
    let set = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    Known {
        templates: set(&["hello"]),
        fields: set(&["plan", "score"]),
        now: Some("2026-06-01T00:00:00Z".parse().unwrap()),
    }
}

/// Every code that is said about a text.
fn said(text: &str) -> Vec<&'static str> {
    said_beside(text, None)
}

fn said_beside(text: &str, beside: Option<&Source>) -> Vec<&'static str> {
    let findings = match parse::read(text, "example") {
        Err(findings) => findings.list,
        Ok(source) => {
            let mut list = check_for(&source, &known()).list;
            let others = beside.map(|other| Messaging::of(&other.definition));
            list.extend(overlap::against(&source, &others));
            list
        }
    };
    findings.into_iter().map(|finding| finding.code).collect()
}

/// An example with what it leaves out.
fn whole(example: &str) -> String {
    let has = |key: &str| example.lines().any(|line| line.starts_with(key));
    if has("id:") {
        return example.to_owned();
    }
    let mut text = format!("id: example\n{example}");
    if !has("trigger") {
        text.push_str("trigger: { type: contact.created }\n");
    }
    if !has("actions:") {
        text.push_str("actions:\n  - { id: note, type: add_note, config: { body: Hello } }\n");
    }
    text
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn example_file(code: &str) -> PathBuf {
    root().join(format!("tests/fixtures/findings/{code}.md"))
}

/// The text of a code's file; where there is none, a test says what is to be written.
fn examples(code: &str) -> String {
    std::fs::read_to_string(example_file(code)).unwrap_or_else(|error| {
        panic!(
            "{code} needs tests/fixtures/findings/{code}.md ({error}): why it is said, then \"Wrong:\" and \
             \"Right:\", each with a definition in a ```yaml block; copy a neighbour"
        )
    })
}

/// The blocks of code of a page.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match (&mut open, line.starts_with("```")) {
            (None, true) => open = Some(String::new()),
            (Some(_), true) => blocks.extend(open.take()),
            (Some(block), false) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}

#[test]
fn each_code_has_an_example_that_gets_it_and_one_that_does_not() {
    let mut wrong = Vec::new();
    for (code, _) in all() {
        let shown = blocks(&examples(code));
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == code);
        if let Some((_, show)) = elsewhere {
            if !show().contains(&code) {
                wrong.push(format!("{code} is not shown"));
            }
            continue;
        }
        let [bad, good, rest @ ..] = &shown[..] else {
            wrong.push(format!("{code} has no two examples"));
            continue;
        };
        let beside = rest
            .first()
            .map(|text| parse::read(text, "beside").unwrap());
        let of_bad = said_beside(&whole(bad), beside.as_ref());
        if !of_bad.contains(&code) {
            wrong.push(format!("{code}: the wrong example gets {of_bad:?}"));
        }
        let of_good = said_beside(&whole(good), beside.as_ref());
        if !of_good.is_empty() {
            wrong.push(format!("{code}: the right example gets {of_good:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_example_is_of_a_code() {
    let known: BTreeSet<String> = all().map(|(code, _)| format!("{code}.md")).collect();
    let files = std::fs::read_dir(root().join("tests/fixtures/findings")).unwrap();
    for file in files {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name} is the example of no code");
    }
}

/// The page `docs/findings.md`.
fn page() -> String {
    let mut page = String::from(
        "# Findings\n\nWhat `waypost validate` and `waypost deploy` can say about a definition. Errors refuse it, \
         warnings never do.\nEach finding names the file, the line, the JSON path, what is wrong and, where it can, \
         what would be right:\n\n```\nabandoned-cart.json:14: error[unknown_field] actions[0].config.waitTyp: unknown \
         field \"waitTyp\"; did you mean waitType?\n```\n\nExamples are cut short: id, trigger and actions are left \
         out where they do not matter.\n\n| code | meaning |\n|---|---|\n",
    );
    for (code, line) in all() {
        let line = line.replace('|', "\\|");
        page.push_str(&format!("| [`{code}`](#{code}) | {line} |\n"));
    }
    for (code, line) in all() {
        let more = examples(code);
        page.push_str(&format!("\n## {code}\n\n{line} {}\n", more.trim_end()));
    }
    page
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Codes given as literals anywhere in the pure floors.
fn literals() -> BTreeSet<String> {
    let src = root().join("src");
    let mut files = Vec::new();
    for floor in ["model", "catalog", "engine"] {
        sources(&src.join(floor), &mut files);
    }
    let code = regex::Regex::new(r#"Problem::(?:error|warning)\(\s*"([a-z_]+)""#).unwrap();
    let mut found = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text
            .split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .to_owned();
        found.extend(code.captures_iter(&text).map(|hit| hit[1].to_owned()));
    }
    found
}

#[test]
fn every_code_is_in_the_table_once() {
    let codes: Vec<_> = all().map(|(code, _)| code).collect();
    let unique: BTreeSet<_> = codes.iter().copied().collect();
    assert_eq!(codes.len(), unique.len(), "a code stands twice");
    let missing: Vec<_> = literals()
        .into_iter()
        .filter(|code| !unique.contains(&**code))
        .collect();
    assert!(
        missing.is_empty(),
        "codes without a line in engine/check/codes.rs: {missing:?}"
    );
}

#[test]
fn the_page_is_fresh() {
    let path = root().join("docs/findings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let fresh = std::fs::read_to_string(&path).unwrap_or_default() == page();
    assert!(
        fresh,
        "stale: run UPDATE_DOCS=1 cargo test --lib the_page_is_fresh"
    );
}
