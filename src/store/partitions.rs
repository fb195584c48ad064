//! Time partitions, made ahead.

use sqlx::PgConnection;

use super::{StoreResult, sql};

/// Makes the day partitions that are missing up to so many days ahead.
///
/// # Errors
/// Of the database.
pub async fn ensure(connection: &mut PgConnection, days_ahead: i32) -> StoreResult<()> {
    sqlx::query(sql!("ensure_partitions"))
        .bind(days_ahead)
        .execute(connection)
        .await?;
    Ok(())
}
