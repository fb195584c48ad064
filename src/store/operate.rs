//! Looking at executions and telling them what to do: the operator's side.

use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{StoreError, StoreResult, sql};
use crate::model::execution::{Instant, Status};

/// Which executions; every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Workflow id.
    pub workflow: Option<String>,
    /// Statuses, any of them; empty: all.
    pub statuses: Vec<Status>,
    /// Contact.
    pub contact: Option<Uuid>,
    /// Step that the first branch stands on.
    pub step: Option<String>,
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ExecutionRow {
    /// Its id.
    pub id: Uuid,
    /// Workflow id.
    pub workflow: String,
    /// Version it is pinned to.
    pub version: i32,
    /// Whose.
    pub contact_id: Uuid,
    /// Its live key.
    pub key: String,
    /// Status in words.
    pub status: String,
    /// Why it ended.
    pub reason: Option<String>,
    /// When it was enrolled.
    pub started_at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// When the clock looks at it next.
    pub due_at: Option<Instant>,
    /// Step of its first branch.
    pub step: Option<String>,
}

/// Where a page ended.
pub type After = (Instant, Uuid);

/// A page of executions, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    after: Option<After>,
    limit: i64,
) -> StoreResult<Vec<ExecutionRow>> {
    let statuses: Vec<i16> = filter.statuses.iter().map(|status| status.code()).collect();
    let rows = sqlx::query(sql!("list_executions"))
        .bind(&filter.workflow)
        .bind((!statuses.is_empty()).then_some(statuses))
        .bind(filter.contact)
        .bind(&filter.step)
        .bind(after.map(|(at, _)| at))
        .bind(after.map(|(_, id)| id))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(execution_row).collect()
}

fn execution_row(row: &PgRow) -> StoreResult<ExecutionRow> {
    let code: i16 = row.try_get(5)?;
    let status = Status::from_code(code).ok_or_else(|| StoreError::Corrupt {
        what: "status",
        why: code.to_string(),
    })?;
    Ok(ExecutionRow {
        id: row.try_get(0)?,
        workflow: row.try_get(1)?,
        version: row.try_get(2)?,
        contact_id: row.try_get(3)?,
        key: row.try_get(4)?,
        status: status.as_str().to_owned(),
        reason: row.try_get(6)?,
        started_at: row.try_get(7)?,
        ended_at: row.try_get(8)?,
        due_at: row.try_get(9)?,
        step: row.try_get(10)?,
    })
}

/// An execution with its state, its timeline and its outbox rows; none: no such execution.
///
/// # Errors
/// Of the database.
pub async fn show(connection: &mut PgConnection, id: Uuid) -> StoreResult<Option<Value>> {
    let found: Option<Value> = sqlx::query_scalar(sql!("show_execution"))
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(mut execution) = found else {
        return Ok(None);
    };
    execution["timeline"] = sqlx::query_scalar(sql!("show_timeline"))
        .bind(id)
        .fetch_one(&mut *connection)
        .await?;
    execution["outbox"] = sqlx::query_scalar(sql!("show_sends"))
        .bind(id)
        .fetch_one(connection)
        .await?;
    Ok(Some(execution))
}

/// What an operator tells an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// End it.
    Cancel {
        /// Kept as its reason.
        reason: String,
    },
    /// Hold it.
    Pause,
    /// Let it go on.
    Resume,
    /// Its waits are over.
    SkipWait,
    /// What its manual review asks is decided.
    Review {
        /// Step id; none: every open review.
        step: Option<String>,
        /// It may go on; else it is rejected.
        approve: bool,
        /// What the reviewer says to it.
        note: Option<String>,
    },
    /// Try the failed step, or the one named, again.
    Retry {
        /// Step id.
        step: Option<String>,
        /// Although an earlier send is not settled.
        force: bool,
    },
    /// Stand on this step.
    Move {
        /// Step id.
        step: String,
        /// Although an earlier send is not settled.
        force: bool,
    },
}

impl Order {
    /// The word on the command line.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::SkipWait => "skip-wait",
            Self::Review { .. } => "review",
            Self::Retry { .. } => "retry",
            Self::Move { .. } => "move",
        }
    }
}

