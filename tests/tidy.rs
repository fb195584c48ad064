//! The house inspector: what reviews would otherwise have to look for, found by a machine.
//!
//! Every rule is a function from text to findings, and each file has a test that plants what its rule
//! forbids. `cargo test --test tidy`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/catalog.rs"]
mod catalog;
#[path = "tidy/features.rs"]
mod features;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/size.rs"]
mod size;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/sql.rs"]
mod sql;
#[path = "tidy/words.rs"]
mod words;

use source::{File, tracked};

/// One thing that is wrong, as `file:line: what`.
type Finding = String;

fn refuse(findings: Vec<Finding>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn sources() -> Vec<File> {
    let files = tracked(|path| path.starts_with("src/") && path.ends_with(".rs"));
    assert!(files.len() > 100, "only {} source files", files.len());
    files
}

#[test]
fn imports_only_go_down() {
    refuse(
        sources()
            .iter()
            .flat_map(|f| arrows::check(&f.path, &f.text))
            .collect(),
    );
}

#[test]
fn libraries_and_clocks_stay_on_their_floors() {
    refuse(
        sources()
            .iter()
            .flat_map(|f| floors::check(&f.path, &f.text))
            .collect(),
    );
}

#[test]
fn the_pure_floors_build_alone() {
    let read = |path| std::fs::read_to_string(path).expect("a file of the package");
    refuse(features::dependencies(&read("Cargo.toml")));
    refuse(features::rooms(&read("src/lib.rs")));
}

#[test]
fn every_catalog_file_has_its_row_and_its_name() {
    let files = sources();
    for family in [&catalog::ACTIONS, &catalog::TRIGGERS] {
        refuse(catalog::check(family, &files));
    }
}

#[test]
fn every_sql_file_says_what_it_is() {
    let files = tracked(|path| path.ends_with(".sql") && !path.starts_with("tests/"));
    assert!(files.len() > 100, "only {} SQL files", files.len());
    refuse(
        files
            .iter()
            .flat_map(|f| sql::check(&f.path, &f.text))
            .collect(),
    );
}

#[test]
fn nothing_unfinished_and_no_trace_of_one_machine() {
    let files = tracked(|path| !path.ends_with(".lock"));
    refuse(
        files
            .iter()
            .flat_map(|f| words::check(&f.path, &f.text))
            .collect(),
    );
}

#[test]
fn what_the_documents_name_is_there() {
    let all = tracked(|_| true);
    let documents = all.iter().filter(|f| f.path.ends_with(".md"));
    refuse(
        documents
            .flat_map(|f| papers::check(&f.path, &f.text, &all))
            .collect(),
    );
}

#[test]
fn the_page_of_the_schema_has_every_table_and_index() {
    let schema = std::fs::read_to_string("docs/SCHEMA.md").expect("docs/SCHEMA.md");
    refuse(papers::schema(
        &schema,
        &tracked(|path| path.starts_with("migrations/") || path.starts_with("sql/security/")),
    ));
}

/// A smell, not a fault: printed, never refused.
#[test]
fn long_files_and_functions_are_named() {
    use std::io::Write as _;
    let mut smells: Vec<_> = sources()
        .iter()
        .flat_map(|f| size::look(&f.path, &f.text))
        .collect();
    smells.sort();
    let mut out = std::io::stderr().lock(); // past the capture of passing tests
    for smell in smells {
        writeln!(out, "long: {smell}").expect("stderr takes text");
    }
}
