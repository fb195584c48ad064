//! The same drain in two databases, of which one has something beside: both stay from run to run.

use serde_json::Value;
use uuid::Uuid;

use super::super::{Bench, ground::Ground};
use crate::{
    app::AppResult,
    worker::{Role, WorkerSettings},
};

/// One of the databases, with the contacts that are enrolled again and again.
pub(super) struct Beside {
    pub(super) ground: Ground,
    pub(super) people: Vec<Uuid>,
}

/// The database with nothing beside, and the one in which a case puts something.
pub(super) struct Pair {
    pub(super) plain: Beside,
    pub(super) beside: Beside,
}

impl Pair {
    pub(super) async fn new(bench: &Bench<'_>, people: u32, flows: &[Value]) -> AppResult<Self> {
        Ok(Self {
            plain: Beside::new(bench, people, flows).await?,
            beside: Beside::new(bench, people, flows).await?,
        })
    }

    pub(super) async fn leave(pair: Option<Self>, bench: &Bench<'_>) -> AppResult<()> {
        if let Some(pair) = pair {
            pair.plain.ground.leave(&bench.server).await?;
            pair.beside.ground.leave(&bench.server).await?;
        }
        Ok(())
    }
}

impl Beside {
    async fn new(bench: &Bench<'_>, people: u32, flows: &[Value]) -> AppResult<Self> {
        let ground = bench.server.ground().await?;
        let people = ground.contacts(people).await?;
        ground.publish(flows).await?;
        Ok(Self { ground, people })
    }

    /// Executions drained a second.
    pub(super) async fn rate(&self) -> AppResult<f64> {
        let shared = self.ground.shared(WorkerSettings::default())?;
        let done = self
            .ground
            .enrol_and_drain(&shared, &[Role::Run], &self.people);
        let (_, draining) = done.await?;
        shared.pool.close().await;
        Ok(self.people.len() as f64 / draining.as_secs_f64())
    }
}
