//! Tenants take turns: one with a great deal to do does not keep the others waiting (I-8).

use sqlx::{Executor, PgConnection};
use waypost::{
    store::Scope,
    worker::{
        Round, WorkerSettings, dispatch::Dispatcher, match_events::Matcher, run::Runner, schedule,
    },
};

use crate::support::{House, publish};

const WORKFLOW: &str = r#"{"id": "w", "trigger": {"type": "api.trigger"}, "actions": [
    {"id": "one", "type": "set_variable", "config": {"name": "a", "value": 1}}]}"#;
/// Executions of the tenant that has much to do, and of each of the others.
const MUCH: i64 = 3_000;
const LITTLE: i64 = 5;
const OTHERS: i64 = 20;
const BATCH: i32 = 300;

/// A new tenant, which publishes `workflow` and for which `c` speaks from now on.
async fn settle(house: &mut House, c: &mut PgConnection, tenant: &str, workflow: &str) {
    house.tenant =
        sqlx::query_scalar("insert into waypost.tenants (name) values ($1) returning id")
            .bind(tenant)
            .fetch_one(&mut *c)
            .await
            .unwrap();
    sqlx::query("select set_config('waypost.tenant', $1, false)")
        .bind(tenant)
        .execute(&mut *c)
        .await
        .unwrap();
    publish(house, c, workflow).await;
}

async fn enrol(house: &mut House, c: &mut PgConnection, tenant: &str, count: i64, workflow: &str) {
    settle(house, c, tenant, workflow).await;
    let enrolled: i64 = sqlx::query_scalar(
        "with new as (insert into crm.contacts (email) select g || '@example.com' from generate_series(1, $1) g returning id)
         select count(*) from new, lateral waypost.enroll('w', new.id) e where e.outcome = 'enrolled'",
    )
    .bind(count)
    .fetch_one(&mut *c)
    .await
    .unwrap();
    assert_eq!(enrolled, count);
}

async fn finished(c: &mut PgConnection, of: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from waypost.finished f join waypost.tenants t on t.id = f.tenant_id
          where t.name like $1",
    )
    .bind(of)
    .fetch_one(c)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_others_are_done_after_two_claims_behind_one_with_much_to_do() {
    let settings = WorkerSettings {
        batch: BATCH,
        ..WorkerSettings::default()
    };
    let mut house = House::with("turns", settings).await;
    let mut c = house.db.connect().await;
    enrol(&mut house, &mut c, "much", MUCH, WORKFLOW).await;
    for n in 1..=OTHERS {
        enrol(&mut house, &mut c, &format!("other{n}"), LITTLE, WORKFLOW).await;
    }
    c.execute("reset role").await.unwrap();
    let mut runner = Runner::new(house.shared.clone());
    let scope = Scope::Everyone { except: Vec::new() };
    // The first claim goes by time, comes back full, and so the second goes by turns.
    for round in 0..2 {
        assert_eq!(
            runner.run_once(&scope).await.unwrap(),
            Round::Full,
            "{round}"
        );
    }
    assert_eq!(finished(&mut c, "other%").await, OTHERS * LITTLE);
    let done = finished(&mut c, "much").await;
    assert!(done >= i64::from(BATCH) && done < MUCH, "{done}");
    let mut rounds = 2;
    while runner.run_once(&scope).await.unwrap() != Round::Idle {
        rounds += 1;
    }
    assert_eq!(finished(&mut c, "much").await, MUCH);
    // Turns do not make claims smaller: what a turn leaves free is filled by time.
    let full = (MUCH + OTHERS * LITTLE) / i64::from(BATCH);
    assert!(rounds <= full + 3, "{rounds} claims instead of {full}");
}

/// Rows of these tenants that the statement counts.
async fn left(c: &mut PgConnection, sql: &'static str, of: &str) -> i64 {
    sqlx::query_scalar(sql).bind(of).fetch_one(c).await.unwrap()
}

const EVERYONE: Scope = Scope::Everyone { except: Vec::new() };

