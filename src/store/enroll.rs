//! Enrolling what the matcher found. The rules are stated once, in `waypost.enroll_batch`.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

use super::{StoreResult, sql, storable};
use crate::model::{execution::Instant, ids, lazy::Lazy, refusal::Refusal};

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
    pub envelope: Lazy,
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
    /// It has no row: the caller begins it.
    pub unwritten: Option<Unwritten>,
}

/// What the row of an execution would hold that the caller does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwritten {
    /// The version that is published.
    pub version: i32,
    /// The live key.
    pub key: String,
    /// Lower goes first.
    pub priority: i16,
}

/// Enrols candidates of one tenant. Those of the workflows `begin` get no row, unless a ledger is asked: the caller
/// begins and writes them in this transaction.
///
/// # Errors
/// Of the database.
pub async fn enroll(
    connection: &mut PgConnection,
    tenant: i32,
    candidates: &[Candidate],
    begin: &[i32],
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
                .map(|c| Json(&c.envelope))
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
        .bind((!begin.is_empty()).then_some(begin))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let ord: i32 = row.try_get(0)?;
            let version: Option<i32> = row.try_get(5)?;
            let unwritten = version.map(|version| {
                let priority: i32 = row.try_get(7)?;
                Ok::<_, sqlx::Error>(Unwritten {
                    version,
                    key: row.try_get(6)?,
                    priority: i16::try_from(priority).unwrap_or_default(),
                })
            });
            Ok(Enrolled {
                index: usize::try_from(ord - 1).unwrap_or_default(),
                execution: row.try_get(1)?,
                outcome: row.try_get(2)?,
                reason: row.try_get(3)?,
                detail: row.try_get(4)?,
                unwritten: unwritten.transpose()?,
            })
        })
        .collect()
}

/// A refusal that SQL cannot find.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocked {
    /// Bucket of the contact.
    pub bucket: i16,
    /// Tenant number.
    pub tenant: i32,
    /// Workflow number.
    pub workflow: i32,
    /// Who.
    pub contact: Uuid,
    /// Business time.
    pub at: Instant,
    /// Why.
    pub reason: Refusal,
    /// The numbers behind it.
    pub detail: Value,
    /// The event that was refused.
    pub source: Uuid,
}

/// Writes refusals; the same one of the same event is the same row.
///
/// # Errors
/// Of the database.
pub async fn block(connection: &mut PgConnection, rows: &[Blocked]) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let id = |row: &Blocked| {
        let parts = [
            row.source.to_string(),
            row.workflow.to_string(),
            row.detail.to_string(),
        ];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ids::derive(row.at.timestamp_millis(), row.bucket, &parts)
    };
    sqlx::query(sql!("insert_blocks"))
        .bind(rows.iter().map(|r| r.bucket).collect::<Vec<_>>())
        .bind(rows.iter().map(id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.tenant).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.workflow).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.contact).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.at).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.reason.name()).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|r| storable(r.detail.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|r| r.source).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// A match of a trigger that makes several events one.
#[derive(Debug, Clone)]
pub struct Later<'a> {
    /// Index of the candidate.
    pub index: usize,
    /// Bucket of the contact.
    pub bucket: i16,
    /// Who.
    pub contact: Uuid,
    /// Workflow number.
    pub workflow: i32,
    /// The enrollment key.
    pub key: String,
    /// When the execution is to begin now.
    pub begins: Instant,
    /// The event that it is to begin with.
    pub envelope: &'a Lazy,
}

/// Gives matches to executions that were put off and have not begun; answers whom it found one for, by index.
/// The live executions of these contacts are locked already.
///
/// # Errors
/// Of the database.
pub async fn debounce(
    connection: &mut PgConnection,
    tenant: i32,
    later: &[Later<'_>],
    now: Instant,
) -> StoreResult<HashMap<usize, Uuid>> {
    let rows: Vec<(i32, Uuid)> = sqlx::query_as(sql!("debounce"))
        .bind(later.iter().map(|l| l.bucket).collect::<Vec<_>>())
        .bind(vec![tenant; later.len()])
        .bind(later.iter().map(|l| l.contact).collect::<Vec<_>>())
        .bind(later.iter().map(|l| l.workflow).collect::<Vec<_>>())
        .bind(later.iter().map(|l| l.key.clone()).collect::<Vec<_>>())
        .bind(later.iter().map(|l| l.begins).collect::<Vec<_>>())
        .bind(
            later
                .iter()
                .map(|l| storable(l.envelope.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(now)
        .fetch_all(connection)
        .await?;
    let found = rows.into_iter().filter_map(|(ord, id)| {
        let at = usize::try_from(ord - 1).ok()?;
        Some((later.get(at)?.index, id))
    });
    Ok(found.collect())
}
