//! The house style of `sql/`, checked over every file; each rule is shown to find a planted violation.

use std::{fs, path::Path};

use regex::Regex;

const FOLDERS: [&str; 5] = ["functions", "views", "mapping", "crm", "security"];

/// What is wrong with one file, in the words of the rules.
fn lint(folder: &str, name: &str, text: &str) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let header: String = text.lines().take_while(|l| l.starts_with("--")).collect();
    if header.is_empty() || (folder != "security" && !header.contains("Called by:")) {
        wrong.push("header");
    }
    if text.lines().any(|line| line.len() > 260) {
        wrong.push("long line");
    }
    let code = strip(text);
    let functions = code
        .split("create ")
        .filter(|part| part.starts_with("function ") || part.starts_with("or replace function "));
    for function in functions {
        let parsed = function.contains("\nreturn ") || function.contains("\nbegin atomic");
        if !parsed && !function.contains("set search_path = pg_catalog, pg_temp") {
            wrong.push("search_path");
        }
        // Who runs with the owner's rights says whose rows he means, unless he touches none that have a tenant.
        let exempt = [
            "tenant_number",
            "now",
            "secure",
            "install_crm",
            "drop_partitions",
            "advance_clock",
            "contacts_before",
        ];
        if function.contains("security definer")
            && !function.contains("waypost.enter(")
            && !exempt.contains(&name)
        {
            wrong.push("scope");
        }
    }
    if folder == "functions" && name != "now" {
        let bare = Regex::new(
            r"(^|[^._a-z])(now\(\)|current_timestamp|transaction_timestamp|localtimestamp)",
        )
        .expect("a regex");
        if bare.is_match(&code) {
            wrong.push("now()");
        }
    }
    let upper = Regex::new(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|CREATE|FUNCTION|VIEW|BEGIN|END|IF|NULL|AND|OR|NOT|AS|ON|JOIN)\b").expect("a regex");
    if upper.is_match(&code) {
        wrong.push("upper case");
    }
    if !unqualified(&code).is_empty() {
        wrong.push("schema");
    }
    wrong
}

/// The text without comments and string literals; the bodies of functions stay.
fn strip(text: &str) -> String {
    let comments = Regex::new(r"--[^\n]*").expect("a regex");
    let strings = Regex::new(r"'(?:[^']|'')*'").expect("a regex");
    strings
        .replace_all(&comments.replace_all(text, ""), "''")
        .into_owned()
}

/// Relations that are named without their schema: not those that the statement itself makes.
fn unqualified(code: &str) -> Vec<String> {
    let made =
        Regex::new(r"(\w+) as (?:materialized )?\(|(?:old|new) table as (\w+)").expect("a regex");
    let known: Vec<&str> = made
        .captures_iter(code)
        .filter_map(|c| c.get(1).or(c.get(2)))
        .map(|m| m.as_str())
        .collect();
    let named = Regex::new(r"(\w+)\s+(?:(?:from|join|into|using|references|table|view)|update)\s+(?:lateral\s+|if not exists\s+|only\s+)?([a-z_][\w.%]*)(\(?)")
        .expect("a regex");
    named
        .captures_iter(code)
        .filter(|c| {
            !matches!(
                &c[1],
                "distinct"
                    | "epoch"
                    | "exception"
                    | "do"
                    | "for"
                    | "before"
                    | "after"
                    | "referencing"
                    | "revoke"
                    | "execute"
                    | "old"
                    | "new"
            )
        })
        .map(|c| (c[2].to_owned(), &c[3] == "("))
        .filter(|(name, call)| {
            !*call
                && !name.contains('.')
                && !name.contains('%')
                && !known.contains(&name.as_str())
                && !name.starts_with("v_")
                && !name.starts_with("waypost_")
                && !["public", "strict", "lateral", "set", "of", "as"].contains(&name.as_str())
        })
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_file_keeps_the_style() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let (mut files, mut findings) = (0, Vec::new());
    for folder in FOLDERS {
        for entry in fs::read_dir(root.join(folder)).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("it is text");
            let wrong = lint(folder, &name, &text);
            if !wrong.is_empty() {
                findings.push(format!(
                    "{}: {wrong:?} {:?}",
                    path.display(),
                    unqualified(&strip(&text))
                ));
            }
            assert!(
                folder == "security" || text.contains(&name),
                "{} makes no {name}",
                path.display()
            );
            files += 1;
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert!(files > 70, "only {files} files");
}

#[test]
fn every_rule_finds_a_planted_violation() {
    let good = "-- It does.\n-- Called by: nobody.\ncreate or replace function waypost.f() returns int\nlanguage plpgsql security definer set search_path = pg_catalog, pg_temp\nas $$\nbegin\n  perform waypost.enter('*');\n  return (select 1 from waypost.runs r);\nend\n$$;\n";
    assert_eq!(lint("functions", "f", good), [""; 0]);
    let table = [
        (
            "header",
            good.replacen("-- It does.\n-- Called by: nobody.\n", "", 1),
        ),
        ("header", good.replace("Called by", "From")),
        (
            "search_path",
            good.replace(" set search_path = pg_catalog, pg_temp", ""),
        ),
        ("scope", good.replace("  perform waypost.enter('*');\n", "")),
        ("now()", good.replace("select 1", "select now()")),
        (
            "now()",
            good.replace("select 1", "select current_timestamp"),
        ),
        ("upper case", good.replace("select 1", "SELECT 1")),
        ("schema", good.replace("waypost.runs", "runs")),
        (
            "schema",
            good.replace("return (select 1 from waypost.runs r)", "delete from runs"),
        ),
        (
            "schema",
            good.replace(
                "return (select 1 from waypost.runs r)",
                "insert into runs values (1)",
            ),
        ),
        ("long line", good.replace("It does.", &"x".repeat(300))),
    ];
    for (rule, text) in table {
        assert_eq!(lint("functions", "f", &text), [rule], "{text}");
    }
}
