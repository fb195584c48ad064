//! Enrolling what the matcher found. The rules are stated once, in `waypost.enroll_batch`.

use serde_json::Value;
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

use super::{StoreResult, sql};
use crate::model::execution::Instant;

/// One contact to enrol in one workflow.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Workflow number.
    pub workflow: i32,
    /// Who.
    pub contact: Uuid,
    /// The enrollment key; none: the workflow's own rule.
    pub key: Option<String>,
    /// The event or enrolment this comes from: part of the execution's identity.
    pub source: Uuid,
    /// When that happened: the execution's id sorts by it.
    pub at: Instant,
    /// Kept with the execution.
    pub envelope: Value,
    /// Lower goes first.
    pub priority: Option<i32>,
    /// Length of the chain of causes.
    pub depth: i32,
    /// The trigger's own limit: how many, in which window.
    pub limit: Option<RateLimit>,
}

/// At most `count` enrollments in a rolling window (none: for ever).
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// How many.
    pub count: i32,
    /// The window: amount and unit.
    pub window: Option<(i32, String)>,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// Index of the candidate.
    pub index: usize,
    /// The new execution, or the live one that holds the key.
    pub execution: Option<Uuid>,
    /// `enrolled`, `duplicate` or `blocked`.
    pub outcome: String,
    /// Why it was blocked.
    pub reason: Option<String>,
    /// The numbers behind the reason.
    pub detail: Option<Value>,
}

/// Enrols candidates of one tenant.
///
/// # Errors
/// Of the database.
pub async fn enroll(
    connection: &mut PgConnection,
    tenant: i32,
    candidates: &[Candidate],
    now: Instant,
) -> StoreResult<Vec<Enrolled>> {
    let window = |c: &Candidate| c.limit.as_ref().and_then(|l| l.window.clone());
    let rows = sqlx::query(sql!("enroll_batch"))
        .bind(tenant)
        .bind(candidates.iter().map(|c| c.workflow).collect::<Vec<_>>())
        .bind(candidates.iter().map(|c| c.contact).collect::<Vec<_>>())
        .bind(candidates.iter().map(|c| c.key.clone()).collect::<Vec<_>>())
        .bind(candidates.iter().map(|c| c.source).collect::<Vec<_>>())
        .bind(candidates.iter().map(|c| c.at).collect::<Vec<_>>())
        .bind(
            candidates
                .iter()
                .map(|c| Json(c.envelope.clone()))
                .collect::<Vec<_>>(),
        )
        .bind(candidates.iter().map(|c| c.priority).collect::<Vec<_>>())
        .bind(candidates.iter().map(|c| c.depth).collect::<Vec<_>>())
        .bind(now)
        .bind(
            candidates
                .iter()
                .map(|c| c.limit.as_ref().map(|l| l.count))
                .collect::<Vec<_>>(),
        )
        .bind(
            candidates
                .iter()
                .map(|c| window(c).map(|w| w.0))
                .collect::<Vec<_>>(),
        )
        .bind(
            candidates
                .iter()
                .map(|c| window(c).map(|w| w.1))
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let ord: i32 = row.try_get(0)?;
            Ok(Enrolled {
                index: usize::try_from(ord - 1).unwrap_or_default(),
                execution: row.try_get(1)?,
                outcome: row.try_get(2)?,
                reason: row.try_get(3)?,
                detail: row.try_get(4)?,
            })
        })
        .collect()
}
