//! What a case stands on: a database of its own with the engine in it, a tenant, contacts, executions.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool, Row};
use tokio::task::JoinSet;
use uuid::{NoContext, Timestamp, Uuid};

use super::flow::WORKFLOW;
use crate::{
    app::{
        AppError, AppResult, Schema, Settings, Waypost, config::Database, definitions::check_text,
    },
    connect::{Connectors, NoSecrets, memory::Memory},
    store::{self, Purpose, tenants},
    worker::{Role, Shared, Worker, WorkerSettings},
};

/// Databases younger than this may be another bench's that begins just now.
const YOUNG: Duration = Duration::from_secs(3600);
/// What databases of the bench are called, before their time.
const PREFIX: &str = "waypost_bench_";
/// SQLSTATE of a database that somebody is still connected to.
const IN_USE: &str = "55006";
/// Contacts of one statement.
const CONTACTS: u32 = 50_000;
/// Copies of one statement.
const COPIES: u32 = 200_000;
/// Executions of one call to enrol, as bulk enrolment sends them.
const ENROLLED: usize = 1_000;

/// The server on which cases get their databases.
pub(super) struct Server<'a> {
    waypost: &'a Waypost,
    /// The given database is used, and nothing is made or dropped.
    here: bool,
}

/// What is told of the server.
pub(super) struct Facts {
    pub(super) version: String,
    pub(super) settings: Value,
}

/// WAL and transactions so far, of the whole server.
pub(super) struct Counters {
    pub(super) wal: f64,
    pub(super) xid: f64,
}

impl<'a> Server<'a> {
    pub(super) fn new(waypost: &'a Waypost, here: bool) -> Self {
        Self { waypost, here }
    }

    /// Drops what an interrupted bench left and nobody uses.
    pub(super) async fn sweep(&self) -> AppResult<()> {
        if self.here {
            return Ok(());
        }
        let mut admin = self.waypost.single().await?;
        let left: Vec<String> = sqlx::query_scalar(store::sql!("bench_leftovers"))
            .bind(PREFIX)
            .bind(named_at(SystemTime::now() - YOUNG))
            .fetch_all(&mut admin)
            .await?;
        for name in left {
            // One that is in use after all refuses.
            let dropped = admin.execute(AssertSqlSafe(format!("drop database \"{name}\"")));
            if let Err(error) = dropped.await {
                tracing::debug!(%name, %error, "left alone");
            }
        }
        Ok(())
    }

    pub(super) async fn facts(&self) -> AppResult<Facts> {
        let mut admin = self.waypost.single().await?;
        let row = sqlx::query(store::sql!("bench_settings"))
            .fetch_one(&mut admin)
            .await?;
        Ok(Facts {
            version: row.try_get(0)?,
            settings: row.try_get(1)?,
        })
    }

    /// A database without our schema; where it is the given one, that.
    pub(super) async fn bare(&self) -> AppResult<Home> {
        if self.here {
            return Ok(Home {
                url: self.waypost.url().to_owned(),
                made: None,
            });
        }
        let name = named_at(SystemTime::now());
        let url = beside(self.waypost.url(), &name)?;
        let mut admin = self.waypost.single().await?;
        admin
            .execute(AssertSqlSafe(format!("create database {name}")))
            .await
            .map_err(|error| {
                AppError::no(format!(
                    "{error}\nCases run in databases of their own; with --here they run in the given one"
                ))
            })?;
        Ok(Home {
            url,
            made: Some(name),
        })
    }

    /// A database with the schema and a new tenant.
    pub(super) async fn ground(&self) -> AppResult<Ground> {
        let home = self.bare().await?;
        let settings = Settings {
            database: Database::Url(home.url.clone()),
            tenant: format!("bench-{}", Uuid::new_v4().simple()),
            tenant_named: true,
            ..self.waypost.settings.clone()
        };
        let waypost = Waypost::open(settings, Schema::Any, &|_| {}).await?;
        waypost.migrate(true, &|_| {}).await?;
        waypost.create_tenant(waypost.tenant(), "UTC").await?;
        let mut tx = waypost.begin_as_owner().await?;
        let found = tenants::find(&mut tx, waypost.tenant()).await?;
        let tenant = found
            .ok_or_else(|| AppError::no("the tenant went away"))?
            .id;
        tx.rollback().await?;
        Ok(Ground {
            pool: store::connect(&home.url, Purpose::Owner, 8)?,
            home,
            waypost,
            tenant,
        })
    }

