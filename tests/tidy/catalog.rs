//! A trigger or an action is one file and one row of its table; the file is called as its kind.

use super::{Finding, source::File};

/// Where a part of the catalog lies, and how its files and rows are written.
pub struct Family {
    folder: &'static str,
    /// What a file says that is an entry.
    mark: &'static str,
    /// What stands before the kind.
    kind: &'static str,
    /// The row of an entry: its folder, its file and the word after `mark`.
    row: fn(folder: &str, file: &str, named: &str) -> String,
    /// What a row begins with in the table.
    row_start: &'static str,
}

pub const ACTIONS: Family = Family {
    folder: "src/catalog/actions/",
    mark: "pub const ENTRY: ",
    kind: "kind: \"",
    row: |folder, file, _| format!("{folder}::{file}::ENTRY,"),
    row_start: "",
};

pub const TRIGGERS: Family = Family {
    folder: "src/catalog/triggers/",
    mark: "impl TriggerConfig for ",
    kind: "const KIND: &'static str = \"",
    row: |folder, _, named| format!("TriggerEntry::of::<{folder}::{named}>(),"),
    row_start: "TriggerEntry::of::<",
};

/// What is wrong with the files of a family and with its table.
pub fn check(family: &Family, files: &[File]) -> Vec<Finding> {
    let table = format!("{}mod.rs", family.folder);
    let Some(table) = files.iter().find(|f| f.path == table) else {
        return vec![format!("{table}: is missing")];
    };
    let mut rows: Vec<&str> = table
        .text
        .lines()
        .skip_while(|line| !line.starts_with("pub const ALL"))
        .skip(1)
        .take_while(|line| !line.starts_with(']'))
        .map(str::trim)
        .filter(|line| {
            !line.is_empty() && !line.starts_with("//") && line.starts_with(family.row_start)
        })
        .collect();
    let mut found = Vec::new();
    for file in files {
        let Some(inner) = file.path.strip_prefix(family.folder) else {
            continue;
        };
        let Some((folder, stem)) = inner.trim_end_matches(".rs").split_once('/') else {
            continue;
        };
        let Some(named) = after(&file.text, family.mark) else {
            let hidden = format!("{}{folder}/mod.rs", family.folder);
            let public = format!("pub mod {stem};");
            if files
                .iter()
                .any(|f| f.path == hidden && f.text.contains(&public))
            {
                found.push(format!("{}: is public and no entry", file.path));
            }
            continue;
        };
        let kind = after_quote(&file.text, family.kind);
        found.extend(names(&file.path, folder, stem, kind));
        if !file.text.starts_with(&format!("//! `{kind}`:")) {
            found.push(format!(
                "{}:1: the first line should begin with //! `{kind}`:",
                file.path
            ));
        }
        let row = (family.row)(folder, stem, named);
        match rows.iter().position(|have| *have == row) {
            Some(at) => drop(rows.remove(at)),
            None => found.push(format!(
                "{}: has no row `{row}` in {}",
                file.path, table.path
            )),
        }
    }
    found.extend(
        rows.iter()
            .map(|row| format!("{}: row `{row}` has no file", table.path)),
    );
    found
}

/// `contact.tag.added` is `contact/tag_added.rs`; `api.trigger`, of no folder's, is `custom/api_trigger.rs`.
fn names(path: &str, folder: &str, stem: &str, kind: &str) -> Option<Finding> {
    let inner = kind
        .strip_prefix(folder)
        .and_then(|rest| rest.strip_prefix('.'));
    let right = inner.unwrap_or(kind).replace('.', "_") == stem;
    (!right).then(|| format!("{path}: is called otherwise than its kind `{kind}`"))
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let rest = &text[text.find(mark)? + mark.len()..];
    Some(&rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_')?])
}

fn after_quote<'a>(text: &'a str, mark: &str) -> &'a str {
    let rest = text.find(mark).map_or("", |at| &text[at + mark.len()..]);
    rest.split('"').next().unwrap_or_default()
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_file_without_a_row_and_a_row_without_a_file_are_found() {
    let action = "//! `add_tag`: puts a tag on.\npub const ENTRY: ActionEntry = ActionEntry {\n    kind: \"add_tag\",\n};";
    let table = |rows: &str| {
        file(
            "src/catalog/actions/mod.rs",
            &format!("pub const ALL: &[ActionEntry] = &[\n{rows}];\n"),
        )
    };
    let good = "    crm::add_tag::ENTRY,\n";
    let at = "src/catalog/actions/crm/add_tag.rs";
    let rows = [
        (at, action, good, vec![]),
        (
            at,
            action,
            "",
            vec![format!(
                "{at}: has no row `crm::add_tag::ENTRY,` in src/catalog/actions/mod.rs"
            )],
        ),
        (
            at,
            action,
            "    crm::add_tag::ENTRY,\n    crm::gone::ENTRY,\n",
            vec!["src/catalog/actions/mod.rs: row `crm::gone::ENTRY,` has no file".to_owned()],
        ),
        (
            "src/catalog/actions/crm/tag.rs",
            action,
            "    crm::tag::ENTRY,\n",
            vec![
                "src/catalog/actions/crm/tag.rs: is called otherwise than its kind `add_tag`"
                    .to_owned(),
            ],
        ),
        (
            at,
            &action.replace("//! `add_tag`", "//! Tags"),
            good,
            vec![format!(
                "{at}:1: the first line should begin with //! `add_tag`:"
            )],
        ),
    ];
    for (path, text, table_rows, expected) in rows {
        assert_eq!(
            check(&ACTIONS, &[table(table_rows), file(path, text)]),
            expected,
            "{table_rows}"
        );
    }
    let door = file("src/catalog/actions/crm/mod.rs", "pub mod shared;\n");
    let shared = file("src/catalog/actions/crm/shared.rs", "//! Shared.\n");
    assert_eq!(
        check(&ACTIONS, &[table(""), door, shared]),
        ["src/catalog/actions/crm/shared.rs: is public and no entry"]
    );
}

#[test]
fn a_trigger_lies_where_its_kind_says() {
    let text = "//! `contact.tag.added`: a tag.\nimpl TriggerConfig for TagAdded {\n    const KIND: &'static str = \"contact.tag.added\";\n}";
    let table = file(
        "src/catalog/triggers/mod.rs",
        "pub const ALL: &[TriggerEntry] = &[\n    TriggerEntry::of::<contact::TagAdded>(),\n];\n",
    );
    let rows = [
        ("src/catalog/triggers/contact/tag_added.rs", 0),
        ("src/catalog/triggers/contact/added.rs", 1),
        ("src/catalog/triggers/form/tag_added.rs", 3), // nor a row of its own, nor has the row a file
    ];
    for (path, count) in rows {
        let files = [file(&table.path, &table.text), file(path, text)];
        assert_eq!(
            check(&TRIGGERS, &files).len(),
            count,
            "{path}: {:?}",
            check(&TRIGGERS, &files)
        );
    }
}
