//! How soon `workflow_stats` answers beside a mountain of ended executions.

use std::time::Instant;

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::super::{Bench, Case, Figure, Sample, figure::percentile, flow::Flow, ground::Ground};
use crate::{
    app::{AppError, AppResult},
    store::{counts, sql},
    worker::janitor,
};

/// Ended executions of one statement.
const SLICE: u32 = 100_000;
/// Times the view is asked.
const ASKED: usize = 50;

/// So many ended executions, with what they added to the figures.
pub(super) struct Stats {
    ended: u32,
}

impl Stats {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            ended: bench.size(bench.plan.sizes.executions, 10_000_000, 20_000),
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        ground.publish(&[Flow::pure(5).definition()]).await?;
        let (mut made, begun) = (0, Instant::now());
        while made < self.ended {
            let slice = SLICE.min(self.ended - made);
            sqlx::query(sql!("bench_ended"))
                .bind(ground.tenant)
                .bind(i64::from(slice))
                .execute(&ground.pool)
                .await?;
            made += slice;
            bench.say(&format!("{made} ended executions"));
        }
        let filled = f64::from(made) / begun.elapsed().as_secs_f64();
        // First with every change that a worker would have left within moments, then as the janitor leaves them.
        let changes = asked(&ground, made).await?;
        let mut connection = ground.pool.acquire().await?;
        let begun = Instant::now();
        while counts::fold(&mut connection, janitor::FOLDED).await? > 0 {}
        let folding = begun.elapsed().as_secs_f64();
        drop(connection);
        let mut times = asked(&ground, made).await?;
        ground.leave(&bench.server).await?;
        let mut changes = changes;
        Ok(Sample::default()
            .with("answer_p50", percentile(&mut times, 0.5))
            .with("answer_max", percentile(&mut times, 1.0))
            .with("unfolded_p50", percentile(&mut changes, 0.5))
            .with("fold", folding * 1000.0)
            .with("filled_per_s", filled))
    }
}

/// Milliseconds of each answer, which must be exact.
async fn asked(ground: &Ground, made: u32) -> AppResult<Vec<f64>> {
    let mut times = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let begun = Instant::now();
        let (total, _): (i64, Value) = sqlx::query_as(sql!("bench_stats"))
            .bind(ground.tenant)
            .fetch_one(&ground.pool)
            .await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        if total != i64::from(made) {
            return Err(AppError::no(format!(
                "workflow_stats counts {total} executions where there are {made}"
            )));
        }
    }
    Ok(times)
}

impl Case for Stats {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("answer_p50", "ms").at_most(50.0),
            Figure::new("answer_max", "ms"),
            Figure::new("unfolded_p50", "ms"),
            Figure::new("fold", "ms"),
            Figure::new("filled_per_s", "/s"),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"ended": self.ended, "asked": ASKED})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
