//! Enrolment commits or rolls back with the app's own write: from psql, and from a second language's driver.

use std::{
    fmt::Write as _,
    process::{Command, Stdio},
};

use sqlx::{Executor, PgConnection};

use crate::support::{House, publish};

/// A workflow that anybody can be enrolled in.
const WORKFLOW: &str = r#"{"id": "welcome", "actions": [
    {"id": "hello", "type": "add_tag", "config": {"tag": "welcomed"}}]}"#;
/// Transactions each client runs.
const TRANSACTIONS: usize = 1_000;

/// A repeatable coin: true commits.
fn coin(n: usize) -> bool {
    let mut x = (n as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)) & 1 == 1
}

async fn enrolled(c: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as(
        "select (select count(*) from waypost.runs),
                (select count(*) from waypost.runs r join crm.contacts k on k.id = r.contact_id)",
    )
    .fetch_one(c)
    .await
    .unwrap()
}

async fn house(name: &str) -> (House, PgConnection) {
    let house = House::new(name).await;
    let mut c = house.connect().await;
    publish(&house, &mut c, WORKFLOW).await;
    c.execute("set role waypost_worker").await.unwrap();
    (house, c)
}

/// Without psql this part is left out, and `bin/test` says so; under CI it may not be.
fn without_psql() -> bool {
    let there = Command::new("psql").arg("--version").output().is_ok();
    assert!(
        there || std::env::var_os("CI").is_none(),
        "psql is not on the PATH"
    );
    !there
}

#[tokio::test]
async fn from_psql_executions_equal_commits() {
    if without_psql() {
        println!("left out: no psql on the PATH");
        return;
    }
    let (house, mut c) = house("psql").await;
    let mut script = String::from("set waypost.tenant = 't';\n");
    let mut commits = 0;
    for n in 0..TRANSACTIONS {
        let end = if coin(n) { "commit" } else { "rollback" };
        commits += i64::from(coin(n));
        writeln!(
            script,
            "begin;\n\
             insert into crm.contacts (email) values ('p{n}@example.com') returning id \\gset\n\
             select outcome from waypost.enroll('welcome', :'id');\n{end};"
        )
        .unwrap();
    }
    let mut psql = Command::new("psql")
        .args(["-XqAt", "-v", "ON_ERROR_STOP=1", &house.db.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql is on the PATH (postgresql-client)");
    let mut input = psql.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        std::io::Write::write_all(&mut input, script.as_bytes()).unwrap();
    });
    let output = psql.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        answers.lines().filter(|line| *line == "enrolled").count(),
        TRANSACTIONS
    );
    assert!(
        commits > 400 && commits < 600,
        "the coin is fair: {commits}"
    );
    assert_eq!(enrolled(&mut c).await, (commits, commits));
}

#[tokio::test]
async fn from_python_executions_equal_commits() {
    let Ok(python) = std::env::var("WAYPOST_TEST_PYTHON") else {
        println!("left out: WAYPOST_TEST_PYTHON names no interpreter with psycopg");
        return;
    };
    let (house, mut c) = house("python").await;
    let ends: String = (0..TRANSACTIONS)
        .map(|n| if coin(n) { 'c' } else { 'r' })
        .collect();
    let output = Command::new(python)
        .args(["tests/it/enrol.py", &house.db.url(), &ends])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let commits = i64::try_from(ends.matches('c').count()).unwrap();
    assert_eq!(enrolled(&mut c).await, (commits, commits));
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_leaves_the_transaction_whole() {
    let (house, mut worker) = house("refusal").await;
    let mut c = house.connect().await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    let table = [
        (
            "select outcome, reason from waypost.enroll('nowhere', $1)",
            "unknown_workflow",
        ),
        (
            "select outcome, reason from waypost.enroll('welcome', gen_random_uuid(), key => $1::text)",
            "unknown_contact",
        ),
    ];
    c.execute("begin").await.unwrap();
    for (statement, wanted) in table {
        let (outcome, reason): (String, String) = sqlx::query_as(statement)
            .bind(ada)
            .fetch_one(&mut c)
            .await
            .unwrap();
        assert_eq!((outcome.as_str(), reason.as_str()), ("blocked", wanted));
    }
    let (outcome,): (String,) = sqlx::query_as("select outcome from waypost.enroll('welcome', $1)")
        .bind(ada)
        .fetch_one(&mut c)
        .await
        .unwrap();
    assert_eq!(outcome, "enrolled");
    c.execute("commit").await.unwrap();
    assert_eq!(enrolled(&mut worker).await, (1, 1));
    let strict = sqlx::query("select waypost.enroll('nowhere', $1, strict => true)")
        .bind(ada)
        .execute(&mut c)
        .await;
    assert!(strict.is_err(), "strict raises");
}
