//! The test harness: clones apart from each other, never superusers, gone afterwards.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Executor, PgConnection};
use waypost::testing::TestDb;

async fn two_rows(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection
        .execute("create table seen (n int); insert into seen values (1), (2)")
        .await?;
    Ok(())
}

async fn count(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from seen")
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_test_has_a_clone_of_its_own() {
    let (a, b) = tokio::join!(
        TestDb::with_migrator("clone a", "two rows", two_rows),
        TestDb::with_migrator(
            "Clone 'B' with a name that is far too long",
            "two rows",
            two_rows
        ),
    );
    let (mut in_a, mut in_b) = (a.connect().await, b.connect().await);
    in_a.execute("delete from seen").await.unwrap();
    assert_eq!((count(&mut in_a).await, count(&mut in_b).await), (0, 2));
}

#[tokio::test]
async fn the_migrator_runs_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    // A kind of this process alone, or an earlier run's template would serve.
    let kind = format!("once {}", std::process::id());
    for _ in 0..3 {
        TestDb::with_migrator("once", &kind, async |connection: &mut PgConnection| {
            RUNS.fetch_add(1, Ordering::Relaxed);
            two_rows(connection).await
        })
        .await;
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_login_owns_its_database_and_is_no_superuser() {
    let db = TestDb::empty("login").await;
    let pool = db.pool(2).await;
    let (is_super, bypasses, owns): (bool, bool, bool) = sqlx::query_as(
        "select rolsuper, rolbypassrls, d.datdba = r.oid
         from pg_roles r, pg_database d
         where rolname = session_user and datname = current_database()",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!((is_super, bypasses, owns), (false, false, true));
}

#[tokio::test]
async fn the_url_leads_to_the_same_database() {
    let db = TestDb::empty("url").await;
    let pool = sqlx::PgPool::connect(&db.url()).await.unwrap();
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(name, db.name());
}

#[tokio::test]
async fn dropped_at_the_end_though_somebody_is_still_connected() {
    let (db, other) = (TestDb::empty("gone").await, TestDb::empty("other").await);
    let name = db.name().to_owned();
    let _connected = db.connect().await;
    drop(db);
    let left: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut other.connect().await)
            .await
            .unwrap();
    assert!(!left);
}
