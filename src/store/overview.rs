//! Figures over everything, for health checks, metrics and the status page.

use std::collections::BTreeMap;

use sqlx::{PgConnection, Row};

use super::{StoreResult, sql};
use crate::model::execution::Status;

/// How long the oldest thing to do has waited, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Lag {
    /// An event that is not matched.
    pub events: f64,
    /// An execution that is due.
    pub executions: f64,
    /// An outbox row that is due.
    pub sends: f64,
    /// Events that wait to be matched.
    pub queued_events: i64,
}

/// Whether row security keeps the tenants apart.
///
/// # Errors
/// Of the database.
pub async fn isolated(connection: &mut PgConnection) -> StoreResult<bool> {
    Ok(sqlx::query_scalar(sql!("isolation"))
        .fetch_one(connection)
        .await?)
}

/// Whether this login sees the rows of every tenant: a dump by it is whole.
///
/// # Errors
/// Of the database.
pub async fn sees_all(connection: &mut PgConnection) -> StoreResult<bool> {
    Ok(sqlx::query_scalar(sql!("sees_all"))
        .fetch_one(connection)
        .await?)
}

/// No statement of this transaction takes longer than two seconds.
///
/// # Errors
/// Of the database.
pub async fn be_brief(connection: &mut PgConnection) -> StoreResult<()> {
    sqlx::query(sql!("brief_statements"))
        .execute(connection)
        .await?;
    Ok(())
}

/// Executions by status, every status named; of one tenant or of all.
///
/// # Errors
/// Of the database.
pub async fn executions(
    connection: &mut PgConnection,
    tenant: Option<i32>,
) -> StoreResult<BTreeMap<&'static str, i64>> {
    let mut found: BTreeMap<_, _> = Status::ALL.into_iter().map(|s| (s.as_str(), 0)).collect();
    for row in sqlx::query(sql!("count_executions"))
        .bind(tenant)
        .fetch_all(connection)
        .await?
    {
        if let Some(status) = Status::from_code(row.try_get(0)?) {
            found.insert(status.as_str(), row.try_get(1)?);
        }
    }
    Ok(found)
}

/// Open outbox rows by state, and those that ended unknown; of one tenant or of all.
///
/// # Errors
/// Of the database.
pub async fn sends(
    connection: &mut PgConnection,
    tenant: Option<i32>,
) -> StoreResult<BTreeMap<String, i64>> {
    let states = ["pending", "claimed", "sending", "unknown"];
    let mut found: BTreeMap<_, _> = states.into_iter().map(|s| (s.to_owned(), 0)).collect();
    for row in sqlx::query(sql!("count_sends"))
        .bind(tenant)
        .fetch_all(connection)
        .await?
    {
        found.insert(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(found)
}

/// How far behind the loops are.
///
/// # Errors
/// Of the database.
pub async fn lag(connection: &mut PgConnection) -> StoreResult<Lag> {
    let row = sqlx::query(sql!("queue_lag")).fetch_one(connection).await?;
    Ok(Lag {
        events: row.try_get(0)?,
        executions: row.try_get(1)?,
        sends: row.try_get(2)?,
        queued_events: row.try_get(3)?,
    })
}
