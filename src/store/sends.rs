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

/// Settles an unknown row as sent (or failed), for an operator.
///
/// # Errors
/// There is none; it is still open, or certain in another way; of the database.
pub async fn settle(connection: &mut PgConnection, id: Uuid, sent: bool) -> StoreResult<()> {
    sqlx::query(sql!("settle_send"))
        .bind(id)
        .bind(if sent { "sent" } else { "failed" })
        .execute(connection)
        .await?;
    Ok(())
}

/// After a restore: what executions that began up to this time (none: now) ask for is born in doubt from here on, and
/// what they have open and may have sent is in doubt too.
///
/// # Errors
/// Of the database.
pub async fn begin_guard(
    connection: &mut PgConnection,
    lost_until: Option<Instant>,
) -> StoreResult<()> {
    sqlx::query(sql!("begin_guard"))
        .bind(lost_until)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lifts every guard of the tenant; answers how many.
///
/// # Errors
/// Of the database.
pub async fn lift_guard(connection: &mut PgConnection) -> StoreResult<u64> {
    let lifted = sqlx::query(sql!("lift_guard")).execute(connection).await?;
    Ok(lifted.rows_affected())
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
