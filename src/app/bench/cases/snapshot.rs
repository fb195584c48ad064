//! Whether a snapshot that somebody holds, with the dead rows that it keeps, slows the drain down.

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use super::{
    super::{
        Bench, Case, Figure, Sample,
        flow::{Flow, PARKED, parked},
    },
    beside::Pair,
};
use crate::app::AppResult;

/// Two databases: an empty one, and one with a held snapshot and dead rows.
pub(super) struct Snapshot {
    dead: u32,
    executions: u32,
    held: Option<(Pair, PgConnection)>,
}

impl Snapshot {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            dead: bench.size(None, 600_000, 5_000),
            executions: bench.size(bench.plan.sizes.executions, 300_000, 2_000),
            held: None,
        }
    }

    async fn one(&mut self, bench: &Bench<'_>) -> AppResult<Sample> {
        if self.held.is_none() {
            self.held = Some(self.hold(bench).await?);
        }
        let Some((pair, _)) = &self.held else {
            return Ok(Sample::default());
        };
        let (plain, beside) = (pair.plain.rate().await?, pair.beside.rate().await?);
        Ok(Sample::default()
            .with("alone_per_s", plain)
            .with("beside_per_s", beside)
            .with("of_alone", beside / plain))
    }

    /// A snapshot first, then rows that were due, written and deleted: no vacuum may take them away.
    async fn hold(&self, bench: &Bench<'_>) -> AppResult<(Pair, PgConnection)> {
        let flows = [Flow::pure(5).definition(), parked()];
        let pair = Pair::new(bench, self.executions, &flows).await?;
        let ground = &pair.beside.ground;
        let one = ground.contacts(1).await?;
        ground.enroll(PARKED, &one).await?;
        let mut holder = ground.waypost.single().await?;
        for statement in [
            "set idle_in_transaction_session_timeout = 0",
            "begin isolation level repeatable read",
            "select 1 from waypost.runs",
        ] {
            holder.execute(statement).await?;
        }
        bench.say(&format!("making {} dead rows", self.dead));
        ground.multiply(PARKED, self.dead, true).await?;
        ground.checkpoint().await;
        Ok((pair, holder))
    }

    async fn end(&mut self, bench: &Bench<'_>) -> AppResult<()> {
        let Some((pair, mut holder)) = self.held.take() else {
            return Ok(());
        };
        holder.execute("rollback").await?;
        holder.close().await?;
        Pair::leave(Some(pair), bench).await
    }
}

impl Case for Snapshot {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("alone_per_s", "/s"),
            Figure::new("beside_per_s", "/s"),
            Figure::new("of_alone", "of it").at_least(0.9),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"dead_rows": self.dead, "executions": self.executions, "steps": 5})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }

    fn close<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<()>> {
        Box::pin(self.end(bench))
    }
}
