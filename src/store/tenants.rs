//! Tenants: whose rows are whose.

use chrono_tz::Tz;
use sqlx::{PgConnection, Row};

use super::{StoreError, StoreResult, sql};
use crate::model::execution::Instant;

/// A tenant as people see it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TenantRow {
    /// Its name.
    pub name: String,
    /// Where its days begin.
    pub timezone: String,
    /// Its own clock, if it has one.
    pub clock: Option<Instant>,
    /// When it was created.
    pub created_at: Instant,
}

/// What the engine knows a tenant by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Where its days begin.
    pub timezone: Tz,
}

/// Every tenant that this login may see, by name.
///
/// # Errors
/// Of the database.
pub async fn list(connection: &mut PgConnection) -> StoreResult<Vec<TenantRow>> {
    let rows = sqlx::query(sql!("list_tenants"))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TenantRow {
                name: row.try_get(0)?,
                timezone: row.try_get(1)?,
                clock: row.try_get(2)?,
                created_at: row.try_get(3)?,
            })
        })
        .collect()
}

/// The tenant of this name.
///
/// # Errors
/// Of the database; a zone that is none.
pub async fn find(connection: &mut PgConnection, name: &str) -> StoreResult<Option<Tenant>> {
    let row = sqlx::query(sql!("find_tenant"))
        .bind(name)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let zone: String = row.try_get(1)?;
        let timezone = zone.parse().map_err(|_| StoreError::Corrupt {
            what: "time zone",
            why: format!("the tenant {name} has {zone:?}"),
        })?;
        Ok(Tenant {
            id: row.try_get(0)?,
            name: name.to_owned(),
            timezone,
        })
    })
    .transpose()
}

/// Creates a tenant; false when there is one of that name.
///
/// # Errors
/// Of the database: creating tenants needs the owning login.
pub async fn create(
    connection: &mut PgConnection,
    name: &str,
    timezone: &str,
) -> StoreResult<bool> {
    let made = sqlx::query(sql!("create_tenant"))
        .bind(name)
        .bind(timezone)
        .execute(connection)
        .await?
        .rows_affected();
    Ok(made > 0)
}

/// The tenant's business time.
///
/// # Errors
/// Of the database.
pub async fn now(connection: &mut PgConnection, name: &str) -> StoreResult<Instant> {
    Ok(sqlx::query_scalar(sql!("tenant_now"))
        .bind(name)
        .fetch_one(connection)
        .await?)
}
