//! `waypost bench`: the real engine on the given database, in a tenant of its own, measured from outside.
//!
//! Nothing is switched off for the figure: row security, uniqueness, a goal that reads the contact,
//! history, partitions. Executions are enrolled with no worker running, then drained.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool, Row};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    AppResult, Waypost,
    definitions::{Checked, check_text},
};
use crate::{
    connect::{Connectors, NoSecrets, memory::Memory},
    store::{self, Purpose, StoreResult},
    worker::{Role, Shared, Worker, WorkerSettings},
};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Executions to enrol and drain.
    pub executions: u32,
    /// Pure steps of each.
    pub steps: u32,
    /// Outbox dispatches of each, to an in-process sink.
    pub effects: u32,
    /// Policy of the dispatches: `dedupe`, `hold`, `retry`.
    pub policy: String,
    /// Concurrent advance transactions.
    pub workers: usize,
    /// Parked executions that stand beside.
    pub waiting: u32,
    /// Triggers a second for the latency; 0 leaves it out.
    pub latency_rate: u32,
    /// For how long.
    pub latency_for: Duration,
    /// A commit for every step.
    pub no_fuse: bool,
}

/// The figures, in the shape that `--json` prints.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Executions drained.
    pub executions: u32,
    /// Steps of each.
    pub steps: u32,
    /// Enrolled a second, no worker running.
    pub enroll_per_s: f64,
    /// Drained a second.
    pub executions_per_s: f64,
    /// Steps a second.
    pub steps_per_s: f64,
    /// Dispatches a second.
    pub dispatches_per_s: f64,
    /// Trigger to first step committed.
    pub latency_ms: Option<Latency>,
    /// WAL from the first enrolment to the last drain.
    pub wal_bytes_per_execution: f64,
    /// Write transactions from the first enrolment to the last drain.
    pub transactions_per_execution: f64,
    /// Parked executions beside it.
    pub waiting: u32,
    /// Server version.
    pub postgres: String,
    /// Settings that matter.
    pub settings: Value,
}

/// Percentiles in milliseconds.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// The workflow that is measured: pure steps that read the contact and write variables, a goal, and
/// the dispatches.
#[must_use]
pub fn definition(plan: &Plan) -> Value {
    let mut actions = Vec::new();
    let names: Vec<String> = (0..plan.steps)
        .map(|n| format!("step-{n}"))
        .chain((0..plan.effects).map(|n| format!("send-{n}")))
        .collect();
    for (n, name) in names.iter().enumerate() {
        let next: Vec<&String> = names.get(n + 1).into_iter().collect();
        let pure = n < plan.steps as usize;
        actions.push(match (pure, n % 2) {
            (true, 0) => json!({"id": name, "type": "set_variable", "onSuccess": next,
                "config": {"name": format!("v{n}"), "value": "{{contact.score}}"}}),
            (true, _) => json!({"id": name, "type": "if_else", "config": {
                "condition": {"field": "contact.city", "operator": "equals", "value": "Paris"},
                "trueBranch": next, "falseBranch": next}}),
            (false, _) => json!({"id": name, "type": "webhook", "onSuccess": next, "policy": plan.policy,
                "config": {"url": "https://sink.invalid/hook", "body": {"city": "{{contact.city}}", "n": n}}}),
        });
    }
    json!({
        "id": "bench", "name": "Bench", "actions": actions,
        "trigger": {"id": "t", "type": "custom.event", "config": {"name": "bench"}},
        "goals": [{"id": "bought", "onAchievement": "exit",
            "conditions": {"field": "contact.score", "operator": "greater_than", "value": 1_000_000}}],
    })
}

/// A workflow whose executions stand parked for a year, for `--waiting`.
#[must_use]
pub fn parked_definition() -> Value {
    json!({
        "id": "parked", "name": "Parked",
        "actions": [{"id": "wait", "type": "wait",
            "config": {"waitType": "duration", "duration": {"amount": 365, "unit": "days"}}}],
    })
}

