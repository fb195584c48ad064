//! The schema and the private Postgres: migrate, plan, destroy.

use super::{
    config::{Database, Settings},
    error::{AppError, AppResult},
    waypost::{Progress, Waypost},
};
use crate::{
    private_pg,
    store::{
        install::{self, Options, Report},
        overview,
    },
};

impl Waypost {
    /// Brings the database to this binary's version; safe from many processes at once.
    ///
    /// # Errors
    /// It is newer, or refuses a statement.
    pub async fn migrate(&self, crm: bool, progress: Progress<'_>) -> AppResult<Report> {
        let mut connection = self.single().await?;
        Ok(install::migrate(&mut connection, Options { crm }, progress).await?)
    }

    /// Whether a dump by this login holds the rows of every tenant although row security is forced.
    ///
    /// # Errors
    /// Of the database.
    pub async fn sees_every_tenant(&self) -> AppResult<bool> {
        let mut connection = self.single().await?;
        Ok(overview::sees_all(&mut connection).await?)
    }

    /// What [`Waypost::migrate`] would do.
    ///
    /// # Errors
    /// As it.
    pub async fn migration_plan(&self, crm: bool) -> AppResult<Report> {
        let mut connection = self.single().await?;
        Ok(install::plan(&mut connection, Options { crm }).await?)
    }
}

/// Stops the private Postgres and removes its data. A database that was named is never touched.
///
/// # Errors
/// One was named; or another command uses the private one.
pub fn reset(settings: &Settings) -> AppResult<()> {
    match &settings.database {
        Database::Private(dir) => {
            private_pg::destroy(dir).map_err(|error| AppError::no(error.to_string()))
        }
        Database::Url(_) => Err(AppError::usage(
            "reset removes the private Postgres only, and a database is named by --database-url, DATABASE_URL or PG*; drop it yourself if you mean that one",
        )),
    }
}
