//! graphile_worker (Rust): five chained jobs an execution, with its local queue and batched completion.

use std::time::Duration;

use anyhow::Result;
use graphile_worker::{
    Database, IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler,
    WorkerContext, WorkerContextExt, WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use waypost_peers::{Done, Latency, STEPS, Server, executions, report};

const SCHEMA: &str = "graphile_worker";

#[derive(Clone)]
struct Watch {
    done: Done,
    latency: Latency,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    n: u32,
    step: u32,
}

impl TaskHandler for Step {
    const IDENTIFIER: &'static str = "step";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let watch = context
            .get_ext::<Watch>()
            .cloned()
            .ok_or_else(|| "nobody watches".to_owned())?;
        if self.n > 0 {
            watch.latency.first(self.n);
        } else if self.step < STEPS {
            let next = Step {
                step: self.step + 1,
                ..self
            };
            context
                .add_job(next, JobSpec::default())
                .await
                .map_err(|error| error.to_string())?;
        } else {
            watch.done.one();
        }
        Ok::<(), String>(())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let count = executions(5_000);
    let mut server = Server::with("peer_graphile_worker_rust").await?;
    let pool = PgPoolOptions::new()
        .max_connections(25)
        .connect(&server.url)
        .await?;
    let database: Database = pool.into();
    let utils = WorkerUtils::new(database.clone(), SCHEMA);
    utils.migrate().await?;
    let watch = Watch {
        done: Done::of(count),
        latency: Latency::default(),
    };
    let before = server.begin().await?;
    for from in (0..count).step_by(1_000) {
        let some: Vec<RawJobSpec> = (from..count.min(from + 1_000))
            .map(|_| RawJobSpec {
                identifier: "step".into(),
                payload: json!({"n": 0, "step": 1}),
                spec: JobSpec::default(),
            })
            .collect();
        utils.add_raw_jobs(&some).await?;
    }
    let enrolled = server.read().await?;
    let worker = WorkerOptions::default()
        .database(database.clone())
        .schema(SCHEMA)
        .concurrency(200)
        .poll_interval(Duration::from_millis(100))
        .add_extension(watch.clone())
        .define_job::<Step>()
        .complete_job_batch_delay(Duration::from_millis(5))
        .local_queue(LocalQueueConfig::default().with_size(1_000))
        .init()
        .await?;
    tokio::spawn(async move { worker.run().await });
    watch.done.all().await;
    let drained = server.read().await?;
    watch
        .latency
        .run(move |n| {
            let utils = WorkerUtils::new(database.clone(), SCHEMA);
            async move {
                if let Err(error) = utils.add_job(Step { n, step: 1 }, JobSpec::default()).await {
                    eprintln!("{error}");
                }
            }
        })
        .await;
    report(
        ("graphile_worker", "0.14.1"),
        "local queue 1000, batched completion",
        count,
        (before, Some(enrolled), drained),
        &watch.latency,
    );
    std::process::exit(0);
}
