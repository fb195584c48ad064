//! Every SQL file says what it is; tables come from migrations, everything else is installed anew.

use super::Finding;

/// What the header of a file lacks, and what stands where it does not belong.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let header: Vec<&str> = text
        .lines()
        .take_while(|line| line.starts_with("--"))
        .collect();
    let mut found = Vec::new();
    if header
        .first()
        .is_none_or(|line| line.trim_start_matches('-').trim().len() < 10)
    {
        found.push(format!(
            "{path}:1: the first line should say, after --, what the file is for"
        ));
    }
    let wanted: &[&str] = match path.rsplit_once('/').map_or("", |(folder, _)| folder) {
        folder if folder.starts_with("sql/queries") => &["used by:", "locks:", "index:"],
        "sql/functions" | "sql/views" | "sql/mapping" | "sql/crm" => &["called by:"],
        _ => &[],
    };
    let said = header.join("\n").to_lowercase();
    for word in wanted.iter().filter(|word| !said.contains(**word)) {
        found.push(format!("{path}: the header lacks `{word}`"));
    }
    let migration = path.starts_with("migrations/");
    for (number, line) in text.lines().enumerate() {
        let code = line
            .split("--")
            .next()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        let mut words = code.split_whitespace();
        let made = match (words.next(), words.next()) {
            (Some("create"), Some("or")) => words.nth(1).unwrap_or_default(),
            (Some("create"), Some(what)) => what,
            _ => continue,
        };
        let misplaced = match made {
            "function" | "view" | "procedure" => migration,
            "table" => !migration && !path.starts_with("sql/security/"),
            _ => false,
        };
        if misplaced {
            let right = if migration {
                "sql/, one object a file"
            } else {
                "migrations/"
            };
            found.push(format!(
                "{path}:{}: a {made} belongs in {right}",
                number + 1
            ));
        }
    }
    found
}

#[test]
fn a_missing_header_and_a_misplaced_object_are_found() {
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "migrations/1.sql",
            "create table a ();",
            &["the first line should say, after --, what the file is for"],
        ),
        (
            "migrations/1.sql",
            "-- The tables of a.\ncreate function f() as $$ $$;",
            &["a function belongs in sql/"],
        ),
        (
            "migrations/1.sql",
            "-- The tables of a.\ncreate or replace view v as",
            &["a view belongs in sql/"],
        ),
        (
            "migrations/1.sql",
            "-- The tables of a.\ncreate table a ();",
            &[],
        ),
        (
            "sql/functions/f.sql",
            "-- Does a thing or two.\ncreate or replace function f()",
            &["lacks `called by:`"],
        ),
        (
            "sql/functions/f.sql",
            "-- Does a thing or two.\n-- Called by: apps.\n  create table a ();",
            &["a table belongs in migrations/"],
        ),
        (
            "sql/queries/q.sql",
            "-- Reads all of them.\n-- used by: x\n-- locks: none\nselect",
            &["lacks `index:`"],
        ),
        (
            "sql/queries/verify/q.sql",
            "-- Reads all of them.\nselect",
            &["lacks `used by:`", "lacks `locks:`", "lacks `index:`"],
        ),
    ];
    for (path, text, expected) in rows {
        let found = check(path, text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (one, part) in found.iter().zip(*expected) {
            assert!(one.contains(part), "{text}: {one}");
        }
    }
}
