//! Brings a database to the version of this binary: roles, migrations, functions, views, reference CRM.
//!
//! Every step runs in a transaction of its own under one advisory lock and looks again, under the
//! lock, whether it is still to be done: any number of processes may migrate at once.
//!
//! Old and new binaries work side by side: one that is older than the schema goes on with it as long as every migration
//! that it does not know only expands, and leaves functions and views of a newer release as they are.

mod objects;

use sqlx::{Connection, PgConnection, Row, raw_sql};

use super::embedded::{self, Embedded};

/// Of all `migrate` runs on one database; its value is "waypost" in ASCII.
const LOCK: i64 = 0x77_6179_706f_7374;

/// What to install.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The reference CRM too.
    pub crm: bool,
}

/// What `migrate` did, or what `plan` says it would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Migrations, by name, in order.
    pub migrations: Vec<String>,
    /// Functions and views whose text differs (then all are installed again).
    pub objects: Vec<String>,
    /// Whether row security keeps the tenants apart. Without the right to create roles it cannot.
    pub isolated: bool,
}

impl Report {
    /// True when the database was at this version already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty() && self.objects.is_empty()
    }
}

/// Why a database could not be brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The schema has a migration that this binary does not know, and that takes away what it may need.
    #[error(
        "the database was migrated by a newer waypost ({found} takes away what this binary needs; it knows up to {known}): run the newer binary"
    )]
    SchemaNewer {
        /// The unknown migration.
        found: String,
        /// The last one that this binary has.
        known: String,
    },
    /// A migration's text is not the one that was applied.
    #[error(
        "{name} was applied with another text than this binary carries; a migration is never changed, add a new one"
    )]
    Changed {
        /// The migration.
        name: String,
    },
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: waypost needs 15 or newer")]
    ServerTooOld {
        /// Its version as it says it.
        found: String,
    },
    /// Postgres refused a statement.
    #[error("{step}: {source}")]
    Database {
        /// What was being done.
        step: String,
        /// What Postgres said.
        source: sqlx::Error,
    },
}

/// Attaches what was being done to an error of the database.
fn during(step: &str) -> impl FnOnce(sqlx::Error) -> InstallError + '_ {
    move |source| InstallError::Database {
        step: step.to_owned(),
        source,
    }
}

/// The number of the last migration that this binary knows.
#[must_use]
pub fn expected_version() -> i32 {
    i32::try_from(embedded::MIGRATIONS.len()).expect("there are fewer migrations than i32 holds")
}

/// The number of the last migration applied; 0 for an empty database.
///
/// # Errors
/// The database cannot be asked.
pub async fn current_version(db: &mut PgConnection) -> Result<i32, InstallError> {
    let there = raw_sql("select to_regclass('waypost.migrations') is not null")
        .fetch_one(&mut *db)
        .await
        .and_then(|row| row.try_get::<bool, _>(0))
        .map_err(during("looking for the schema"))?;
    if !there {
        return Ok(0);
    }
    sqlx::query_scalar(
        "select count(*)::int from waypost.migrations where name like 'migrations/0%'",
    )
    .fetch_one(db)
    .await
    .map_err(during("reading waypost.migrations"))
}

/// What `migrate` would do, without doing it.
///
/// # Errors
/// As `migrate`.
pub async fn plan(db: &mut PgConnection, options: Options) -> Result<Report, InstallError> {
    check_server(db).await?;
    if current_version(db).await? == 0 {
        return Ok(Report {
            migrations: migrations(options)
                .iter()
                .map(|m| m.name.to_owned())
                .collect(),
            objects: objects::carried(options)
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            isolated: false,
        });
    }
    let applied = rows(
        db,
        "select name, checksum from waypost.migrations order by name",
    )
    .await?;
    let installed = rows(db, "select object, checksum from waypost.installed").await?;
    let ahead = check_history(db, &applied).await? || objects::are_newer(db).await?;
    let isolated = match raw_sql("select waypost.isolation()")
        .fetch_one(&mut *db)
        .await
    {
        Ok(row) => row.try_get::<bool, _>(0).unwrap_or(false),
        Err(_) => false,
    };
    Ok(Report {
        migrations: migrations(options)
            .iter()
            .filter(|file| !applied.iter().any(|(name, _)| name == file.name))
            .map(|file| file.name.to_owned())
            .collect(),
        objects: objects::carried(options)
            .into_iter()
            .filter(|object| !ahead && !installed.contains(object))
            .map(|(name, _)| name)
            .collect(),
        isolated,
    })
}

