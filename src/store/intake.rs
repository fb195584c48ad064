//! Events and enrolments that come from outside the database, in sets.

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use super::{StoreResult, sql, storable};
use crate::model::execution::Instant;

/// An event to record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Dotted type.
    pub kind: String,
    /// Whose; none: the tenant's own.
    pub contact: Option<Uuid>,
    /// Payload.
    pub data: Value,
    /// The same key is recorded once.
    pub dedupe_key: Option<String>,
    /// Business time; none: now.
    pub occurred_at: Option<Instant>,
}

/// One contact to enrol.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEnrollment {
    /// Who.
    pub contact: Uuid,
    /// The enrollment key; none: the workflow's rule.
    pub key: Option<String>,
    /// What steps see as `event.data`.
    pub data: Value,
}

/// What became of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Enrolled {
    /// Who.
    pub contact_id: Uuid,
    /// The execution, the new one or for a duplicate the live one.
    pub execution_id: Option<Uuid>,
    /// `enrolled`, `duplicate` or `blocked`.
    pub outcome: String,
    /// Why blocked.
    pub reason: Option<String>,
}

/// Records events in the order given; answers their ids, or those that their dedupe keys stand for.
/// `wake` rings the doorbell in any case.
///
/// # Errors
/// Of the database.
pub async fn emit(
    connection: &mut PgConnection,
    events: &[NewEvent],
    wake: bool,
) -> StoreResult<Vec<Uuid>> {
    let ids = sqlx::query_scalar(sql!("emit_batch"))
        .bind(events.iter().map(|e| e.kind.clone()).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.contact).collect::<Vec<_>>())
        .bind(
            events
                .iter()
                .map(|e| storable(e.data.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(
            events
                .iter()
                .map(|e| e.dedupe_key.clone())
                .collect::<Vec<_>>(),
        )
        .bind(events.iter().map(|e| e.occurred_at).collect::<Vec<_>>())
        .bind(wake);
    Ok(ids.fetch_all(connection).await?)
}

/// What this transaction enrols, a person enrols: `event.type` is `manual.enrollment` instead of `api.trigger`.
///
/// # Errors
/// Of the database.
pub async fn by_hand(connection: &mut PgConnection) -> StoreResult<()> {
    sqlx::query(sql!("enrolled_by")).execute(connection).await?;
    Ok(())
}

/// Enrols contacts into one workflow; one answer for each, in the order given.
///
/// # Errors
/// Of the database.
pub async fn enroll(
    connection: &mut PgConnection,
    workflow: &str,
    who: &[NewEnrollment],
    priority: Option<i32>,
) -> StoreResult<Vec<Enrolled>> {
    let rows = sqlx::query(sql!("enroll_many"))
        .bind(workflow)
        .bind(who.iter().map(|w| w.contact).collect::<Vec<_>>())
        .bind(who.iter().map(|w| w.key.clone()).collect::<Vec<_>>())
        .bind(
            who.iter()
                .map(|w| storable(w.data.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(priority)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Enrolled {
                contact_id: row.try_get(0)?,
                execution_id: row.try_get(1)?,
                outcome: row.try_get(2)?,
                reason: row.try_get(3)?,
            })
        })
        .collect()
}

/// Runs an operator's query in a read-only transaction and hands its first column on, as text, in
/// batches of at most `size`. The query runs with the caller's rights; nothing of it is ever written.
///
/// # Errors
/// Of the database, the query's own errors included; or what `batch` answers.
pub async fn contacts_of<E: From<sqlx::Error>>(
    connection: &mut PgConnection,
    query: &str,
    size: usize,
    mut batch: impl AsyncFnMut(Vec<Option<String>>) -> Result<(), E>,
) -> Result<(), E> {
    sqlx::query(sql!("read_only"))
        .execute(&mut *connection)
        .await?;
    let query = query.trim().trim_end_matches(';');
    // On lines of its own, so that a comment at the end of the query ends there.
    let text = format!("select q.c::text from (\n{query}\n) q(c)");
    let mut rows = sqlx::query_scalar(AssertSqlSafe(text)).fetch(connection);
    let mut full = Vec::new();
    while let Some(row) = rows.try_next().await? {
        full.push(row);
        if full.len() >= size {
            batch(std::mem::take(&mut full)).await?;
        }
    }
    if full.is_empty() {
        Ok(())
    } else {
        batch(full).await
    }
}
