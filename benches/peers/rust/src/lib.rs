//! What every peer of Rust shares: a database of its own, the server's counters, one line of JSON.

use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Steps of an execution.
pub const STEPS: u32 = 5;
/// Between two triggers of the latency: 40 a second.
const PAUSE: Duration = Duration::from_millis(25);

/// A number of the environment, or the peer's own.
fn number(name: &str, usual: u32) -> u32 {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// Executions of a run.
pub fn executions(usual: u32) -> u32 {
    number("PEERS_EXECUTIONS", usual)
}

/// The counters of the server at a moment.
#[derive(Clone, Copy)]
pub struct Counters {
    wal: f64,
    xid: f64,
    at: Instant,
}

/// The server, and the URL of the peer's own database on it.
pub struct Server {
    admin: PgConnection,
    /// Where the peer works.
    pub url: String,
}

impl Server {
    /// An empty database of this name on the server of `PEERS_URL`.
    pub async fn with(name: &str) -> Result<Self> {
        let base =
            env::var("PEERS_URL").context("PEERS_URL is not set: benches/peers/run says how")?;
        let mut admin = PgConnection::connect(&base).await?;
        for statement in [
            format!("drop database if exists {name} with (force)"),
            format!("create database {name}"),
        ] {
            admin.execute(AssertSqlSafe(statement)).await?;
        }
        let (before, query) = base.split_once('?').unwrap_or((&base, ""));
        let server = before.rsplit_once('/').map_or(before, |(server, _)| server);
        let url = format!("{server}/{name}?{query}");
        Ok(Self { admin, url })
    }

    /// Writes dirty pages out, where that is allowed, and reads the counters.
    pub async fn begin(&mut self) -> Result<Counters> {
        let _ = self.admin.execute("checkpoint").await;
        self.read().await
    }

    /// The counters now.
    pub async fn read(&mut self) -> Result<Counters> {
        let (wal, xid): (f64, f64) = sqlx::query_as(
            "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8,
                    pg_snapshot_xmax(pg_current_snapshot())::text::float8",
        )
        .fetch_one(&mut self.admin)
        .await?;
        let at = Instant::now();
        Ok(Counters { wal, xid, at })
    }
}

/// Triggers at a steady rate, and the times until `first` was told of each.
#[derive(Clone, Default)]
pub struct Latency(Arc<Mutex<(HashMap<u32, Instant>, Vec<f64>)>>);

impl Latency {
    /// The first step of this trigger runs. 0 is none.
    pub fn first(&self, n: u32) {
        let mut state = self.0.lock().expect("nobody panics here");
        if let Some(begun) = state.0.remove(&n) {
            state.1.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }

    /// Triggers, and waits until all have come.
    pub async fn run<F: Future<Output = ()> + Send + 'static>(&self, trigger: impl Fn(u32) -> F) {
        for n in 1..=number("PEERS_TRIGGERS", 200) {
            let begun = Instant::now();
            self.0
                .lock()
                .expect("nobody panics here")
                .0
                .insert(n, begun);
            tokio::spawn(trigger(n));
            tokio::time::sleep(PAUSE).await;
        }
        for _ in 0..200 {
            if self.0.lock().expect("nobody panics here").0.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What never came is infinitely late: null.
    fn at(&self, share: f64) -> Option<f64> {
        let state = self.0.lock().expect("nobody panics here");
        let mut times = state.1.clone();
        times.sort_by(f64::total_cmp);
        let all = times.len() + state.0.len();
        let index = ((all as f64 * share) as usize).min(all.saturating_sub(1));
        times.get(index).copied().map(rounded)
    }
}

/// Four digits that count.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// Prints the line of a peer. Where nothing was enrolled before the drain, the drain counts from the beginning.
pub fn report(
    (peer, version): (&str, &str),
    setting: &str,
    count: u32,
    (before, enrolled, drained): (Counters, Option<Counters>, Counters),
    latency: &Latency,
) {
    let n = f64::from(count);
    let from = enrolled.unwrap_or(before);
    let line = json!({
        "peer": peer,
        "version": version,
        "language": "Rust",
        "setting": setting,
        "executions": count,
        "enrolled_per_s": enrolled.map(|e| rounded(n / (e.at - before.at).as_secs_f64())),
        "executions_per_s": rounded(n / (drained.at - from.at).as_secs_f64()),
        "p50": latency.at(0.5),
        "p99": latency.at(0.99),
        "wal_per_execution": rounded((drained.wal - before.wal) / n),
        "transactions_per_execution": rounded((drained.xid - before.xid) / n),
    });
    println!("{line}");
}

/// Counts executions that are done, and tells when the last is.
#[derive(Clone)]
pub struct Done(Arc<(std::sync::atomic::AtomicU32, tokio::sync::Notify, u32)>);

impl Done {
    /// Of so many.
    pub fn of(count: u32) -> Self {
        Self(Arc::new((0.into(), tokio::sync::Notify::new(), count)))
    }

    /// One more.
    pub fn one(&self) {
        let before = self.0.0.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        if before + 1 == self.0.2 {
            self.0.1.notify_one();
        }
    }

    /// Waits for the last.
    pub async fn all(&self) {
        self.0.1.notified().await;
    }
}
