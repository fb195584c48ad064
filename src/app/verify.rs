//! `waypost verify`: the invariants that the tables can show, on live data, in bounded memory.
//!
//! Each check is one statement, so one snapshot: what it counts was wrong at one instant. Postgres sorts
//! on disk where a check needs more than `work_mem`.

use serde::Serialize;
use sqlx::{Connection, PgConnection};

use crate::store::{StoreResult, sql};

/// One invariant.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, for `--json` and the documents.
    pub name: &'static str,
    /// What holds, in words.
    pub title: &'static str,
    statement: &'static str,
}

/// What one check found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The check's name.
    pub name: &'static str,
    /// What should hold.
    pub title: &'static str,
    /// Rows for which it does not.
    pub violations: i64,
}

macro_rules! check {
    ($name:literal, $title:literal) => {
        Check {
            name: $name,
            title: $title,
            statement: include_str!(concat!("../../sql/queries/verify/", $name, ".sql")),
        }
    };
}

/// Every check, in the order of the report.
pub const CHECKS: [Check; 17] = [
    check!(
        "live_or_finished",
        "an execution is live or finished, never both"
    ),
    check!(
        "definitions_fixed",
        "every execution is pinned to a version that is there"
    ),
    check!(
        "final_entry",
        "history ends with the entry that says how the execution ended"
    ),
    check!("history_whole", "history has no gap and no overlap"),
    check!(
        "started_once",
        "an execution starts once, and achieves each goal once"
    ),
    check!("send_asked_for", "every outbox row was asked for by a step"),
    check!("send_once", "one visit of a step makes one outbox row"),
    check!(
        "attempt_recorded",
        "nothing was sent that was not first recorded"
    ),
    check!(
        "settled_once",
        "what was in doubt and was settled is certain"
    ),
    check!("can_wake", "every live execution will be woken"),
    check!("wakes_consumed", "no answer or command lies about"),
    check!("leases_kept", "no lease has run out unnoticed"),
    check!(
        "reservations_kept",
        "every reserved start belongs to an execution"
    ),
    check!("events_once", "an event is queued or logged, once"),
    check!("buckets_right", "all of one contact lies in one bucket"),
    check!(
        "tenants_apart",
        "what hangs on an execution belongs to its tenant"
    ),
    check!(
        "figures_right",
        "the figures of each workflow are what counting gives"
    ),
];

/// Runs every check, for one tenant or (none) all; `say` is told each check's title before it runs.
///
/// # Errors
/// Of the database.
pub async fn verify(
    connection: &mut PgConnection,
    tenant: Option<i32>,
    say: &(dyn Fn(&Check) + Send + Sync),
) -> StoreResult<Vec<Finding>> {
    let mut findings = Vec::with_capacity(CHECKS.len());
    for check in &CHECKS {
        say(check);
        let mut tx = connection.begin().await?;
        sqlx::query(sql!("long_read")).execute(&mut *tx).await?;
        let violations: i64 = sqlx::query_scalar(check.statement)
            .bind(tenant)
            .fetch_one(&mut *tx)
            .await?;
        tx.rollback().await?;
        findings.push(Finding {
            name: check.name,
            title: check.title,
            violations,
        });
    }
    Ok(findings)
}
