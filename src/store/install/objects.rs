//! Functions, views and the reference CRM: re-installed by checksum, all or nothing.

use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};

use super::{InstallError, Options, become_owner, during, lock, rows};
use crate::store::embedded::{self, Embedded};

/// The release that installs; an older one leaves alone what it installed.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Whether a newer release installed functions and views here: they serve this one too, and stay.
pub(super) async fn are_newer(db: &mut PgConnection) -> Result<bool, InstallError> {
    // A row as JSON: before the column was added there is none to ask for.
    let releases: Vec<Option<String>> = sqlx::query_scalar(
        "select distinct pg_catalog.to_jsonb(i) ->> 'release' from waypost.installed i",
    )
    .fetch_all(db)
    .await
    .map_err(during("reading waypost.installed"))?;
    let ours = numbers(RELEASE);
    Ok(releases
        .iter()
        .flatten()
        .any(|release| numbers(release) > ours))
}

/// Major, minor and patch, for comparing.
fn numbers(release: &str) -> Vec<u64> {
    let plain = release.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').map(|n| n.parse().unwrap_or(0)).collect()
}

/// Names and checksums of what is re-installed when it changes.
pub(super) fn carried(options: Options) -> Vec<(String, String)> {
    let mut files = embedded::objects();
    if options.crm {
        files.extend(embedded::CRM_OBJECTS);
    }
    let mut sums: Vec<_> = files
        .iter()
        .map(|f| (f.name.to_owned(), f.checksum()))
        .collect();
    let sources = embedded::crm()
        .iter()
        .map(Embedded::checksum)
        .collect::<Vec<_>>()
        .join(" ");
    sums.push(("crm_sources".to_owned(), embedded::checksum(&sources)));
    sums
}

/// All functions and views in one transaction, when one of them differs; then the reference CRM, by itself.
pub(super) async fn install_all(
    db: &mut PgConnection,
    options: Options,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), InstallError> {
    let mut tx = db
        .begin()
        .await
        .map_err(during("installing functions and views"))?;
    lock(&mut tx)
        .await
        .map_err(during("waiting for another migrate"))?;
    become_owner(&mut tx)
        .await
        .map_err(during("becoming the owner"))?;
    let installed = rows(&mut tx, "select object, checksum from waypost.installed").await?;
    let objects = carried(Options { crm: false });
    if objects.iter().any(|object| !installed.contains(object)) {
        progress("functions and views");
        raw_sql("set local check_function_bodies = off; set local client_min_messages = warning")
            .execute(&mut *tx)
            .await
            .map_err(during("installing functions and views"))?;
        for file in embedded::MAPPING {
            install_missing(&mut tx, file).await?;
        }
        for file in embedded::objects() {
            install(&mut tx, &file).await?;
        }
        store_crm_sources(&mut tx)
            .await
            .map_err(during("storing the reference CRM"))?;
        for (object, checksum) in &objects {
            sqlx::query(
                "insert into waypost.installed (object, checksum, at, release) values ($1, $2, clock_timestamp(), $3)
                 on conflict (object) do update
                   set checksum = excluded.checksum, at = excluded.at, release = excluded.release",
            )
            .bind(object)
            .bind(checksum)
            .bind(RELEASE)
            .execute(&mut *tx)
            .await
            .map_err(during("writing waypost.installed"))?;
        }
        raw_sql("select waypost.ensure_partitions(3); select waypost.secure()")
            .execute(&mut *tx)
            .await
            .map_err(during("partitions and row security"))?;
    }
    if options.crm {
        progress("reference CRM");
        raw_sql("select waypost.install_crm()")
            .execute(&mut *tx)
            .await
            .map_err(during("installing the reference CRM"))?;
    }
    tx.commit()
        .await
        .map_err(during("installing functions and views"))
}

/// Keeps the reference CRM's texts in the database, where `waypost.install_crm()` finds them.
async fn store_crm_sources(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    raw_sql("delete from waypost.crm_sources")
        .execute(&mut *tx)
        .await?;
    for (position, file) in (0i32..).zip(embedded::crm()) {
        sqlx::query(
            "insert into waypost.crm_sources (position, name, checksum, body) values ($1, $2, $3, $4)",
        )
        .bind(position)
        .bind(file.name)
        .bind(file.checksum())
        .bind(file.body)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// An object of the contact mapping, unless one of that name is there: a team's own is never replaced.
async fn install_missing(tx: &mut PgConnection, file: &Embedded) -> Result<(), InstallError> {
    let there: bool = sqlx::query_scalar(
        "select to_regclass('waypost.' || $1) is not null
             or exists (select from pg_catalog.pg_proc p
                        where p.pronamespace = 'waypost'::regnamespace and p.proname = $1)",
    )
    .bind(embedded::object(file.name))
    .fetch_one(&mut *tx)
    .await
    .map_err(during(file.name))?;
    if there {
        Ok(())
    } else {
        install(tx, file).await
    }
}

/// One object; where its shape changed, the old one is dropped first (never with what hangs on it).
async fn install(tx: &mut PgConnection, file: &Embedded) -> Result<(), InstallError> {
    let mut point = tx.begin().await.map_err(during(file.name))?;
    let error = match raw_sql(file.body).execute(&mut *point).await {
        Ok(_) => return point.commit().await.map_err(during(file.name)),
        Err(error) => error,
    };
    point.rollback().await.map_err(during(file.name))?;
    let code = error
        .as_database_error()
        .and_then(|e| e.code())
        .unwrap_or_default()
        .into_owned();
    // 42P16: a view lost or renamed a column; 42P13: a function returns something else.
    let kind = match code.as_str() {
        "42P16" => "view",
        "42P13" => "function",
        _ => {
            return Err(InstallError::Database {
                step: file.name.to_owned(),
                source: error,
            });
        }
    };
    let drop = format!("drop {kind} waypost.{}", embedded::object(file.name));
    raw_sql(AssertSqlSafe(drop))
        .execute(&mut *tx)
        .await
        .map_err(during(file.name))?;
    raw_sql(file.body)
        .execute(&mut *tx)
        .await
        .map(|_| ())
        .map_err(during(file.name))
}
