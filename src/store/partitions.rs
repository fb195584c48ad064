//! Time partitions: made ahead, and dropped when they are older than they are kept.

use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::{StoreResult, sql};

/// Makes the day partitions that are missing up to so many days ahead, one table a transaction.
///
/// # Errors
/// Of the database.
pub async fn ensure(connection: &mut PgConnection, days_ahead: i32) -> StoreResult<()> {
    let tables: Vec<String> = sqlx::query_scalar(sql!("partitioned_tables"))
        .fetch_all(&mut *connection)
        .await?;
    for table in tables {
        sqlx::query(sql!("ensure_partitions"))
            .bind(days_ahead)
            .bind(table)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The days that are older than their kind of history is kept, in days; 0: for ever. The oldest first.
///
/// # Errors
/// Of the database.
pub async fn old(
    connection: &mut PgConnection,
    keep_history: u16,
    keep_events: u16,
) -> StoreResult<Vec<String>> {
    let days = |keep: u16| (keep > 0).then_some(i32::from(keep));
    Ok(sqlx::query_scalar(sql!("old_partitions"))
        .bind(days(keep_history))
        .bind(days(keep_events))
        .fetch_all(connection)
        .await?)
}

/// What became of a day that was to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Gone whole.
    Whole,
    /// Gone but for rows that are still needed.
    Thinned,
    /// All that is left of it is still needed.
    Needed,
    /// Somebody reads it: later.
    Busy,
}

/// Drops a day but for what is still needed, in a transaction of its own.
///
/// # Errors
/// Of the database.
pub async fn drop_day(connection: &mut PgConnection, name: &str) -> StoreResult<Dropped> {
    let mut tx = connection.begin().await?;
    sqlx::query(sql!("unhurried")).execute(&mut *tx).await?;
    let result: String = sqlx::query_scalar(sql!("drop_partition"))
        .bind(name)
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(match result.as_str() {
        "thinned" => Dropped::Thinned,
        "needed" => Dropped::Needed,
        "busy" => Dropped::Busy,
        _ => Dropped::Whole,
    })
}

/// Forgets how executions stood before a move, where nothing else of them is left; how many went.
///
/// # Errors
/// Of the database.
pub async fn forget_moved(connection: &mut PgConnection, page: i32) -> StoreResult<i64> {
    let (mut after, mut forgotten) = ((-1_i16, Uuid::nil(), Uuid::nil()), 0);
    while let Some(row) = sqlx::query(sql!("forget_moved"))
        .bind(after.0)
        .bind(after.1)
        .bind(after.2)
        .bind(page)
        .fetch_optional(&mut *connection)
        .await?
    {
        after = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        forgotten += row.try_get::<i64, _>("gone")?;
        if row.try_get::<i64, _>("looked_at")? < i64::from(page) {
            break;
        }
    }
    Ok(forgotten)
}
