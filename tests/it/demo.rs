//! `waypost demo`: the counts add up, it can be played again, and other tenants stay as they are.

use std::process::{Command, Output};

use serde_json::Value;
use sqlx::{Executor, PgConnection};

use crate::support::database;

/// Runs the binary as a person would; `args` follow the command's name.
fn demo(url: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_waypost"))
        .arg("demo")
        .args(args)
        .env("DATABASE_URL", url)
        .env_remove("WAYPOST_TENANT")
        .output()
        .unwrap()
}

fn last_line(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

async fn count(c: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(c).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_add_up_and_a_second_demo_starts_anew() {
    let db = database("demo").await;
    let mut c = db.connect().await;
    c.execute(
        "select set_config('waypost.tenant', 'default', false);
         insert into crm.contacts (email, tags) values ('bystander@example.com', '{kept}')",
    )
    .await
    .unwrap();
    let mut before = None;
    for turn in ["first", "second"] {
        let line = last_line(&demo(&db.url(), &["--contacts", "40", "--exit", "--json"]));
        let figure = |name: &str| {
            line[name]
                .as_i64()
                .unwrap_or_else(|| panic!("{name} in {line}"))
        };
        assert_eq!(figure("contacts"), 40, "{turn}");
        assert_eq!(
            figure("executions"),
            figure("completed") + figure("exited"),
            "{line}"
        );
        assert_eq!(figure("failed"), 0, "{line}");
        assert!(
            figure("messages") > 0 && figure("goal_achievements") > 0,
            "{line}"
        );
        assert!(line["seconds"].as_f64().unwrap() > 0.0, "{line}");

        for (what, sql, expected) in [
            (
                "mails",
                "select count(*) from waypost.messages where tenant = 'demo'",
                figure("messages"),
            ),
            (
                "mails, each of a delivery",
                "select count(*) from waypost.messages where tenant = 'demo' and execution_id is not null",
                figure("messages"),
            ),
            (
                "contacts",
                "select count(*) from crm.contacts where tenant_id = 'demo'",
                40,
            ),
            (
                "executions",
                "select count(*) from waypost.finished f join waypost.tenants t on t.id = f.tenant_id where t.name = 'demo'",
                figure("executions"),
            ),
            ("what still runs", "select count(*) from waypost.runs", 0),
            (
                "what is still to be sent",
                "select count(*) from waypost.sends",
                0,
            ),
            (
                "what is still to be matched",
                "select count(*) from waypost.event_queue q join waypost.tenants t on t.id = q.tenant_id where t.name = 'demo'",
                0,
            ),
            (
                "ends after now",
                "select count(*) from waypost.finished where finished_at > clock_timestamp()",
                0,
            ),
            ("workflows", "select count(*) from waypost.workflows", 3),
            (
                "bystanders",
                "select count(*) from crm.contacts where tenant_id = 'default' and 'kept' = any(tags)",
                1,
            ),
        ] {
            assert_eq!(count(&mut c, sql).await, expected, "{what}, {turn} time");
        }
        // The script is the same, so who comes and who buys is.
        let people: Vec<(String, bool)> = sqlx::query_as(
            "select id::text, last_purchase_date is not null from crm.contacts where tenant_id = 'demo' order by id",
        )
        .fetch_all(&mut c)
        .await
        .unwrap();
        assert_eq!(before.get_or_insert(people.clone()), &people);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contact_is_enough() {
    let db = database("demo_one").await;
    let line = last_line(&demo(&db.url(), &["--contacts", "1", "--exit", "--json"]));
    assert_eq!(
        (line["contacts"].as_i64(), line["failed"].as_i64()),
        (Some(1), Some(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_no_demo_made_is_refused() {
    let db = database("demo_refused").await;
    let mut c = db.connect().await;
    c.execute("insert into waypost.tenants (name) values ('demo')")
        .await
        .unwrap();
    let refused = demo(&db.url(), &["--contacts", "1", "--exit"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("--tenant"), "{said}");
    assert_eq!(
        count(&mut c, "select count(*) from waypost.workflows").await,
        0
    );
}

#[test]
fn what_cannot_be_played_is_a_usage_error() {
    for args in [
        &["--contacts", "0"][..],
        &["--contacts", "many"],
        &["--listen", "nowhere"],
    ] {
        assert_eq!(
            demo("postgres://nobody@127.0.0.1:1/none", args)
                .status
                .code(),
            Some(2),
            "{args:?}"
        );
    }
}
