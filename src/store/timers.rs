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

/// The next tenants after `after` that have timers, at most `limit`.
///
/// # Errors
/// Of the database.
pub async fn tenants(
    connection: &mut PgConnection,
    after: Option<i32>,
    limit: i32,
) -> StoreResult<Vec<i32>> {
    Ok(sqlx::query_scalar(sql!("timers_tenants"))
        .bind(after.unwrap_or(i32::MIN))
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// As [`fire`], for the tenants whose turn it is: at most `each` of a tenant.
///
/// # Errors
/// Of the database.
pub async fn fire_turn(
    connection: &mut PgConnection,
    tenants: &[i32],
    each: i32,
) -> StoreResult<u64> {
    let row = sqlx::query(sql!("fire_turn"))
        .bind(tenants)
        .bind(each)
        .fetch_one(connection)
        .await?;
    let due: i64 = row.try_get(0)?;
    Ok(due.unsigned_abs())
}
