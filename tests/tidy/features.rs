//! The feature `core` builds the pure floors alone: what else the package needs is optional, and in `full`.

use std::collections::BTreeSet;

use super::Finding;

/// What the pure floors may know. Whatever is not named here belongs to `full`.
const PURE: &[&str] = &[
    "serde",
    "serde_json",
    "serde_path_to_error",
    "saphyr-parser",
    "schemars",
    "uuid",
    "chrono",
    "chrono-tz",
    "rust_decimal",
    "minijinja",
    "regex",
    "sha2",
    "thiserror",
];
const FLOORS: &[&str] = &["model", "catalog", "engine"];

/// What is wrong with the dependencies of `Cargo.toml`.
pub fn dependencies(cargo: &str) -> Vec<Finding> {
    let mut section = "";
    let (mut optional, mut named) = (BTreeSet::new(), BTreeSet::new());
    let mut found = Vec::new();
    for (n, line) in cargo.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        } else if section == "[features]"
            && let Some(name) = line
                .strip_prefix("\"dep:")
                .and_then(|rest| rest.strip_suffix("\","))
        {
            named.insert(name);
        } else if section == "[dependencies]"
            && let Some((name, what)) = line.split_once(" = ")
        {
            let pure = PURE.contains(&name);
            match what.contains("optional = true") {
                true if pure => found.push(format!("Cargo.toml:{}: `{name}` is of the pure floors, and optional", n + 1)),
                true => _ = optional.insert(name),
                false if pure => {}
                false => found.push(format!(
                    "Cargo.toml:{}: `{name}` is not of the pure floors: make it optional and name it in `full`",
                    n + 1
                )),
            }
        }
    }
    let without = optional.symmetric_difference(&named);
    found.extend(
        without.map(|name| {
            format!("Cargo.toml: `{name}` is optional but not in `full`, or the reverse")
        }),
    );
    found
}

/// Rooms of `src/lib.rs` that stand in `core` and may not, or the reverse.
pub fn rooms(lib: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut full = false;
    for (n, line) in lib.lines().enumerate() {
        match line {
            "#[cfg(feature = \"full\")]" => full = true,
            _ => {
                let Some(room) = line
                    .strip_prefix("pub mod ")
                    .and_then(|rest| rest.strip_suffix(';'))
                else {
                    continue;
                };
                if full == FLOORS.contains(&room) {
                    let (line, gate) = (n + 1, "#[cfg(feature = \"full\")]");
                    let with = if full { "without" } else { "behind" };
                    found.push(format!(
                        "src/lib.rs:{line}: `{room}` should stand {with} `{gate}`"
                    ));
                }
                full = false;
            }
        }
    }
    found
}

#[test]
fn what_the_pure_floors_need_not_is_found() {
    let rows: &[(&str, &[&str])] = &[
        (
            "[dependencies]\nserde = \"1\"\n[dev-dependencies]\nproptest = \"1\"",
            &[],
        ),
        (
            "[dependencies]\ntokio = \"1\"",
            &[
                "Cargo.toml:2: `tokio` is not of the pure floors: make it optional and name it in `full`",
            ],
        ),
        (
            "[dependencies]\ntokio = { version = \"1\", optional = true }",
            &["Cargo.toml: `tokio` is optional but not in `full`, or the reverse"],
        ),
        (
            "[features]\n\"dep:tokio\",\n[dependencies]\ntokio = { version = \"1\", optional = true }",
            &[],
        ),
        (
            "[dependencies]\nuuid = { version = \"1\", optional = true }",
            &["Cargo.toml:2: `uuid` is of the pure floors, and optional"],
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(dependencies(text), *expected, "{text}");
    }
}

#[test]
fn a_room_on_the_wrong_side_is_found() {
    let gate = "#[cfg(feature = \"full\")]";
    assert_eq!(
        rooms("pub mod store;"),
        [format!(
            "src/lib.rs:1: `store` should stand behind `{gate}`"
        )]
    );
    assert_eq!(
        rooms(&format!("{gate}\npub mod model;")),
        [format!(
            "src/lib.rs:2: `model` should stand without `{gate}`"
        )]
    );
    let fine = format!("pub mod model;\n{gate}\n#[doc(hidden)]\npub mod testing;\npub mod engine;");
    assert_eq!(rooms(&fine), [""; 0]);
}
