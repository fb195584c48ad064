//! awa: five chained jobs an execution.

use std::time::Duration;

use anyhow::Result;
use awa::{
    Client, InsertOpts, JobArgs, JobError, JobResult, QueueConfig, insert_with,
    model::{insert::params_with, insert_many, migrations},
};
use serde::{Deserialize, Serialize};
use sqlx08::postgres::PgPoolOptions;
use waypost_peers::{Done, Latency, STEPS, Server, executions, report};

#[derive(Debug, Serialize, Deserialize, JobArgs)]
struct Step {
    n: u32,
    step: u32,
}

fn queue() -> InsertOpts {
    InsertOpts {
        queue: "queue".into(),
        ..Default::default()
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let count = executions(5_000);
    let mut server = Server::with("peer_awa").await?;
    let pool = PgPoolOptions::new()
        .max_connections(30)
        .connect(&server.url)
        .await?;
    migrations::run(&pool).await?;
    let (done, latency) = (Done::of(count), Latency::default());
    let (ended, first, steps) = (done.clone(), latency.clone(), pool.clone());
    let config = QueueConfig {
        max_workers: 200,
        poll_interval: Duration::from_millis(50),
        ..QueueConfig::default()
    };
    let client = Client::builder(pool.clone())
        .queue("queue", config)
        .register::<Step, _, _>(move |job: Step, _| {
            let (ended, first, pool) = (ended.clone(), first.clone(), steps.clone());
            async move {
                if job.n > 0 {
                    first.first(job.n);
                } else if job.step < STEPS {
                    let next = Step {
                        step: job.step + 1,
                        ..job
                    };
                    insert_with(&pool, &next, queue())
                        .await
                        .map_err(JobError::retryable)?;
                } else {
                    ended.one();
                }
                Ok(JobResult::Completed)
            }
        })
        .build()?;
    let before = server.begin().await?;
    for from in (0..count).step_by(500) {
        let some = (from..count.min(from + 500))
            .map(|_| params_with(&Step { n: 0, step: 1 }, queue()))
            .collect::<Result<Vec<_>, _>>()?;
        insert_many(&pool, &some).await?;
    }
    let enrolled = server.read().await?;
    client.start().await?;
    done.all().await;
    let drained = server.read().await?;
    latency
        .run(move |n| {
            let pool = pool.clone();
            async move {
                if let Err(error) = insert_with(&pool, &Step { n, step: 1 }, queue()).await {
                    eprintln!("{error}");
                }
            }
        })
        .await;
    report(
        ("awa", "0.6.9"),
        "200 workers, polled every 50 ms",
        count,
        (before, Some(enrolled), drained),
        &latency,
    );
    std::process::exit(0);
}
