//! Suppression lists as operators see and change them, through the public functions.

use sqlx::{PgConnection, Row};

use super::{StoreResult, sql};
use crate::model::execution::Instant;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Suppression {
    /// The list.
    pub list: String,
    /// `contact`, `email`, `domain` or `phone`.
    pub kind: String,
    /// Whom it names.
    pub value: String,
    /// For people.
    pub reason: Option<String>,
    /// Holds before this time; none: for ever.
    pub expires_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
}

/// What is said of entries that are made together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// What the values are; none: what each looks like.
    pub kind: Option<String>,
    /// The list.
    pub list: String,
    /// For people.
    pub reason: Option<String>,
    /// Holds before this time.
    pub expires_at: Option<Instant>,
}

/// Entries of the session's tenant in order of list, kind and value, at most `limit` behind `after`.
///
/// # Errors
/// Of the database.
pub async fn list(
    connection: &mut PgConnection,
    tenant: &str,
    list: Option<&str>,
    after: Option<&(String, String, String)>,
    limit: i64,
) -> StoreResult<Vec<Suppression>> {
    let rows = sqlx::query(sql!("list_suppressions"))
        .bind(tenant)
        .bind(list)
        .bind(after.map(|after| &*after.0))
        .bind(after.map(|after| &*after.1))
        .bind(after.map(|after| &*after.2))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Suppression {
                list: row.try_get(0)?,
                kind: row.try_get(1)?,
                value: row.try_get(2)?,
                reason: row.try_get(3)?,
                expires_at: row.try_get(4)?,
                created_at: row.try_get(5)?,
            })
        })
        .collect()
}

/// Suppresses; answers how many entries are new.
///
/// # Errors
/// Of the database; a value that can be no such thing (`WP002`).
pub async fn add(
    connection: &mut PgConnection,
    values: &[String],
    about: &About,
) -> StoreResult<i32> {
    let new = sqlx::query_scalar(sql!("suppress"))
        .bind(values)
        .bind(&about.kind)
        .bind(&about.list)
        .bind(&about.reason)
        .bind(about.expires_at);
    Ok(new.fetch_one(connection).await?)
}

/// Takes a value off a list (none: off all of them); answers from how many.
///
/// # Errors
/// Of the database.
pub async fn remove(
    connection: &mut PgConnection,
    value: &str,
    kind: Option<&str>,
    list: Option<&str>,
) -> StoreResult<i32> {
    let gone = sqlx::query_scalar(sql!("unsuppress"))
        .bind(value)
        .bind(kind)
        .bind(list);
    Ok(gone.fetch_one(connection).await?)
}
