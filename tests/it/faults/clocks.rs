//! F12: clocks that are wrong or jump. Workers an hour off, and a database that is set back 30 s and forth 10 min: no timer
//! fires early by the database's clock, and no lease is shorter than promised.
//!
//! The clocks are faked by libfaketime, preloaded into the processes; where it is not installed the test is left out,
//! and says so.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep};
use waypost::testing::fake_http::{FakeHttp, Fault};

use super::figure::{Figure, form};
use crate::{
    chaos::{count, until_done},
    checker::ended,
    fleet::{Process, waypost},
    own_server::{OwnServer, RawServer},
};

const FIGURE: Figure = Figure {
    name: "F12",
    fault: "clocks: worker +-1 h, database -30 s and +10 min",
    wanted: "no early timer over 1 s, no lease shorter than promised",
};
/// The lease of the fleet's workers, in seconds.
const LEASE: f64 = 6.0;

/// The preloaded library, where it is installed.
fn library() -> Option<PathBuf> {
    let mut found = ["/usr/lib", "/usr/lib64", "/usr/local/lib"]
        .into_iter()
        .flat_map(|dir| {
            let below = fs::read_dir(dir).into_iter().flatten().flatten();
            below.map(|entry| entry.path()).chain([PathBuf::from(dir)])
        })
        .map(|dir| dir.join("faketime/libfaketime.so.1"));
    found.find(|path| path.exists())
}

/// A worker whose clock is off by so much (`+1h`).
fn off(url: &str, library: &Path, by: &str) -> Process {
    let mut command = waypost(url, &["worker"]);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", by)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Process::of(command)
}

/// Contacts that wait 3 s each, then ask a provider that is slow enough to be claimed under a lease.
async fn arrive(c: &mut PgConnection, count: i32) {
    let mut tx = c.begin().await.unwrap();
    tx.execute("set local waypost.tenant = 'default'")
        .await
        .unwrap();
    sqlx::query(
        "with new as (insert into crm.contacts (email) select g || '@example.com' from generate_series(1, $1) g returning id)
         select waypost.enroll('waits', id, strict => true) from new",
    )
    .bind(count)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// The shortest lease among the open sends, in seconds; a lease is promised from the claim on, by one clock.
async fn shortest_lease(c: &mut PgConnection) -> Option<f64> {
    sqlx::query_scalar(
        "select min(extract(epoch from lease_until - claimed_at))::float8 from waypost.sends where state > 0",
    )
    .fetch_one(c)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_clocks_that_are_wrong_or_jump_make_nothing_early() {
    let Some(library) = library() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "under CI libfaketime is there"
        );
        println!("left out: libfaketime is not installed");
        return;
    };
    let provider = FakeHttp::start().await.unwrap();
    provider.otherwise(Fault::Delay(Duration::from_millis(100)));
    let mut server = OwnServer::start("clocks");
    server.deploy(&[json!({
        "id": "waits",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [
            {"id": "rest", "type": "wait", "onSuccess": ["tell"],
             "config": {"waitType": "duration", "duration": {"amount": 3, "unit": "seconds"}}},
            {"id": "tell", "type": "http_request",
             "retryConfig": {"maxAttempts": 100, "backoffStrategy": "FIXED", "retryDelay": {"initial": 200}},
             "config": {"url": provider.url("/"), "policy": "dedupe", "body": {"execution": "{{ execution.id }}"}}},
        ],
    })]);
    let (bin, data) = (
        server.postgres().bin_dir().to_owned(),
        server.postgres().data_dir().to_owned(),
    );
    let (url, sockets) = (
        server.url(),
        server.postgres().socket_dir().display().to_string(),
    );
    server.stop();
    // Read anew at every look at the clock: that is how it jumps.
    let clock = std::env::temp_dir().join(format!("wp-clock-{}", std::process::id()));
    fs::write(&clock, "+0\n").unwrap();
    let raw = RawServer::start(
        &bin,
        &data,
        &[
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ],
    )
    .await;
    let url = url.replace(&sockets, &raw.sockets().display().to_string());
    let mut fleet: Vec<Process> = ["+1h", "-1h", "+0"]
        .iter()
        .map(|by| off(&url, &library, by))
        .collect();
    let mut app = PgConnection::connect(&url).await.unwrap();
    let mut c = PgConnection::connect(&url).await.unwrap();
    c.execute("set role waypost_worker").await.unwrap();
    let mut shortest = f64::MAX;
    let mut arrived: i32 = 0;
    for jump in ["+0", "-30s", "+10m", "+9m30s", "+20m"]
        .iter()
        .cycle()
        .take(form(4, 20))
    {
        fs::write(&clock, format!("{jump}\n")).unwrap();
        let jumped = Instant::now();
        while jumped.elapsed() < Duration::from_secs(3) {
            arrive(&mut app, 10).await;
            arrived += 10;
            sleep(Duration::from_millis(200)).await;
            if let Some(lease) = shortest_lease(&mut c).await {
                shortest = shortest.min(lease);
            }
        }
    }
    until_done(&mut c).await;
    for worker in &mut fleet {
        assert!(worker.runs(), "a worker ended by itself");
    }
    // The first burst ends with the wait, the second begins with its end: by the clock that it was promised by.
    let early: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from at - before)::float8 - 3
           from (select b.at, lag(b.at) over w as before, row_number() over w as nth from waypost.all_bursts b
                 window w as (partition by b.execution_id order by b.seq)) b
          where nth = 2 order by 1 limit $1",
    )
    .bind(arrived)
    .fetch_all(&mut c)
    .await
    .unwrap();
    let earliest = early.iter().copied().fold(f64::MAX, f64::min);
    assert_eq!(early.len(), arrived as usize, "all ended");
    let completed = count(
        &mut c,
        "select count(*) from waypost.executions where status = 'completed'",
    )
    .await;
    assert_eq!(completed, arrived as u64);
    let repeated = provider.received().len() as i64 - i64::from(arrived);
    assert!(shortest < f64::MAX, "no lease was seen");
    check_requests_but_times(&provider, &mut c).await;
    assert!(earliest >= -1.0, "a timer was {} s early", -earliest);
    assert!(shortest >= LEASE - 0.001, "a lease of {shortest} s");
    FIGURE.reached(
        true,
        format!(
            "{arrived} timers: the earliest {:.2} s after its time; the shortest lease {shortest:.2} s of {LEASE:.0}; {repeated} sends repeated",
            earliest,
        ),
    );
    drop(fleet);
    drop(raw);
    fs::remove_file(&clock).unwrap();
}

/// Each key acted once. When its attempt was recorded cannot be compared with our clock here.
async fn check_requests_but_times(provider: &FakeHttp, c: &mut PgConnection) {
    let sends = ended(c).await;
    assert!(!sends.is_empty());
    for key in sends.keys() {
        assert_eq!(provider.acts(key), 1, "{key}");
    }
}
