//! The outbox: claim, barrier, finish, retry, reap. The row itself is the attempt record (I-2, I-4).

use std::{collections::HashSet, time::Duration};

use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{Scope, StoreError, StoreResult, sql, storable};
use crate::{
    connect::{Captured, Verdict},
    model::{execution::Instant, transition::Policy},
};

/// A claimed outbox row.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Bucket.
    pub bucket: i16,
    /// The row: idempotency key, Message-ID, callback tag.
    pub id: Uuid,
    /// The execution that asked.
    pub execution: Uuid,
    /// Its history entry.
    pub seq: i32,
    /// Tenant number.
    pub tenant: i32,
    /// Action type.
    pub action: String,
    /// What an unknown outcome means.
    pub policy: Policy,
    /// Shuts late writers out.
    pub fence: i32,
    /// This try, from 1.
    pub attempt: i16,
    /// It was due then.
    pub due_at: Instant,
    /// When the step asked, business time.
    pub created_at: Instant,
    /// The first try, database time: the provider's window counts from it.
    pub first_at: Option<Instant>,
    /// Longest the connector may take.
    pub timeout: Duration,
    /// The step's `retryConfig`.
    pub retry: Option<Value>,
    /// Rendered and frozen.
    pub request: Value,
    /// An earlier try may have been done: nothing that comes now makes that certain again.
    pub doubt: bool,
    /// Business time of the claim.
    pub now: Instant,
    /// Database time of the claim.
    pub claimed_at: Option<Instant>,
}

/// How many rows a claim may take for each provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Provider and room.
    pub known: Vec<(String, i32)>,
    /// Room at every other one.
    pub others: i32,
}

/// T2: claims at most `limit` due rows for `lease`; committed when this returns, before any byte leaves. With `room`
/// only those of the first `limit` whose provider has some.
///
/// # Errors
/// Of the database.
pub async fn claim(
    connection: &mut PgConnection,
    scope: &Scope,
    watermark: Instant,
    limit: i32,
    lease: Duration,
    room: Option<&Room>,
) -> StoreResult<Vec<Claim>> {
    let millis = i32::try_from(lease.as_millis()).unwrap_or(i32::MAX);
    #[cfg(feature = "failpoints")]
    let millis = by_worker_clock(millis);
    let rows = match (scope, room) {
        (Scope::Everyone { except }, Some(room)) => {
            let (providers, rooms): (Vec<&str>, Vec<i32>) = room
                .known
                .iter()
                .map(|(provider, room)| (provider.as_str(), *room))
                .unzip();
            sqlx::query(sql!("claim_outbox_room"))
                .bind(watermark)
                .bind(limit)
                .bind(millis)
                .bind(except)
                .bind(providers)
                .bind(rooms)
                .bind(room.others)
                .fetch_all(connection)
                .await?
        }
        (Scope::Everyone { except }, None) => {
            sqlx::query(sql!("claim_outbox"))
                .bind(watermark)
                .bind(limit)
                .bind(millis)
                .bind(except)
                .fetch_all(connection)
                .await?
        }
        (Scope::Driven { tenant, now }, _) => {
            sqlx::query(sql!("claim_outbox_driven"))
                .bind(watermark)
                .bind(limit)
                .bind(millis)
                .bind(tenant)
                .bind(now)
                .fetch_all(connection)
                .await?
        }
    };
    rows.iter().map(claim_of).collect()
}

/// T2 by turns: at most `limit` due rows, at most `each` of a tenant, beginning with the tenant after `after`, and only
/// as far as their providers have room. Also the tenant after whom the next turn begins; none: they begin anew.
///
/// # Errors
/// Of the database.
pub async fn claim_turns(
    connection: &mut PgConnection,
    except: &[i32],
    watermark: Instant,
    limit: i32,
    lease: Duration,
    (after, each): (Option<i32>, i32),
    room: Option<&Room>,
) -> StoreResult<(Vec<Claim>, Option<i32>)> {
    let mut tenants: Vec<i32> = sqlx::query_scalar(sql!("sends_tenants"))
        .bind(after.unwrap_or(i32::MIN))
        .bind(super::TENANTS_A_TURN)
        .fetch_all(&mut *connection)
        .await?;
    let more = i32::try_from(tenants.len()).is_ok_and(|n| n >= super::TENANTS_A_TURN);
    let last = tenants.last().copied().filter(|_| more);
    tenants.retain(|tenant| !except.contains(tenant));
    if tenants.is_empty() {
        return Ok((Vec::new(), last));
    }
    let (providers, rooms): (Vec<&str>, Vec<i32>) = room
        .into_iter()
        .flat_map(|room| &room.known)
        .map(|(provider, room)| (provider.as_str(), *room))
        .unzip();
    let rows = sqlx::query(sql!("claim_outbox_turns"))
        .bind(watermark)
        .bind(limit)
        .bind(i32::try_from(lease.as_millis()).unwrap_or(i32::MAX))
        .bind(tenants)
        .bind(each)
        .bind(providers)
        .bind(rooms)
        .bind(room.map_or(limit, |room| room.others))
        .fetch_all(connection)
        .await?;
    let claims: Vec<Claim> = rows.iter().map(claim_of).collect::<StoreResult<_>>()?;
    // The next turn is behind the last that got something: none is passed over for ever.
    let next = claims.iter().map(|claim| claim.tenant).max().or(last);
    Ok((claims, next))
}

