//! The proxy of the fault tests does what it says: a test that nothing disturbs shows nothing.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{Instant, timeout};
use waypost::testing::{
    TestDb,
    pg_proxy::{PgProxy, Weather},
};

const MARKS: [(&str, &str); 1] = [("insert", "insert into kept")];

async fn line(name: &str) -> (TestDb, PgProxy, PgConnection) {
    let db = TestDb::empty(name).await;
    let mut direct = db.connect().await;
    direct
        .execute("create table public.kept (n int)")
        .await
        .unwrap();
    let proxy = PgProxy::start(&db, &MARKS, 1).await.unwrap();
    let through = connect(&db, &proxy).await;
    (db, proxy, through)
}

async fn connect(db: &TestDb, proxy: &PgProxy) -> PgConnection {
    let mut c = PgConnection::connect(&proxy.url(db)).await.unwrap();
    c.execute("set search_path = public").await.unwrap();
    c
}

async fn kept(db: &TestDb) -> i64 {
    let count = sqlx::query_scalar("select count(*) from public.kept");
    count.fetch_one(&mut db.connect().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_slow_narrow_half_open_or_cut() {
    let (db, proxy, mut c) = line("proxy-line").await;
    let text = "select repeat('x', 50000)";

    let latency = Duration::from_millis(60);
    proxy.set(Weather {
        latency,
        ..Weather::default()
    });
    let begun = Instant::now();
    c.execute("select 1").await.unwrap();
    assert!(begun.elapsed() >= latency * 2, "{:?}", begun.elapsed());

    proxy.set(Weather {
        bytes_per_second: Some(100_000),
        ..Weather::default()
    });
    let begun = Instant::now();
    c.execute(text).await.unwrap();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");

    proxy.set(Weather {
        black_hole: true,
        ..Weather::default()
    });
    let mut asked = Box::pin(async move { c.execute("select 1").await.map(|_| c) });
    let silence = timeout(Duration::from_millis(300), &mut asked).await;
    assert!(silence.is_err(), "something came through a black hole");
    proxy.set(Weather::default());
    let mut c = asked.await.unwrap();

    proxy.set(Weather {
        reset_after: Some(10_000),
        ..Weather::default()
    });
    let cut = c.execute(text).await.unwrap_err();
    assert!(matches!(cut, sqlx::Error::Io(_)), "{cut:?}");
    proxy.set(Weather::default());
    connect(&db, &proxy).await.execute(text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_commits_and_the_client_never_hears_it() {
    let (db, proxy, mut c) = line("proxy-commit").await;
    let insert = "insert into kept values (1)";
    proxy.set(Weather {
        lost_replies: vec![("insert", 1.0)],
        ..Weather::default()
    });
    // What is no such work is let through.
    let mut tx = c.begin().await.unwrap();
    sqlx::query("select 1").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    // In a transaction its statements are answered, and its COMMIT is not.
    let mut tx = c.begin().await.unwrap();
    sqlx::query(insert).execute(&mut *tx).await.unwrap();
    assert!(tx.commit().await.is_err());
    assert_eq!(kept(&db).await, 1);
    // Outside one the statement is its own commit.
    let mut c = connect(&db, &proxy).await;
    assert!(sqlx::query(insert).execute(&mut c).await.is_err());
    assert_eq!(kept(&db).await, 2);
    // What the server refuses is answered: nothing was committed.
    let mut c = connect(&db, &proxy).await;
    let refused = sqlx::query("insert into kept values ('x'::text::int)")
        .execute(&mut c)
        .await
        .unwrap_err();
    assert!(refused.as_database_error().is_some(), "{refused:?}");
    let lost: Vec<&str> = proxy.lost().iter().map(|lost| lost.mark).collect();
    assert_eq!(lost, ["insert", "insert"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_fail_as_the_server_would_have_them_fail() {
    let (db, proxy, mut c) = line("proxy-fail").await;
    // Prepared before the weather turns.
    let one = async |c: &mut PgConnection| sqlx::query("select 1").execute(c).await;
    one(&mut c).await.unwrap();
    let mut tx = c.begin().await.unwrap();
    sqlx::query("insert into kept values (1)")
        .execute(&mut *tx)
        .await
        .unwrap();
    proxy.set(Weather {
        failing: Some((1.0, vec!["40001", "25006"])),
        ..Weather::default()
    });
    let code = |error: sqlx::Error| {
        let error = error.into_database_error().expect("the server's answer");
        error.code().unwrap_or_default().into_owned()
    };
    let failed = sqlx::query("select 1").execute(&mut *tx).await;
    assert_eq!(code(failed.unwrap_err()), "40001");
    // The transaction really has failed.
    proxy.set(Weather::default());
    let after = sqlx::query("select 1").execute(&mut *tx).await;
    assert_eq!(code(after.unwrap_err()), "25P02");
    tx.rollback().await.unwrap();
    assert_eq!(kept(&db).await, 0);
    one(&mut c).await.unwrap();
    assert_eq!(proxy.failed().get("40001"), Some(&1));
}
