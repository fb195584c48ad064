//! Single calls to `enroll` from many clients, against bare inserts.
//!
//! The bare inserts write the very rows that the calls wrote, by a prepared statement, into the same table with
//! all its constraints, of a database that is as empty as theirs was.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use sqlx::{PgPool, Row};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::super::{
    Bench, Case, Figure, Sample,
    flow::{Flow, WORKFLOW},
    ground::{Ground, joined},
};
use crate::{
    app::AppResult,
    model::execution::Instant as Time,
    store::{self, Purpose},
};

/// So many enrolments by so many clients.
pub(super) struct Enroll {
    enrolments: u32,
    clients: u32,
}

/// What the calls wrote for one contact.
struct Written {
    bucket: i16,
    id: Uuid,
    contact: Uuid,
    key: String,
    at: Time,
    state: Value,
}

impl Enroll {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            enrolments: bench.size(bench.plan.sizes.executions, 40_000, 400),
            clients: bench.size(None, 64, 8),
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let flow = [Flow::pure(5).definition()];
        let calls = bench.server.ground().await?;
        let people = calls.contacts(self.enrolments).await?;
        calls.publish(&flow).await?;
        let tenant: Arc<str> = calls.waypost.tenant().into();
        let called = self.rate(&calls, people, move |pool, contact| {
            let tenant = tenant.clone();
            async move {
                sqlx::query(store::sql!("bench_enroll_one"))
                    .bind(contact)
                    .bind(&*tenant)
                    .bind(WORKFLOW)
                    .execute(&pool)
                    .await
                    .map(drop)
            }
        });
        let called = called.await?;
        let rows = written(&calls).await?;
        calls.leave(&bench.server).await?;

        let bare = bench.server.ground().await?;
        bare.publish(&flow).await?;
        let tenant = bare.tenant;
        let inserted = self.rate(&bare, rows, move |pool, row: Arc<Written>| async move {
            sqlx::query(store::sql!("bench_insert_run"))
                .bind(row.bucket)
                .bind(row.id)
                .bind(tenant)
                .bind(row.contact)
                .bind(&row.key)
                .bind(row.at)
                .bind(&row.state)
                .execute(&pool)
                .await
                .map(drop)
        });
        let inserted = inserted.await?;
        bare.leave(&bench.server).await?;
        Ok(Sample::default()
            .with("enrolled_per_s", called)
            .with("inserted_per_s", inserted)
            .with("of_bare_inserts", called / inserted))
    }

    /// Every client does the next one until all are done.
    async fn rate<T, D, F>(&self, ground: &Ground, items: Vec<T>, deed: D) -> AppResult<f64>
    where
        T: Clone + Send + Sync + 'static,
        D: Fn(PgPool, T) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), sqlx::Error>> + Send,
    {
        // A pool of one for each client: nobody waits for another's connection.
        let pools: Vec<PgPool> = (0..self.clients)
            .map(|_| store::connect(&ground.home.url, Purpose::Owner, 1))
            .collect::<Result<_, _>>()?;
        for pool in &pools {
            pool.acquire().await?;
        }
        ground.checkpoint().await;
        let count = items.len();
        let (items, next) = (Arc::new(items), Arc::new(AtomicUsize::new(0)));
        let begun = Instant::now();
        let mut clients: JoinSet<Result<(), sqlx::Error>> = JoinSet::new();
        for pool in pools.clone() {
            let (items, next, deed) = (items.clone(), next.clone(), deed.clone());
            clients.spawn(async move {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    deed(pool.clone(), item.clone()).await?;
                }
                Ok(())
            });
        }
        joined(clients).await?;
        let took = begun.elapsed().as_secs_f64();
        for pool in pools {
            pool.close().await;
        }
        Ok(count as f64 / took)
    }
}

async fn written(ground: &Ground) -> AppResult<Vec<Arc<Written>>> {
    let rows = sqlx::query(store::sql!("bench_written"))
        .bind(ground.tenant)
        .fetch_all(&ground.pool)
        .await?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Arc::new(Written {
            bucket: row.try_get(0)?,
            id: row.try_get(1)?,
            contact: row.try_get(2)?,
            key: row.try_get(3)?,
            at: row.try_get(4)?,
            state: row.try_get(5)?,
        }))
    };
    rows.iter().map(read).collect()
}

impl Case for Enroll {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("enrolled_per_s", "/s"),
            Figure::new("inserted_per_s", "/s"),
            Figure::new("of_bare_inserts", "of them").at_least(0.6),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"enrolments": self.enrolments, "clients": self.clients})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
