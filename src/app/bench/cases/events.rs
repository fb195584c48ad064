//! Enrolment from events in bulk: recorded with no worker running, then matched.

use std::time::Instant;

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Bench, Case, Figure, Sample, flow::Flow, ground::Ground};
use crate::{
    app::{AppError, AppResult},
    store,
    worker::WorkerSettings,
};

/// Events of one call.
const BATCH: usize = 1_000;

/// So many events, each of a contact of its own.
pub(super) struct Events {
    events: u32,
}

impl Events {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            events: bench.size(bench.plan.sizes.executions, 100_000, 2_000),
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        let people = ground.contacts(self.events).await?;
        ground.publish(&[Flow::pure(5).definition()]).await?;
        ground.checkpoint().await;
        let before = ground.counters().await?;
        let begun = Instant::now();
        emit(&ground, &people).await?;
        let emitting = begun.elapsed().as_secs_f64();
        let shared = ground.shared(WorkerSettings::default())?;
        let matching = ground.matched(&shared).await?.as_secs_f64();
        let after = ground.counters().await?;
        let enrolled: i64 = sqlx::query_scalar(store::sql!("bench_enrolled"))
            .bind(ground.tenant)
            .fetch_one(&ground.pool)
            .await?;
        if enrolled != i64::from(self.events) {
            return Err(AppError::no(format!(
                "of {} events {enrolled} enrolled",
                self.events
            )));
        }
        shared.pool.close().await;
        ground.leave(&bench.server).await?;
        let n = f64::from(self.events);
        Ok(Sample::default()
            .with("enrolled_per_s", n / matching)
            .with("emitted_per_s", n / emitting)
            .with("wal_per_event", (after.wal - before.wal) / n)
            .with("transactions_per_event", (after.xid - before.xid) / n))
    }
}

async fn emit(ground: &Ground, people: &[Uuid]) -> AppResult<()> {
    for some in people.chunks(BATCH) {
        sqlx::query(store::sql!("bench_emit_many"))
            .bind(ground.waypost.tenant())
            .bind(some)
            .execute(&ground.pool)
            .await?;
    }
    Ok(())
}

impl Case for Events {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("enrolled_per_s", "/s").at_least(40_000.0),
            Figure::new("emitted_per_s", "/s"),
            Figure::new("wal_per_event", "bytes"),
            Figure::new("transactions_per_event", ""),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"events": self.events, "matchers": WorkerSettings::default().matchers})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
