//! The floor: the least that storage has to do for five steps, and nothing else.
//!
//! A small table of what is due; a worker takes a batch out of it with `DELETE ... RETURNING`, makes five
//! steps of nothing in memory, and writes one row for each with its history as one JSON document (number, outcome and
//! result of every step), all in one transaction. No interpreter, no uniqueness, no tenants' walls, no goal, no contact: what the engine adds
//! is measured against this.

use std::time::Instant;

use chrono::{DateTime, Utc};
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool, Row, postgres::PgRow};
use tokio::task::JoinSet;

use super::super::{
    Bench, Case, Figure, RATE, Sample,
    ground::{checkpoint, counters, joined},
};
use crate::{
    app::AppResult,
    store::{self, Purpose},
};

/// Rows of one transaction.
const BATCH: i64 = 1_000;
/// Steps of each.
const STEPS: i64 = 5;

/// Not of our schema, and gone with the run.
const TABLES: &str = "
    drop schema if exists waypost_floor cascade;
    create schema waypost_floor;
    create table waypost_floor.hot (
      id           bigint generated always as identity,
      tenant_id    bigint not null,
      workflow_id  bigint not null,
      contact_id   bigint not null,
      step         int not null default 0,
      due_at       timestamptz not null default clock_timestamp(),
      created_at   timestamptz not null default clock_timestamp(),
      state        jsonb not null,
      constraint hot_pk primary key (id)
    );
    create index hot_due on waypost_floor.hot (due_at);
    create table waypost_floor.cold (
      id           bigint not null,
      tenant_id    bigint not null,
      workflow_id  bigint not null,
      contact_id   bigint not null,
      status       smallint not null,
      created_at   timestamptz not null,
      finished_at  timestamptz not null default clock_timestamp(),
      state        jsonb not null,
      history      jsonb not null,
      constraint cold_pk primary key (id)
    )";
const ENROL: &str = "
    insert into waypost_floor.hot (tenant_id, workflow_id, contact_id, state)
    select 1, 1, c, $2 from unnest($1::bigint[]) c";
const CLAIM: &str = "
    delete from waypost_floor.hot h
     where h.id = any (array(select d.id from waypost_floor.hot d where d.due_at <= clock_timestamp()
                              order by d.due_at limit $1 for update skip locked))
    returning h.id, h.tenant_id, h.workflow_id, h.contact_id, h.created_at, h.state, h.step";
const FINISH: &str = "
    insert into waypost_floor.cold (id, tenant_id, workflow_id, contact_id, status, created_at, state, history)
    select i, t, w, c, 2, at, s::jsonb, h::jsonb
      from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[])
           y(i, t, w, c, at, s, h)";

/// The floor with so many executions.
pub(super) struct Floor {
    executions: u32,
    workers: u32,
}

impl Floor {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            executions: bench.size(bench.plan.sizes.executions, 150_000, 5_000),
            workers: cores.clamp(2, 5) as u32,
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let home = bench.server.bare().await?;
        let pool = store::connect(&home.url, Purpose::Owner, self.workers + 1)?;
        pool.execute(TABLES).await?;
        checkpoint(&pool).await;
        let before = counters(&pool).await?;
        let begun = Instant::now();
        let people: Vec<i64> = (0..i64::from(self.executions)).collect();
        let state = json!({"vars": {"first_name": "Ada", "email": "ada@example.com", "score": 42}});
        for some in people.chunks(BATCH as usize) {
            sqlx::query(ENROL)
                .bind(some)
                .bind(&state)
                .execute(&pool)
                .await?;
        }
        let enrolling = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let mut workers: JoinSet<AppResult<()>> = JoinSet::new();
        for _ in 0..self.workers {
            workers.spawn(work(pool.clone()));
        }
        joined(workers).await?;
        let draining = begun.elapsed().as_secs_f64();
        let after = counters(&pool).await?;
        pool.execute("drop schema waypost_floor cascade").await?;
        pool.close().await;
        bench.server.leave(home).await?;
        let n = f64::from(self.executions);
        Ok(Sample::default()
            .with(RATE, n / draining)
            .with("enrolled_per_s", n / enrolling)
            .with("end_to_end_per_s", n / (enrolling + draining))
            .with("wal_per_execution", (after.wal - before.wal) / n)
            .with("transactions_per_execution", (after.xid - before.xid) / n))
    }
}

/// Batch after batch until nothing is due.
async fn work(pool: PgPool) -> AppResult<()> {
    let mut connection = pool.acquire().await?;
    loop {
        let mut tx = sqlx::Acquire::begin(&mut *connection).await?;
        let rows = sqlx::query(CLAIM).bind(BATCH).fetch_all(&mut *tx).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let done: Vec<Done> = rows.iter().map(Done::of).collect::<Result<_, _>>()?;
        sqlx::query(FINISH)
            .bind(done.iter().map(|d| d.id).collect::<Vec<_>>())
            .bind(done.iter().map(|d| d.tenant).collect::<Vec<_>>())
            .bind(done.iter().map(|d| d.workflow).collect::<Vec<_>>())
            .bind(done.iter().map(|d| d.contact).collect::<Vec<_>>())
            .bind(done.iter().map(|d| d.created).collect::<Vec<_>>())
            .bind(done.iter().map(|d| d.state.to_string()).collect::<Vec<_>>())
            .bind(
                done.iter()
                    .map(|d| d.history.to_string())
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
}

/// One row after its five steps.
struct Done {
    id: i64,
    tenant: i64,
    workflow: i64,
    contact: i64,
    created: DateTime<Utc>,
    state: Value,
    history: Value,
}

impl Done {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let mut state: Value = row.try_get(5)?;
        let mut history = Vec::new();
        let begun: i32 = row.try_get(6)?;
        for step in i64::from(begun) + 1..=STEPS {
            state["last"] = step.into();
            history.push(json!({"n": step, "s": 2, "o": {"ok": step}}));
        }
        Ok(Self {
            id: row.try_get(0)?,
            tenant: row.try_get(1)?,
            workflow: row.try_get(2)?,
            contact: row.try_get(3)?,
            created: row.try_get(4)?,
            state,
            history: Value::Array(history),
        })
    }
}

impl Case for Floor {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new(RATE, "/s"),
            Figure::new("enrolled_per_s", "/s"),
            Figure::new("end_to_end_per_s", "/s"),
            Figure::new("wal_per_execution", "bytes"),
            Figure::new("transactions_per_execution", ""),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"executions": self.executions, "steps": STEPS, "workers": self.workers, "batch": BATCH})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