/// What is left of the lease where the worker's clock says when it ends.
#[cfg(feature = "failpoints")]
fn by_worker_clock(millis: i32) -> i32 {
    use crate::faults::{Plant, clock_error, planted};
    if !planted(Plant::LeaseByWorkerClock) {
        return millis;
    }
    let error = i32::try_from(clock_error() * 1_000).unwrap_or_default();
    millis.saturating_add(error)
}

fn claim_of(row: &PgRow) -> StoreResult<Claim> {
    let code: i16 = row.try_get(6)?;
    let timeout: i32 = row.try_get(12)?;
    Ok(Claim {
        bucket: row.try_get(0)?,
        id: row.try_get(1)?,
        execution: row.try_get(2)?,
        seq: row.try_get(3)?,
        tenant: row.try_get(4)?,
        action: row.try_get(5)?,
        policy: Policy::from_code(code).ok_or_else(|| StoreError::Corrupt {
            what: "policy",
            why: format!("number {code}"),
        })?,
        fence: row.try_get(7)?,
        attempt: row.try_get(8)?,
        due_at: row.try_get(9)?,
        created_at: row.try_get(10)?,
        first_at: row.try_get(11)?,
        timeout: Duration::from_millis(u64::from(timeout.unsigned_abs())),
        retry: row.try_get(13)?,
        request: row.try_get(14)?,
        doubt: row.try_get(15)?,
        now: row.try_get(16)?,
        claimed_at: row.try_get(17)?,
    })
}

/// T2b: the rows that may be sent now; those not returned are dropped silently.
///
/// # Errors
/// Of the database.
pub async fn barrier(connection: &mut PgConnection, rows: &[&Claim]) -> StoreResult<Vec<Uuid>> {
    let (buckets, ids, fences) = keys(rows);
    Ok(sqlx::query_scalar(sql!("barrier"))
        .bind(buckets)
        .bind(ids)
        .bind(fences)
        .fetch_all(connection)
        .await?)
}

/// Gives rows back before any byte left: the attempt is given back too.
///
/// # Errors
/// Of the database.
pub async fn release(connection: &mut PgConnection, rows: &[&Claim]) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (buckets, ids, fences) = keys(rows);
    sqlx::query(sql!("release_outbox"))
        .bind(buckets)
        .bind(ids)
        .bind(fences)
        .execute(connection)
        .await?;
    Ok(())
}

/// T3, first statement: which of these rows are still ours and free, and the database's time.
///
/// # Errors
/// Of the database.
pub async fn lock(
    connection: &mut PgConnection,
    rows: &[&Claim],
) -> StoreResult<(HashSet<Uuid>, Option<Instant>)> {
    let (buckets, ids, fences) = keys(rows);
    let found: Vec<(Uuid, Instant)> = sqlx::query_as(sql!("lock_outbox"))
        .bind(buckets)
        .bind(ids)
        .bind(fences)
        .fetch_all(connection)
        .await?;
    let now = found.first().map(|row| row.1);
    Ok((found.into_iter().map(|row| row.0).collect(), now))
}

/// Which of these rows are there at this fence, held by somebody or not.
///
/// # Errors
/// Of the database.
pub async fn present(connection: &mut PgConnection, rows: &[&Claim]) -> StoreResult<HashSet<Uuid>> {
    let (buckets, ids, fences) = keys(rows);
    let found: Vec<Uuid> = sqlx::query_scalar(sql!("present_outbox"))
        .bind(buckets)
        .bind(ids)
        .bind(fences)
        .fetch_all(connection)
        .await?;
    Ok(found.into_iter().collect())
}

/// How a row ended; the number is what `deliveries.state` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Ended {
    /// Done.
    Sent = 3,
    /// Certainly not done.
    Failed = 4,
    /// Nobody can say.
    Unknown = 5,
    /// Withheld by a guard.
    Suppressed = 6,
}

/// A row that has ended.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// How.
    pub ended: Ended,
    /// Kept with the delivery.
    pub response: &'a Value,
    /// Error class.
    pub error: Option<&'a str>,
    /// A message that stayed here.
    pub captured: Option<&'a Captured>,
    /// Business time.
    pub at: Instant,
}

