//! The command line: each command's happy path, its refusals, exit codes and the shape of its JSON.

use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;
use waypost::testing::TestDb;

use crate::support::database;

/// The example, as a path that holds wherever the tests run.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/abandoned-cart.json");
const WORKFLOW: &str = "abandoned-cart-recovery";

/// The binary on one database.
struct Shell {
    db: TestDb,
}

impl Shell {
    async fn new(name: &str) -> Shell {
        Shell {
            db: database(name).await,
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        command(args)
            .env("DATABASE_URL", self.db.url())
            .output()
            .unwrap()
    }

    /// Standard output of a command that must succeed.
    fn text(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {errors}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// The JSON that a command prints.
    fn json(&self, args: &[&str]) -> Value {
        let text = self.text(&[args, &["--json"]].concat());
        serde_json::from_str(text.lines().last().unwrap_or("null")).unwrap()
    }

    /// Exit code and standard error of a command that must not succeed.
    fn refused(&self, args: &[&str]) -> (i32, String) {
        let out = self.run(args);
        (
            out.status.code().unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        )
    }

    async fn contact(&self, c: &mut PgConnection, email: &str) -> Uuid {
        sqlx::query_scalar("insert into crm.contacts (email) values ($1) returning id")
            .bind(email)
            .fetch_one(c)
            .await
            .unwrap()
    }
}

fn command(args: &[&str]) -> Command {
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
            vec!["deploy", EXAMPLE, "--in-flight", "drain"],
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

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_enrolled_looked_at_and_told_what_to_do() {
    let shell = Shell::new("cli_operate").await;
    shell.text(&["deploy", EXAMPLE, "--publish"]);
    let mut c = shell.db.connect().await;
    let contact = shell.contact(&mut c, "a@example.com").await.to_string();

    let tried = shell.json(&["enroll", WORKFLOW, "--contact", &contact, "--dry-run"]);
    assert_eq!(tried["outcome"], json!("enrolled"));
    assert_eq!(
        shell.json(&["executions", "list"])["executions"],
        json!([]),
        "a dry run keeps nothing"
    );
    let done = shell.json(&["enroll", WORKFLOW, "--contact", &contact]);
    assert_eq!(done["outcome"], json!("enrolled"));
    let id = done["execution_id"].as_str().unwrap();
    assert_eq!(
        shell.json(&["enroll", WORKFLOW, "--contact", &contact])["outcome"],
        json!("duplicate")
    );
    let (code, errors) = shell.refused(&["enroll", "no-such", "--contact", &contact]);
    assert!(
        code == 1 && errors.contains("no workflow \"no-such\""),
        "{errors}"
    );
    let nobody = Uuid::nil().to_string();
    assert_eq!(
        shell.refused(&["enroll", WORKFLOW, "--contact", &nobody]).0,
        1
    );

    let shown = shell.json(&["executions", "show", id]);
    assert_eq!(
        (&shown["id"], &shown["status"]),
        (&json!(id), &json!("ready"))
    );
    assert_eq!(shown["timeline"][0]["event"], json!("execution:created"));
    assert_eq!(shell.refused(&["executions", "show", &nobody]).0, 1);

    assert_eq!(
        shell.json(&["executions", "pause", id])["status"],
        json!("paused")
    );
    assert_eq!(
        shell.json(&["executions", "resume", id])["status"],
        json!("ready")
    );
    let (code, errors) = shell.refused(&["executions", "skip-wait", id]);
    assert!(code == 1 && errors.contains("not waiting"), "{errors}");
    assert_eq!(
        shell.json(&["executions", "cancel", id, "--reason", "test"])["status"],
        json!("cancelled")
    );
    assert!(
        shell
            .refused(&["executions", "pause", id])
            .1
            .contains("has ended")
    );
    assert_eq!(
        shell.json(&["executions", "list", "--status", "cancelled"])["executions"][0]["reason"],
        json!("test")
    );

    let why = shell.json(&["explain", "--contact", &contact, "--workflow", WORKFLOW]);
    let stages: Vec<_> = why
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["stage"])
        .collect();
    assert!(stages.contains(&&json!("execution")), "{why}");
    assert_eq!(
        shell
            .refused(&["explain", "--contact", &contact, "--workflow", "no-such"])
            .0,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_paused_by_a_filter_and_the_batch_is_undone_once() {
    let shell = Shell::new("cli_bulk").await;
    shell.text(&["deploy", EXAMPLE, "--publish"]);
    let mut c = shell.db.connect().await;
    c.execute("insert into crm.contacts (email) select 'p' || g || '@example.com' from generate_series(1, 5) g")
        .await
        .unwrap();
    let query = "select id from crm.contacts; ";
    let tried = shell.json(&["enroll", WORKFLOW, "--sql", query, "--dry-run"]);
    assert_eq!(
        (&tried["contacts"], &tried["enrolled"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(
        shell.json(&["enroll", WORKFLOW, "--sql", query])["enrolled"],
        json!(5)
    );
    assert_eq!(
        shell.json(&["enroll", WORKFLOW, "--sql", query])["duplicate"],
        json!(5)
    );
    let (code, errors) = shell.refused(&["enroll", WORKFLOW, "--sql", "select 'x'"]);
    assert!(
        code == 2 && errors.contains("waypost.contact_id"),
        "{errors}"
    );
    let (code, errors) = shell.refused(&[
        "enroll",
        WORKFLOW,
        "--sql",
        "select id from crm.contacts) q(c); delete from crm.contacts --",
    ]);
    assert_eq!(code, 1, "{errors}");

    let first = shell.json(&["executions", "list", "--limit", "3"]);
    let next = first["next"].as_str().unwrap();
    let rest = shell.json(&["executions", "list", "--limit", "3", "--cursor", next]);
    let sizes = [&first, &rest].map(|page| page["executions"].as_array().unwrap().len());
    assert_eq!((sizes, &rest["next"]), ([3, 2], &Value::Null));

    let which = ["executions", "pause", "--workflow", WORKFLOW];
    let tried = shell.json(&[&which[..], &["--dry-run"]].concat());
    assert_eq!(
        (&tried["matched"], &tried["batch"]),
        (&json!(5), &Value::Null)
    );
    let done = shell.json(&which);
    assert_eq!((&done["changed"], &done["refused"]), (&json!(5), &json!(0)));
    let batch = done["batch"].as_str().unwrap();
    assert_eq!(shell.json(&["undo", batch])["changed"], json!(5));
    let (code, errors) = shell.refused(&["undo", batch]);
    assert!(code == 1 && errors.contains("already"), "{errors}");
    let gone = shell.json(&["executions", "cancel", "--workflow", WORKFLOW]);
    let (code, errors) = shell.refused(&["undo", gone["batch"].as_str().unwrap()]);
    assert!(code == 1 && errors.contains("cannot be undone"), "{errors}");
    let found = shell.json(&["verify"]);
    assert!(
        found
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["violations"] == json!(0)),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_one_by_one_or_by_the_file() {
    let shell = Shell::new("cli_emit").await;
    let contact = Uuid::from_u128(7).to_string();
    let args = [
        "emit",
        "custom.event",
        "--contact",
        &contact,
        "--dedupe-key",
        "k",
    ];
    let id = shell.json(&args)["id"].clone();
    assert_eq!(
        shell.json(&args)["id"],
        id,
        "the same key is the same event"
    );

    let file = std::env::temp_dir().join(format!("waypost-events-{}.jsonl", std::process::id()));
    let line = json!({ "type": "custom.event", "contact_id": contact, "data": { "n": 1 } });
    std::fs::write(&file, format!("{line}\n\n{line}\n")).unwrap();
    assert_eq!(
        shell.json(&["emit", "--file", file.to_str().unwrap()])["events"],
        json!(2)
    );
    std::fs::write(&file, format!("{line}\n{{\"kind\": 1}}\n")).unwrap();
    let (code, errors) = shell.refused(&["emit", "--file", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert!(code == 2 && errors.contains(":2: no event"), "{errors}");

    let mut c = shell.db.connect().await;
    let queued: i64 = sqlx::query_scalar("select count(*) from waypost.event_queue")
        .fetch_one(&mut c)
        .await
        .unwrap();
    assert_eq!(queued, 3);
}

/// An execution with one outbox row in the state that the statement gives.
async fn with_send(shell: &Shell, c: &mut PgConnection) -> (String, Uuid) {
    shell.text(&["deploy", EXAMPLE, "--publish"]);
    let contact = shell.contact(c, "a@example.com").await.to_string();
    let done = shell.json(&["enroll", WORKFLOW, "--contact", &contact]);
    let id = done["execution_id"].as_str().unwrap().to_owned();
    let send = sqlx::query_scalar(
        "insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step,
                action, policy, state, fence, attempt, due_at, first_at, claimed_at, lease_until, created_at,
                timeout_ms, request)
         select r.bucket, waypost.outbox_id(r.id, 0), r.id, 0, r.tenant_id, r.workflow_id, r.version, r.contact_id, 1,
                'send_email', 2, 2, 1, 1, now(), now(), now(), now(), now(), 1000, '{}' from waypost.runs r
         returning id",
    )
    .fetch_one(c)
    .await
    .unwrap();
    (id, send)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_what_may_have_left_is_unknown_and_an_operator_settles_it() {
    let shell = Shell::new("cli_outbox").await;
    let mut c = shell.db.connect().await;
    let (_, send) = with_send(&shell, &mut c).await;
    let send = send.to_string();
    let (code, errors) = shell.refused(&["outbox", "resolve", &send, "--as", "sent"]);
    assert!(code == 1 && errors.contains("is sending"), "{errors}");

    assert_eq!(shell.json(&["restore-guard"])["unknown"], json!(1));
    assert_eq!(shell.json(&["restore-guard"])["unknown"], json!(0));
    let listed = shell.json(&["outbox", "list", "--status", "unknown"]);
    assert_eq!(listed["outbox"][0]["id"], json!(send));
    let told: Value = sqlx::query_scalar("select input from waypost.wakes where kind = 0")
        .fetch_one(&mut c)
        .await
        .unwrap();
    let reply: waypost::model::transition::Reply = serde_json::from_value(told).unwrap();
    assert_eq!(
        reply.outcome,
        waypost::model::transition::ReplyOutcome::Unknown
    );

    assert_eq!(
        shell.json(&["outbox", "resolve", &send, "--as", "sent"])["status"],
        json!("sent")
    );
    assert_eq!(
        shell
            .refused(&["outbox", "resolve", &send, "--as", "sent"])
            .0,
        1
    );
    let shown = shell.json(&["outbox", "show", &send]);
    assert_eq!(shown["status"], json!("sent"));
    let evidence = shown["attempt_log"].as_array().unwrap().iter();
    assert!(
        evidence
            .clone()
            .any(|row| row["error"] == json!("resolved_by_operator")),
        "{shown}"
    );
    assert_eq!(
        shell
            .refused(&["outbox", "show", &Uuid::nil().to_string()])
            .0,
        1
    );
    c.close().await.unwrap();
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