impl Waypost {
    /// Publishes the bench's workflows in the settings' tenant and runs the plan there. `say` is told what
    /// is being done.
    ///
    /// # Errors
    /// Of the database.
    pub async fn bench(
        &self,
        plan: &Plan,
        say: &(dyn Fn(&str) + std::marker::Send + Sync),
    ) -> AppResult<Figures> {
        let files: Vec<Checked> = [definition(plan), parked_definition()]
            .iter()
            .map(|value| check_text(&value.to_string(), "bench.json"))
            .collect();
        self.deploy(&files, true).await?;
        let mut tx = self.begin_as_owner().await?;
        let tenant = self.find_tenant(&mut tx).await?;
        tx.rollback().await?;
        Ok(run(self.url(), (tenant.id, self.tenant()), plan, say).await?)
    }
}

async fn run(
    url: &str,
    tenant: (i32, &str),
    plan: &Plan,
    say: &(dyn Fn(&str) + std::marker::Send + Sync),
) -> StoreResult<Figures> {
    let pool = store::connect(url, Purpose::Owner, 8)?;
    let sink = Arc::new(Memory::counting());
    let connectors = Connectors::default().with("webhook", sink.clone());
    let settings = WorkerSettings {
        runners: plan.workers,
        max_steps: if plan.no_fuse { 1 } else { 64 },
        ..WorkerSettings::default()
    };
    let shared = Shared::new(url, connectors, Arc::new(NoSecrets), settings)?;

    if plan.waiting > 0 {
        say(&format!("parking {} executions", plan.waiting));
        let parked = contacts(&pool, tenant.1, plan.waiting).await?;
        enroll(&pool, tenant.1, "parked", &parked).await?;
        drain(&shared, tenant.0, 1, &[Role::Run]).await?;
    }
    say(&format!("making {} contacts", plan.executions));
    let people = contacts(&pool, tenant.1, plan.executions).await?;
    checkpoint(&pool).await;
    let before = Counters::read(&pool).await?;
    say("enrolling");
    let begun = Instant::now();
    enroll(&pool, tenant.1, "bench", &people).await?;
    let enrolling = begun.elapsed();
    say("draining");
    let begun = Instant::now();
    let roles: &[Role] = if plan.effects > 0 {
        &[Role::Run, Role::Dispatch]
    } else {
        &[Role::Run]
    };
    drain(&shared, tenant.0, 0, roles).await?;
    let draining = begun.elapsed();
    let after = Counters::read(&pool).await?;
    let latency_ms = if plan.latency_rate == 0 {
        None
    } else {
        say("measuring the latency from trigger to first step");
        Some(latency(&shared, url, tenant.1, plan, &people).await?)
    };
    let n = f64::from(plan.executions);
    let rate = n / draining.as_secs_f64();
    Ok(Figures {
        executions: plan.executions,
        steps: plan.steps,
        enroll_per_s: (n / enrolling.as_secs_f64()).round(),
        executions_per_s: rate.round(),
        steps_per_s: (rate * f64::from(plan.steps)).round(),
        dispatches_per_s: (rate * f64::from(plan.effects)).round(),
        latency_ms,
        wal_bytes_per_execution: ((after.wal - before.wal) / n).round(),
        transactions_per_execution: (after.xid - before.xid) / n,
        waiting: plan.waiting,
        postgres: after.version,
        settings: after.settings,
    })
}

/// Makes contacts with two custom fields, without counting.
async fn contacts(pool: &PgPool, tenant: &str, count: u32) -> StoreResult<Vec<Uuid>> {
    Ok(sqlx::query_scalar(store::sql!("bench_contacts"))
        .bind(tenant)
        .bind(i64::from(count))
        .fetch_all(pool)
        .await?)
}

/// Enrols in calls of 1,000 over two connections, as a bulk enrolment would.
async fn enroll(pool: &PgPool, tenant: &str, workflow: &str, people: &[Uuid]) -> StoreResult<()> {
    let calls: Vec<Vec<Uuid>> = people.chunks(1_000).map(<[Uuid]>::to_vec).collect();
    let calls = Arc::new(Mutex::new(calls));
    let mut two = JoinSet::new();
    for _ in 0..2 {
        let (calls, pool) = (calls.clone(), pool.clone());
        let (tenant, workflow) = (tenant.to_owned(), workflow.to_owned());
        two.spawn(async move {
            loop {
                let next = calls
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .pop();
                let Some(call) = next else { return Ok(()) };
                sqlx::query(store::sql!("bench_enroll"))
                    .bind(&workflow)
                    .bind(call)
                    .bind(&tenant)
                    .execute(&pool)
                    .await?;
            }
        });
    }
    while let Some(done) = two.join_next().await {
        done.unwrap_or(Ok(()))
            .map_err(|e: sqlx::Error| store::StoreError::from(e))?;
    }
    Ok(())
}

