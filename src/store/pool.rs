//! Connections: who we are on them, what they may not do, and for how long.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, postgres::PgPoolOptions};

use super::{StoreError, StoreResult, hosts};

/// What a pool is for; it decides role and session settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The loops: role `waypost_worker`, hot statements are index probes in nested loops by design.
    Worker,
    /// Commands and the API: role `waypost_api`, rows of one tenant.
    Api,
    /// Migrations and bulk work, as the owning login.
    Owner,
}

/// Planner settings of worker connections. On a table not yet analysed the planner otherwise reads and
/// sorts all due rows for every claim: 123 ms instead of 0.6 at 150,000 rows; a plan test keeps it.
/// A generic plan serves every size of batch, and planning anew costs a small one more than running it.
/// Hash joins stay: they pair the rows of a batch, found by ctid, with the values to be written.
const WORKER_PLANS: &str = "set enable_bitmapscan = off; set enable_sort = off; set enable_incremental_sort = off; \
     set enable_seqscan = off; set enable_mergejoin = off; set jit = off; set plan_cache_mode = force_generic_plan";

/// Session guards of every connection; by SET after connecting, since poolers refuse start-up parameters.
/// The path: a function of ours that some schema of the database also has, for nearer types, would win.
const GUARDS: &str = "set idle_in_transaction_session_timeout = '10s'; set statement_timeout = '15s'; \
     set lock_timeout = '2s'; set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; \
     set tcp_keepalives_count = 3; set client_connection_check_interval = '5s'; \
     set timezone = 'UTC'; set search_path = pg_catalog, pg_temp";

/// A lazily connecting pool; where the URL names several hosts, to the one that takes writes.
///
/// # Errors
/// The URL cannot be read.
pub fn connect(url: &str, purpose: Purpose, size: u32) -> StoreResult<PgPool> {
    let name = match purpose {
        Purpose::Worker => "waypost worker",
        Purpose::Api => "waypost api",
        Purpose::Owner => "waypost",
    };
    let hosts: Vec<_> = hosts::options(url)?
        .into_iter()
        .map(|host| host.application_name(name))
        .collect();
    let Some(first) = hosts.first().cloned() else {
        return Err(StoreError::Database(sqlx::Error::Configuration(
            "the URL names no host".into(),
        )));
    };
    let several = hosts.len() > 1;
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .min_connections(0)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(300))
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if several {
                    hosts::must_write(connection).await?;
                }
                prepare(connection, purpose).await
            })
        })
        .connect_lazy_with(first);
    if several {
        tokio::spawn(hosts::lead(pool.clone(), hosts));
    }
    Ok(pool)
}

/// Sets guards and role on a fresh connection, in one round trip.
async fn prepare(connection: &mut PgConnection, purpose: Purpose) -> Result<(), sqlx::Error> {
    let rest = match purpose {
        Purpose::Worker => format!("{WORKER_PLANS}; {}", assuming("waypost_worker")),
        Purpose::Api => assuming("waypost_api"),
        Purpose::Owner => "set statement_timeout = '120s'".to_owned(),
    };
    let all = AssertSqlSafe(format!("{GUARDS}; {rest}"));
    connection.execute(all).await.map(drop)
}

/// Becomes the role where it exists and may be assumed; a login that owns everything is enough to start with.
fn assuming(role: &'static str) -> String {
    super::sql!("assume_role").replace("$1", &format!("'{role}'"))
}

/// One connection outside any pool, e.g. for the listener.
///
/// # Errors
/// The database cannot be reached.
pub async fn single(url: &str, purpose: Purpose) -> StoreResult<PgConnection> {
    let mut connection = hosts::connect(&hosts::options(url)?).await?;
    prepare(&mut connection, purpose).await?;
    Ok(connection)
}