#[tokio::test]
async fn events_of_the_others_are_matched_in_the_second_round() {
    const LISTENS: &str = r#"{"id": "w", "trigger": {"type": "custom.event", "config": {"name": "here"}},
        "actions": [{"id": "one", "type": "set_variable", "config": {"name": "a", "value": 1}}]}"#;
    const EVENTS: i64 = 20_000;
    const QUEUED: &str =
        "select count(*) from waypost.event_queue q join waypost.tenants t on t.id = q.tenant_id
         where t.name like $1 and q.type = 'custom.event'";
    let mut house = House::new("turns-events").await;
    let mut c = house.db.connect().await;
    // More than a round takes, and older.
    sqlx::query(
        "with new as (insert into waypost.tenants (name) values ('much') returning id)
         insert into waypost.event_queue (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data)
         select g % 1024, clock_timestamp() - interval '1 minute', gen_random_uuid(), new.id, gen_random_uuid(),
                'custom.event', clock_timestamp(), '{\"name\": \"noise\"}'
           from new, generate_series(1, $1) g",
    )
    .bind(EVENTS)
    .execute(&mut c)
    .await
    .unwrap();
    for n in 1..=OTHERS {
        settle(&mut house, &mut c, &format!("other{n}"), LISTENS).await;
        sqlx::query(
            "with new as (insert into crm.contacts (email) select g || '@example.com' from generate_series(1, $1) g returning id)
             select waypost.emit('custom.event', id, '{\"name\": \"here\"}') from new",
        )
        .bind(LITTLE)
        .execute(&mut c)
        .await
        .unwrap();
    }
    c.execute("reset role").await.unwrap();
    assert_eq!(left(&mut c, QUEUED, "other%").await, OTHERS * LITTLE);
    let mut matcher = Matcher::new(house.shared.clone(), 0);
    // The first round goes by age and comes back full; the second goes by turns.
    for round in 0..2 {
        assert_eq!(
            matcher.run_once(&EVERYONE).await.unwrap(),
            Round::Full,
            "{round}"
        );
    }
    assert_eq!(left(&mut c, QUEUED, "other%").await, 0);
    assert!(
        left(&mut c, QUEUED, "much").await > 0,
        "there was too little to do"
    );
    while matcher.run_once(&EVERYONE).await.unwrap() != Round::Idle {}
    let queued = left(&mut c, QUEUED, "%").await;
    let started = left(
        &mut c,
        "select count(*) from waypost.finished f join waypost.tenants t on t.id = f.tenant_id where t.name like $1",
        "%",
    )
    .await;
    assert_eq!((queued, started), (0, OTHERS * LITTLE));
}

#[tokio::test]
async fn sends_of_the_others_leave_with_the_second_claim() {
    const SENDS: &str = r#"{"id": "w", "trigger": {"type": "api.trigger"}, "actions": [
        {"id": "one", "type": "http_request", "config": {"url": "https://example.com/", "policy": "dedupe"}}]}"#;
    const OPEN: &str =
        "select count(*) from waypost.sends s join waypost.tenants t on t.id = s.tenant_id
         where t.name like $1";
    let settings = WorkerSettings {
        batch: BATCH,
        ..WorkerSettings::default()
    };
    let mut house = House::with("turns-sends", settings).await;
    let mut c = house.db.connect().await;
    enrol(&mut house, &mut c, "much", MUCH, SENDS).await;
    for n in 1..=OTHERS {
        enrol(&mut house, &mut c, &format!("other{n}"), LITTLE, SENDS).await;
    }
    c.execute("reset role").await.unwrap();
    let mut runner = Runner::new(house.shared.clone());
    while runner.run_once(&EVERYONE).await.unwrap() != Round::Idle {}
    // The others asked last.
    sqlx::query("update waypost.sends s set due_at = due_at - interval '1 minute' from waypost.tenants t where t.id = s.tenant_id and t.name = 'much'")
        .execute(&mut c)
        .await
        .unwrap();
    let mut dispatcher = Dispatcher::new(house.shared.clone());
    for _ in 0..2 {
        dispatcher.run_once(&EVERYONE).await.unwrap();
        dispatcher.drain(&EVERYONE).await.unwrap();
    }
    assert_eq!(left(&mut c, OPEN, "other%").await, 0);
    assert!(
        left(&mut c, OPEN, "much").await > 0,
        "there was too little to do"
    );
    while dispatcher.run_once(&EVERYONE).await.unwrap() != Round::Idle {
        dispatcher.drain(&EVERYONE).await.unwrap();
    }
    assert_eq!(left(&mut c, OPEN, "%").await, 0);
}

#[tokio::test]
async fn timers_of_the_others_fire_in_the_first_round_that_is_full() {
    const PLANNED: &str =
        "select count(*) from waypost.timers d join waypost.tenants t on t.id = d.tenant_id
         where t.name like $1";
    let house = House::new("turns-timers").await;
    let mut c = house.db.connect().await;
    for (tenant, count, ago) in [("much".to_owned(), MUCH, 60)]
        .into_iter()
        .chain((1..=OTHERS).map(|n| (format!("other{n}"), LITTLE, 1)))
    {
        sqlx::query(
            "with new as (insert into waypost.tenants (name) values ($1) returning id)
             insert into waypost.timers (bucket, id, tenant_id, due_at, event_type, workflow_id, trigger_id, subject,
                    occurrence_key, data)
             select g % 1024, gen_random_uuid(), new.id, clock_timestamp() - $3 * interval '1 second', 'a.b', 1, 't',
                    's', g, '{}'
               from new, generate_series(1, $2) g",
        )
        .bind(tenant)
        .bind(count)
        .bind(ago)
        .execute(&mut c)
        .await
        .unwrap();
    }
    assert_eq!(
        schedule::run_once(&house.shared, &EVERYONE).await.unwrap(),
        Round::Full
    );
    assert_eq!(left(&mut c, PLANNED, "other%").await, 0);
    assert!(
        left(&mut c, PLANNED, "much").await > 0,
        "there was too little to do"
    );
    while schedule::run_once(&house.shared, &EVERYONE).await.unwrap() != Round::Idle {}
    assert_eq!(left(&mut c, PLANNED, "%").await, 0);
}