/// Runs a worker until the tenant has nothing due. `status`: of the runs that may remain.
async fn drain(shared: &Shared, tenant: i32, status: i16, roles: &[Role]) -> StoreResult<()> {
    let worker = Worker::start(shared, roles, None);
    shared.bells.all();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let left: bool = sqlx::query_scalar(store::sql!("bench_left"))
            .bind(tenant)
            .bind(status)
            .fetch_one(&shared.pool)
            .await?;
        if !left {
            break;
        }
    }
    worker.stop().await;
    Ok(())
}

/// Triggers at a steady rate through the plain SQL `emit`, and the time until the first step is committed.
async fn latency(
    shared: &Shared,
    url: &str,
    tenant: &str,
    plan: &Plan,
    people: &[Uuid],
) -> StoreResult<Latency> {
    let done: Arc<Mutex<Vec<(Uuid, Instant)>>> = Arc::default();
    let notes = done.clone();
    let mut shared = shared.clone();
    shared.observer = Some(Arc::new(move |contacts: &[Uuid]| {
        let now = Instant::now();
        let mut notes = notes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        notes.extend(contacts.iter().map(|c| (*c, now)));
    }));
    let worker = Worker::start(&shared, &[Role::Match, Role::Run], Some(url.to_owned()));
    let pool = store::connect(url, Purpose::Owner, 8)?;
    let mut connection = pool.acquire().await?;
    // The events of the bench's own contacts are matched first, and the worker comes to rest.
    while sqlx::query_scalar(store::sql!("bench_events"))
        .fetch_one(&shared.pool)
        .await?
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let gap = Duration::from_secs(1) / plan.latency_rate.max(1);
    let count = (plan.latency_for.as_secs_f64() * f64::from(plan.latency_rate)) as usize;
    let mut begun = Vec::new();
    let mut tick = tokio::time::interval(gap);
    for contact in people.iter().take(count) {
        tick.tick().await;
        begun.push((*contact, Instant::now()));
        emit(&mut connection, tenant, *contact).await?;
        shared.bells.matching.notify_one();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    worker.stop().await;
    let done = done
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let first: std::collections::HashMap<Uuid, Instant> =
        done.iter().rev().map(|(c, at)| (*c, *at)).collect();
    let mut times: Vec<f64> = begun
        .iter()
        .map(|(c, from)| {
            first
                .get(c)
                .map_or(f64::INFINITY, |at| (*at - *from).as_secs_f64() * 1e3)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |p: f64| {
        let index = ((times.len() as f64 * p) as usize).min(times.len().saturating_sub(1));
        times
            .get(index)
            .map_or(f64::NAN, |ms| (ms * 100.0).round() / 100.0)
    };
    Ok(Latency {
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
    })
}

async fn emit(connection: &mut PgConnection, tenant: &str, contact: Uuid) -> StoreResult<()> {
    sqlx::query(store::sql!("bench_emit"))
        .bind(contact)
        .bind(tenant)
        .execute(connection)
        .await?;
    Ok(())
}

async fn checkpoint(pool: &PgPool) {
    // Only a superuser (or pg_checkpoint) may; without it the figures include an earlier run's pages.
    if let Err(error) = sqlx::query("checkpoint").execute(pool).await {
        tracing::debug!(%error, "no checkpoint before the run");
    }
}

struct Counters {
    wal: f64,
    xid: f64,
    version: String,
    settings: Value,
}

impl Counters {
    async fn read(pool: &PgPool) -> StoreResult<Self> {
        let row = sqlx::query(store::sql!("bench_counters"))
            .fetch_one(pool)
            .await?;
        Ok(Self {
            wal: row.try_get(0)?,
            xid: row.try_get(1)?,
            version: row.try_get(2)?,
            settings: row.try_get(3)?,
        })
    }
}
