//! The command line: each command's happy path, its refusals, exit codes and the shape of its JSON.

use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;
use waypost::testing::TestDb;

use crate::support::database;

/// The example, as a path that holds wherever the tests run.
pub const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/abandoned-cart.json");
/// Its workflow.
pub const WORKFLOW: &str = "abandoned-cart-recovery";

/// The binary on one database.
pub struct Shell {
    pub db: TestDb,
}

impl Shell {
    pub async fn new(name: &str) -> Shell {
        Shell {
            db: database(name).await,
        }
    }

    pub fn run(&self, args: &[&str]) -> Output {
        command(args)
            .env("DATABASE_URL", self.db.url())
            .output()
            .unwrap()
    }

    /// Standard output of a command that must succeed.
    pub fn text(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {errors}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// The JSON that a command prints.
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.text(&[args, &["--json"]].concat());
        serde_json::from_str(text.lines().last().unwrap_or("null")).unwrap()
    }

    /// Exit code and standard error of a command that must not succeed.
    pub fn refused(&self, args: &[&str]) -> (i32, String) {
        let out = self.run(args);
        (
            out.status.code().unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        )
    }

    pub async fn contact(&self, c: &mut PgConnection, email: &str) -> Uuid {
        sqlx::query_scalar("insert into crm.contacts (email) values ($1) returning id")
            .bind(email)
            .fetch_one(c)
            .await
            .unwrap()
    }
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(args);
    for name in [
        "DATABASE_URL",
        "PGHOST",
        "PGDATABASE",
        "WAYPOST_TENANT",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

#[test]
fn without_a_database_exit_codes_say_what_kind_of_no_it_is() {
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing";
    for (args, code, part) in [
        (vec!["validate", EXAMPLE], 0, ""),
        (
            vec!["validate", "no-such-file.json"],
            2,
            "no-such-file.json",
        ),
        (
            vec!["executions", "list", "--database-url", nowhere],
            3,
            "127.0.0.1:1",
        ),
        (
            vec!["executions", "list", "--database-url", "nonsense"],
            2,
            "postgres://user@host",
        ),
        (
            vec!["healthcheck", "--database-url", nowhere],
            3,
            "cannot be reached",
        ),
        (
            vec!["db", "reset", "--yes", "--database-url", nowhere],
            2,
            "private Postgres only",
        ),
        (
            vec!["executions", "cancel", "--database-url", nowhere],
            2,
            "say which",
        ),
        (
            vec!["deploy", EXAMPLE, "--in-flight", "migrate"],
            2,
            "--in-flight",
        ),
        (
            vec!["executions", "list", "--status", "asleep"],
            2,
            "dispatching",
        ),
        (vec!["emit", "a.b", "--data", "{"], 2, "no JSON"),
        (vec!["config", "--tenant", "a b"], 2, "letters, digits"),
    ] {
        let out = command(&args).output().unwrap();
        let errors = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(part), "{args:?}: {errors}");
    }
}

#[test]
fn a_bad_definition_is_named_with_its_line() {
    let file = std::env::temp_dir().join(format!("waypost-bad-{}.json", std::process::id()));
    std::fs::write(&file, "{\n  \"id\": \"w\",\n  \"actionz\": []\n}").unwrap();
    let out = command(&["validate", file.to_str().unwrap(), "--json"])
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(out.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(told["valid"], json!(false));
    let lines: Vec<_> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["line"])
        .collect();
    assert!(lines.contains(&&json!(3)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_refused_until_it_is_migrated() {
    let shell = Shell {
        db: TestDb::empty("cli_empty").await,
    };
    let (code, errors) = shell.refused(&["tenants", "list"]);
    assert_eq!(code, 1);
    assert!(errors.contains("run `waypost migrate`"), "{errors}");
    assert_eq!(shell.refused(&["healthcheck"]).0, 1);

    let plan = shell.json(&["migrate", "--plan"]);
    assert_eq!(plan["applied"], json!(false));
    assert!(!plan["migrations"].as_array().unwrap().is_empty());
    let done = shell.json(&["migrate"]);
    assert_eq!(done["migrations"], plan["migrations"]);
    assert_eq!(shell.json(&["migrate"])["migrations"], json!([]));

    assert_eq!(shell.json(&["healthcheck"])["migrated"], json!(true));
    assert_eq!(
        shell.json(&["tenants", "list"])[0]["name"],
        json!("default")
    );
    shell.text(&["tenants", "create", "acme", "--timezone", "Europe/Berlin"]);
    assert_eq!(shell.refused(&["tenants", "create", "acme"]).0, 1);
    assert_eq!(
        shell
            .refused(&["tenants", "create", "x", "--timezone", "Mars"])
            .0,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_made_only_where_the_definition_differs() {
    let shell = Shell::new("cli_deploy").await;
    let plan = shell.json(&["deploy", EXAMPLE, "--publish", "--plan"]);
    assert_eq!(
        (&plan[0]["change"], &plan[0]["version"]),
        (&json!("created"), &json!(1))
    );

    let draft = shell.json(&["deploy", EXAMPLE]);
    assert_eq!(
        draft[0]["change"],
        json!("created"),
        "the plan stored nothing"
    );
    assert_eq!(
        (&draft[0]["status"], &draft[0]["published"]),
        (&json!("draft"), &json!(false))
    );
    let live = shell.json(&["deploy", EXAMPLE, "--publish"]);
    assert_eq!(
        (&live[0]["change"], &live[0]["version"]),
        (&json!("unchanged"), &json!(1))
    );
    assert_eq!(
        (&live[0]["status"], &live[0]["published"]),
        (&json!("active"), &json!(true))
    );

    let mut c = shell.db.connect().await;
    let rows: (i64, i64, Option<i32>) = sqlx::query_as(
        "select (select count(*) from waypost.trigger_index), (select count(*) from waypost.interests),
                (select version from waypost.workflows where status = 'active')",
    )
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert!(rows.0 == 1 && rows.1 > 0 && rows.2 == Some(1), "{rows:?}");

    // Running executions stay where they are.
    let contact = shell.contact(&mut c, "a@example.com").await.to_string();
    shell.text(&["enroll", WORKFLOW, "--contact", &contact]);
    let changed = std::fs::read_to_string(EXAMPLE)
        .unwrap()
        .replacen('{', "{ \"priority\": 3,", 1);
    let file = std::env::temp_dir().join(format!("waypost-changed-{}.json", std::process::id()));
    std::fs::write(&file, changed).unwrap();
    let next = shell.json(&["deploy", file.to_str().unwrap(), "--publish"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        (&next[0]["change"], &next[0]["version"]),
        (&json!("updated"), &json!(2))
    );
    assert_eq!(next[0]["pinned"][0]["version"], json!(1));
    assert_eq!(next[0]["pinned"][0]["executions"], json!(1));

    // An unknown tenant is created by deploying into it.
    shell.text(&["deploy", EXAMPLE, "--publish", "--tenant", "acme"]);
    assert_eq!(shell.json(&["tenants", "list"])[0]["name"], json!("acme"));
    assert_eq!(
        shell.json(&["executions", "list", "--tenant", "acme"])["executions"],
        json!([])
    );
}

#[test]
fn settings_say_where_they_came_from_and_hide_passwords() {
    let out = command(&["config", "--json"])
        .env("DATABASE_URL", "postgres://me:hidden@db/x")
        .env("WAYPOST_BATCH", "7")
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(!text.contains("hidden"), "{text}");
    let lines: Value = serde_json::from_str(&text).unwrap();
    let batch = lines
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["name"] == "WAYPOST_BATCH");
    assert_eq!(
        batch.unwrap(),
        &json!({ "name": "WAYPOST_BATCH", "value": "7", "origin": "environment" })
    );
}

#[test]
fn a_simulation_needs_no_database_and_ends_with_its_summary() {
    let dir = std::env::temp_dir().join(format!("waypost-simulate-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (people, facts) = (dir.join("contacts.jsonl"), dir.join("events.jsonl"));
    std::fs::write(&people, "{\"id\": \"c1\", \"email\": \"a@example.com\"}\n").unwrap();
    std::fs::write(
        &facts,
        "{\"type\": \"form.abandoned\", \"contact_id\": \"c1\", \"occurred_at\": \"2026-03-01T09:00:00Z\", \"data\": {\"formId\": \"checkout-form\"}}\n",
    )
    .unwrap();
    let (people, facts) = (people.to_str().unwrap(), facts.to_str().unwrap());
    let args = [
        "simulate",
        EXAMPLE,
        "--contacts",
        people,
        "--events",
        facts,
        "--json",
    ];
    let out = command(&args).output().unwrap();
    let missing = command(&["simulate", EXAMPLE, "--contacts", "no-such.jsonl"])
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        rows.last().unwrap()["summary"]["total_enrollments"],
        json!(1),
        "{text}"
    );
    assert!(
        rows.iter()
            .any(|row| row["event"] == json!("action:dispatched")),
        "{text}"
    );
    assert_eq!(missing.status.code(), Some(2));
}
