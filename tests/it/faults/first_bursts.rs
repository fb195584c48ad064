//! What a trigger enrols begins in the matching transaction and needs no row until then: what comes in between.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use super::stage::Stage;

const SOON: Duration = Duration::from_secs(30);

/// `greet` listens to `arrived` by two triggers and has these steps.
fn greet(actions: &Value) -> Value {
    let trigger =
        |id: &str| json!({"id": id, "type": "custom.event", "config": {"name": "arrived"}});
    json!({"id": "greet", "triggers": [trigger("one"), trigger("two")], "actions": actions})
}

fn ends() -> Value {
    greet(&json!([{"id": "hello", "type": "set_variable", "config": {"name": "x", "value": 1}}]))
}

fn waits() -> Value {
    let duration = json!({"amount": 1, "unit": "days"});
    greet(
        &json!([{"id": "later", "type": "wait", "config": {"waitType": "duration", "duration": duration}}]),
    )
}

async fn arrives(stage: &Stage, contact: Uuid) -> PgConnection {
    let mut app = stage.db.connect().await;
    app.execute("set waypost.tenant = 'default'").await.unwrap();
    sqlx::query("select waypost.emit('custom.event', $1, '{\"name\": \"arrived\"}')")
        .bind(contact)
        .execute(&mut app)
        .await
        .unwrap();
    app
}

/// What the matcher noted of each trigger: outcome and execution.
async fn noted(stage: &mut Stage) -> Vec<(String, String)> {
    sqlx::query_as(
        "select d ->> 'outcome', d ->> 'execution' from waypost.events e, jsonb_array_elements(e.decisions) d
          where e.type = 'custom.event' order by d ->> 'trigger'",
    )
    .fetch_all(&mut stage.c)
    .await
    .unwrap()
}

const QUEUED: &str = "select count(*) from waypost.event_queue";

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_once_never_stands_in_the_hot_table() {
    let mut stage = Stage::new("first-ends", None).await;
    stage.deploy(&ends());
    let contact = stage.crowd(1).await[0];
    let mut owner = stage.db.connect().await;
    owner.execute("set role waypost_owner").await.unwrap();
    sqlx::raw_sql(
        "create function waypost.no_row() returns trigger language plpgsql as $$ begin raise 'a row'; end $$;
         grant execute on function waypost.no_row() to waypost_worker;
         create trigger no_row before insert on waypost.runs for each row execute function waypost.no_row()",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    arrives(&stage, contact).await;
    let _worker = stage.worker("match", "").await;
    stage.until_none("events wait", QUEUED, SOON).await.unwrap();
    let ended = "select count(*) from waypost.finished where status = 4";
    assert_eq!(stage.count(ended).await, 1);
    let noted = noted(&mut stage).await;
    assert_eq!(noted[0].0, "enrolled", "{noted:?}");
    assert_eq!(noted[1].0, "duplicate", "{noted:?}");
    assert_eq!(
        noted[0].1, noted[1].1,
        "the duplicate names the execution that holds the key"
    );
}

/// Enrols the contact by hand between the matcher's verdict and its writes.
async fn key_taken_meanwhile(name: &str, definition: &Value) -> (Stage, Vec<(String, String)>) {
    let mut stage = Stage::new(name, None).await;
    stage.deploy(definition);
    let contact = stage.crowd(1).await[0];
    let worker = stage.worker("match", "match.enrolled=ask@1").await;
    let mut app = arrives(&stage, contact).await;
    let held = worker.at.reaches("match.enrolled").await.unwrap();
    let outcome: String = sqlx::query_scalar("select outcome from waypost.enroll('greet', $1)")
        .bind(contact)
        .fetch_one(&mut app)
        .await
        .unwrap();
    assert_eq!(outcome, "enrolled", "nobody else's row is there yet");
    held.go().await;
    stage.until_none("events wait", QUEUED, SOON).await.unwrap();
    let noted = noted(&mut stage).await;
    (stage, noted)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_live_key_first_keeps_it() {
    let (mut stage, noted) = key_taken_meanwhile("first-waits", &waits()).await;
    assert_eq!(stage.count("select count(*) from waypost.runs").await, 1);
    assert_eq!(noted[0].0, "duplicate", "{noted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_and_ended_before_the_key_was_taken_stands() {
    let (mut stage, noted) = key_taken_meanwhile("first-ended", &ends()).await;
    assert_eq!(noted[0].0, "enrolled", "{noted:?}");
    let all =
        "select (select count(*) from waypost.runs) * 10 + (select count(*) from waypost.finished)";
    assert_eq!(stage.count(all).await, 11, "one is live, one has ended");
}

/// A first burst under way has no row that a publication could wait for: it waits for the matcher's buckets.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_published_meanwhile_knows_of_the_start() {
    let mut stage = Stage::new("first-ledger", None).await;
    stage.deploy(&ends());
    let contact = stage.crowd(1).await[0];
    let worker = stage.worker("match", "match.started=ask@1").await;
    arrives(&stage, contact).await;
    let held = worker.at.reaches("match.started").await.unwrap();
    let mut limited = ends();
    limited["enrollmentSettings"] = json!({"enrollmentLimit": 1});
    std::thread::scope(|scope| {
        let published = scope.spawn(|| stage.deploy(&limited));
        std::thread::sleep(Duration::from_millis(700));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(held.go());
        });
        published.join().unwrap();
    });
    stage.until_none("events wait", QUEUED, SOON).await.unwrap();
    let starts = "select coalesce(sum(cardinality(starts)), 0) from waypost.enrollments";
    assert_eq!(stage.count(starts).await, 1);
}
