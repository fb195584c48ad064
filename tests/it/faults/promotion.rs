//! F17: the primary dies under load and its synchronous standby is promoted; what was acknowledged is there, and
//! everybody finds the new primary by the list of hosts they were given.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    time::Duration,
};

use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waypost::{
    store::{Purpose, hosts, pool},
    testing::fake_http::FakeHttp,
};

use super::figure::{Figure, form};
use super::server_crash::{Acknowledged, enrol};
use crate::{
    chaos::{check_database, count, counter, journey, until_done},
    checker::{check_requests, ended},
    fleet::Process,
    own_server::{OwnServer, RawServer, as_owner},
};

const FIGURE: Figure = Figure {
    name: "F17",
    fault: "synchronous standby promoted under load",
    wanted: "0 acknowledged lost; writers back within 10 s of promotion",
};

/// A standby of the primary that it waits for at every commit.
async fn standby(primary: &OwnServer, data: &Path) -> RawServer {
    let postgres = primary.postgres();
    let owner = fs::metadata(postgres.data_dir()).unwrap();
    let sockets = postgres.socket_dir().display();
    let copied = as_owner(&postgres.bin_dir().join("pg_basebackup"), &owner)
        .args(["-c", "fast", "-X", "stream", "-R", "--no-sync", "-d"])
        .arg(format!(
            "host={sockets} user=waypost_superuser application_name=second"
        ))
        .arg("-D")
        .arg(data)
        .output()
        .unwrap();
    assert!(copied.status.success(), "{copied:?}");
    let second = RawServer::start(postgres.bin_dir(), data, &[]).await;
    let mut c = PgConnection::connect(&postgres.url_for("waypost_superuser", "postgres"))
        .await
        .unwrap();
    c.execute("alter system set synchronous_standby_names = 'second'")
        .await
        .unwrap();
    c.execute("select pg_reload_conf()").await.unwrap();
    let begun = Instant::now();
    while count(
        &mut c,
        "select count(*) from pg_stat_replication where sync_state = 'sync'",
    )
    .await
        == 0
    {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "no standby follows"
        );
        sleep(Duration::from_millis(50)).await;
    }
    second
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_promoted_standby_has_everything_acknowledged() {
    let provider = FakeHttp::start().await.unwrap();
    let mut primary = OwnServer::start("promoted");
    if !primary.postgres().bin_dir().join("pg_basebackup").exists() {
        assert!(std::env::var_os("CI").is_none(), "no pg_basebackup");
        println!("left out: this Postgres has no pg_basebackup");
        return;
    }
    primary.deploy(&[journey(&provider), counter()]);
    let data = std::env::temp_dir().join(format!("wp-second-{}", std::process::id()));
    fs::create_dir_all(&data).unwrap();
    let owner = fs::metadata(primary.postgres().data_dir()).unwrap();
    chown(&data, Some(owner.uid()), Some(owner.gid())).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let second = standby(&primary, &data).await;
    let first = primary.postgres().socket_dir().display().to_string();
    let url = primary.url().replace(
        &format!("host={first}"),
        &format!("host={first},{}", second.sockets().display()),
    );
    let mut worker = Process::start(&url);
    let acknowledged = Acknowledged::default();
    let end = CancellationToken::new();
    let app = tokio::spawn(enrol(url.clone(), acknowledged.clone(), end.clone()));
    sleep(Duration::from_secs(form(4, 30))).await;
    let before = acknowledged.lock().unwrap().len();
    assert!(before > 0 && !provider.received().is_empty(), "no load");

    primary.crash();
    second.promote();
    let promoted = Instant::now();
    let mut c = hosts_connection(&url).await;
    let since: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(&mut c)
        .await
        .unwrap();
    let (mut app_back, mut worker_back) = (None, None);
    while app_back.is_none() || worker_back.is_none() {
        assert!(
            promoted.elapsed() < Duration::from_secs(60),
            "not back: app {app_back:?}, worker {worker_back:?}"
        );
        sleep(Duration::from_millis(50)).await;
        if app_back.is_none() && acknowledged.lock().unwrap().len() > before + 4 {
            app_back = Some(promoted.elapsed());
        }
        let works: bool =
            sqlx::query_scalar("select exists (select from waypost.all_bursts where at > $1)")
                .bind(since)
                .fetch_one(&mut c)
                .await
                .unwrap();
        if worker_back.is_none() && works {
            worker_back = Some(promoted.elapsed());
        }
    }
    sleep(Duration::from_secs(1)).await;
    end.cancel();
    app.await.unwrap();
    until_done(&mut c).await;
    let acknowledged: Vec<Uuid> = std::mem::take(&mut *acknowledged.lock().unwrap());
    let found: i64 = sqlx::query_scalar(
        "select count(*) from waypost.executions
          where workflow = 'journey' and status = 'completed' and contact_id = any ($1)",
    )
    .bind(&acknowledged)
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert_eq!(found as usize, acknowledged.len(), "acknowledged and lost");
    let committed = count(&mut c, "select count(*) from crm.contacts").await;
    check_database(&mut c, committed).await;
    check_requests(&provider, &provider.received(), &ended(&mut c).await);
    assert!(worker.runs(), "the same worker to the end");
    assert_eq!(worker.terminate().0.code(), Some(0));
    let slowest = app_back.max(worker_back).unwrap();
    FIGURE.reached(
        slowest <= Duration::from_secs(10),
        format!(
            "{} acknowledged: 0 lost; the app back after {:.1} s, the worker after {:.1} s",
            acknowledged.len(),
            app_back.unwrap().as_secs_f64(),
            worker_back.unwrap().as_secs_f64()
        ),
    );
    drop(second);
    fs::remove_dir_all(&data).unwrap();
}

async fn hosts_connection(url: &str) -> PgConnection {
    let writable = hosts::writable(url).await.unwrap();
    assert!(!writable.contains(','));
    pool::single(url, Purpose::Worker).await.unwrap()
}
