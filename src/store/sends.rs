//! The outbox as operators see it: lists, one row, settling what is unknown, the guard after a restore.

use serde_json::Value;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{StoreResult, sql};
use crate::model::execution::Instant;

/// A row of a list, and where it stands in the order of pages.
pub type ListedSend = (Value, Instant, Uuid);

/// A page of outbox rows, open and ended, newest first; without what was sent.
///
/// # Errors
/// Of the database.
pub async fn list(
    connection: &mut PgConnection,
    status: Option<&str>,
    workflow: Option<&str>,
    after: Option<(Instant, Uuid)>,
    limit: i64,
) -> StoreResult<Vec<ListedSend>> {
    let rows = sqlx::query(sql!("list_sends"))
        .bind(status)
        .bind(workflow)
        .bind(after.map(|(at, _)| at))
        .bind(after.map(|(_, id)| id))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .collect()
}

/// One outbox row with its attempts.
///
/// # Errors
/// Of the database.
pub async fn show(connection: &mut PgConnection, id: Uuid) -> StoreResult<Option<Value>> {
    let found: Option<Value> = sqlx::query_scalar(sql!("show_send"))
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(mut send) = found else {
        return Ok(None);
    };
    send["attempt_log"] = sqlx::query_scalar(sql!("show_attempts"))
        .bind(id)
        .fetch_one(connection)
        .await?;
    Ok(Some(send))
}

/// Settles an unknown row as sent (or failed); false when there is no unknown row of that id.
///
/// # Errors
/// Of the database.
pub async fn resolve(connection: &mut PgConnection, id: Uuid, sent: bool) -> StoreResult<bool> {
    let state: i16 = if sent { 3 } else { 4 };
    let settled: i64 = sqlx::query_scalar(sql!("resolve_send"))
        .bind(id)
        .bind(state)
        .fetch_one(connection)
        .await?;
    Ok(settled > 0)
}

/// Ends at most `limit` open `hold` rows that may have been sent as unknown; answers how many.
///
/// # Errors
/// Of the database.
pub async fn guard_restore(connection: &mut PgConnection, limit: i64) -> StoreResult<i64> {
    Ok(sqlx::query_scalar(sql!("guard_restore"))
        .bind(limit)
        .fetch_one(connection)
        .await?)
}
