//! Workflows and their versions as an operator looks at them: lists, definitions, statuses.

use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

use super::{StoreResult, migrate::PAGE, migrate::Place, sql};
use crate::model::execution::{Instant, ParkKind};

/// A workflow in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkflowSummary {
    /// Its number.
    #[serde(skip)]
    pub number: i32,
    /// Its id, as in its definition.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `draft`, `active`, `paused` or `archived`.
    pub status: String,
    /// The published version.
    pub published: Option<i32>,
    /// The latest version.
    pub latest: Option<i32>,
    /// Live executions.
    pub live: i64,
    /// Of these, those that do not run on the published version.
    pub on_older: i64,
    /// Lower goes first.
    pub priority: i16,
    /// Enrols only from here on.
    pub starts_at: Option<Instant>,
    /// Enrols only before this.
    pub ends_at: Option<Instant>,
    /// When it was deployed, published or told something last.
    pub updated_at: Instant,
}

/// Workflows of a tenant by id: all, or the one of this id.
///
/// # Errors
/// Of the database.
pub async fn list(
    connection: &mut PgConnection,
    tenant: i32,
    slug: Option<&str>,
) -> StoreResult<Vec<WorkflowSummary>> {
    let rows = sqlx::query(sql!("list_workflows")).bind(tenant).bind(slug);
    let rows = rows.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(WorkflowSummary {
                number: row.try_get(0)?,
                id: row.try_get(1)?,
                name: row.try_get(2)?,
                status: row.try_get(3)?,
                published: row.try_get(4)?,
                latest: row.try_get(5)?,
                live: row.try_get(6)?,
                on_older: row.try_get(7)?,
                priority: row.try_get(8)?,
                starts_at: row.try_get(9)?,
                ends_at: row.try_get(10)?,
                updated_at: row.try_get(11)?,
            })
        })
        .collect()
}

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionSummary {
    /// Its number.
    pub version: i32,
    /// When it was deployed.
    pub created_at: Instant,
    /// When it was published first.
    pub published_at: Option<Instant>,
    /// It is the published one now.
    pub published: bool,
    /// Steps it has.
    pub steps: i32,
    /// Live executions that run on it.
    pub live: i64,
}

/// Versions of a workflow, newest first.
///
/// # Errors
/// Of the database.
pub async fn versions(
    connection: &mut PgConnection,
    tenant: i32,
    workflow: i32,
) -> StoreResult<Vec<VersionSummary>> {
    let rows = sqlx::query(sql!("list_versions"))
        .bind(tenant)
        .bind(workflow);
    let rows = rows.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(VersionSummary {
                version: row.try_get(0)?,
                created_at: row.try_get(1)?,
                published_at: row.try_get(2)?,
                published: row.try_get(3)?,
                steps: row.try_get(4)?,
                live: row.try_get(5)?,
            })
        })
        .collect()
}

/// The definition of a version, as it is stored; none: no such version.
///
/// # Errors
/// Of the database.
pub async fn definition(
    connection: &mut PgConnection,
    tenant: i32,
    workflow: i32,
    version: i32,
) -> StoreResult<Option<Value>> {
    let found: Option<Json<Value>> = sqlx::query_scalar(sql!("read_definition"))
        .bind(tenant)
        .bind(workflow)
        .bind(version)
        .fetch_optional(connection)
        .await?;
    Ok(found.map(|json| json.0))
}

/// Executions with a branch on one step of one version, by what that branch waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePlace {
    /// Version they run on.
    pub version: i32,
    /// Step index; none: they have not begun.
    pub step: Option<u32>,
    /// What the branch waits for; none: it can go on.
    pub park: Option<ParkKind>,
    /// How many.
    pub executions: i64,
}

/// Where the branches of a workflow's live executions stand.
///
/// # Errors
/// Of the database.
pub async fn live_places(
    connection: &mut PgConnection,
    tenant: i32,
    workflow: i32,
) -> StoreResult<Vec<LivePlace>> {
    let rows = sqlx::query(sql!("live_places")).bind(tenant).bind(workflow);
    let rows = rows.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let step: i32 = row.try_get(1)?;
            let park: Option<String> = row.try_get(2)?;
            Ok(LivePlace {
                version: row.try_get(0)?,
                step: u32::try_from(step).ok(),
                // A kind that this binary does not know is kept for what it is: something waited for.
                park: park.map(|kind| {
                    serde_json::from_value(Value::String(kind)).unwrap_or(ParkKind::Retry)
                }),
                executions: row.try_get(3)?,
            })
        })
        .collect()
}

/// Pauses, resumes or archives a workflow whose row is locked.
///
/// # Errors
/// Of the database.
pub async fn set_status(
    connection: &mut PgConnection,
    tenant: i32,
    workflow: i32,
    status: &str,
    now: Instant,
) -> StoreResult<()> {
    sqlx::query(sql!("set_workflow_status"))
        .bind(tenant)
        .bind(workflow)
        .bind(status)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets the executions of a page due that a paused workflow has held. Answers where the page ended and how
/// many were held; none: there are no more.
///
/// # Errors
/// Of the database; somebody holds a row for too long (55P03).
pub async fn wake_page(
    connection: &mut PgConnection,
    tenant: i32,
    workflow: i32,
    after: Place,
    now: Instant,
) -> StoreResult<Option<(Place, u64)>> {
    let page: Vec<Place> = sqlx::query_as(sql!("lock_held"))
        .bind(tenant)
        .bind(workflow)
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE)
        .fetch_all(&mut *connection)
        .await?;
    let Some(end) = page.last().copied() else {
        return Ok(None);
    };
    let (buckets, ids): (Vec<i16>, Vec<Uuid>) = page.into_iter().unzip();
    let woken = sqlx::query(sql!("release_held"))
        .bind(buckets)
        .bind(ids)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(Some((end, woken.rows_affected())))
}
