//! Whose time it is: the database's, or a tenant's own.

use sqlx::{PgConnection, Row};

use super::{StoreResult, sql};
use crate::model::execution::Instant;

/// A tenant with a clock of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Clocked {
    /// Tenant number.
    pub tenant: i32,
    /// Tenant name.
    pub name: String,
    /// What its clock shows.
    pub now: Instant,
}

/// Tenants that normal claims leave out.
///
/// # Errors
/// Of the database.
pub async fn clocked(connection: &mut PgConnection) -> StoreResult<Vec<Clocked>> {
    let rows = sqlx::query(sql!("clocked_tenants"))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Clocked {
                tenant: row.try_get(0)?,
                name: row.try_get(1)?,
                now: row.try_get(2)?,
            })
        })
        .collect()
}

/// When the tenant has something to do next: an execution, an outbox row or a timer that falls due.
///
/// # Errors
/// Of the database.
pub async fn next_due(connection: &mut PgConnection, tenant: i32) -> StoreResult<Option<Instant>> {
    Ok(sqlx::query_scalar(sql!("next_due"))
        .bind(tenant)
        .fetch_one(connection)
        .await?)
}

/// Sets the tenant's own clock.
///
/// # Errors
/// Of the database.
pub async fn set(connection: &mut PgConnection, tenant: i32, to: Instant) -> StoreResult<()> {
    sqlx::query(sql!("set_clock"))
        .bind(tenant)
        .bind(to)
        .execute(connection)
        .await?;
    Ok(())
}

/// The database's clock.
///
/// # Errors
/// Of the database.
pub async fn database_now(connection: &mut PgConnection) -> StoreResult<Instant> {
    Ok(sqlx::query_scalar(sql!("now"))
        .fetch_one(connection)
        .await?)
}

/// Names of tenants by number.
///
/// # Errors
/// Of the database.
pub async fn names(
    connection: &mut PgConnection,
    tenants: &[i32],
) -> StoreResult<Vec<(i32, String)>> {
    Ok(sqlx::query_as(sql!("tenant_names"))
        .bind(tenants)
        .fetch_all(connection)
        .await?)
}
