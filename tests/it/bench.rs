//! `waypost bench`: every case runs at a small size, measures what it says, and leaves nothing behind.

use std::time::Duration;

use serde_json::Value;

use crate::cli::Shell;

/// Databases of the bench that nobody uses: those of the other tests here are in use all the time.
async fn unused(shell: &Shell) -> Vec<String> {
    let mut c = shell.db.connect().await;
    sqlx::query_scalar(
        "select d.datname::text from pg_database d
          where d.datname like 'waypost_bench_%'
            and not exists (select from pg_stat_activity a where a.datid = d.oid)",
    )
    .fetch_all(&mut c)
    .await
    .unwrap()
}

/// What stays although nobody uses it, and was not there `before`.
async fn leftovers(shell: &Shell, before: &[String]) -> Vec<String> {
    let mut left = unused(shell).await;
    left.retain(|name| !before.contains(name));
    if !left.is_empty() {
        // One that is being made or dropped just now is no leftover.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let still = unused(shell).await;
        left.retain(|name| still.contains(name));
    }
    left
}

/// Runs cases at small sizes and answers them, each with its figures.
async fn measured(name: &str, cases: &[&str]) -> Vec<Value> {
    let shell = Shell::new(name).await;
    // A run that was killed leaves its own, for an hour.
    let before = unused(&shell).await;
    let report = shell.json(&[&["bench", "--quick"], cases].concat());
    for fact in ["waypost", "postgres", "machine", "settings"] {
        assert!(!report[fact].is_null(), "{fact}: {report}");
    }
    assert_eq!(report["quick"], true);
    assert_eq!(leftovers(&shell, &before).await, Vec::<String>::new());
    let told = report["cases"].as_array().unwrap().clone();
    assert_eq!(told.len(), cases.len(), "{report}");
    for (case, name) in told.iter().zip(cases) {
        assert_eq!(case["case"], **name);
        let figures = case["figures"].as_array().unwrap();
        assert!(!figures.is_empty(), "{case}");
        for figure in figures {
            let median = figure["median"].as_f64();
            assert!(
                median.is_some_and(|median| median >= 0.0),
                "{name}: {figure}"
            );
            let goal = figure.get("goal").is_some();
            assert_eq!(figure.get("reached").is_some(), goal, "{figure}");
        }
    }
    told
}

fn figure(case: &Value, name: &str) -> f64 {
    let figures = case["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["figure"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {case}"))["median"]
        .as_f64()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn drains_are_held_against_the_floor() {
    let cases = measured(
        "bench_drains",
        &["floor", "pure", "dispatch", "hold", "steps"],
    )
    .await;
    for case in &cases {
        assert!(figure(case, "executions_per_s") > 0.0, "{case}");
        assert!(figure(case, "wal_per_execution") > 100.0, "{case}");
    }
    for case in &cases[1..] {
        let ratio = figure(case, "executions_per_s") / figure(&cases[0], "executions_per_s");
        let told = figure(case, "of_the_floor");
        assert!((ratio / told - 1.0).abs() < 0.01, "{ratio}: {case}");
    }
    assert!(figure(&cases[2], "dispatches_per_s") > 0.0);
    // A commit for every step is more commits.
    let transactions = |n: usize| figure(&cases[n], "transactions_per_execution");
    assert!(transactions(4) > transactions(1), "{cases:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_is_timed() {
    let cases = measured("bench_starts", &["latency", "events", "enroll", "fair"]).await;
    for name in ["event_p50", "enrol_p50", "outside_p50"] {
        assert!(
            figure(&cases[0], name) > 0.1,
            "{name} of nothing: {:?}",
            cases[0]
        );
    }
    assert!(figure(&cases[1], "enrolled_per_s") > 0.0);
    assert!(figure(&cases[2], "of_bare_inserts") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_beside_is_compared_with_nothing_beside() {
    let cases = measured("bench_beside", &["waiting", "snapshot"]).await;
    for case in &cases {
        let ratio = figure(case, "beside_per_s") / figure(case, "alone_per_s");
        assert!(
            (ratio / figure(case, "of_alone") - 1.0).abs() < 0.01,
            "{case}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_its_own_is_watched() {
    let cases = measured("bench_worker", &["idle", "memory", "simulate", "stats"]).await;
    assert!(
        figure(&cases[0], "queries_per_s") > 0.0,
        "the relay saw nothing"
    );
    if cfg!(target_os = "linux") {
        assert!(figure(&cases[1], "most_memory") > 1.0);
    }
    assert!(figure(&cases[2], "rows_per_s") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_told_one_by_one_and_the_flags_shape_a_drain_in_the_given_database() {
    let shell = Shell::new("bench_here").await;
    let report = shell.json(&[
        "bench",
        "--here",
        "--runs",
        "2",
        "--executions",
        "300",
        "--steps",
        "3",
        "--effects",
        "2",
        "--policy",
        "hold",
        "--no-fuse",
        "--latency-rate",
        "0",
    ]);
    let drain = &report["cases"][0];
    assert_eq!(drain["case"], "drain");
    assert_eq!(drain["figures"][0]["runs"].as_array().unwrap().len(), 2);
    let mut c = shell.db.connect().await;
    let sent: (i64, i64) = sqlx::query_as(
        "select (select count(*) from waypost.deliveries where state = 3 and policy = 2),
                (select count(*) from waypost.finished where status = 4)",
    )
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert_eq!(sent, (2 * 300 * 2, 2 * 300));
}

#[test]
fn help_names_every_case() {
    let help = crate::cli::command(&["bench", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for (name, about) in waypost::app::bench::CASES {
        assert!(
            help.contains(name) && help.contains(about),
            "{name}: {help}"
        );
    }
}
