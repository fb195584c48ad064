//! The one handle of a process on its database: who we are there, and whether the schema is ours.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::{
    config::{Database, Settings},
    error::{AppError, AppResult},
};
use crate::{
    private_pg::PrivatePg,
    store::{self, Purpose, install, pool, session},
};

/// Longest a first connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that commands and the API use at once.
const API_CONNECTIONS: u32 = 8;
/// Connections of the owning login.
const OWNER_CONNECTIONS: u32 = 3;

/// What a command needs of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// This binary's version, or a newer one that serves it too. A private Postgres is migrated to it, any other one is not touched.
    Current,
    /// Nothing: `migrate` itself, and what only wants a connection.
    Any,
}

/// Says what slow things are being done.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// A database that was reached.
#[derive(Debug)]
pub struct Waypost {
    /// What it was opened with.
    pub settings: Settings,
    url: String,
    api: PgPool,
    owner: PgPool,
    /// Held as long as the handle lives: the last holder's end stops the server.
    private: Option<PrivatePg>,
}

impl Waypost {
    /// Reaches the database, starting the private one where none is named, and looks at its schema.
    ///
    /// # Errors
    /// It cannot be reached; or its schema is not this binary's.
    pub async fn open(
        settings: Settings,
        schema: Schema,
        progress: Progress<'_>,
    ) -> AppResult<Self> {
        let (url, private) = match &settings.database {
            Database::Url(url) => (url.clone(), None),
            Database::Private(_) => {
                let private = private_pg(&settings, progress)?;
                (private.url(), Some(private))
            }
        };
        store::hosts::options(&url).map_err(|error| {
            AppError::usage(format!(
                "{} is no Postgres URL ({error}): write postgres://user@host/database",
                settings.database.shown()
            ))
        })?;
        let opened = Self {
            api: store::connect(&url, Purpose::Api, API_CONNECTIONS)?,
            owner: store::connect(&url, Purpose::Owner, OWNER_CONNECTIONS)?,
            settings,
            url,
            private,
        };
        opened.look_at_schema(schema, progress).await?;
        Ok(opened)
    }

    async fn look_at_schema(&self, schema: Schema, progress: Progress<'_>) -> AppResult<()> {
        let mut connection = self.single().await?;
        if schema == Schema::Any {
            return Ok(());
        }
        let (found, expected) = (
            install::current_version(&mut connection).await?,
            install::expected_version(),
        );
        if self.private.is_some() {
            // Functions and views may differ at the same number, so this asks in any case; it only reads then.
            install::migrate(&mut connection, install::Options { crm: true }, progress).await?;
            return Ok(());
        }
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(AppError::no(format!(
                "the database has {} of waypost (this binary has version {expected}): run `waypost migrate`",
                if found == 0 {
                    "no schema".to_owned()
                } else {
                    format!("schema version {found}")
                },
            ))),
            // Newer than this binary; it goes on where it can work on that, and says where it cannot.
            std::cmp::Ordering::Greater => {
                install::plan(&mut connection, install::Options { crm: true }).await?;
                Ok(())
            }
        }
    }

    /// A connection of the login itself, outside the pools; its failure says why and what was tried.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn single(&self) -> AppResult<PgConnection> {
        let tried = self.settings.database.shown();
        match tokio::time::timeout(PATIENCE, pool::single(&self.url, Purpose::Owner)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(match AppError::from(error) {
                AppError::Unreachable(text) | AppError::No(text) => AppError::Unreachable(format!(
                    "the database cannot be reached: {text}\ntried {tried}; set --database-url or DATABASE_URL to another"
                )),
                other => other,
            }),
            Err(_) => Err(AppError::Unreachable(format!(
                "the database did not answer within {} s\ntried {tried}; set --database-url or DATABASE_URL to another",
                PATIENCE.as_secs()
            ))),
        }
    }

    /// A transaction that sees the rows of the settings' tenant alone.
    ///
    /// # Errors
    /// Of the database.
    pub async fn begin(&self) -> AppResult<Transaction<'static, Postgres>> {
        Ok(session::begin(&self.api, &self.settings.tenant).await?)
    }

    /// A transaction of the owning login, which sees every tenant; `waypost.tenant` is set all the same.
    ///
    /// # Errors
    /// Of the database.
    pub async fn begin_as_owner(&self) -> AppResult<Transaction<'static, Postgres>> {
        Ok(session::begin(&self.owner, &self.settings.tenant).await?)
    }

    /// The pool of the owning login.
    pub(super) fn owner(&self) -> &PgPool {
        &self.owner
    }

    /// The settings' tenant, for messages and look-ups.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.settings.tenant
    }

    /// Where the database is; may hold a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The private Postgres, where that is used.
    #[must_use]
    pub fn private(&self) -> Option<&PrivatePg> {
        self.private.as_ref()
    }

    /// Whether the database is there, at this binary's version, and keeps its tenants apart.
    pub async fn readiness(&self) -> Readiness {
        let look = async {
            let mut connection = self.owner.acquire().await?;
            let version = install::current_version(&mut connection).await?;
            let serves = match version.cmp(&install::expected_version()) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => true,
                std::cmp::Ordering::Greater => {
                    let options = install::Options { crm: true };
                    install::plan(&mut connection, options).await.is_ok()
                }
            };
            let isolated = version > 0 && store::overview::isolated(&mut connection).await?;
            Ok::<_, AppError>((version, serves, isolated))
        };
        match tokio::time::timeout(Duration::from_secs(5), look).await {
            Ok(Ok((version, serves, isolated))) => Readiness {
                reachable: true,
                migrated: serves,
                version,
                expected: install::expected_version(),
                isolated,
                problem: None,
            },
            Ok(Err(error)) => Readiness::unreachable(error.to_string()),
            Err(_) => Readiness::unreachable("no answer within 5 s".to_owned()),
        }
    }
}

/// What `/readyz` and `healthcheck` say.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// The database answers.
    pub reachable: bool,
    /// Its schema is at this binary's version, or at a newer one that serves this binary too.
    pub migrated: bool,
    /// Its schema's version; 0: none.
    pub version: i32,
    /// This binary's version of the schema.
    pub expected: i32,
    /// Row security keeps the tenants apart.
    pub isolated: bool,
    /// Why it cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Readiness {
    fn unreachable(problem: String) -> Self {
        Self {
            reachable: false,
            migrated: false,
            version: 0,
            expected: install::expected_version(),
            isolated: false,
            problem: Some(problem),
        }
    }

    /// Whether requests can be served. Tenants that are not isolated are said, not refused.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reachable && self.migrated
    }
}

/// Starts or joins the private Postgres. It blocks, on a thread where that is allowed.
///
/// # Errors
/// No server, with the command that mends it.
pub fn private_pg(settings: &Settings, progress: Progress<'_>) -> AppResult<PrivatePg> {
    let Database::Private(dir) = &settings.database else {
        return Err(AppError::usage(
            "a database is named by --database-url or DATABASE_URL: the private Postgres is not used",
        ));
    };
    let ensure = || PrivatePg::ensure(dir, &|line| progress(line));
    let multi = tokio::runtime::Handle::try_current()
        .is_ok_and(|h| h.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    let started = if multi {
        tokio::task::block_in_place(ensure)
    } else {
        ensure()
    };
    Ok(started?)
}
