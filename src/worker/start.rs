//! Starting and stopping the loops of one process.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use sqlx::pool::PoolConnection;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Round, Shared,
    clean::{self, Cleaner},
    dispatch::Dispatcher,
    janitor, listen,
    match_events::Matcher,
    pace::Pace,
    run::Runner,
    schedule,
};
use crate::store::{Scope, StoreError, StoreResult, clock};

/// From the start of a worker to the first look at what can wait.
const UNHURRIED: Duration = Duration::from_secs(3);

/// What a worker does; by default everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Events to advances and enrolments.
    Match,
    /// Due executions.
    Run,
    /// Outbox rows.
    Dispatch,
    /// Timers.
    Schedule,
    /// Leases, partitions, dead rows.
    Janitor,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [
        Role::Match,
        Role::Run,
        Role::Dispatch,
        Role::Schedule,
        Role::Janitor,
    ];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Match => "match",
            Role::Run => "run",
            Role::Dispatch => "dispatch",
            Role::Schedule => "schedule",
            Role::Janitor => "janitor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == word.trim())
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|role| role.as_str()).collect();
                format!("`{word}` is no role; the roles are {}", known.join(", "))
            })
    }
}

/// The running loops of one process.
#[derive(Debug)]
pub struct Worker {
    end: CancellationToken,
    loops: JoinSet<()>,
    drain: Duration,
}

/// Which tenants normal claims leave out, looked at every second.
#[derive(Debug, Clone)]
struct Everyone {
    shared: Shared,
    seen: Arc<Mutex<Option<(std::time::Instant, Scope)>>>,
}

impl Everyone {
    async fn scope(&self) -> StoreResult<Scope> {
        let mut seen = self.seen.lock().await;
        if let Some((at, scope)) = &*seen
            && at.elapsed() < Duration::from_secs(1)
        {
            return Ok(scope.clone());
        }
        let mut connection: PoolConnection<_> = self.shared.pool.acquire().await?;
        let clocked = clock::clocked(&mut connection).await?;
        let scope = Scope::Everyone {
            except: clocked.into_iter().map(|c| c.tenant).collect(),
        };
        *seen = Some((std::time::Instant::now(), scope.clone()));
        Ok(scope)
    }
}

impl Worker {
    /// Starts the loops of these roles. `listen_url`: a direct connection for LISTEN; none: polling only.
    #[must_use]
    pub fn start(shared: &Shared, roles: &[Role], listen_url: Option<String>) -> Self {
        let end = CancellationToken::new();
        let mut loops = JoinSet::new();
        let everyone = Everyone {
            shared: shared.clone(),
            seen: Arc::default(),
        };
        let settings = shared.settings.clone();
        for role in roles {
            match role {
                Role::Run => {
                    for _ in 0..settings.runners {
                        loops.spawn(run_loop(shared.clone(), everyone.clone(), end.clone()));
                    }
                }
                Role::Match => {
                    for n in 0..settings.matchers {
                        let from = 1024 * n / settings.matchers;
                        let from = i16::try_from(from).unwrap_or(0);
                        loops.spawn(match_loop(
                            shared.clone(),
                            everyone.clone(),
                            end.clone(),
                            from,
                        ));
                    }
                }
                Role::Dispatch => {
                    for _ in 0..settings.dispatchers {
                        loops.spawn(dispatch_loop(shared.clone(), everyone.clone(), end.clone()));
                    }
                }
                Role::Schedule => {
                    loops.spawn(schedule_loop(shared.clone(), everyone.clone(), end.clone()));
                }
                Role::Janitor => {
                    loops.spawn(janitor_loop(shared.clone(), everyone.clone(), end.clone()));
                    loops.spawn(partition_loop(shared.clone(), end.clone()));
                    loops.spawn(fold_loop(shared.clone(), end.clone()));
                    loops.spawn(sweep_loop(shared.clone(), everyone.clone(), end.clone()));
                    loops.spawn(clean_loop(shared.clone(), end.clone()));
                }
            }
        }
        loops.spawn(listen::ring(shared.clone(), end.clone()));
        loops.spawn(listen::watch_hint(shared.clone(), end.clone()));
        if let Some(url) = listen_url.filter(|_| settings.listen) {
            loops.spawn(listen::arm(shared.clone(), end.clone()));
            loops.spawn(listen::listen(shared.clone(), url, end.clone()));
        }
        Self {
            end,
            loops,
            drain: settings.drain,
        }
    }

