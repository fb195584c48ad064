//! `waypost serve` and `waypost worker`: what they answer, that they work, and that SIGTERM ends them in order.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::Executor;
use waypost::testing::TestDb;

use crate::support::database;

/// A process that stays until it is told to end.
struct Standing {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Standing {
    fn start(db: &TestDb, args: &[&str]) -> Standing {
        let mut child = Command::new(env!("CARGO_BIN_EXE_waypost"))
            .args(args)
            .env("DATABASE_URL", db.url())
            .env_remove("WAYPOST_TENANT")
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Standing { child, stderr }
    }

    /// The rest of the line of standard error that begins with this.
    fn said(&mut self, beginning: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended without saying {beginning:?}: {seen}");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
            seen.push_str(&line);
        }
    }

    /// Tells it to end; answers its exit code and how long it took.
    fn end(mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let killed = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(killed.success());
        let code = self.child.wait().unwrap().code();
        (code, began.elapsed())
    }
}

impl Drop for Standing {
    /// A test that failed leaves nobody behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_says_how_things_stand() {
    let db = database("cli_serve").await;
    let mut standing = Standing::start(&db, &["serve", "--listen", "127.0.0.1:0"]);
    let base = standing.said("serving ");
    assert_eq!(
        get(&format!("{base}/healthz")).await,
        (200, "ok\n".to_owned())
    );
    let (status, body) = get(&format!("{base}/readyz")).await;
    let ready: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &ready["ready"], &ready["isolated"]),
        (200, &true.into(), &true.into())
    );
    let (status, body) = get(&format!("{base}/metrics")).await;
    assert_eq!(status, 200);
    for line in [
        "waypost_up 1",
        "waypost_executions{status=\"waiting\"} 0",
        "waypost_lag_seconds{queue=\"events\"} 0",
    ] {
        assert!(body.contains(line), "{line} is not in\n{body}");
    }
    let (status, page) = get(&base).await;
    assert!(
        status == 200 && page.contains("there and migrated"),
        "{page}"
    );
    assert_eq!(get(&format!("{base}/nothing")).await.0, 404);

    // Migrations that it does not find make it say so, and serve on.
    let mut c = db.connect().await;
    c.execute(
        "set role waypost_owner; delete from waypost.migrations where name like 'migrations/0004%'",
    )
    .await
    .unwrap();
    let (status, body) = get(&format!("{base}/readyz")).await;
    assert!(status == 503 && body.contains("waypost migrate"), "{body}");

    let (code, took) = standing.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_what_is_there_and_ends_when_told() {
    let db = database("cli_worker").await;
    let file = std::env::temp_dir().join(format!("waypost-tagger-{}.json", std::process::id()));
    std::fs::write(
        &file,
        r#"{"id": "tagger", "trigger": {"type": "custom.event"},
            "actions": [{"id": "tag", "type": "add_tag", "config": {"tag": "seen"}}]}"#,
    )
    .unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        let out = command
            .args(args)
            .env("DATABASE_URL", db.url())
            .env_remove("WAYPOST_TENANT")
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    };
    run(&["deploy", file.to_str().unwrap(), "--publish"]);
    std::fs::remove_file(&file).unwrap();
    let mut c = db.connect().await;
    let contact: uuid::Uuid = sqlx::query_scalar(
        "insert into crm.contacts (email) values ('a@example.com') returning id",
    )
    .fetch_one(&mut c)
    .await
    .unwrap();
    let mut standing = Standing::start(&db, &["worker", "--concurrency", "2"]);
    standing.said("working: ");
    run(&["emit", "custom.event", "--contact", &contact.to_string()]);

    let finished = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let tags: Vec<String> = sqlx::query_scalar(
                "select unnest(k.tags) from crm.contacts k
                  where k.id = $1 and exists (select from waypost.finished f where f.contact_id = k.id)",
            )
            .bind(contact)
            .fetch_all(&mut c)
            .await
            .unwrap();
            if !tags.is_empty() {
                return tags;
            }
        }
    };
    let tags = tokio::time::timeout(Duration::from_secs(20), finished)
        .await
        .unwrap();
    assert_eq!(tags, ["seen"]);
    let (code, _) = standing.end();
    assert_eq!(code, Some(0));
}
