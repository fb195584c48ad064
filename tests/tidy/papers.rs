//! What the documents name is there: files, tests in files, tables and indexes.

use super::{Finding, source::File};

/// What a word in backticks or a link begins with when it names a file of the repository.
const ROOTS: &[&str] = &[
    "src/",
    "sql/",
    "tests/",
    "migrations/",
    "docs/",
    "bin/",
    "examples/",
    ".ci/",
];

/// Names in a document that lead nowhere. `path::name` names a test (or function) in a file.
pub fn check(path: &str, text: &str, all: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    let (mut fenced, folder) = (
        false,
        path.rsplit_once('/').map_or("", |(folder, _)| folder),
    );
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let bad = ticked(line).into_iter().filter(|name| !named(name, all));
            let dead = links(line)
                .into_iter()
                .filter(|link| !leads(folder, link, all));
            found.extend(
                bad.chain(dead)
                    .map(|name| format!("{path}:{}: no `{name}`", number + 1)),
            );
        }
    }
    found
}

fn ticked(line: &str) -> Vec<&str> {
    let words = line.split('`').skip(1).step_by(2);
    words
        .filter(|word| ROOTS.iter().any(|root| word.starts_with(root)))
        .collect()
}

fn named(name: &str, all: &[File]) -> bool {
    let name = name.split([' ', '#']).next().unwrap_or_default();
    if name.contains(['<', '*', '{', '…']) {
        return true; // a pattern for people
    }
    let (file, item) = name.split_once("::").unwrap_or((name, ""));
    let mut here = all
        .iter()
        .filter(|f| f.path == file || file.ends_with('/') && f.path.starts_with(file));
    match item {
        "" => here.next().is_some(),
        item => here.any(|f| f.text.contains(&format!("fn {item}("))),
    }
}

fn links(line: &str) -> Vec<&str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']))
        .collect()
}

fn leads(folder: &str, link: &str, all: &[File]) -> bool {
    let link = link.split('#').next().unwrap_or_default();
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    all.iter()
        .any(|f| f.path == path || f.path.starts_with(&format!("{path}/")))
}

/// Tables and indexes of the migrations that the page of the schema leaves out, and the reverse.
pub fn schema(page: &str, made_by: &[File]) -> Vec<Finding> {
    let lines = || {
        made_by
            .iter()
            .flat_map(|file| file.text.lines().map(str::trim))
    };
    let made: Vec<&str> = lines().filter_map(created).collect();
    let constraints: Vec<&str> = lines().filter_map(constraint).collect();
    let on_page: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let left_out = made.iter().filter(|name| !on_page.contains(name));
    let left_out = left_out.map(|name| format!("docs/SCHEMA.md: says nothing about `{name}`"));
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let gone = rows.filter(|name| !made.contains(name) && !constraints.contains(name));
    left_out
        .chain(gone.map(|name| format!("docs/SCHEMA.md: there is no `{name}`")))
        .collect()
}

/// The table or index that a line makes; default partitions go with their parent.
fn created(line: &str) -> Option<&str> {
    let line = line.strip_prefix("create ")?;
    let line = line.strip_prefix("unique ").unwrap_or(line);
    let rest = line
        .strip_prefix("table ")
        .or_else(|| line.strip_prefix("index "))?;
    let rest = rest.strip_prefix("if not exists ").unwrap_or(rest);
    let name = rest
        .split([' ', '('])
        .next()?
        .trim_start_matches("waypost.");
    (!rest.contains(" partition of ")).then_some(name)
}

/// A constraint that has an index.
fn constraint(line: &str) -> Option<&str> {
    let (name, what) = line.strip_prefix("constraint ")?.split_once(' ')?;
    (what.starts_with("unique") || what.starts_with("primary key")).then_some(name)
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn names_that_lead_nowhere_are_found() {
    let all = [
        file("src/a.rs", "fn it_works() {}"),
        file("docs/B.md", ""),
        file("README.md", ""),
    ];
    let rows: &[(&str, &[&str])] = &[
        (
            "see `src/a.rs` and `src/`, [b](B.md#x), [r](../README.md), [w](https://x.y/z), `src/<name>.rs`",
            &[],
        ),
        ("`src/a.rs::it_works`", &[]),
        ("`src/gone.rs`", &["docs/A.md:1: no `src/gone.rs`"]),
        ("`src/a.rs::gone`", &["docs/A.md:1: no `src/a.rs::gone`"]),
        ("\n[b](C.md)", &["docs/A.md:2: no `C.md`"]),
        ("```\n`src/gone.rs`\n```", &[]),
    ];
    for (text, expected) in rows {
        assert_eq!(check("docs/A.md", text, &all), *expected, "{text}");
    }
}

#[test]
fn a_table_without_a_line_and_a_line_without_a_table_are_found() {
    let made = [file(
        "migrations/1.sql",
        "create table waypost.a (\n  constraint a_pk primary key (b)\n);\n\
         create table waypost.a_default partition of waypost.a default;\ncreate unique index a_due on waypost.a (b);",
    )];
    assert_eq!(
        schema("| `a` | x |\n\n| `a_due` | y |\n| `a_pk` | z |", &made),
        [""; 0]
    );
    assert_eq!(
        schema("| `a` | x |", &made),
        ["docs/SCHEMA.md: says nothing about `a_due`"]
    );
    assert_eq!(
        schema("`a` `a_due`\n| `b` | x |", &made),
        ["docs/SCHEMA.md: there is no `b`"]
    );
}
