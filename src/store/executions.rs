//! Claiming executions: the row locks of the advance transaction are the lease.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{Scope, StoreError, StoreResult, place::Place, sql};
use crate::model::{
    execution::{Execution, Instant, State, Status},
    transition::{Command, Input, Reply},
};

/// Where a claim begins to look: rows before it were taken by an earlier claim.
pub const BEGINNING: Instant = DateTime::<Utc>::UNIX_EPOCH;

/// A claimed execution and the time of the claim.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The row.
    pub execution: Arc<Execution>,
    /// Business time of the claim.
    pub now: Instant,
    /// Why its memory cannot be read, if it cannot: it is failed alone (I-9).
    pub broken: Option<String>,
    /// Where its row is.
    pub place: Place,
}

/// An input that waited in `waypost.wakes`.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Bucket of the execution.
    pub bucket: i16,
    /// The execution.
    pub execution: Uuid,
    /// 0 a reply, 1 a command.
    pub kind: i16,
    /// Of a reply: the outbox row's.
    pub seq: i32,
    /// What to give to the machine.
    pub input: Input,
}

/// Claims at most `limit` due executions.
///
/// # Errors
/// Of the database.
pub async fn claim_due(
    connection: &mut PgConnection,
    scope: &Scope,
    watermark: Instant,
    limit: i32,
) -> StoreResult<Vec<Claimed>> {
    let rows = match scope {
        Scope::Everyone { except } => {
            sqlx::query(sql!("claim_due"))
                .bind(watermark)
                .bind(limit)
                .bind(except)
                .fetch_all(connection)
                .await?
        }
        Scope::Driven { tenant, now } => {
            sqlx::query(sql!("claim_due_driven"))
                .bind(watermark)
                .bind(limit)
                .bind(tenant)
                .bind(now)
                .fetch_all(connection)
                .await?
        }
    };
    rows.iter().map(held).collect()
}

/// Claims at most `limit` due executions, at most `each` of a tenant, beginning with the tenant after `after`.
/// Also the tenant after whom the next turn begins; none: all had theirs.
///
/// # Errors
/// Of the database.
pub async fn claim_turns(
    connection: &mut PgConnection,
    except: &[i32],
    watermark: Instant,
    limit: i32,
    (after, each): (Option<i32>, i32),
) -> StoreResult<(Vec<Claimed>, Option<i32>)> {
    let rows = sqlx::query(sql!("claim_turns"))
        .bind(watermark)
        .bind(limit)
        .bind(except)
        .bind(after.unwrap_or(i32::MIN))
        .bind(each)
        .bind(super::TENANTS_A_TURN)
        .fetch_all(connection)
        .await?;
    let mut next = None;
    if let Some(row) = rows.last()
        && (i32::try_from(rows.len()).is_ok_and(|n| n >= limit) || row.try_get("last")?)
    {
        next = Some(row.try_get("turn")?);
    }
    let due = rows.iter().filter(|row| row.try_get::<Uuid, _>(1).is_ok());
    Ok((due.map(held).collect::<StoreResult<_>>()?, next))
}

/// Locks the named executions that nobody else holds; `ids` need not be sorted.
///
/// # Errors
/// Of the database.
pub async fn claim_ids(
    connection: &mut PgConnection,
    scope: &Scope,
    ids: &[(i16, Uuid)],
) -> StoreResult<Vec<Claimed>> {
    let (buckets, ids) = sorted(ids);
    let rows = sqlx::query(sql!("claim_ids"))
        .bind(buckets)
        .bind(ids)
        .fetch_all(connection)
        .await?;
    timed(rows, scope)
}

/// Which of the named executions are live, held by somebody or not.
///
/// # Errors
/// Of the database.
pub async fn present(connection: &mut PgConnection, ids: &[(i16, Uuid)]) -> StoreResult<Vec<Uuid>> {
    let (buckets, ids) = sorted(ids);
    Ok(sqlx::query_scalar(sql!("present_ids"))
        .bind(buckets)
        .bind(ids)
        .fetch_all(connection)
        .await?)
}

/// All live executions of some contacts.
#[derive(Debug, Default)]
pub struct OfContacts {
    /// Those we hold now.
    pub claimed: Vec<Claimed>,
    /// Contacts of whom somebody else holds one: their events wait for the next round.
    pub busy: Vec<(i32, Uuid)>,
}

