//! Workflows and their versions: what `deploy` writes.

use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow};

pub use super::rules::stored_span;
use super::{StoreError, StoreResult, rules, sql, storable};
use crate::{
    engine::program::Program,
    model::{execution::Instant, workflow::Definition},
};

/// A workflow as the tables have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRow {
    /// Its number.
    pub id: i32,
    /// `draft`, `active`, `paused` or `archived`.
    pub status: String,
    /// The published version.
    pub published: Option<i32>,
    /// What its rules were, as far as publishing others asks for something to be made good.
    pub rules: rules::Before,
    /// The latest version and its checksum.
    pub latest: Option<(i32, String)>,
}

/// Live executions that stand on one step of one version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LiveStep {
    /// Version they are pinned to.
    pub version: i32,
    /// Step id; empty: not begun.
    pub step: String,
    /// How many.
    pub executions: i64,
}

/// Makes sure that a workflow of this slug is there.
///
/// # Errors
/// Of the database.
pub async fn ensure(
    connection: &mut PgConnection,
    tenant: i32,
    slug: &str,
    name: &str,
    priority: i16,
) -> StoreResult<()> {
    sqlx::query(sql!("ensure_workflow"))
        .bind(tenant)
        .bind(slug)
        .bind(name)
        .bind(priority)
        .execute(connection)
        .await?;
    Ok(())
}

/// The workflow, locked against another deploy.
///
/// # Errors
/// Of the database.
pub async fn lock(
    connection: &mut PgConnection,
    tenant: i32,
    slug: &str,
) -> StoreResult<Option<WorkflowRow>> {
    let row = sqlx::query(sql!("lock_workflow")).bind(tenant).bind(slug);
    row.fetch_optional(connection)
        .await?
        .as_ref()
        .map(workflow)
        .transpose()
}

/// The workflow, without a lock.
///
/// # Errors
/// Of the database.
pub async fn look(
    connection: &mut PgConnection,
    tenant: i32,
    slug: &str,
) -> StoreResult<Option<WorkflowRow>> {
    let row = sqlx::query(sql!("look_at_workflow"))
        .bind(tenant)
        .bind(slug);
    row.fetch_optional(connection)
        .await?
        .as_ref()
        .map(workflow)
        .transpose()
}

fn workflow(row: &PgRow) -> StoreResult<WorkflowRow> {
    let latest: Option<i32> = row.try_get(4)?;
    Ok(WorkflowRow {
        id: row.try_get(0)?,
        status: row.try_get(1)?,
        published: row.try_get(2)?,
        rules: rules::Before {
            keep: row.try_get(3)?,
            paused: row.try_get(6)?,
            pause_ends: row.try_get(7)?,
        },
        latest: latest
            .map(|version| Ok::<_, sqlx::Error>((version, row.try_get(5)?)))
            .transpose()?,
    })
}

