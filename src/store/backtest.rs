//! The stored event log, read back: what happened, and which ways executions really took.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{StoreResult, sql};
use crate::model::execution::Instant;

/// One event of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// Its id.
    pub id: Uuid,
    /// Dotted type.
    pub kind: String,
    /// Whose it is.
    pub contact: Uuid,
    /// Business time.
    pub occurred_at: Instant,
    /// Payload.
    pub data: Value,
    /// The row before, of a change.
    pub old: Option<Value>,
    /// The row after, of a change.
    pub new: Option<Value>,
    /// An execution of the workflow itself made it.
    pub own: bool,
}

/// Events of contacts from `from` on, in business order: those before `until` of every type, later ones
/// of `changes` only. At most `limit`. Timed firings that belong to other workflows are left out.
///
/// # Errors
/// Of the database.
pub async fn events(
    connection: &mut PgConnection,
    (tenant, workflow): (i32, i32),
    (from, until): (Instant, Instant),
    changes: &[&str],
    limit: i64,
) -> StoreResult<Vec<LoggedEvent>> {
    let rows = sqlx::query(sql!("backtest_events"))
        .bind(tenant)
        .bind(workflow)
        .bind(from)
        .bind(until)
        .bind(changes)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(LoggedEvent {
                id: row.try_get(0)?,
                kind: row.try_get(1)?,
                contact: row.try_get(2)?,
                occurred_at: row.try_get(3)?,
                data: row.try_get(4)?,
                old: row.try_get(5)?,
                new: row.try_get(6)?,
                own: row.try_get(7)?,
            })
        })
        .collect()
}

/// One execution as it really went: its contact, and `(event, step)` of each entry before the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealPath {
    /// Whose it is.
    pub contact: Uuid,
    /// Entries in order; a step that is none is empty.
    pub entries: Vec<(String, String)>,
}

/// Executions of the workflow that were enrolled in `[from, until)`, with what happened in them before `until`.
///
/// # Errors
/// Of the database.
pub async fn paths(
    connection: &mut PgConnection,
    (tenant, workflow): (&str, &str),
    (from, until): (Instant, Instant),
) -> StoreResult<HashMap<Uuid, RealPath>> {
    let rows = sqlx::query(sql!("backtest_paths"))
        .bind(tenant)
        .bind(workflow)
        .bind(from)
        .bind(until)
        .fetch_all(connection)
        .await?;
    let mut all: HashMap<Uuid, RealPath> = HashMap::new();
    for row in &rows {
        let path = all.entry(row.try_get(0)?).or_insert(RealPath {
            contact: row.try_get(1)?,
            entries: Vec::new(),
        });
        path.entries.push((row.try_get(2)?, row.try_get(3)?));
    }
    Ok(all)
}
