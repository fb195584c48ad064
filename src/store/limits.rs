//! The limits of whole workflows, as first bursts take them: rows that are locked or left for later.

use sqlx::{PgConnection, Row};

use super::{StoreResult, sql};
use crate::model::{execution::Instant, ids};

/// A limit to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Tenant number.
    pub tenant: i32,
    /// Workflow number.
    pub workflow: i32,
    /// Starts at or before this time do not count any more; none: all do.
    pub since: Option<Instant>,
}

/// A limit that is ours until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Starts that count.
    pub used: i64,
    /// The first of them; none where the limit has no window.
    pub oldest: Option<Instant>,
}

/// Takes a limit's row, without what has left the window. None: somebody else holds it.
///
/// # Errors
/// Of the database.
pub async fn take(connection: &mut PgConnection, wanted: Wanted) -> StoreResult<Option<Taken>> {
    let bucket = ids::home_bucket(wanted.tenant);
    let row = sqlx::query(sql!("take_limit"))
        .bind(bucket)
        .bind(wanted.tenant)
        .bind(wanted.workflow)
        .fetch_one(&mut *connection)
        .await?;
    let used: Option<i64> = row.try_get(0)?;
    let Some(mut used) = used else {
        // A row that is not there yet is made as it is counted.
        let there: bool = row.try_get(1)?;
        let none = Taken {
            used: 0,
            oldest: None,
        };
        return Ok((!there).then_some(none));
    };
    let mut oldest = None;
    if let Some(since) = wanted.since {
        let gone: i64 = sqlx::query_scalar(sql!("expire_limit"))
            .bind(bucket)
            .bind(wanted.tenant)
            .bind(wanted.workflow)
            .bind(since)
            .fetch_one(&mut *connection)
            .await?;
        used -= gone;
        oldest = sqlx::query_scalar(sql!("limit_oldest"))
            .bind(bucket)
            .bind(wanted.tenant)
            .bind(wanted.workflow)
            .fetch_one(connection)
            .await?;
    }
    Ok(Some(Taken { used, oldest }))
}

/// Counts `starts` new ones at `now`; what has left the window was taken off as the limit was taken.
///
/// # Errors
/// Of the database.
pub async fn count(
    connection: &mut PgConnection,
    limit: Wanted,
    starts: i32,
    now: Instant,
) -> StoreResult<()> {
    if starts == 0 {
        return Ok(());
    }
    let bucket = ids::home_bucket(limit.tenant);
    sqlx::query(sql!("count_limit"))
        .bind(bucket)
        .bind(limit.tenant)
        .bind(limit.workflow)
        .bind(starts)
        .execute(&mut *connection)
        .await?;
    if limit.since.is_some() {
        sqlx::query(sql!("count_starts"))
            .bind(bucket)
            .bind(limit.tenant)
            .bind(limit.workflow)
            .bind(now)
            .bind(starts)
            .execute(connection)
            .await?;
    }
    Ok(())
}
