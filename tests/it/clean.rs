//! Dead rows of the hot tables go while these are small, whatever autovacuum does.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::time::{Instant, sleep};
use waypost::{
    store::dead_rows,
    worker::{Role, Worker},
};

use crate::support::House;

/// More than are left lying.
const DEAD: i64 = 3_000;

async fn dead(c: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select pg_stat_get_dead_tuples('waypost.wakes'::regclass)::int8 from pg_stat_clear_snapshot()",
    )
    .fetch_one(c)
    .await
    .unwrap()
}

/// Waits until the statistics say so.
async fn until(c: &mut PgConnection, holds: impl Fn(i64) -> bool) {
    let begun = Instant::now();
    loop {
        let dead = dead(c).await;
        if holds(dead) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{dead} rows");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_rows_go_without_autovacuum() {
    let house = House::new("clean").await;
    let mut c = house.db.connect().await;
    c.execute("alter table waypost.wakes set (autovacuum_enabled = off)")
        .await
        .unwrap();
    let rows = format!(
        "insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
         select 1, gen_random_uuid(), 0, 1, {}, '{{}}', now() from generate_series(1, {DEAD})",
        house.tenant
    );
    c.execute(AssertSqlSafe(rows)).await.unwrap();
    c.execute("delete from waypost.wakes").await.unwrap();
    until(&mut c, |dead| dead >= DEAD).await;
    let worker = Worker::start(&house.shared, &[Role::Janitor], None);
    until(&mut c, |dead| dead == 0).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_owns_no_table_is_asked_to_clean_none() {
    let house = House::new("clean-not").await;
    let mut c = house.db.connect().await;
    assert_eq!(dead_rows::hot_tables(&mut c).await.unwrap().len(), 5);
    // As a connection is that may only do what the loops do.
    c.execute("set role waypost_worker").await.unwrap();
    assert_eq!(dead_rows::hot_tables(&mut c).await.unwrap(), []);
}
