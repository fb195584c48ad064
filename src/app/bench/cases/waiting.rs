//! Whether millions of waiting executions slow down those that are due.

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::{
    super::{
        Bench, Case, Figure, Sample,
        flow::{Flow, PARKED, parked},
        ground::Ground,
    },
    beside::{Beside, Pair},
    latency::Latency,
};
use crate::{
    app::AppResult,
    worker::{Role, WorkerSettings},
};

/// Two databases: an empty one, and one in which many executions wait.
pub(super) struct Waiting {
    waiting: u32,
    executions: u32,
    pair: Option<Pair>,
}

impl Waiting {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        let sizes = &bench.plan.sizes;
        Self {
            waiting: bench.size(sizes.waiting, 5_000_000, 5_000),
            executions: bench.size(sizes.executions, 100_000, 2_000),
            pair: None,
        }
    }

    async fn one(&mut self, bench: &Bench<'_>) -> AppResult<Sample> {
        if self.pair.is_none() {
            let flows = [Flow::pure(5).definition(), parked()];
            let pair = Pair::new(bench, self.executions, &flows).await?;
            bench.say(&format!("parking {} executions", self.waiting));
            park(&pair.beside.ground, self.waiting).await?;
            self.pair = Some(pair);
        }
        let Some(pair) = &self.pair else {
            return Ok(Sample::default());
        };
        let (plain, beside) = (pair.plain.rate().await?, pair.beside.rate().await?);
        let (quiet, crowded) = (
            p50(bench, &pair.plain).await?,
            p50(bench, &pair.beside).await?,
        );
        Ok(Sample::default()
            .with("alone_per_s", plain)
            .with("beside_per_s", beside)
            .with("of_alone", beside / plain)
            .with("alone_p50", quiet)
            .with("beside_p50", crowded)
            .with("p50_of_alone", crowded / quiet))
    }
}

/// The middle of the times from an event to its first step.
async fn p50(bench: &Bench<'_>, side: &Beside) -> AppResult<f64> {
    let latency = Latency::new(bench);
    latency.event_p50(&side.ground, &side.people).await
}

/// One execution is parked as any other is; the rest are copies of its row, for contacts that nobody looks at.
async fn park(ground: &Ground, count: u32) -> AppResult<()> {
    let one = ground.contacts(1).await?;
    ground.enroll(PARKED, &one).await?;
    let shared = ground.shared(WorkerSettings::default())?;
    ground.drain(&shared, &[Role::Run], 1).await?;
    shared.pool.close().await;
    ground.multiply(PARKED, count, false).await?;
    ground.checkpoint().await;
    Ok(())
}

impl Case for Waiting {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("alone_per_s", "/s"),
            Figure::new("beside_per_s", "/s"),
            Figure::new("of_alone", "of it").at_least(0.85),
            Figure::new("alone_p50", "ms"),
            Figure::new("beside_p50", "ms"),
            Figure::new("p50_of_alone", "of it").at_most(1.15),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"waiting": self.waiting, "executions": self.executions, "steps": 5})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }

    fn close<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<()>> {
        Box::pin(Pair::leave(self.pair.take(), bench))
    }
}