/// Locks all live executions of the contacts `(bucket, tenant, contact)`.
///
/// # Errors
/// Of the database.
pub async fn claim_of_contacts(
    connection: &mut PgConnection,
    scope: &Scope,
    contacts: &[(i16, i32, Uuid)],
) -> StoreResult<OfContacts> {
    if contacts.is_empty() {
        return Ok(OfContacts::default());
    }
    let mut sorted = contacts.to_vec();
    sorted.sort_unstable_by_key(|(bucket, tenant, contact)| (*bucket, *contact, *tenant));
    sorted.dedup();
    let buckets: Vec<i16> = sorted.iter().map(|c| c.0).collect();
    let tenants: Vec<i32> = sorted.iter().map(|c| c.1).collect();
    let ids: Vec<Uuid> = sorted.iter().map(|c| c.2).collect();
    let rows = sqlx::query(sql!("claim_contact_runs"))
        .bind(&buckets)
        .bind(&tenants)
        .bind(&ids)
        .fetch_all(&mut *connection)
        .await?;
    let claimed = timed(rows, scope)?;
    // Counted after locking: an execution enrolled in between makes its contact busy for one round.
    let counts = sqlx::query(sql!("count_contact_runs"))
        .bind(&buckets)
        .bind(&tenants)
        .bind(&ids)
        .fetch_all(connection)
        .await?;
    let mut busy = Vec::new();
    for row in &counts {
        let (contact, tenant, live): (Uuid, i32, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let held = claimed
            .iter()
            .filter(|c| c.execution.contact == contact && c.execution.tenant == tenant)
            .count();
        if usize::try_from(live).is_ok_and(|live| live > held) {
            busy.push((tenant, contact));
        }
    }
    Ok(OfContacts { claimed, busy })
}

/// Takes waiting inputs, oldest execution first.
///
/// # Errors
/// Of the database.
pub async fn claim_wakes(
    connection: &mut PgConnection,
    scope: &Scope,
    limit: i32,
) -> StoreResult<Vec<Waiting>> {
    let rows = sqlx::query(sql!("claim_wakes"))
        .bind(limit)
        .bind(scope.tenant())
        .bind(scope.except())
        .fetch_all(connection)
        .await?;
    waiting(&rows)
}

/// Takes the waiting inputs of one execution.
///
/// # Errors
/// Of the database.
pub async fn claim_wakes_of(
    connection: &mut PgConnection,
    (bucket, execution): (i16, Uuid),
) -> StoreResult<Vec<Waiting>> {
    let rows = sqlx::query(sql!("claim_wakes_of"))
        .bind(bucket)
        .bind(execution)
        .fetch_all(connection)
        .await?;
    waiting(&rows)
}

fn waiting(rows: &[PgRow]) -> StoreResult<Vec<Waiting>> {
    rows.iter()
        .map(|row| {
            let kind: i16 = row.try_get(2)?;
            let input = match kind {
                0 => Input::Reply(row.try_get::<Json<Reply>, _>(4)?.0),
                _ => Input::Command(row.try_get::<Json<Command>, _>(4)?.0),
            };
            Ok(Waiting {
                bucket: row.try_get(0)?,
                execution: row.try_get(1)?,
                kind,
                seq: row.try_get(3)?,
                input,
            })
        })
        .collect()
}

/// Deletes inputs that were given to the machine (or whose execution is gone).
///
/// # Errors
/// Of the database.
pub async fn delete_wakes(connection: &mut PgConnection, wakes: &[Waiting]) -> StoreResult<()> {
    if wakes.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("delete_wakes"))
        .bind(wakes.iter().map(|w| w.bucket).collect::<Vec<_>>())
        .bind(wakes.iter().map(|w| w.execution).collect::<Vec<_>>())
        .bind(wakes.iter().map(|w| w.kind).collect::<Vec<_>>())
        .bind(wakes.iter().map(|w| w.seq).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps replies for executions that somebody else holds: `(bucket, execution, tenant, reply)`.
///
/// # Errors
/// Of the database.
pub async fn insert_wakes(
    connection: &mut PgConnection,
    replies: &[(i16, Uuid, i32, Reply)],
    now: Instant,
) -> StoreResult<()> {
    if replies.is_empty() {
        return Ok(());
    }
    let inputs: Result<Vec<String>, _> = replies
        .iter()
        .map(|r| serde_json::to_string(&r.3))
        .collect();
    let inputs = inputs.map_err(|e| StoreError::Corrupt {
        what: "reply",
        why: e.to_string(),
    })?;
    sqlx::query(sql!("insert_wakes"))
        .bind(replies.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(replies.iter().map(|r| r.1).collect::<Vec<_>>())
        .bind(replies.iter().map(|r| r.3.seq).collect::<Vec<_>>())
        .bind(replies.iter().map(|r| r.2).collect::<Vec<_>>())
        .bind(inputs)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Leaves claimed executions for later: `(bucket, id, when)`; `None` waits for something other than time.
///
/// # Errors
/// Of the database.
pub async fn postpone(
    connection: &mut PgConnection,
    rows: &[(i16, Uuid, Option<Instant>)],
) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("postpone"))
        .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// How long an execution whose contact is held waits before the next look.
pub const LATER: TimeDelta = TimeDelta::milliseconds(50);

fn sorted(ids: &[(i16, Uuid)]) -> (Vec<i16>, Vec<Uuid>) {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.into_iter().unzip()
}

/// Rows of a claim by id carry the database's time; a driven tenant's time is its own.
fn timed(rows: Vec<PgRow>, scope: &Scope) -> StoreResult<Vec<Claimed>> {
    rows.iter()
        .map(|row| {
            let mut one = held(row)?;
            if let Some(now) = scope.now() {
                one.now = now;
            }
            Ok(one)
        })
        .collect()
}

/// A row of a claim, which tells where it lies too.
fn held(row: &PgRow) -> StoreResult<Claimed> {
    Ok(Claimed {
        place: Place::At(row.try_get(14)?),
        ..claimed(row)?
    })
}

pub(super) fn claimed(row: &PgRow) -> StoreResult<Claimed> {
    let code: i16 = row.try_get(7)?;
    let status = Status::from_code(code).ok_or_else(|| StoreError::Corrupt {
        what: "status",
        why: format!("number {code}"),
    })?;
    let (state, broken) = match row.try_get::<Json<State>, _>(12) {
        Ok(state) => (state.0, None),
        Err(error) => (State::default(), Some(error.to_string())),
    };
    Ok(Claimed {
        execution: Arc::new(Execution {
            bucket: row.try_get(0)?,
            id: row.try_get(1)?,
            tenant: row.try_get(2)?,
            workflow: row.try_get(3)?,
            version: row.try_get(4)?,
            contact: row.try_get(5)?,
            key: row.try_get(6)?,
            status,
            priority: row.try_get(8)?,
            seq: row.try_get(9)?,
            enrolled_at: row.try_get(10)?,
            due_at: row.try_get(11)?,
            state,
        }),
        now: row.try_get(13)?,
        broken,
        place: Place::Key,
    })
}
