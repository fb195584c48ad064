//! The enrollment rules of published workflows: what publishing writes, and what workers read of them.

use std::collections::HashMap;

use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{StoreResult, sql};
pub use crate::engine::rules::stored_span;
use crate::{
    engine::{pauses::Pauses, program::Program},
    model::execution::Instant,
};

/// What the published rules say of a workflow's executions, whichever version these are of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its status is `paused`.
    pub paused: bool,
    /// Its pauses.
    pub pauses: Pauses,
    /// As many starts the ledger keeps; 0: it is not kept.
    pub keep: i32,
}

impl Standing {
    /// From four columns of a row: paused, the beginnings of the pauses, their ends, keep.
    pub(super) fn of(row: &PgRow, first: usize) -> StoreResult<Self> {
        let from: Vec<Instant> = row.try_get(first + 1)?;
        let until: Vec<Instant> = row.try_get(first + 2)?;
        Ok(Self {
            paused: row.try_get(first)?,
            pauses: Pauses::new(from.into_iter().zip(until)),
            keep: row.try_get(first + 3)?,
        })
    }
}

/// What was published before, as far as the new rules ask for something to be made good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// As many starts the ledger keeps already; 0: there is none.
    pub keep: i32,
    /// The workflow was paused.
    pub paused: bool,
    /// When its pauses end.
    pub pause_ends: Vec<Instant>,
}

/// The workflows among these of which there is anything to say.
///
/// # Errors
/// Of the database.
pub async fn standings(
    connection: &mut PgConnection,
    workflows: &[i32],
) -> StoreResult<HashMap<i32, Standing>> {
    if workflows.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(sql!("workflow_states"))
        .bind(workflows)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, Standing::of(row, 1)?)))
        .collect()
}

/// As many starts as any rule of the version looks back on; 0: none does.
#[must_use]
pub fn keep(program: &Program) -> i32 {
    let rules = program.rules();
    if !rules.needs_ledger {
        return 0;
    }
    let triggers = program.triggers.iter().filter_map(|t| t.max_per_contact);
    let most = triggers.chain(rules.limit).max().unwrap_or(1).max(1);
    whole(i64::from(most))
}

/// Writes the rules of a version that is being published, typed, for `enroll` to read; then makes good what they
/// need of the past: the ledger, the count of a workflow's limit, executions that a pause held.
///
/// # Errors
/// Of the database.
pub async fn publish(
    connection: &mut PgConnection,
    tenant: i32,
    before: &Before,
    program: &Program,
    status: &str,
    now: Instant,
) -> StoreResult<()> {
    write(connection, program, status, now).await?;
    let workflow = program.numbers.workflow;
    let keep = keep(program);
    if keep > before.keep {
        // First bursts under way write their starts before these are read; later ones know of the ledger.
        sqlx::query(sql!("lock_matching"))
            .execute(&mut *connection)
            .await?;
        sqlx::query(sql!("lock_unstarted"))
            .bind(tenant)
            .bind(workflow)
            .execute(&mut *connection)
            .await?;
        sqlx::query(sql!("backfill_ledger"))
            .bind(tenant)
            .bind(workflow)
            .bind(i64::from(keep))
            .execute(&mut *connection)
            .await?;
    }
    if let Some(limit) = program.rules().workflow_limit {
        let (amount, unit) = limit.window.map(stored_span).unzip();
        let stale: bool = sqlx::query_scalar(sql!("open_limit"))
            .bind(tenant)
            .bind(workflow)
            .bind(amount)
            .bind(unit)
            .fetch_one(&mut *connection)
            .await?;
        if stale {
            sqlx::query(sql!("clear_limit"))
                .bind(tenant)
                .bind(workflow)
                .execute(&mut *connection)
                .await?;
            sqlx::query(sql!("backfill_limit"))
                .bind(tenant)
                .bind(workflow)
                .bind(limit.since(now, program.tenant.timezone))
                .execute(&mut *connection)
                .await?;
        }
    }
    if status != "paused" && (before.paused || !before.pause_ends.is_empty()) {
        sqlx::query(sql!("wake_held"))
            .bind(tenant)
            .bind(workflow)
            .bind(now)
            .bind(&before.pause_ends)
            .bind(before.paused)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn write(
    connection: &mut PgConnection,
    program: &Program,
    status: &str,
    now: Instant,
) -> StoreResult<()> {
    let rules = program.rules();
    let (window, window_unit) = rules.window.map(stored_span).unzip();
    let (delay, delay_unit) = rules.re_enroll_delay.map(stored_span).unzip();
    let ranges = rules.pauses.all().iter();
    let ranges: Vec<String> = ranges
        .map(|(from, until)| format!("[{},{})", from.to_rfc3339(), until.to_rfc3339()))
        .collect();
    let pauses = (!ranges.is_empty()).then(|| format!("{{{}}}", ranges.join(",")));
    sqlx::query(sql!("publish_workflow"))
        .bind(program.numbers.workflow)
        .bind(&program.name)
        .bind(status)
        .bind(program.numbers.version)
        .bind(rules.priority)
        .bind(rules.starts_at)
        .bind(rules.ends_at)
        .bind(rules.allow_multiple)
        .bind(rules.limit.map(|limit| whole(i64::from(limit))))
        .bind(window)
        .bind(window_unit)
        .bind(delay)
        .bind(delay_unit)
        .bind(&rules.key_path)
        .bind(rules.key_required)
        .bind(rules.needs_ledger)
        .bind(now)
        .bind(pauses)
        .bind(&rules.suppression_lists)
        .bind(keep(program))
        .execute(connection)
        .await?;
    Ok(())
}

fn whole(amount: i64) -> i32 {
    i32::try_from(amount).unwrap_or(i32::MAX)
}