    /// Tells the loops to end: open transactions finish, sends in flight are finished, nothing new is claimed.
    pub async fn stop(mut self) {
        self.end.cancel();
        let all = async { while self.loops.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain, all).await.is_err() {
            tracing::warn!("some loops did not end in time; their leases will bring the rows back");
            self.loops.abort_all();
        }
    }
}

async fn run_loop(shared: Shared, everyone: Everyone, end: CancellationToken) {
    let mut runner = Runner::new(shared.clone());
    let mut pace = Pace::new("run", shared.settings.idle);
    loop {
        let round = match everyone.scope().await {
            Ok(scope) => runner.run_once(&scope).await,
            Err(error) => Err(error),
        };
        shared.bells.note(&round, &shared.bells.run);
        if !pace.wait(&round, &shared.bells.run, &end).await {
            return;
        }
    }
}

async fn match_loop(shared: Shared, everyone: Everyone, end: CancellationToken, from: i16) {
    let mut matcher = Matcher::new(shared.clone(), from);
    let mut pace = Pace::new("match", shared.settings.idle);
    loop {
        let round = match everyone.scope().await {
            Ok(scope) => matcher.run_once(&scope).await,
            Err(error) => Err(error),
        };
        shared.bells.note(&round, &shared.bells.matching);
        if !pace.wait(&round, &shared.bells.matching, &end).await {
            return;
        }
    }
}

async fn dispatch_loop(shared: Shared, everyone: Everyone, end: CancellationToken) {
    let mut dispatcher = Dispatcher::new(shared.clone());
    let mut pace = Pace::new("dispatch", shared.settings.idle);
    loop {
        let round = match everyone.scope().await {
            Ok(scope) => dispatcher.run_once(&scope).await,
            Err(error) => Err(error),
        };
        shared.bells.note(&round, &shared.bells.dispatch);
        if !pace.wait(&round, &shared.bells.dispatch, &end).await {
            break;
        }
    }
    let done = match everyone.scope().await {
        Ok(scope) => dispatcher.close(&scope).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        tracing::warn!(%error, "sends in flight could not be recorded; their leases will bring the rows back");
    }
}

async fn schedule_loop(shared: Shared, everyone: Everyone, end: CancellationToken) {
    let mut pace = Pace::new("schedule", shared.settings.idle);
    let quiet = tokio::sync::Notify::new();
    loop {
        let round = match everyone.scope().await {
            Ok(scope) => schedule::run_once(&shared, &scope).await,
            Err(error) => Err(error),
        };
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}

async fn janitor_loop(shared: Shared, everyone: Everyone, end: CancellationToken) {
    let mut pace = Pace::new("janitor", shared.settings.idle);
    let quiet = tokio::sync::Notify::new();
    loop {
        let round = match everyone.scope().await {
            Ok(scope) => janitor::run_once(&shared, &scope).await,
            Err(error) => Err(error),
        };
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}

async fn sweep_loop(shared: Shared, everyone: Everyone, end: CancellationToken) {
    let mut pace = Pace::new("sweep", Duration::from_secs(30));
    let quiet = tokio::sync::Notify::new();
    if !pace.after(UNHURRIED, &end).await {
        return;
    }
    loop {
        let round = match everyone.scope().await {
            Ok(scope) => janitor::sweep(&shared, &scope).await,
            Err(error) => Err(error),
        };
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}

async fn clean_loop(shared: Shared, end: CancellationToken) {
    let mut cleaner = Cleaner::new(shared);
    let mut pace = Pace::new("clean", clean::LOOK);
    let quiet = tokio::sync::Notify::new();
    if !pace.after(UNHURRIED, &end).await {
        return;
    }
    loop {
        let round = cleaner.run_once().await;
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}

async fn partition_loop(shared: Shared, end: CancellationToken) {
    let mut pace = Pace::new("partitions", Duration::from_secs(600));
    let quiet = tokio::sync::Notify::new();
    loop {
        let round: Result<Round, StoreError> = match janitor::keep_partitions(&shared).await {
            Ok(()) => janitor::drop_old(&shared).await.map(|()| Round::Idle),
            Err(error) => Err(error),
        };
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}

/// Every ten seconds: what has not been added up yet costs who asks for the figures a row a commit.
async fn fold_loop(shared: Shared, end: CancellationToken) {
    let mut pace = Pace::new("figures", Duration::from_secs(10));
    let quiet = tokio::sync::Notify::new();
    if !pace.after(UNHURRIED, &end).await {
        return;
    }
    loop {
        let round = janitor::fold(&shared).await;
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}