/// Gives one execution an order; answers its status.
///
/// # Errors
/// Of the database, the functions' refusals (SQLSTATE WP...) included.
pub async fn order(connection: &mut PgConnection, id: Uuid, order: &Order) -> StoreResult<String> {
    let query = match order {
        Order::Cancel { reason } => sqlx::query_scalar(sql!("order_cancel"))
            .bind(id)
            .bind(reason),
        Order::Pause => sqlx::query_scalar(sql!("order_pause")).bind(id),
        Order::Resume => sqlx::query_scalar(sql!("order_resume")).bind(id),
        Order::Review {
            step,
            approve,
            note,
        } => sqlx::query_scalar(sql!("order_review"))
            .bind(id)
            .bind(step)
            .bind(if *approve { "approved" } else { "rejected" })
            .bind(note),
        Order::SkipWait => sqlx::query_scalar(sql!("order_skip_wait")).bind(id),
        Order::Retry { step, force } => sqlx::query_scalar(sql!("order_retry"))
            .bind(id)
            .bind(step)
            .bind(force),
        Order::Move { step, force } => sqlx::query_scalar(sql!("order_move"))
            .bind(id)
            .bind(step)
            .bind(force),
    };
    Ok(query.fetch_one(connection).await?)
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ExplainRow {
    /// When.
    pub at: Option<Instant>,
    /// event, trigger, enrollment, execution, step, dispatch.
    pub stage: String,
    /// What was decided.
    pub outcome: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The numbers behind it.
    pub detail: Option<Value>,
}

/// Why a contact did or did not enrol, and every decision since.
///
/// # Errors
/// Of the database.
pub async fn explain(
    connection: &mut PgConnection,
    contact: Uuid,
    workflow: &str,
) -> StoreResult<Vec<ExplainRow>> {
    let rows = sqlx::query(sql!("explain")).bind(contact).bind(workflow);
    let rows = rows.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(ExplainRow {
                at: row.try_get(0)?,
                stage: row.try_get(1)?,
                outcome: row.try_get(2)?,
                reason: row.try_get(3)?,
                detail: row.try_get(4)?,
            })
        })
        .collect()
}

/// Begins a batch of orders; answers its id.
///
/// # Errors
/// Of the database; no row: no such tenant.
pub async fn begin_batch(connection: &mut PgConnection, verb: &str) -> StoreResult<Uuid> {
    Ok(sqlx::query_scalar(sql!("insert_batch"))
        .bind(verb)
        .fetch_one(connection)
        .await?)
}

/// Remembers which executions an order of a batch changed.
///
/// # Errors
/// Of the database.
pub async fn add_to_batch(
    connection: &mut PgConnection,
    batch: Uuid,
    executions: &[Uuid],
) -> StoreResult<()> {
    sqlx::query(sql!("insert_batch_members"))
        .bind(batch)
        .bind(executions)
        .execute(connection)
        .await?;
    Ok(())
}

/// A batch's verb and whether it was undone, locked to the end of the transaction.
///
/// # Errors
/// Of the database.
pub async fn find_batch(
    connection: &mut PgConnection,
    batch: Uuid,
) -> StoreResult<Option<(String, bool)>> {
    Ok(sqlx::query_as(sql!("find_batch"))
        .bind(batch)
        .fetch_optional(connection)
        .await?)
}

/// A page of a batch's executions, by id.
///
/// # Errors
/// Of the database.
pub async fn batch_members(
    connection: &mut PgConnection,
    batch: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> StoreResult<Vec<Uuid>> {
    let page = sqlx::query_scalar(sql!("batch_members"))
        .bind(batch)
        .bind(after)
        .bind(limit);
    Ok(page.fetch_all(connection).await?)
}

/// A batch is undone once.
///
/// # Errors
/// Of the database.
pub async fn mark_undone(connection: &mut PgConnection, batch: Uuid) -> StoreResult<()> {
    sqlx::query(sql!("mark_undone"))
        .bind(batch)
        .execute(connection)
        .await?;
    Ok(())
}
