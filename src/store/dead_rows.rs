//! Rows of the hot tables that nobody sees any more, and how they go.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{StoreResult, sql};

/// A hot table as the statistics have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotTable {
    /// Its name, in the schema `waypost`.
    pub name: String,
    /// Rows that nobody sees any more.
    pub dead: i64,
    /// Rows that live.
    pub live: i64,
}

/// Makes a worker's connection the login's own again: a table is vacuumed by its owner, and by no role of ours.
///
/// # Errors
/// Of the database.
pub async fn as_login(connection: &mut PgConnection) -> StoreResult<()> {
    connection
        .execute("reset role; set statement_timeout = '120s'")
        .await?;
    Ok(())
}

/// The hot tables that this login may vacuum; none where it owns nothing.
///
/// # Errors
/// Of the database.
pub async fn hot_tables(connection: &mut PgConnection) -> StoreResult<Vec<HotTable>> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(sql!("dead_rows"))
        .fetch_all(connection)
        .await?;
    let table = |(name, dead, live)| HotTable { name, dead, live };
    Ok(rows.into_iter().map(table).collect())
}

/// Vacuums one of them, unless somebody does already. Nothing waits for it: the file keeps its length, since cutting
/// it would take the table from everybody for a moment.
///
/// # Errors
/// Of the database.
pub async fn vacuum(connection: &mut PgConnection, table: &HotTable) -> StoreResult<()> {
    let vacuum = format!(
        "vacuum (skip_locked, truncate off, index_cleanup on, parallel 0) waypost.{}",
        table.name
    );
    connection.execute(AssertSqlSafe(vacuum)).await?;
    Ok(())
}
