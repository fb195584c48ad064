//! What a worker costs that has nothing to do.

use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::super::{Bench, Case, Figure, Sample, child::Child, flow::Flow, relay::Relay};
use crate::app::AppResult;

/// A worker of its own, watched for so long.
pub(super) struct Idle {
    settles: Duration,
    watched: Duration,
}

impl Idle {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        let quick = bench.plan.quick;
        Self {
            settles: Duration::from_secs(if quick { 1 } else { 5 }),
            watched: Duration::from_secs(if quick { 1 } else { 20 }),
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        ground.contacts(1).await?;
        ground.publish(&[Flow::pure(5).definition()]).await?;
        let relay = Relay::before(&ground.home.url).await?;
        let worker = Child::worker(relay.url())?;
        tokio::time::sleep(self.settles).await;
        let (asked, computed) = (relay.queries(), worker.computed());
        let begun = Instant::now();
        tokio::time::sleep(self.watched).await;
        let lasted = begun.elapsed().as_secs_f64();
        let queries = relay.queries() - asked;
        let sample = Sample::default().with("queries_per_s", queries as f64 / lasted);
        let used = worker
            .computed()
            .zip(computed)
            .map(|(now, then)| now - then);
        worker.stop().await;
        drop(relay);
        ground.leave(&bench.server).await?;
        Ok(match used {
            Some(used) => sample.with("cpu", used.as_secs_f64() / lasted * 100.0),
            None => sample,
        })
    }
}

impl Case for Idle {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("cpu", "% of a core").at_most(1.0),
            Figure::new("queries_per_s", "/s").at_most(30.0),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"seconds": self.watched.as_secs()})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
