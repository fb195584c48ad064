//! Figures over everything, for health checks and metrics.

use sqlx::PgConnection;

use super::{StoreResult, sql};

/// Whether row security keeps the tenants apart.
///
/// # Errors
/// Of the database.
pub async fn isolated(connection: &mut PgConnection) -> StoreResult<bool> {
    Ok(sqlx::query_scalar(sql!("isolation"))
        .fetch_one(connection)
        .await?)
}
