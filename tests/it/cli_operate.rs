//! Operating from the command line: enrolling, orders to one and to many, events, the outbox.

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::cli::{EXAMPLE, Shell, WORKFLOW};

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
    let (code, errors) = shell.refused(&["executions", "review", id, "--approve"]);
    assert!(code == 1 && errors.contains("no open review"), "{errors}");
    let undecided = ["executions", "review", id];
    assert_eq!(shell.refused(&undecided).0, 2, "approved or rejected");
    let both = ["executions", "review", id, "--approve", "--reject"];
    assert_eq!(shell.refused(&both).0, 2);
    let many = [
        "executions",
        "review",
        "--workflow",
        WORKFLOW,
        "--reject",
        "--dry-run",
    ];
    assert_eq!(shell.json(&many)["matched"], json!(0), "nobody waits");
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

    // A query that writes is refused, whatever it calls itself.
    let writes = "select waypost.pause(id) from waypost.runs";
    let (code, errors) = shell.refused(&["enroll", WORKFLOW, "--sql", writes]);
    assert!(
        code == 1 && errors.contains("read-only transaction"),
        "{errors}"
    );

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
            .any(|row| row["error"] == json!("settled_by_operator")),
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

#[tokio::test]
async fn suppressions_come_from_arguments_and_files_and_keep_people_out() {
    let shell = Shell::new("cli_suppressions").await;
    let file = std::env::temp_dir().join(format!("waypost-list-{}.txt", shell.db.name()));
    std::fs::write(
        &file,
        "a@example.com\n\n  Rival.Test \r\n+49 30 123456\na@example.com\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let done = shell.json(&["suppressions", "import", file, "--reason", "bounced"]);
    assert_eq!(done, json!({ "values": 4, "new": 3 }));
    let added = shell.json(&["suppressions", "add", "b@example.com", "--list", "vip"]);
    assert_eq!(added, json!({ "values": 1, "new": 1 }));
    let all = shell.text(&["suppressions", "list"]);
    for wanted in ["rival.test", "+4930123456", "bounced", "vip", "4 entries"] {
        assert!(all.contains(wanted), "{wanted}: {all}");
    }
    std::fs::write(file, "a@example.com\nno one\n").unwrap();
    let (code, why) = shell.refused(&["suppressions", "import", file]);
    assert!(
        code == 2 && why.contains("lines 1 to 3") && !why.contains("no one"),
        "{code} {why}"
    );
    std::fs::remove_file(file).unwrap();
    shell.text(&["suppressions", "remove", "A@example.com"]);
    let (code, _) = shell.refused(&["suppressions", "remove", "a@example.com"]);
    assert_eq!(code, 1);
}
