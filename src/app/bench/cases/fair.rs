//! A tenant with a mountain of due executions beside many small ones, which want to start at once.

use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use sqlx::Row;
use uuid::Uuid;

use super::{
    super::{
        Bench, Case, Figure, Sample,
        flow::{Flow, WORKFLOW},
        ground::Ground,
        percentile,
    },
    latency::Watched,
};
use crate::{
    app::{AppError, AppResult},
    store,
    worker::{Role, Worker},
};

/// Executions of one contact of the big tenant.
const OF_EACH: u32 = 10;

/// One big tenant, and so many small ones with a few executions each.
pub(super) struct Fair {
    due: u32,
    tenants: u32,
    each: u32,
    seconds: u32,
}

impl Fair {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            due: bench.size(bench.plan.sizes.executions, 1_000_000, 20_000),
            tenants: bench.size(None, 1_000, 20),
            each: bench.size(None, 10, 5),
            seconds: bench.size(None, 8, 1),
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        let small = self.small_ones(&ground).await?;
        ground.contacts(self.due.div_ceil(OF_EACH)).await?;
        ground.publish(&[Flow::pure(5).definition()]).await?;
        self.follow(&ground).await?;
        bench.say(&format!("{} executions become due", self.due));
        for n in 0..OF_EACH {
            sqlx::query(store::sql!("bench_mountain"))
                .bind(ground.tenant)
                .bind(ground.waypost.tenant())
                .bind(WORKFLOW)
                .bind(n.to_string())
                .execute(&ground.pool)
                .await?;
        }
        ground.checkpoint().await;
        let watched = Watched::new(&ground)?;
        let worker = Worker::start(&watched.shared, &Role::ALL, Some(ground.home.url.clone()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut begun = Vec::new();
        let mut tick =
            tokio::time::interval(Duration::from_secs(self.seconds.into()) / self.tenants);
        for (name, people) in &small {
            tick.tick().await;
            sqlx::query(store::sql!("bench_enroll"))
                .bind(WORKFLOW)
                .bind(people)
                .bind(name)
                .execute(&ground.pool)
                .await?;
            let now = Instant::now();
            begun.extend(people.iter().map(|contact| (*contact, now)));
        }
        let left: bool = sqlx::query_scalar(store::sql!("bench_left"))
            .bind(ground.tenant)
            .fetch_one(&watched.shared.pool)
            .await?;
        let mut times = watched.times(&begun, Duration::from_secs(60)).await;
        worker.stop().await;
        watched.shared.pool.close().await;
        ground.leave(&bench.server).await?;
        if !left && !bench.plan.quick {
            return Err(AppError::no(
                "the mountain was gone before the small ones had begun: more --executions",
            ));
        }
        Ok(Sample::default()
            .with("start_p50", percentile(&mut times, 0.5) / 1e3)
            .with("start_p99", percentile(&mut times, 0.99) / 1e3))
    }

    /// The small tenants, each with its contacts.
    async fn small_ones(&self, ground: &Ground) -> AppResult<Vec<(String, Vec<Uuid>)>> {
        let rows = sqlx::query(store::sql!("bench_small_tenants"))
            .bind(ground.waypost.tenant())
            .bind(i64::from(self.tenants))
            .bind(i64::from(self.each))
            .fetch_all(&ground.pool)
            .await?;
        let read = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect()
    }

    /// The small tenants get the big one's workflow.
    async fn follow(&self, ground: &Ground) -> AppResult<()> {
        sqlx::query(store::sql!("bench_copy_workflow"))
            .bind(ground.tenant)
            .bind(WORKFLOW)
            .bind(ground.waypost.tenant())
            .bind(0_i64)
            .execute(&ground.pool)
            .await?;
        Ok(())
    }
}

impl Case for Fair {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("start_p50", "s"),
            Figure::new("start_p99", "s").at_most(1.0),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"due": self.due, "small_tenants": self.tenants, "executions_of_each": self.each,
            "over_seconds": self.seconds})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
