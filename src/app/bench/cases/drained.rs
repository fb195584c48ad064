//! Executions that are enrolled with no worker running, then drained.

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::super::{Bench, Case, Figure, OF_FLOOR, RATE, Sample, flow::Flow};
use crate::{
    app::AppResult,
    worker::{Role, WorkerSettings},
};

/// A drain, and what it is to reach.
pub(super) struct Drained {
    flow: Flow,
    executions: u32,
    workers: usize,
    fused: bool,
    rate: Figure,
    rest: Vec<Figure>,
}

impl Drained {
    fn new(bench: &Bench<'_>, flow: Flow, fused: bool, full: u32) -> Self {
        let sizes = &bench.plan.sizes;
        Self {
            flow,
            executions: bench.size(sizes.executions, full, 2_000),
            workers: sizes.workers.unwrap_or(WorkerSettings::default().runners),
            fused,
            rate: Figure::new(RATE, "/s"),
            rest: vec![
                Figure::new(OF_FLOOR, "of the floor"),
                Figure::new("wal_per_execution", "bytes"),
                Figure::new("transactions_per_execution", ""),
            ],
        }
    }

    /// Five pure steps.
    pub(super) fn pure(bench: &Bench<'_>) -> Self {
        let flow = Flow::pure(bench.plan.sizes.steps.unwrap_or(5));
        Self {
            rest: vec![
                Figure::new(OF_FLOOR, "of the floor").at_least(0.55),
                Figure::new("wal_per_execution", "bytes").at_most(2_000.0),
                Figure::new("transactions_per_execution", "").at_most(0.05),
            ],
            ..Self::new(bench, flow, true, 100_000)
        }
    }

    /// Five pure steps and a send.
    pub(super) fn dispatch(bench: &Bench<'_>, policy: &str) -> Self {
        let flow = Flow {
            effects: 1,
            policy: policy.to_owned(),
            ..Flow::pure(bench.plan.sizes.steps.unwrap_or(5))
        };
        let drained = Self::new(bench, flow, true, 40_000);
        if policy == "hold" {
            return drained;
        }
        let rate = drained.rate.at_least(12_000.0);
        Self { rate, ..drained }
    }

    /// Five pure steps, a commit for each.
    pub(super) fn steps(bench: &Bench<'_>) -> Self {
        let flow = Flow::pure(bench.plan.sizes.steps.unwrap_or(5));
        let drained = Self::new(bench, flow, false, 40_000);
        let rate = drained.rate.at_least(10_000.0);
        Self { rate, ..drained }
    }

    /// What the flags say.
    pub(super) fn said(bench: &Bench<'_>) -> Self {
        let sizes = &bench.plan.sizes;
        let flow = Flow {
            steps: sizes.steps.unwrap_or(5),
            effects: sizes.effects,
            policy: sizes.policy.clone(),
        };
        Self::new(bench, flow, !sizes.no_fuse, 60_000)
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        let people = ground.contacts(self.executions).await?;
        ground.publish(&[self.flow.definition()]).await?;
        let shared = ground.shared(WorkerSettings {
            runners: self.workers,
            max_steps: if self.fused { 64 } else { 1 },
            ..WorkerSettings::default()
        })?;
        let roles: &[Role] = if self.flow.effects > 0 {
            &[Role::Run, Role::Dispatch]
        } else {
            &[Role::Run]
        };
        let before = ground.counters().await?;
        let (enrolling, draining) = ground.enrol_and_drain(&shared, roles, &people).await?;
        let (enrolling, draining) = (enrolling.as_secs_f64(), draining.as_secs_f64());
        let after = ground.counters().await?;
        shared.pool.close().await;
        ground.leave(&bench.server).await?;
        let n = f64::from(self.executions);
        let (steps, effects) = (f64::from(self.flow.steps), f64::from(self.flow.effects));
        Ok(Sample::default()
            .with(RATE, n / draining)
            .with("steps_per_s", n * steps / draining)
            .with("dispatches_per_s", n * effects / draining)
            .with("enrolled_per_s", n / enrolling)
            .with("end_to_end_per_s", n / (enrolling + draining))
            .with("wal_per_execution", (after.wal - before.wal) / n)
            .with("transactions_per_execution", (after.xid - before.xid) / n))
    }
}

impl Case for Drained {
    fn figures(&self) -> Vec<Figure> {
        let mut all = vec![self.rate, Figure::new("steps_per_s", "/s")];
        if self.flow.effects > 0 {
            all.push(Figure::new("dispatches_per_s", "/s"));
        }
        all.push(Figure::new("enrolled_per_s", "/s"));
        all.push(Figure::new("end_to_end_per_s", "/s"));
        all.extend(&self.rest);
        all
    }

    fn sizes(&self) -> Value {
        json!({"executions": self.executions, "steps": self.flow.steps, "effects": self.flow.effects,
            "policy": self.flow.policy, "workers": self.workers, "fused": self.fused})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
