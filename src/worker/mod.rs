//! The loops: match, run, dispatch, schedule, janitor. Any number of processes, no leader.
//!
//! Each loop is one file with a `run_once(scope) -> Round`; [`pace`] turns it into a loop that a
//! doorbell wakes and an adaptive poll backs up. A round begins with a claim and ends with a commit.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use sqlx::{PgConnection, PgPool};

use self::watermark::Looks;
use crate::{
    connect::Connectors,
    store::{self, Purpose, StoreResult, programs::Programs},
};

pub(crate) mod advance;
mod bells;
mod clean;
pub mod dispatch;
pub mod drive;
pub mod janitor;
mod line;
pub mod listen;
pub mod match_events;
pub mod pace;
#[cfg(all(test, feature = "failpoints"))]
mod rehearsal;
mod room;
mod rooms;
pub mod run;
pub mod schedule;
mod settle;
pub mod start;
mod turns;
mod watermark;

pub use bells::{Bells, Work};
pub use start::{Role, Worker};

/// How the loops work; every field has a `WAYPOST_*` variable (`app::config`).
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Executions a claim takes. 1,000: below 50 the fixed cost shows, above 1,000 nothing is gained.
    pub batch: i32,
    /// Concurrent advance transactions; three on two cores did best.
    pub runners: usize,
    /// Concurrent matching transactions.
    pub matchers: usize,
    /// Concurrent claim-send-finish rounds.
    pub dispatchers: usize,
    /// Concurrent sends of one dispatcher to the outside (default 5).
    pub concurrency: usize,
    /// Lease of a claimed outbox row.
    pub lease: Duration,
    /// Steps of one burst; 1 commits every step.
    pub max_steps: u32,
    /// Longest idle poll.
    pub idle: Duration,
    /// Longest a SIGTERM drain takes.
    pub drain: Duration,
    /// Use LISTEN/NOTIFY; off behind a transaction pooler without `WAYPOST_LISTEN_URL`.
    pub listen: bool,
    /// Days for which what executions left is kept: history, ended executions and sends, refusals. 0: for ever.
    pub keep_history: u16,
    /// Days for which the event log is kept. 0: for ever.
    pub keep_events: u16,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            batch: 1_000,
            runners: 3,
            matchers: 3,
            dispatchers: 2,
            concurrency: 5,
            lease: Duration::from_secs(60),
            max_steps: 64,
            idle: Duration::from_secs(1),
            drain: Duration::from_secs(30),
            listen: true,
            keep_history: 0,
            keep_events: 0,
        }
    }
}

/// What all loops of a process share.
#[derive(Clone)]
pub struct Shared {
    /// Connections of role `waypost_worker`.
    pub pool: PgPool,
    /// Compiled versions.
    pub programs: Arc<Programs>,
    /// The adapters to the outside.
    pub connectors: Arc<Connectors>,
    /// Where `{{secrets.name}}` is looked up.
    pub secrets: Arc<dyn crate::connect::SecretSource + Send + Sync>,
    /// How the loops work.
    pub settings: WorkerSettings,
    /// In-process wake-ups.
    pub bells: Arc<Bells>,
    /// Told, after each commit, whose executions it advanced; for measuring.
    pub observer: Option<Observer>,
    tenants: Arc<RwLock<HashMap<i32, Arc<str>>>>,
    looks: OfEach<Looks>,
}

/// One for each kind of loop that claims rows by their time.
#[derive(Debug, Clone, Default)]
struct OfEach<T> {
    runs: T,
    events: T,
    sends: T,
}

/// Is told the contacts whose executions a commit has advanced.
pub type Observer = Arc<dyn Fn(&[uuid::Uuid]) + Send + Sync>;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// What the loops need, over a lazily connecting pool.
    ///
    /// # Errors
    /// The URL cannot be read.
    pub fn new(
        url: &str,
        connectors: Connectors,
        secrets: Arc<dyn crate::connect::SecretSource + Send + Sync>,
        settings: WorkerSettings,
    ) -> StoreResult<Self> {
        let loops = settings.runners + settings.matchers + settings.dispatchers + 8;
        Ok(Self {
            pool: store::connect(url, Purpose::Worker, u32::try_from(loops).unwrap_or(16))?,
            programs: Arc::default(),
            connectors: Arc::new(connectors),
            secrets,
            settings,
            bells: Arc::default(),
            observer: None,
            tenants: Arc::default(),
            looks: OfEach::default(),
        })
    }

    /// The tenant's name; empty where it has not been learnt.
    #[must_use]
    pub fn tenant_name(&self, tenant: i32) -> Arc<str> {
        let known = self
            .tenants
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(&tenant).cloned().unwrap_or_else(|| "".into())
    }

    /// Makes sure that these tenants' names are known; names never change.
    ///
    /// # Errors
    /// Of the database.
    pub async fn learn_tenants(
        &self,
        connection: &mut PgConnection,
        tenants: impl IntoIterator<Item = i32>,
    ) -> StoreResult<()> {
        let unknown: Vec<i32> = {
            let known = self
                .tenants
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            tenants
                .into_iter()
                .filter(|t| !known.contains_key(t))
                .collect()
        };
        if unknown.is_empty() {
            return Ok(());
        }
        let names = store::clock::names(connection, &unknown).await?;
        let mut known = self
            .tenants
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        known.extend(names.into_iter().map(|(id, name)| (id, name.into())));
        Ok(())
    }
}

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// A full batch: there is more.
    Full,
    /// Something was done.
    Worked,
    /// Nothing to do.
    Idle,
}
