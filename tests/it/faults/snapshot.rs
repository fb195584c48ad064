//! F14: somebody holds a snapshot for five minutes, so that no dead row can be cleared away, while 500 executions come a
//! second; they go on being done, and a claim stays quick. In the long form alone.
//!
//! The claims are the worker's own, timed by the server's log of a sample of its statements.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::figure::{Figure, long};
use super::server_crash::as_worker;
use crate::{
    chaos::{count, until_done},
    figure::quantile,
    fleet::Process,
    own_server::OwnServer,
};

const FIGURE: Figure = Figure {
    name: "F14",
    fault: "a snapshot held 5 min at 500 executions/s",
    wanted: "throughput at least 90 %, claim p99 at most 20 ms",
};
/// Executions that come a second: so many at a time, so often.
const RATE: u64 = 500;
const ARRIVALS_EVERY: Duration = Duration::from_millis(100);
const FREE: Duration = Duration::from_secs(60);
const HELD: Duration = Duration::from_secs(300);
/// Share of the statements that the log keeps.
const SAMPLED: f64 = 0.1;
/// The text of each kind of claim.
const CLAIMS: [(&str, &[&str]); 3] = [
    (
        "executions",
        &[include_str!("../../../sql/queries/claim_due.sql")],
    ),
    (
        "buckets",
        // From the beginning, and from near where the last look ended.
        &[
            include_str!("../../../sql/queries/claim_buckets.sql"),
            include_str!("../../../sql/queries/claim_buckets_since.sql"),
        ],
    ),
    (
        "events",
        &[include_str!("../../../sql/queries/read_events.sql")],
    ),
];

/// New contacts, half of them enrolled by the call, half by an event.
async fn arrive(app: &mut PgConnection, some: u64) {
    let mut tx = app.begin().await.unwrap();
    sqlx::query(
        "with new as (insert into crm.contacts (email) select 'c' from generate_series(1, $1::int) returning id),
              nth as (select id, row_number() over () % 2 = 0 as called from new)
         select count(case when called then (waypost.enroll('rests', id, strict => true)).outcome
                           else waypost.emit('custom.event', id, '{\"name\": \"arrived\"}')::text end) from nth",
    )
    .bind(some as i32)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// Executions that end in a second while they come at [`RATE`].
async fn rate(app: &mut PgConnection, c: &mut PgConnection, time: Duration) -> f64 {
    let finished = "select count(*) from waypost.finished";
    let before = count(c, finished).await;
    let begun = Instant::now();
    let mut tick = interval(ARRIVALS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut came = 0;
    while begun.elapsed() < time {
        tick.tick().await;
        let due = RATE as f64 * begun.elapsed().as_secs_f64();
        // A machine that stood still for a moment does not get it all at once.
        let some = (due as u64 - came).min(RATE / 2);
        arrive(app, some).await;
        came += some;
    }
    (count(c, finished).await - before) as f64 / begun.elapsed().as_secs_f64()
}

/// The server's log of statements, from a place in it on.
struct Log {
    file: PathBuf,
    from: usize,
}

impl Log {
    async fn begin(server: &OwnServer) -> Log {
        let postgres = server.postgres();
        let url = postgres.url_for("waypost_superuser", "waypost");
        let mut c = PgConnection::connect(&url).await.unwrap();
        for set in [
            "alter system set log_min_duration_sample = 0".to_owned(),
            format!("alter system set log_statement_sample_rate = {SAMPLED}"),
        ] {
            c.execute(AssertSqlSafe(set)).await.unwrap();
        }
        c.execute("select pg_reload_conf()").await.unwrap();
        let file = postgres.data_dir().parent().unwrap().join("server.log");
        let from = fs::read(&file).unwrap().len();
        Log { file, from }
    }

    /// How long a statement took, each time.
    fn times(&self, statement: &str) -> Vec<Duration> {
        let first_line = statement.lines().next().unwrap();
        let log = fs::read(&self.file).unwrap();
        let log = String::from_utf8_lossy(&log[self.from..]);
        let took = |line: &str| {
            let (_, rest) = line.split_once("duration: ")?;
            let (millis, rest) = rest.split_once(" ms  execute ")?;
            let ran = rest.split_once(": ")?.1;
            ran.starts_with(first_line).then_some(())?;
            Some(Duration::from_secs_f64(
                millis.parse::<f64>().ok()? / 1_000.0,
            ))
        };
        log.lines().filter_map(took).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_snapshot_held_for_minutes_slows_nobody() {
    if !long() {
        println!("left out: a snapshot is held for minutes in the long form only");
        return;
    }
    let server = OwnServer::start("snapshot");
    let url = server.url();
    server.deploy(&[json!({
        "id": "rests",
        "trigger": {"type": "custom.event", "config": {"name": "arrived"}},
        "actions": [
            {"id": "count", "type": "set_variable", "onSuccess": ["rest"], "config": {"name": "n", "value": 1}},
            {"id": "rest", "type": "wait", "onSuccess": ["note"],
             "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "seconds"}}},
            {"id": "note", "type": "add_note", "config": {"body": "rested"}},
        ],
    })]);
    let mut app = PgConnection::connect(&url).await.unwrap();
    app.execute("set waypost.tenant = 'default'").await.unwrap();
    let mut c = as_worker(&url).await;
    let mut worker = Process::as_shipped(&url);
    rate(&mut app, &mut c, FREE / 6).await;
    let free = rate(&mut app, &mut c, FREE).await;

    let mut holder = PgConnection::connect(&url).await.unwrap();
    let mut held = holder
        .begin_with("begin isolation level repeatable read")
        .await
        .unwrap();
    sqlx::query("select count(*) from waypost.tenants")
        .execute(&mut *held)
        .await
        .unwrap();
    let log = Log::begin(&server).await;
    let beside = rate(&mut app, &mut c, HELD).await;
    let dead = count(
        &mut c,
        "select sum(n_dead_tup)::int8 from pg_stat_user_tables where schemaname = 'waypost'",
    )
    .await;
    held.rollback().await.unwrap();
    until_done(&mut c).await;
    assert!(worker.runs(), "the worker ended by itself");

    let share = 100.0 * beside / free;
    let mut slowest = Duration::ZERO;
    let claims = CLAIMS.map(|(what, statements)| {
        let mut times: Vec<Duration> = statements.iter().flat_map(|one| log.times(one)).collect();
        assert!(
            times.len() > 100,
            "{} claims of {what} in the log",
            times.len()
        );
        let (p50, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        slowest = slowest.max(p99);
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        format!("{what} {:.1} and {:.1} ms", millis(p50), millis(p99))
    });
    FIGURE.measured(
        &format!(
            "{beside:.0}/s beside the snapshot, {free:.0}/s without ({share:.0} %), {dead} dead rows at its end; claims, \
             p50 and p99: {}",
            claims.join(", ")
        ),
        share >= 90.0 && slowest <= Duration::from_millis(20),
    );
}
