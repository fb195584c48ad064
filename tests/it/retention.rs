//! Days that are older than they are kept go by themselves; what is still needed stays, and nobody waits for a reader.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, timeout};
use uuid::Uuid;
use waypost::{
    app::verify::verify,
    worker::{WorkerSettings, janitor},
};

use crate::support::{House, publish, start};

const LEFT: &str = "select coalesce(string_agg(relname, ' ' order by relname), '') from pg_class
    where relnamespace = 'waypost'::regnamespace and relkind = 'r' and relname ~ '_202403[0-9]{2}(_kept)?$'";

fn workflow(id: &str, days: u16) -> String {
    json!({ "id": id, "trigger": { "type": "custom.event", "config": { "name": id } }, "actions": [
        { "id": "tell", "type": "webhook", "config": { "url": "https://example.com/" }, "onSuccess": ["night"] },
        { "id": "night", "type": "wait", "config": { "waitType": "duration", "duration": { "amount": 1, "unit": "days" } },
          "onSuccess": ["tag"] },
        { "id": "tag", "type": "add_tag", "config": { "tag": "told" }, "onSuccess": ["rest"] },
        { "id": "rest", "type": "wait", "config": { "waitType": "duration", "duration": { "amount": days, "unit": "days" } } },
    ] })
    .to_string()
}

/// Partitions for the first days of March 2024, where the tests' business time begins.
pub async fn days_of_march(c: &mut PgConnection, days: u32) {
    run(c, "set role waypost_owner".to_owned()).await;
    for table in [
        "attempt_log",
        "blocks",
        "bursts",
        "captured",
        "deliveries",
        "events",
        "finished",
    ] {
        for day in 1..=days {
            let next = day + 1;
            run(
                c,
                format!(
                    "create table waypost.{table}_2024030{day} partition of waypost.{table}
                     for values from ('2024-03-0{day} 00:00+00') to ('2024-03-0{next} 00:00+00')"
                ),
            )
            .await;
        }
    }
    run(c, "select waypost.secure()".to_owned()).await;
    run(c, "reset role".to_owned()).await;
}

/// Three days of March 2024 have partitions; of two executions one ends on the last of them, the other lives on.
async fn house(name: &str) -> (House, PgConnection, Uuid) {
    let settings = WorkerSettings {
        keep_history: 30,
        ..WorkerSettings::default()
    };
    let house = House::with(name, settings).await;
    let mut c = house.connect().await;
    days_of_march(&mut c, 3).await;
    publish(&house, &mut c, &workflow("short", 1)).await;
    publish(&house, &mut c, &workflow("long", 40)).await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    let mut ids = Vec::new();
    for workflow in ["short", "long"] {
        let id: Uuid = sqlx::query_scalar("select execution_id from waypost.enroll($1, $2)")
            .bind(workflow)
            .bind(ada)
            .fetch_one(&mut c)
            .await
            .unwrap();
        ids.push(id);
    }
    let until = start() + TimeDelta::days(2);
    house.driver().advance_to(until).await.unwrap();
    for (status, wanted) in [("live", 1), ("ended", 1)] {
        let table = if status == "live" { "runs" } else { "finished" };
        let found = count(&mut c, &format!("select count(*) from waypost.{table}")).await;
        assert_eq!(found, wanted, "{status}");
    }
    (house, c, ids[1])
}

async fn run(c: &mut PgConnection, sql: String) {
    c.execute(AssertSqlSafe(sql)).await.unwrap();
}

async fn count(c: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(c)
        .await
        .unwrap()
}

async fn left(c: &mut PgConnection) -> String {
    sqlx::query_scalar(LEFT).fetch_one(c).await.unwrap()
}

