//! Timed triggers that fall due.

use sqlx::{PgConnection, Row};

use super::{Scope, StoreResult, sql};

/// Turns due timers into events, at most `limit`; returns how many timers were taken.
///
/// # Errors
/// Of the database.
pub async fn fire(connection: &mut PgConnection, scope: &Scope, limit: i32) -> StoreResult<u64> {
    let row = sqlx::query(sql!("fire_timers"))
        .bind(scope.tenant())
        .bind(scope.now())
        .bind(scope.except())
        .bind(limit)
        .fetch_one(connection)
        .await?;
    let due: i64 = row.try_get(0)?;
    Ok(due.unsigned_abs())
}