    /// Drops the database, where it was made for the bench. Without force as long as that may do: force asks for the
    /// right to end others' sessions, of autovacuum too; without it the server sends autovacuum away by itself, and
    /// the worker's connections are closing.
    pub(super) async fn leave(&self, home: Home) -> AppResult<()> {
        let Some(name) = home.made else {
            return Ok(());
        };
        let mut admin = self.waypost.single().await?;
        for _ in 0..20 {
            let drop = AssertSqlSafe(format!("drop database {name}"));
            match admin.execute(drop).await {
                Ok(_) => return Ok(admin.close().await?),
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(IN_USE) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let drop = AssertSqlSafe(format!("drop database {name} with (force)"));
        admin.execute(drop).await?;
        Ok(admin.close().await?)
    }
}

/// The name of a database that was made then: names sort by time.
fn named_at(then: SystemTime) -> String {
    let since = then.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp::from_unix(NoContext, since.as_secs(), since.subsec_nanos());
    format!("{PREFIX}{}", Uuid::new_v7(time).simple())
}

/// The URL of another database of the same server.
fn beside(url: &str, name: &str) -> AppResult<String> {
    let mut parsed = url::Url::parse(url).map_err(|error| {
        AppError::usage(format!(
            "{error}: of this URL no other database can be named; --here runs the cases in the given one"
        ))
    })?;
    parsed.set_path(name);
    Ok(parsed.into())
}

/// A database that a case uses.
pub(super) struct Home {
    pub(super) url: String,
    made: Option<String>,
}

/// A database with the engine in it.
pub(super) struct Ground {
    pub(super) home: Home,
    pub(super) waypost: Waypost,
    /// Connections of the owning login.
    pub(super) pool: PgPool,
    /// The tenant's number.
    pub(super) tenant: i32,
}

impl Ground {
    /// Publishes definitions in the tenant.
    pub(super) async fn publish(&self, definitions: &[Value]) -> AppResult<()> {
        let files: Vec<_> = definitions
            .iter()
            .map(|value| check_text(&value.to_string(), "bench.json"))
            .collect();
        self.waypost.deploy(&files, true).await.map(drop)
    }

    /// Contacts with a city and a score, of a table as it would be found: vacuumed and analysed.
    pub(super) async fn contacts(&self, count: u32) -> AppResult<Vec<Uuid>> {
        let mut people = Vec::new();
        let mut left = count;
        while left > 0 {
            let some = left.min(CONTACTS);
            let made: Vec<Uuid> = sqlx::query_scalar(store::sql!("bench_contacts"))
                .bind(self.waypost.tenant())
                .bind(i64::from(some))
                .fetch_all(&self.pool)
                .await?;
            people.extend(made);
            left -= some;
        }
        sqlx::query(store::sql!("bench_forget_events"))
            .bind(self.tenant)
            .execute(&self.pool)
            .await?;
        for table in ["crm.contacts", "waypost.event_queue"] {
            let vacuum = AssertSqlSafe(format!("vacuum (analyze) {table}"));
            self.pool.execute(vacuum).await?;
        }
        Ok(people)
    }

    /// Enrols in calls of 1,000 over two connections, as a bulk enrolment would.
    pub(super) async fn enroll(&self, workflow: &str, people: &[Uuid]) -> AppResult<()> {
        let calls: Vec<Vec<Uuid>> = people.chunks(ENROLLED).map(<[Uuid]>::to_vec).collect();
        let calls = Arc::new(Mutex::new(calls));
        let mut two: JoinSet<Result<(), sqlx::Error>> = JoinSet::new();
        for _ in 0..2 {
            let (calls, pool) = (calls.clone(), self.pool.clone());
            let (tenant, workflow) = (self.waypost.tenant().to_owned(), workflow.to_owned());
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
        joined(two).await
    }

    /// What loops of this process share, their sends going to a sink that counts.
    pub(super) fn shared(&self, settings: WorkerSettings) -> AppResult<Shared> {
        let connectors = Connectors::default().with("webhook", Arc::new(Memory::counting()));
        Ok(Shared::new(
            &self.home.url,
            connectors,
            Arc::new(NoSecrets),
            settings,
        )?)
    }

    /// Runs a worker until `count` executions were advanced and nothing is left to do; answers how long it took.
    pub(super) async fn drain(
        &self,
        shared: &Shared,
        roles: &[Role],
        count: u64,
    ) -> AppResult<Duration> {
        let advanced = Arc::new(AtomicU64::new(0));
        let mut shared = shared.clone();
        let counting = advanced.clone();
        shared.observer = Some(Arc::new(move |people: &[Uuid]| {
            counting.fetch_add(people.len() as u64, Ordering::Relaxed);
        }));
        let begun = Instant::now();
        let worker = Worker::start(&shared, roles, None);
        // Asking the database what is left costs; until as many were advanced, there is something.
        let (mut seen, mut changed) = (0, Instant::now());
        while seen < count && changed.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let now = advanced.load(Ordering::Relaxed);
            if now != seen {
                (seen, changed) = (now, Instant::now());
            }
        }
        // To ask takes as long as there are dead rows to walk: it counts where the answer is that there is more.
        let reached = begun.elapsed();
        let took = match self.is_left(&shared, store::sql!("bench_left")).await? {
            false => reached,
            true => {
                self.until_done(&shared).await?;
                begun.elapsed()
            }
        };
        worker.stop().await;
        Ok(took)
    }

    /// Enrols these with no worker running, then drains them; answers how long each took.
    pub(super) async fn enrol_and_drain(
        &self,
        shared: &Shared,
        roles: &[Role],
        people: &[Uuid],
    ) -> AppResult<(Duration, Duration)> {
        self.checkpoint().await;
        let begun = Instant::now();
        self.enroll(WORKFLOW, people).await?;
        let enrolling = begun.elapsed();
        let draining = self.drain(shared, roles, people.len() as u64).await?;
        Ok((enrolling, draining))
    }

    /// Runs a worker that only matches, until every event was; answers how long it took.
    pub(super) async fn matched(&self, shared: &Shared) -> AppResult<Duration> {
        let begun = Instant::now();
        let worker = Worker::start(shared, &[Role::Match], None);
        self.until_none(shared, store::sql!("bench_queued")).await?;
        let took = begun.elapsed();
        worker.stop().await;
        Ok(took)
    }

    /// Waits until nothing is left to do, whoever does it.
    pub(super) async fn until_done(&self, shared: &Shared) -> AppResult<()> {
        self.until_none(shared, store::sql!("bench_left")).await
    }

    /// Copies the row of this workflow's only execution, each with a contact that nobody looks at. `dead`: as
    /// rows that were due, and that are deleted again together with it.
    pub(super) async fn multiply(&self, workflow: &str, count: u32, dead: bool) -> AppResult<()> {
        let mut left = count;
        while left > 0 {
            let some = left.min(COPIES);
            sqlx::query(store::sql!("bench_multiply"))
                .bind(self.tenant)
                .bind(workflow)
                .bind(i64::from(some))
                .bind(dead)
                .execute(&self.pool)
                .await?;
            left -= some;
        }
        if dead {
            sqlx::query(store::sql!("bench_delete_runs"))
                .bind(self.tenant)
                .bind(workflow)
                .execute(&self.pool)
                .await?;
        }
        self.pool.execute("vacuum (analyze) waypost.runs").await?;
        Ok(())
    }

    async fn until_none(&self, shared: &Shared, statement: &'static str) -> AppResult<()> {
        while self.is_left(shared, statement).await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn is_left(&self, shared: &Shared, statement: &'static str) -> AppResult<bool> {
        Ok(sqlx::query_scalar(statement)
            .bind(self.tenant)
            .fetch_one(&shared.pool)
            .await?)
    }

    /// WAL and transactions so far.
    pub(super) async fn counters(&self) -> AppResult<Counters> {
        counters(&self.pool).await
    }

    /// Writes dirty pages out, so that an earlier run's are not counted for the next.
    pub(super) async fn checkpoint(&self) {
        checkpoint(&self.pool).await;
    }

    /// Leaves the database, and drops it where it was made for the bench.
    pub(super) async fn leave(self, server: &Server<'_>) -> AppResult<()> {
        self.pool.close().await;
        drop(self.waypost);
        server.leave(self.home).await
    }
}

/// Waits for all; the first error stops the others.
pub(super) async fn joined<E>(mut tasks: JoinSet<Result<(), E>>) -> AppResult<()>
where
    E: 'static,
    AppError: From<E>,
{
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(done) => done?,
            Err(error) => return Err(AppError::no(format!("a task of the bench: {error}"))),
        }
    }
    Ok(())
}

/// WAL and transactions so far, of the whole server.
pub(super) async fn counters(pool: &PgPool) -> AppResult<Counters> {
    let row = sqlx::query(store::sql!("bench_counters"))
        .fetch_one(pool)
        .await?;
    Ok(Counters {
        wal: row.try_get(0)?,
        xid: row.try_get(1)?,
    })
}

pub(super) async fn checkpoint(pool: &PgPool) {
    // Only a superuser (or pg_checkpoint) may; without it the figures include an earlier run's pages.
    if let Err(error) = pool.execute("checkpoint").await {
        tracing::debug!(%error, "no checkpoint before the run");
    }
}
