//! Libraries, the clock and the environment stay on the floors that may know them.

use super::{
    Finding,
    source::{code, is_test_file, paths, tokens, without_tests},
};

/// A path that only these rooms may say, and why.
struct Kept {
    path: &'static [&'static str],
    rooms: &'static [&'static str],
    why: &'static str,
}

const SQL: &[&str] = &["store", "worker", "app", "api", "cli", "testing"];
const HTTP: &[&str] = &["connect", "app", "cli", "private_pg", "testing"];
const ASYNC: &[&str] = &[
    "connect",
    "store",
    "worker",
    "app",
    "api",
    "cli",
    "testing",
    "telemetry",
    "private_pg",
    "faults",
];
const SETTINGS: &[&str] = &["app", "cli", "telemetry", "private_pg", "testing", "faults"];
const PURE: &str = "the pure floors take the time as a parameter and do no I/O";

const KEPT: &[Kept] = &[
    Kept {
        path: &["sqlx"],
        rooms: SQL,
        why: "only `store` and what stands on it speak to Postgres",
    },
    Kept {
        path: &["axum"],
        rooms: &["api", "cli", "testing"],
        why: "only `api` serves HTTP",
    },
    Kept {
        path: &["reqwest"],
        rooms: HTTP,
        why: "outgoing calls go through `connect`",
    },
    Kept {
        path: &["lettre"],
        rooms: &["connect"],
        why: "mail goes through `connect`",
    },
    Kept {
        path: &["tokio"],
        rooms: ASYNC,
        why: PURE,
    },
    Kept {
        path: &["Utc", "now"],
        rooms: ASYNC,
        why: PURE,
    },
    Kept {
        path: &["Local", "now"],
        rooms: &[],
        why: "business time comes from the database",
    },
    Kept {
        path: &["SystemTime", "now"],
        rooms: ASYNC,
        why: PURE,
    },
    Kept {
        path: &["Instant", "now"],
        rooms: ASYNC,
        why: PURE,
    },
    Kept {
        path: &["rand"],
        rooms: ASYNC,
        why: "choices hash, they are never drawn",
    },
    Kept {
        path: &["std", "fs"],
        rooms: &["store", "app", "cli", "private_pg", "testing"],
        why: PURE,
    },
    Kept {
        path: &["std", "env"],
        rooms: SETTINGS,
        why: "settings are read in one place and handed down",
    },
];

/// What one file of `src/` says that its room may not. Tests may.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some(inner) = path.strip_prefix("src/") else {
        return Vec::new();
    };
    let Some((room, _)) = inner.split_once('/') else {
        return Vec::new();
    };
    if is_test_file(path) {
        return Vec::new();
    }
    let code = code(text);
    let mut found = Vec::new();
    for (names, line) in paths(&without_tests(&tokens(&code))) {
        for kept in KEPT {
            if !kept.rooms.contains(&room) && says(&names, kept.path) {
                let said = kept.path.join("::");
                found.push(format!("{path}:{line}: `{said}` in `{room}`: {}", kept.why));
            }
        }
    }
    found
}

/// A crate or module stands at the head of a path, a call at its end (`chrono::Utc::now`).
fn says(names: &[&str], what: &[&str]) -> bool {
    match what.last() {
        Some(&"now") => names.ends_with(what),
        _ => names.len() > what.len() && names.starts_with(what) || what.len() > 1 && names == what,
    }
}

#[test]
fn what_lies_below_its_floor_is_found() {
    let rows = [
        ("src/model/a.rs", "use tokio::sync;", "`tokio` in `model`"),
        (
            "src/engine/a.rs",
            "fn f() { sqlx::query(x) }",
            "`sqlx` in `engine`",
        ),
        (
            "src/connect/a.rs",
            "use sqlx::PgPool;",
            "`sqlx` in `connect`",
        ),
        (
            "src/catalog/a.rs",
            "use {serde::Serialize, reqwest::Client};",
            "`reqwest` in `catalog`",
        ),
        (
            "src/store/a.rs",
            "use reqwest::Client;",
            "`reqwest` in `store`",
        ),
        ("src/worker/a.rs", "use axum::Router;", "`axum` in `worker`"),
        (
            "src/engine/a.rs",
            "let now = chrono::Utc::now();",
            "`Utc::now` in `engine`",
        ),
        (
            "src/model/a.rs",
            "let now = Utc::now();",
            "`Utc::now` in `model`",
        ),
        (
            "src/store/a.rs",
            "use std::{env, mem};",
            "`std::env` in `store`",
        ),
        (
            "src/worker/a.rs",
            "std::env::var(x)",
            "`std::env` in `worker`",
        ),
        ("src/engine/a.rs", "rand::random()", "`rand` in `engine`"),
    ];
    for (path, text, expected) in rows {
        let found = check(path, text);
        let [one] = &found[..] else {
            panic!("{text}: {found:?}")
        };
        assert!(
            one.starts_with(&format!("{path}:1: {expected}")),
            "{text}: {one}"
        );
    }
}

#[test]
fn what_stands_on_its_floor_or_in_tests_is_left_alone() {
    let rows = [
        ("src/store/a.rs", "use sqlx::PgPool; use tokio::sync;"),
        ("src/api/a.rs", "use axum::Router;"),
        (
            "src/model/a.rs",
            "// tokio::spawn\nconst T: &str = \"sqlx::query\"; let environment = env;",
        ),
        ("src/model/tests.rs", "let now = Utc::now();"),
        (
            "src/model/a.rs",
            "#[cfg(test)]\nmod tests { fn f() { Utc::now(); } }",
        ),
    ];
    for (path, text) in rows {
        assert_eq!(check(path, text), [""; 0], "{text}");
    }
}
