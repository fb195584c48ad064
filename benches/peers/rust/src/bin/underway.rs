//! underway: one job of five steps.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sqlx08::postgres::PgPoolOptions;
use underway::{Job, To};
use waypost_peers::{Done, Latency, Server, executions, report};

const CLIENTS: u32 = 32;

#[derive(Serialize, Deserialize, Clone)]
struct Input {
    n: u32,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let count = executions(500);
    let mut server = Server::with("peer_underway").await?;
    let pool = PgPoolOptions::new()
        .max_connections(CLIENTS + 20)
        .connect(&server.url)
        .await?;
    underway::run_migrations(&pool).await?;
    let (done, latency) = (Done::of(count), Latency::default());
    let (ended, first) = (done.clone(), latency.clone());
    let job = Job::builder()
        .step(move |_, input: Input| {
            let first = first.clone();
            async move {
                first.first(input.n);
                To::next(input)
            }
        })
        .step(|_, input: Input| async move { To::next(input) })
        .step(|_, input: Input| async move { To::next(input) })
        .step(|_, input: Input| async move { To::next(input) })
        .step(move |_, input: Input| {
            let ended = ended.clone();
            async move {
                if input.n == 0 {
                    ended.one();
                }
                To::done()
            }
        })
        .name("flow")
        .pool(pool)
        .build()
        .await?;
    let before = server.begin().await?;
    for _ in 0..count {
        job.enqueue(&Input { n: 0 }).await?;
    }
    let enrolled = server.read().await?;
    let mut worker = job.worker();
    worker.set_concurrency_limit(CLIENTS as usize);
    tokio::spawn(async move { worker.run().await });
    done.all().await;
    let drained = server.read().await?;
    latency
        .run(move |n| {
            let job = job.clone();
            async move {
                if let Err(error) = job.enqueue(&Input { n }).await {
                    eprintln!("{error}");
                }
            }
        })
        .await;
    report(
        ("underway", "0.2.0"),
        &format!("concurrency {CLIENTS}"),
        count,
        (before, Some(enrolled), drained),
        &latency,
    );
    std::process::exit(0);
}