/// Brings the database to this binary's version; at that version already it only reads.
///
/// Safe from many processes at once. `progress` gets one line for each step.
///
/// # Errors
/// The database is newer or older than can be served, or refuses a statement; whole steps only are left behind.
pub async fn migrate(
    db: &mut PgConnection,
    options: Options,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Report, InstallError> {
    let mut report = plan(db, options).await?;
    if report.is_empty() {
        return Ok(report);
    }
    prepare(db, progress).await?;
    for file in embedded::MIGRATIONS {
        if report.migrations.iter().any(|name| name == file.name) {
            apply(db, file, progress).await?;
        }
    }
    if !report.objects.is_empty() {
        objects::install_all(db, options, progress).await?;
    }
    report.isolated = raw_sql("select waypost.isolation()")
        .fetch_one(db)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(during("asking for the isolation of tenants"))?;
    Ok(report)
}

/// Roles, the schema and the two tables that say what is installed.
async fn prepare(
    db: &mut PgConnection,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), InstallError> {
    progress("roles and schema");
    let step = during("creating roles and schema");
    let work = async {
        let mut tx = db.begin().await?;
        lock(&mut tx).await?;
        for file in embedded::SECURITY {
            raw_sql(file.body).execute(&mut *tx).await?;
        }
        tx.commit().await
    };
    work.await.map_err(step)
}

/// One migration, unless another process was faster.
async fn apply(
    db: &mut PgConnection,
    file: &Embedded,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), InstallError> {
    let work = async {
        let mut tx = db.begin().await?;
        lock(&mut tx).await?;
        become_owner(&mut tx).await?;
        let done: bool =
            sqlx::query_scalar("select exists (select from waypost.migrations where name = $1)")
                .bind(file.name)
                .fetch_one(&mut *tx)
                .await?;
        if !done {
            progress(file.name);
            raw_sql(file.body).execute(&mut *tx).await?;
            sqlx::query(
                "insert into waypost.migrations (name, checksum, expands) values ($1, $2, $3)",
            )
            .bind(file.name)
            .bind(file.checksum())
            .bind(file.expands())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    };
    work.await.map_err(during(file.name))
}

/// The lock of all migrates; waits as long as it takes. Afterwards nobody is kept waiting for long. What is made here
/// means the system's own functions, whatever else the login's path holds.
async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    raw_sql("set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local search_path = pg_catalog, pg_temp")
        .execute(&mut *tx)
        .await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    raw_sql("set local lock_timeout = '5s'")
        .execute(&mut *tx)
        .await
        .map(|_| ())
}

/// What is made belongs to the schema's owner, and in its policies the installer acts for every tenant.
async fn become_owner(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    raw_sql(
        "select set_config('role', pg_catalog.pg_get_userbyid(n.nspowner)::text, true), set_config('waypost.scope', '*', true)
         from pg_catalog.pg_namespace n where n.nspname = 'waypost'",
    )
    .execute(tx)
    .await
    .map(|_| ())
}

async fn check_server(db: &mut PgConnection) -> Result<(), InstallError> {
    let row = raw_sql(
        "select current_setting('server_version_num')::int >= 150000, current_setting('server_version')",
    )
    .fetch_one(db)
    .await
    .map_err(during("asking for the server's version"))?;
    match (row.try_get::<bool, _>(0), row.try_get::<String, _>(1)) {
        (Ok(false), Ok(found)) => Err(InstallError::ServerTooOld { found }),
        _ => Ok(()),
    }
}

/// What was applied and is known here has the same text. True where there is more, which only expands.
async fn check_history(
    db: &mut PgConnection,
    applied: &[(String, String)],
) -> Result<bool, InstallError> {
    let known = migrations(Options { crm: true });
    let mut newer = Vec::new();
    for (name, checksum) in applied {
        match known.iter().find(|file| file.name == name) {
            None => newer.push(name),
            Some(file) if file.checksum() != *checksum => {
                return Err(InstallError::Changed { name: name.clone() });
            }
            Some(_) => {}
        }
    }
    if newer.is_empty() {
        return Ok(false);
    }
    // Whoever knows more migrations than this binary has also added the column.
    let expanding: Vec<String> =
        sqlx::query_scalar("select name from waypost.migrations where expands")
            .fetch_all(db)
            .await
            .map_err(during("reading waypost.migrations"))?;
    match newer.into_iter().find(|name| !expanding.contains(name)) {
        None => Ok(true),
        Some(found) => {
            let last = embedded::MIGRATIONS.last().map_or("", |m| m.name);
            Err(InstallError::SchemaNewer {
                found: found.clone(),
                known: last.to_owned(),
            })
        }
    }
}

fn migrations(options: Options) -> Vec<Embedded> {
    let crm = if options.crm {
        embedded::CRM_MIGRATIONS
    } else {
        &[]
    };
    embedded::MIGRATIONS.iter().chain(crm).copied().collect()
}

async fn rows(
    db: &mut PgConnection,
    sql: &'static str,
) -> Result<Vec<(String, String)>, InstallError> {
    sqlx::query_as(sql)
        .fetch_all(db)
        .await
        .map_err(during("reading what is installed"))
}
