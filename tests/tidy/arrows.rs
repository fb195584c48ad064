//! Imports only go down: what each room may know.

use super::{
    Finding,
    source::{code, is_test_file, paths, tokens, without_tests},
};

/// Each room and the rooms that it may import, itself aside.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("catalog", &["model"]),
    ("connect", &["model"]),
    ("engine", &["model", "catalog"]),
    ("private_pg", &[]),
    ("telemetry", &[]),
    ("faults", &[]),
    (
        "store",
        &[
            "model",
            "catalog",
            "engine",
            "connect",
            "telemetry",
            "faults",
        ],
    ),
    (
        "worker",
        &[
            "model",
            "catalog",
            "engine",
            "store",
            "connect",
            "telemetry",
            "faults",
        ],
    ),
    (
        "app",
        &[
            "model",
            "catalog",
            "engine",
            "store",
            "worker",
            "connect",
            "private_pg",
            "telemetry",
            "faults",
        ],
    ),
    (
        "api",
        &[
            "model",
            "catalog",
            "engine",
            "store",
            "worker",
            "connect",
            "telemetry",
            "app",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "catalog",
            "engine",
            "store",
            "worker",
            "connect",
            "private_pg",
            "telemetry",
            "app",
            "api",
        ],
    ),
    (
        "testing",
        &["app", "store", "private_pg", "connect", "model"],
    ),
];

/// What goes up or sideways in one file of `src/`.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some(module) = module(path) else {
        return Vec::new();
    };
    let Some(&(room, below)) = ROOMS.iter().find(|(name, _)| *name == module[0]) else {
        return vec![format!(
            "{path}: room `{}` has no row in tests/tidy/arrows.rs",
            module[0]
        )];
    };
    let code = code(text);
    let tokens = tokens(&code);
    let shipped = if is_test_file(path) {
        Vec::new()
    } else {
        paths(&without_tests(&tokens))
    };
    let mut found = Vec::new();
    let mut judge = |other: &str, line: usize, in_tests: bool| {
        let fine = other == room || below.contains(&other) || !is_room(other);
        if other == "*" {
            found.push(format!(
                "{path}:{line}: imports the whole crate; name the room"
            ));
        } else if !(fine || in_tests && other == "testing") {
            found.push(format!("{path}:{line}: `{room}` may not import `{other}`"));
        }
    };
    for (names, line) in paths(&tokens) {
        if let ["crate", other, ..] = names[..] {
            judge(other, line, !shipped.contains(&(names, line)));
        }
    }
    for (names, line) in &shipped {
        // Above a module of tests `super` is the file itself: only what ships is counted upwards.
        let ups = names.iter().take_while(|name| **name == "super").count();
        if let (true, Some(other)) = (ups > 0 && ups >= module.len(), names.get(ups)) {
            judge(other, *line, false);
        }
    }
    found
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

/// The module path of a file in a room; `lib.rs` and `main.rs` are the front door and stand in none.
fn module(path: &str) -> Option<Vec<&str>> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut names: Vec<_> = inner.split('/').collect();
    if names.last() == Some(&"mod") {
        names.pop();
    }
    (!["lib", "main"].contains(&names[0])).then_some(names)
}

#[test]
fn an_arrow_that_goes_up_is_found() {
    let rows = [
        (
            "src/model/a.rs",
            "use crate::engine::x;",
            "src/model/a.rs:1: `model` may not import `engine`",
        ),
        (
            "src/model/mod.rs",
            "\nuse super::store;",
            "src/model/mod.rs:2: `model` may not import `store`",
        ),
        (
            "src/engine/a.rs",
            "use crate::{\n model::x,\n store::y,\n};",
            "src/engine/a.rs:3: `engine` may not import `store`",
        ),
        (
            "src/store/a/b.rs",
            "fn f() { super::super::super::worker::go() }",
            "src/store/a/b.rs:1: `store` may not import `worker`",
        ),
        (
            "src/connect/a.rs",
            "fn f() -> crate::catalog::T {}",
            "src/connect/a.rs:1: `connect` may not import `catalog`",
        ),
        (
            "src/worker/a.rs",
            "use crate::app;",
            "src/worker/a.rs:1: `worker` may not import `app`",
        ),
        (
            "src/private_pg/a.rs",
            "use crate::model;",
            "src/private_pg/a.rs:1: `private_pg` may not import `model`",
        ),
        (
            "src/app/a.rs",
            "use crate::testing::T;",
            "src/app/a.rs:1: `app` may not import `testing`",
        ),
        (
            "src/api/a.rs",
            "use crate::*;",
            "src/api/a.rs:1: imports the whole crate; name the room",
        ),
        (
            "src/attic/a.rs",
            "",
            "src/attic/a.rs: room `attic` has no row in tests/tidy/arrows.rs",
        ),
    ];
    for (path, text, expected) in rows {
        assert_eq!(check(path, text), [expected], "{text}");
    }
}

#[test]
fn arrows_that_go_down_are_left_alone() {
    let rows = [
        ("src/cli/mod.rs", "use crate::{app, store::x};"),
        (
            "src/worker/a.rs",
            "use crate::connect::Connectors; use super::b; // crate::app",
        ),
        (
            "src/store/a/b.rs",
            "use super::super::worker; // a module of the store that is called so",
        ),
        ("src/lib.rs", "pub use crate::cli::run;"),
        (
            "src/store/mod.rs",
            "#[cfg(test)]\nmod tests { use super::*; use crate::testing::TestDb; }",
        ),
        (
            "src/app/tests.rs",
            "use super::super::testing; use crate::testing::TestDb;",
        ),
        ("src/model/a.rs", "const T: &str = \"crate::store\";"),
    ];
    for (path, text) in rows {
        assert_eq!(check(path, text), [""; 0], "{text}");
    }
}