/// T3: moves ended rows to `deliveries`; returns the ids that were ours to move.
///
/// # Errors
/// Of the database.
pub async fn finish(
    connection: &mut PgConnection,
    rows: &[Finished<'_>],
) -> StoreResult<Vec<Uuid>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let moved = sqlx::query(sql!("finish_outbox"))
        .bind(rows.iter().map(|r| r.claim.bucket).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.claim.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.claim.fence).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.ended as i16).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|r| storable(r.response.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|r| r.error).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.at).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    let mut ids = Vec::with_capacity(moved.len());
    let mut contacts = std::collections::HashMap::with_capacity(moved.len());
    for row in &moved {
        let id: Uuid = row.try_get(0)?;
        ids.push(id);
        contacts.insert(id, row.try_get::<Uuid, _>(4)?);
    }
    let kept: Vec<(&Finished<'_>, &Captured, Uuid)> = rows
        .iter()
        .filter_map(|r| Some((r, r.captured?, *contacts.get(&r.claim.id)?)))
        .collect();
    if !kept.is_empty() {
        sqlx::query(sql!("insert_captured"))
            .bind(kept.iter().map(|k| k.0.claim.bucket).collect::<Vec<_>>())
            .bind(kept.iter().map(|k| k.0.claim.id).collect::<Vec<_>>())
            .bind(kept.iter().map(|k| k.0.claim.tenant).collect::<Vec<_>>())
            .bind(kept.iter().map(|k| k.2).collect::<Vec<_>>())
            .bind(
                kept.iter()
                    .map(|k| k.1.channel.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                kept.iter()
                    .map(|k| k.1.recipient.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                kept.iter()
                    .map(|k| k.1.subject.as_deref())
                    .collect::<Vec<_>>(),
            )
            .bind(kept.iter().map(|k| k.1.body.as_deref()).collect::<Vec<_>>())
            .bind(kept.iter().map(|k| k.1.html.as_deref()).collect::<Vec<_>>())
            .bind(
                kept.iter()
                    .map(|k| storable(k.1.headers.to_string()))
                    .collect::<Vec<_>>(),
            )
            .bind(kept.iter().map(|k| k.0.at).collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(ids)
}

/// A try that did not end its row.
#[derive(Debug)]
pub struct Again<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// Due again then, business time.
    pub due_at: Instant,
    /// For the attempt log: a verdict's word or `reaped`.
    pub verdict: &'static str,
    /// Error class.
    pub error: Option<&'a str>,
    /// What the provider said.
    pub response: Option<&'a Value>,
    /// True where the try never left: it does not count.
    pub uncounted: bool,
    /// True where the try may have been done all the same.
    pub doubt: bool,
}

/// Puts rows back to pending, due later; the tries are kept in the log. Rows whose execution has ended
/// meanwhile end too: nothing is sent for it any more.
///
/// # Errors
/// Of the database.
pub async fn retry(connection: &mut PgConnection, rows: &[Again<'_>]) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("retry_outbox"))
        .bind(rows.iter().map(|r| r.claim.bucket).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.claim.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.claim.fence).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.due_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.verdict).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.error).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|r| r.response.map(|v| storable(v.to_string())))
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|r| i16::from(r.uncounted))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|r| r.doubt).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    sqlx::query(sql!("cancel_orphans"))
        .bind(rows.iter().map(|r| r.claim.bucket).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.claim.id).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps late answers as evidence; a late `ok` settles an `unknown` delivery as sent, never the path.
///
/// # Errors
/// Of the database.
pub async fn stale(
    connection: &mut PgConnection,
    rows: &[(&Claim, Verdict, Option<&str>, &Value)],
) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("log_stale"))
        .bind(rows.iter().map(|r| r.0.bucket).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.0.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.0.tenant).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.0.fence).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|r| if r.1 == Verdict::Ok { "ok" } else { "other" })
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|r| storable(r.3.to_string()))
                .collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes back that answers were late, of rows that are ours.
///
/// # Errors
/// Of the database.
pub async fn forget_stale(connection: &mut PgConnection, rows: &[&Claim]) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (buckets, ids, fences) = keys(rows);
    sqlx::query(sql!("forget_stale"))
        .bind(buckets)
        .bind(ids)
        .bind(fences)
        .execute(connection)
        .await?;
    Ok(())
}

/// T4: rows whose lease has run out, under a new fence; true: they had passed the barrier.
///
/// # Errors
/// Of the database.
pub async fn expired(
    connection: &mut PgConnection,
    scope: &Scope,
    limit: i32,
) -> StoreResult<Vec<(Claim, bool)>> {
    let rows = sqlx::query(sql!("expired_leases"))
        .bind(limit)
        .bind(scope.tenant())
        .bind(scope.except())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((claim_of(row)?, row.try_get::<i16, _>(18)? == 2)))
        .collect()
}

fn keys(rows: &[&Claim]) -> (Vec<i16>, Vec<Uuid>, Vec<i32>) {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|claim| (claim.bucket, claim.id));
    (
        rows.iter().map(|c| c.bucket).collect(),
        rows.iter().map(|c| c.id).collect(),
        rows.iter().map(|c| c.fence).collect(),
    )
}
