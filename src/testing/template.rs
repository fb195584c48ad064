//! The template database: migrated once for each state of the schema's files, then cloned.

use std::{
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};

/// Of everyone who looks for or builds a template on one server ("template" in ASCII, cut).
const LOCK: i64 = 0x74_656d_706c_6174;
/// What templates are called, before the fingerprint.
const PREFIX: &str = "waypost_template_";

/// Answers the template's name, building it where it is missing.
///
/// `seed` tells apart templates that differ in more than the files (another migrator).
pub(super) async fn ensure_template<F, E>(
    admin: &mut PgConnection,
    options: &PgConnectOptions,
    seed: &str,
    migrate: F,
) -> String
where
    F: AsyncFnOnce(&mut PgConnection) -> Result<(), E>,
    E: Display,
{
    let print = fingerprint(seed, &[Path::new("migrations"), Path::new("sql")])
        .unwrap_or_else(|error| panic!("reading migrations/ and sql/: {error}"));
    let name = format!("{PREFIX}{print}");
    if exists(admin, &name).await {
        return name;
    }
    run(admin, &format!("select pg_advisory_lock({LOCK})")).await;
    if !exists(admin, &name).await {
        build(admin, options, &name, migrate).await;
    }
    run(admin, &format!("select pg_advisory_unlock({LOCK})")).await;
    name
}

/// Builds under another name, so that a template is whole or not there.
async fn build<F, E>(admin: &mut PgConnection, options: &PgConnectOptions, name: &str, migrate: F)
where
    F: AsyncFnOnce(&mut PgConnection) -> Result<(), E>,
    E: Display,
{
    let building = name.replace(PREFIX, "waypost_building_");
    run(
        admin,
        &format!("drop database if exists {building} with (force)"),
    )
    .await;
    run(
        admin,
        &format!("create database {building} template template0 encoding 'UTF8'"),
    )
    .await;
    let mut connection = PgConnection::connect_with(&options.clone().database(&building))
        .await
        .unwrap_or_else(|error| panic!("connecting to the new template: {error}"));
    if let Err(error) = migrate(&mut connection).await {
        panic!("migrating the template database: {error}");
    }
    let _ = connection.close().await;
    run(
        admin,
        &format!("alter database {building} rename to {name}"),
    )
    .await;
    // A connection to it, even a curious one, would make cloning fail.
    run(
        admin,
        &format!("alter database {name} allow_connections false"),
    )
    .await;
}

async fn exists(admin: &mut PgConnection, database: &str) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_database where datname = $1 and not datallowconn)",
    )
    .bind(database)
    .fetch_one(admin)
    .await
    .unwrap_or_else(|error| panic!("looking for {database}: {error}"))
}

/// Runs one statement made of names that this module formed itself.
pub(super) async fn run(admin: &mut PgConnection, sql: &str) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(admin)
        .await
    {
        panic!("{sql}: {error}");
    }
}

/// Sixteen hexadecimal digits over the names and bytes of every file in these directories.
fn fingerprint(seed: &str, dirs: &[&Path]) -> io::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in dirs {
        collect(&root.join(dir), &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    digest.update(seed.as_bytes());
    for path in files {
        let bytes = fs::read(&path)?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        digest.update(name.as_os_str().as_encoded_bytes());
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(&bytes);
    }
    Ok(hex::encode(&digest.finalize()[..8]))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
