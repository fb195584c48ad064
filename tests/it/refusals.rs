//! Enrollment over time and under concurrency: pauses and what comes after them, the limit of a workflow, the ledger
//! over versions, and what becomes of a reservation.

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;
use waypost::{store::Scope, worker::run::Runner};

use crate::{
    fleet::deploy,
    support::{House, start},
};

fn workflow(settings: Value, more: Value) -> Value {
    let mut whole = json!({ "id": "w", "trigger": { "type": "go" }, "enrollmentSettings": settings, "actions": [
        { "id": "rest", "type": "delay", "config": { "duration": { "amount": 1, "unit": "days" } }, "onSuccess": ["out"] },
        { "id": "out", "type": "add_tag", "config": { "tag": "out" } }] });
    for (name, value) in more.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

async fn text(c: &mut PgConnection, query: &str) -> String {
    let query = format!(
        "select coalesce(string_agg(x::text, ' ' order by x::text), '') from ({query}) q(x)"
    );
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(c)
        .await
        .unwrap()
}

async fn go(c: &mut PgConnection, who: Uuid) {
    sqlx::query("select waypost.emit('go', $1)")
        .bind(who)
        .execute(c)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_paused_workflow_says_so_to_events_and_goes_on_when_it_is_active_again() {
    let house = House::new("refusal_paused").await;
    let mut c = house.connect().await;
    let who = house.contact(&mut c, "a@example.com").await;
    deploy(&house.db, "t", &workflow(json!({}), json!({})));
    let mut driver = house.driver();
    go(&mut c, who).await;
    driver.settle().await.unwrap();
    deploy(
        &house.db,
        "t",
        &workflow(json!({}), json!({ "status": "paused" })),
    );
    go(&mut c, who).await;
    driver
        .advance_to(start() + TimeDelta::days(3))
        .await
        .unwrap();
    let live = "select status from waypost.executions where ended_at is null";
    assert_eq!(text(&mut c, live).await, "waiting");
    let told = "select event || ' ' || (detail ->> 'reason') from waypost.engine_events where contact_id is not null";
    assert_eq!(
        text(&mut c, told).await,
        "enrollment:blocked workflow_paused"
    );
    let why = format!(
        "select reason from waypost.explain('{who}', 'w') where outcome = 'blocked' and stage = 'enrollment'"
    );
    assert_eq!(text(&mut c, &why).await, "workflow_paused");
    deploy(&house.db, "t", &workflow(json!({}), json!({})));
    driver.settle().await.unwrap();
    let ended = "select status from waypost.executions";
    assert_eq!(text(&mut c, ended).await, "completed");
}

#[tokio::test]
async fn four_runners_let_exactly_as_many_in_as_the_workflow_has_room_for() {
    let house = House::new("refusal_room").await;
    let mut c = house.db.connect().await;
    let settings = json!({ "enrollmentLimit": 10, "enrollmentLimitScope": "workflow",
                           "enrollmentWindow": { "amount": 7, "unit": "days" } });
    deploy(&house.db, "default", &workflow(settings, json!({})));
    sqlx::query("insert into crm.contacts (email) select g || '@example.com' from generate_series(1, 200) g")
        .execute(&mut c)
        .await
        .unwrap();
    text(
        &mut c,
        "select outcome from waypost.enroll_many('w', array(select id from crm.contacts))",
    )
    .await;
    let scope = Scope::Everyone { except: Vec::new() };
    let settings = waypost::worker::WorkerSettings {
        batch: 7,
        ..Default::default()
    };
    let connectors = waypost::connect::Connectors::default();
    let secrets = std::sync::Arc::new(waypost::connect::NoSecrets);
    let shared =
        waypost::worker::Shared::new(&house.db.url(), connectors, secrets, settings).unwrap();
    let runners = (0..4).map(|_| {
        let (shared, scope, db) = (shared.clone(), scope.clone(), &house.db);
        async move {
            let mut runner = Runner::new(shared);
            let mut c = db.connect().await;
            let open = "select 1 from waypost.runs where not state ? 's'";
            while !text(&mut c, open).await.is_empty() {
                runner.run_once(&scope).await.unwrap();
            }
        }
    });
    join_all(runners).await;
    let live = "select status || count(*) from waypost.executions group by status";
    assert_eq!(text(&mut c, live).await, "exited190 waiting10");
    let kept = "select reason || count(*) from waypost.enrollment_blocks group by reason";
    assert_eq!(text(&mut c, kept).await, "workflow_limit190");
    let numbers =
        "select distinct detail - 'nextAt' from waypost.enrollment_blocks where detail ? 'nextAt'";
    assert_eq!(
        text(&mut c, numbers).await,
        r#"{"used": 10, "limit": 10, "window": {"unit": "days", "amount": 7}}"#
    );
    let counted = "select used from waypost.workflow_limits";
    assert_eq!(text(&mut c, counted).await, "10");
    let total = "select total_enrollments from waypost.workflow_stats where workflow = 'w'";
    assert_eq!(text(&mut c, total).await, "10");
}

#[tokio::test]
async fn the_ledger_keeps_what_the_published_rules_ask_for() {
    let house = House::new("refusal_ledger").await;
    let mut c = house.connect().await;
    let who = house.contact(&mut c, "a@example.com").await;
    let limit = |n: u32| json!({ "enrollmentLimit": n, "allowMultipleEnrollments": true });
    let enroll =
        format!("select concat_ws('/', outcome, reason) from waypost.enroll('w', '{who}')");
    let mut driver = house.driver();
    let none = json!({ "allowMultipleEnrollments": true });
    deploy(&house.db, "t", &workflow(none, json!({})));
    for _ in 0..2 {
        assert_eq!(text(&mut c, &enroll).await, "enrolled");
    }
    driver.settle().await.unwrap();
    // Enrolled before any rule counted, begun after: it is a start all the same.
    assert_eq!(text(&mut c, &enroll).await, "enrolled");
    deploy(&house.db, "t", &workflow(limit(1), json!({})));
    let starts = "select cardinality(starts) from waypost.enrollments";
    assert_eq!(text(&mut c, starts).await, "1");
    assert_eq!(text(&mut c, &enroll).await, "blocked/enrollment_limit");
    // A rule that looks back further finds what the narrower one had forgotten.
    deploy(&house.db, "t", &workflow(limit(4), json!({})));
    assert_eq!(text(&mut c, starts).await, "2");
    driver.settle().await.unwrap();
    assert_eq!(text(&mut c, starts).await, "3");
    assert_eq!(text(&mut c, &enroll).await, "enrolled");
    driver.settle().await.unwrap();
    assert_eq!(text(&mut c, &enroll).await, "blocked/enrollment_limit");
    let used =
        "select detail ->> 'used' from waypost.enrollment_blocks where detail ->> 'limit' = '4'";
    assert_eq!(text(&mut c, used).await, "4");
}

#[tokio::test]
async fn a_definition_that_cannot_be_read_frees_what_was_reserved() {
    let house = House::new("refusal_unread").await;
    let mut c = house.connect().await;
    let who = house.contact(&mut c, "a@example.com").await;
    deploy(
        &house.db,
        "t",
        &workflow(json!({ "enrollmentLimit": 1 }), json!({})),
    );
    let enroll =
        format!("select concat_ws('/', outcome, reason) from waypost.enroll('w', '{who}')");
    assert_eq!(text(&mut c, &enroll).await, "enrolled");
    let sound: Value = sqlx::query_scalar("select definition from waypost.versions")
        .fetch_one(&mut c)
        .await
        .unwrap();
    let broken = "update waypost.versions set definition = $1";
    sqlx::query(broken)
        .bind(json!({ "id": "w", "actions": [{ "id": "rest", "type": "of_another_binary" }] }))
        .execute(&mut c)
        .await
        .unwrap();
    house.driver().settle().await.unwrap();
    let ended = "select status || ' ' || reason from waypost.executions";
    assert_eq!(text(&mut c, ended).await, "failed definition");
    let ledger = "select starts::text || coalesce(reserved_at::text, '') from waypost.enrollments";
    assert_eq!(text(&mut c, ledger).await, "{}");
    sqlx::query(broken)
        .bind(sound)
        .execute(&mut c)
        .await
        .unwrap();
    assert_eq!(text(&mut c, &enroll).await, "enrolled");
}
