//! Time partitions, made ahead.

use sqlx::PgConnection;

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
