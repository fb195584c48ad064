//! Transactions that speak for one tenant.

use sqlx::{PgPool, Postgres, Transaction};

use super::{StoreResult, sql};

/// Begins a transaction in which `waypost.tenant` is this tenant: row security and the functions' last
/// argument go by it. Local to the transaction, so it holds behind a transaction pooler too.
///
/// # Errors
/// Of the database.
pub async fn begin(pool: &PgPool, tenant: &str) -> StoreResult<Transaction<'static, Postgres>> {
    let mut tx = pool.begin().await?;
    sqlx::query(sql!("set_tenant"))
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}