/// Stores a version; it never changes again (I-10).
///
/// # Errors
/// Of the database.
pub async fn insert_version(
    connection: &mut PgConnection,
    tenant: i32,
    program: &Program,
    definition: &Value,
    checksum: &str,
) -> StoreResult<()> {
    sqlx::query(sql!("insert_version"))
        .bind(program.numbers.workflow)
        .bind(program.numbers.version)
        .bind(tenant)
        .bind(storable(definition.to_string()))
        .bind(program.step_ids())
        .bind(program.goal_ids())
        .bind(checksum)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes a stored version the published one: rules, triggers, interests, ledger, timers of open rows.
///
/// # Errors
/// Of the database.
pub async fn publish(
    connection: &mut PgConnection,
    tenant: i32,
    before: &WorkflowRow,
    program: &Program,
    status: &str,
    now: Instant,
) -> StoreResult<()> {
    let (workflow, version) = (program.numbers.workflow, program.numbers.version);
    rules::publish(connection, tenant, &before.rules, program, status, now).await?;
    sqlx::query(sql!("mark_published"))
        .bind(workflow)
        .bind(version)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    write_triggers(connection, tenant, program).await?;
    sqlx::query(sql!("drop_interests"))
        .bind(workflow)
        .bind(version)
        .bind(tenant)
        .execute(&mut *connection)
        .await?;
    sqlx::query(sql!("plan_timers"))
        .bind(workflow)
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_triggers(
    connection: &mut PgConnection,
    tenant: i32,
    program: &Program,
) -> StoreResult<()> {
    let (workflow, version) = (program.numbers.workflow, program.numbers.version);
    sqlx::query(sql!("delete_triggers"))
        .bind(workflow)
        .execute(&mut *connection)
        .await?;
    let triggers = &program.triggers;
    let config =
        |plan: Option<Value>| plan.map_or_else(|| "{}".to_owned(), |plan| plan.to_string());
    sqlx::query(sql!("insert_triggers"))
        .bind(tenant)
        .bind(workflow)
        .bind(version)
        .bind(triggers.iter().map(|t| t.kind.clone()).collect::<Vec<_>>())
        .bind(triggers.iter().map(|t| t.id.clone()).collect::<Vec<_>>())
        .bind(
            triggers
                .iter()
                .map(|t| t.trigger.discriminator().unwrap_or_default())
                .collect::<Vec<_>>(),
        )
        .bind(
            triggers
                .iter()
                .map(|t| storable(config(t.trigger.plan())))
                .collect::<Vec<_>>(),
        )
        .execute(&mut *connection)
        .await?;
    // What starts them need be written as an event, and what they depend on.
    let started = triggers.iter().map(|t| (t.kind.clone(), String::new()));
    write_interests(connection, tenant, program, started).await
}

/// What the executions of a version depend on is written as events again, for executions that come back to it.
///
/// # Errors
/// Of the database.
pub async fn listen(
    connection: &mut PgConnection,
    tenant: i32,
    program: &Program,
) -> StoreResult<()> {
    write_interests(connection, tenant, program, std::iter::empty()).await
}

async fn write_interests(
    connection: &mut PgConnection,
    tenant: i32,
    program: &Program,
    more: impl Iterator<Item = (String, String)>,
) -> StoreResult<()> {
    let mut interests = program.interests();
    interests.extend(more);
    let (types, fields): (Vec<_>, Vec<_>) = interests.into_iter().unzip();
    sqlx::query(sql!("insert_interests"))
        .bind(tenant)
        .bind(program.numbers.workflow)
        .bind(program.numbers.version)
        .bind(types)
        .bind(fields)
        .execute(connection)
        .await?;
    Ok(())
}

/// Published definitions of the tenant's active workflows; those that this binary cannot read are left out.
///
/// # Errors
/// Of the database.
pub async fn active(connection: &mut PgConnection, tenant: i32) -> StoreResult<Vec<Definition>> {
    let stored: Vec<Value> = sqlx::query_scalar(sql!("active_definitions"))
        .bind(tenant)
        .fetch_all(connection)
        .await?;
    let read = stored.into_iter().map(serde_json::from_value);
    Ok(read.filter_map(Result::ok).collect())
}

/// The definition of one version.
///
/// # Errors
/// Of the database; one that this binary cannot read.
pub async fn definition(
    connection: &mut PgConnection,
    (workflow, version): (i32, i32),
) -> StoreResult<Definition> {
    let row = sqlx::query(sql!("load_versions"))
        .bind([workflow])
        .bind([version])
        .fetch_one(connection)
        .await?;
    serde_json::from_value(row.try_get(2)?).map_err(|error| StoreError::Definition {
        workflow,
        version,
        why: error.to_string(),
    })
}

/// Live executions by version and step.
///
/// # Errors
/// Of the database.
pub async fn live_by_step(
    connection: &mut PgConnection,
    tenant: i32,
    workflow: i32,
) -> StoreResult<Vec<LiveStep>> {
    let rows = sqlx::query(sql!("live_by_step"))
        .bind(tenant)
        .bind(workflow);
    let rows = rows.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(LiveStep {
                version: row.try_get(0)?,
                step: row.try_get(1)?,
                executions: row.try_get(2)?,
            })
        })
        .collect()
}
