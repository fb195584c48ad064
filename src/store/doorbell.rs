//! The doorbell: hints that something is to be done. None of it carries truth (I-6).

use sqlx::PgConnection;

use super::{StoreResult, sql};

/// The NOTIFY channel.
pub const CHANNEL: &str = "waypost";

/// Says that a worker is idle: for the next seconds `emit` and `enroll` NOTIFY.
///
/// # Errors
/// Of the database.
pub async fn arm(connection: &mut PgConnection) -> StoreResult<()> {
    sqlx::query(sql!("arm_doorbell"))
        .execute(connection)
        .await?;
    Ok(())
}

/// Wakes the other processes; `words` say what for (`sql/functions/ring.sql`).
///
/// # Errors
/// Of the database.
pub async fn ring(connection: &mut PgConnection, words: &str) -> StoreResult<()> {
    sqlx::query(sql!("ring_doorbell"))
        .bind(words)
        .execute(connection)
        .await?;
    Ok(())
}

/// The sequence that `emit` and `enroll` bump while no worker is armed.
///
/// # Errors
/// Of the database.
pub async fn hint(connection: &mut PgConnection) -> StoreResult<i64> {
    Ok(sqlx::query_scalar(sql!("wake_hint"))
        .fetch_one(connection)
        .await?)
}