async fn is_sound(c: &mut PgConnection) {
    let found = verify(c, None, &|_| {}).await.unwrap();
    let broken: Vec<_> = found.iter().filter(|f| f.violations > 0).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[tokio::test]
async fn what_is_needed_outlives_its_day() {
    let (house, mut c, long) = house("retention").await;
    let timeline =
        format!("select count(*) from waypost.execution_timeline where execution_id = '{long}'");
    let before = count(&mut c, &timeline).await;
    let moved = "insert into waypost.moved_runs (bucket, execution_id, batch_id, tenant_id, workflow_id, before_seq,
                        from_version, to_version, status, node, before)
                 select e.bucket, e.id, gen_random_uuid(), e.tenant_id, e.workflow_id, 0, 1, 1, 0, 0, '{}'
                   from (select bucket, id, tenant_id, workflow_id from waypost.runs
                         union all select bucket, id, tenant_id, workflow_id from waypost.finished) e";
    run(&mut c, moved.to_owned()).await;
    run(
        &mut c,
        "update waypost.deliveries set state = 5 where workflow_id = (select min(id) from waypost.workflows)".to_owned(),
    )
    .await;

    janitor::drop_old(&house.shared).await.unwrap();
    assert_eq!(
        left(&mut c).await,
        "bursts_20240301_kept bursts_20240302_kept deliveries_20240301_kept events_20240301 events_20240302 \
         events_20240303",
        "events have a limit of their own"
    );
    assert_eq!(count(&mut c, &timeline).await, before);
    let others = "select count(*) from waypost.all_bursts";
    assert_eq!(
        count(&mut c, others).await,
        count(&mut c, &format!("{others} where execution_id = '{long}'")).await
    );
    let whole = "select count(*) from waypost.whole_since where since = '2024-03-04Z'";
    assert_eq!(count(&mut c, whole).await, 6);
    assert_eq!(
        count(&mut c, "select count(*) from waypost.moved_runs").await,
        1
    );
    is_sound(&mut c).await;
    // Nothing has changed: nothing is done.
    let same = left(&mut c).await;
    janitor::drop_old(&house.shared).await.unwrap();
    assert_eq!(left(&mut c).await, same);

    // It ends, somebody settles the send that was in doubt: the rest goes.
    let end = start() + TimeDelta::days(45);
    house.driver().advance_to(end).await.unwrap();
    assert_eq!(count(&mut c, "select count(*) from waypost.runs").await, 0);
    run(
        &mut c,
        "update waypost.deliveries set state = 3 where state = 5".to_owned(),
    )
    .await;
    janitor::drop_old(&house.shared).await.unwrap();
    assert_eq!(
        left(&mut c).await,
        "events_20240301 events_20240302 events_20240303"
    );
    is_sound(&mut c).await;

    let mut shared = house.shared.clone();
    shared.settings.keep_events = 30;
    janitor::drop_old(&shared).await.unwrap();
    assert_eq!(left(&mut c).await, "");
}

#[tokio::test]
async fn for_ever_unless_somebody_says_otherwise() {
    let (house, mut c, _) = house("retention_off").await;
    let mut shared = house.shared.clone();
    shared.settings.keep_history = 0;
    let before = left(&mut c).await;
    janitor::drop_old(&shared).await.unwrap();
    assert_eq!(left(&mut c).await, before);
}

/// Who reads the day, or holds the table in some other way, is not waited for with writers behind.
#[tokio::test]
async fn workers_do_not_wait_for_a_reader() {
    let (house, mut c, _) = house("retention_reader").await;
    let days = left(&mut c).await;
    let mut reader = house.connect().await;
    for held in [
        "select count(*) from waypost.bursts",
        "lock table only waypost.bursts in access share mode",
    ] {
        let mut tx = reader.begin().await.unwrap();
        tx.execute(held).await.unwrap();
        let dropping = house.shared.clone();
        let dropping = tokio::spawn(async move {
            for _ in 0..10 {
                janitor::drop_old(&dropping).await.unwrap();
            }
        });
        let (mut longest, mut writes) = (Duration::ZERO, 0);
        while !dropping.is_finished() {
            let begun = Instant::now();
            let write = "insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds)
                         values (0, gen_random_uuid(), 0, 1, 1, clock_timestamp(), '{}', '{}')";
            timeout(Duration::from_secs(5), c.execute(write))
                .await
                .expect("it is not kept waiting")
                .unwrap();
            longest = longest.max(begun.elapsed());
            writes += 1;
        }
        dropping.await.unwrap();
        println!("{writes} writes beside ten tries, the slowest after {longest:?}");
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        let kept = left(&mut c).await;
        assert_eq!(
            days.matches(" bursts_2024").count(),
            kept.matches(" bursts_2024").count() + usize::from(kept.starts_with("bursts_2024"))
        );
        tx.rollback().await.unwrap();
    }
    janitor::drop_old(&house.shared).await.unwrap();
    assert!(!left(&mut c).await.contains("bursts_20240303"));
}
