//! Memory of a worker at full load that has met thousands of definitions.

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::super::{
    Bench, Case, Figure, Sample,
    child::Child,
    flow::{Flow, WORKFLOW},
};
use crate::{app::AppResult, store, worker::WorkerSettings};

/// So many definitions, with a few executions each.
pub(super) struct Memory {
    definitions: u32,
    each: u32,
}

impl Memory {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            definitions: bench.size(None, 10_000, 100),
            each: bench.size(None, 20, 5),
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        ground.contacts(self.each).await?;
        ground.publish(&[Flow::pure(5).definition()]).await?;
        sqlx::query(store::sql!("bench_copy_workflow"))
            .bind(ground.tenant)
            .bind(WORKFLOW)
            .bind(ground.waypost.tenant())
            .bind(i64::from(self.definitions) - 1)
            .execute(&ground.pool)
            .await?;
        // One of every definition after the other, so that each claim meets as many as can be.
        sqlx::query(store::sql!("bench_one_of_each"))
            .bind(ground.tenant)
            .bind(ground.waypost.tenant())
            .execute(&ground.pool)
            .await?;
        let shared = ground.shared(WorkerSettings::default())?;
        let worker = Child::worker(&ground.home.url)?;
        ground.until_done(&shared).await?;
        let most = worker.most_memory();
        worker.stop().await;
        shared.pool.close().await;
        ground.leave(&bench.server).await?;
        let sample = Sample::default();
        Ok(match most {
            Some(bytes) => sample.with("most_memory", bytes / 1e6),
            None => sample,
        })
    }
}

impl Case for Memory {
    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("most_memory", "MB").at_most(150.0)]
    }

    fn sizes(&self) -> Value {
        json!({"definitions": self.definitions, "executions": self.definitions * self.each, "steps": 5})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
