//! DBOS Rust: one workflow of five steps. Usage: dbos local | queue

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use dbos::{Config, DBOS, Enqueue, Error, QueueConflict, QueueOptions, StartOptions};
use waypost_peers::{Done, Latency, STEPS, Server, executions, report};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let queued = std::env::args().nth(1).as_deref() == Some("queue");
    let (clients, connections) = if queued { (50, 50) } else { (16, 50) };
    let count = executions(4_000);
    let mut server = Server::with("peer_dbos_rust").await?;
    let mut config = Config::new("peer", &server.url);
    config.app_version = Some("1".into());
    config.max_connections = connections;
    let dbos = Arc::new(DBOS::new(config));
    let (done, latency) = (Done::of(count), Latency::default());
    let (ended, first) = (done.clone(), latency.clone());
    let flow = dbos.register_workflow("flow", move |n: u32| {
        let (ended, first) = (ended.clone(), first.clone());
        async move {
            for step in 0..STEPS {
                let first = first.clone();
                dbos::step("step", move || {
                    let first = first.clone();
                    async move {
                        if step == 0 {
                            first.first(n);
                        }
                        Ok::<u32, Error>(step)
                    }
                })
                .await?;
            }
            if n == 0 {
                ended.one();
            }
            Ok::<u32, Error>(STEPS)
        }
    })?;
    dbos.launch().await?;
    let options = QueueOptions {
        worker_concurrency: Some(clients * 4),
        polling_interval: Duration::from_millis(20),
        ..Default::default()
    };
    dbos.register_queue("queue", options, QueueConflict::UpdateIfLatestVersion)
        .await?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let flow = Arc::new(flow);
    let start = {
        let flow = flow.clone();
        move |n: u32| {
            let flow = flow.clone();
            async move {
                let begun = if queued {
                    let options = StartOptions {
                        queue: Some(Enqueue::new("queue")),
                        ..Default::default()
                    };
                    flow.start_with(n, options).await.map(drop)
                } else {
                    flow.run(n).await.map(drop)
                };
                if let Err(error) = begun {
                    eprintln!("{error}");
                }
            }
        }
    };
    let before = server.begin().await?;
    let next = Arc::new(std::sync::atomic::AtomicU32::new(0));
    for _ in 0..clients {
        let (next, start) = (next.clone(), start.clone());
        tokio::spawn(async move {
            while next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < count {
                start(0).await;
            }
        });
    }
    done.all().await;
    let drained = server.read().await?;
    latency.run(start).await;
    let setting = if queued {
        "queue, polled every 20 ms"
    } else {
        "in process, 16 at once"
    };
    report(
        ("dbos", "0.5.0"),
        setting,
        count,
        (before, None, drained),
        &latency,
    );
    std::process::exit(0);
}
