//! The event queue and the log: one matcher a bucket, a contact's events in their order (I-7).

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{Scope, StoreResult, executions::BEGINNING, programs::Version, rules::Standing, sql};
use crate::model::{execution::Instant, transition::Event};

/// An event as it stands in the queue.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Bucket.
    pub bucket: i16,
    /// Its place in the contact's order.
    pub recorded_at: Instant,
    /// Tenant number.
    pub tenant: i32,
    /// What happened.
    pub event: Event,
    /// Business time of the reading.
    pub now: Instant,
    /// The contact had live executions at the reading. One that is enrolled meanwhile comes after the event.
    pub followed: bool,
}

/// Begins a matching transaction: an app may hold a live key behind an open enroll, and then its contact waits for the
/// next round. One round trip.
pub const BEGIN: &str = "begin; set local lock_timeout = '100ms'";

/// Locks at most `limit` buckets that have events recorded since then, looking from bucket `from` on.
///
/// # Errors
/// Of the database.
pub async fn claim_buckets(
    connection: &mut PgConnection,
    from: i16,
    limit: i32,
    since: Instant,
) -> StoreResult<Vec<i16>> {
    let query = if since == BEGINNING {
        sqlx::query_scalar(sql!("claim_buckets"))
            .bind(from)
            .bind(limit)
    } else {
        sqlx::query_scalar(sql!("claim_buckets_since"))
            .bind(from)
            .bind(limit)
            .bind(since)
    };
    Ok(query.fetch_all(connection).await?)
}

/// Locks those of these buckets that nobody else holds.
///
/// # Errors
/// Of the database.
pub async fn lock_buckets(connection: &mut PgConnection, buckets: &[i16]) -> StoreResult<Vec<i16>> {
    Ok(sqlx::query_scalar(sql!("lock_buckets"))
        .bind(buckets)
        .fetch_all(connection)
        .await?)
}

/// For the rest of this transaction, waits at most 100 ms for a lock.
///
/// # Errors
/// Of the database.
pub async fn brief_locks(connection: &mut PgConnection) -> StoreResult<()> {
    sqlx::query(sql!("brief_locks")).execute(connection).await?;
    Ok(())
}

/// The oldest events of locked buckets, at most `each` a bucket and `most` in all, in order.
///
/// # Errors
/// Of the database.
pub async fn read(
    connection: &mut PgConnection,
    scope: &Scope,
    buckets: &[i16],
    each: i32,
    most: i32,
) -> StoreResult<Vec<Queued>> {
    let rows = sqlx::query(sql!("read_events"))
        .bind(buckets)
        .bind(each)
        .bind(scope.except())
        .bind(scope.tenant())
        .bind(most)
        .fetch_all(connection)
        .await?;
    in_order(&rows, scope)
}

/// Where the oldest events stand, tenant by tenant: `(bucket, recorded_at, id)`.
pub type Places = Vec<(i16, Instant, Uuid)>;

/// The oldest events by turns: at most `limit`, at most `each` of a tenant, beginning with the tenant after `after`.
/// Also how many tenants they are of, and the tenant after whom the next turn begins; none: all had theirs.
///
/// # Errors
/// Of the database.
pub async fn turns(
    connection: &mut PgConnection,
    except: &[i32],
    limit: i32,
    (after, each): (Option<i32>, i32),
) -> StoreResult<(Places, usize, Option<i32>)> {
    let rows = sqlx::query(sql!("event_turns"))
        .bind(except)
        .bind(after.unwrap_or(i32::MIN))
        .bind(each)
        .bind(limit)
        .bind(super::TENANTS_A_TURN)
        .fetch_all(connection)
        .await?;
    let mut next = None;
    if let Some(row) = rows.last()
        && (i32::try_from(rows.len()).is_ok_and(|n| n >= limit) || row.try_get("last")?)
    {
        next = Some(row.try_get("turn")?);
    }
    let (mut places, mut tenants) = (Places::new(), Vec::new());
    for row in &rows {
        let bucket: Option<i16> = row.try_get("bucket")?;
        if let Some(bucket) = bucket {
            places.push((bucket, row.try_get("recorded_at")?, row.try_get("id")?));
            tenants.push(row.try_get::<i32, _>("turn")?);
        }
    }
    tenants.dedup();
    Ok((places, tenants.len(), next))
}

/// The events at these places that are still there, in order; their buckets are locked by now.
///
/// # Errors
/// Of the database.
pub async fn read_turn(
    connection: &mut PgConnection,
    scope: &Scope,
    places: &Places,
) -> StoreResult<Vec<Queued>> {
    let rows = sqlx::query(sql!("read_turn"))
        .bind(places.iter().map(|p| p.0).collect::<Vec<_>>())
        .bind(places.iter().map(|p| p.1).collect::<Vec<_>>())
        .bind(places.iter().map(|p| p.2).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    in_order(&rows, scope)
}

fn in_order(rows: &[PgRow], scope: &Scope) -> StoreResult<Vec<Queued>> {
    let mut events: Vec<Queued> = rows
        .iter()
        .map(|row| queued(row, scope))
        .collect::<StoreResult<_>>()?;
    events.sort_by_key(|e| (e.bucket, e.recorded_at, e.event.id));
    Ok(events)
}

fn queued(row: &PgRow, scope: &Scope) -> StoreResult<Queued> {
    let now: Instant = row.try_get(13)?;
    Ok(Queued {
        bucket: row.try_get(0)?,
        recorded_at: row.try_get(1)?,
        tenant: row.try_get(3)?,
        event: Event {
            id: row.try_get(2)?,
            kind: row.try_get(5)?,
            contact: row.try_get(4)?,
            occurred_at: row.try_get(6)?,
            data: row.try_get(7)?,
            old: row.try_get(8)?,
            new: row.try_get(9)?,
            trigger: row
                .try_get::<Option<Json<_>>, _>(10)
                .ok()
                .flatten()
                .map(|j| j.0),
            cause: row
                .try_get::<Option<Json<_>>, _>(11)
                .ok()
                .flatten()
                .map(|j| j.0),
        },
        now: scope.now().unwrap_or(now),
        followed: row.try_get(14)?,
    })
}

/// Moves matched events to the log, each with what the matcher made of it.
///
/// # Errors
/// Of the database.
pub async fn log(
    connection: &mut PgConnection,
    events: &[(&Queued, Option<Value>)],
    now: Instant,
) -> StoreResult<()> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("log_events"))
        .bind(events.iter().map(|e| e.0.bucket).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.0.recorded_at).collect::<Vec<_>>())
        .bind(events.iter().map(|e| e.0.event.id).collect::<Vec<_>>())
        .bind(
            events
                .iter()
                .map(|e| e.1.as_ref().map(Value::to_string))
                .collect::<Vec<_>>(),
        )
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Who listens.
#[derive(Debug, Default)]
pub struct Listeners {
    /// The published versions that listen to each `(tenant, event type)`.
    pub versions: HashMap<(i32, String), Vec<Version>>,
    /// What the rules of each of their workflows say.
    pub standings: HashMap<i32, Standing>,
}

/// The published versions that listen to these `(tenant, event type)`.
///
/// # Errors
/// Of the database.
pub async fn listeners(
    connection: &mut PgConnection,
    kinds: &[(i32, &str)],
) -> StoreResult<Listeners> {
    let rows = sqlx::query(sql!("triggers_of"))
        .bind(kinds.iter().map(|k| k.0).collect::<Vec<_>>())
        .bind(kinds.iter().map(|k| k.1).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut found = Listeners::default();
    for row in &rows {
        let key = (row.try_get(0)?, row.try_get(1)?);
        let version: Version = (row.try_get(2)?, row.try_get(3)?);
        found.versions.entry(key).or_default().push(version);
        found.standings.insert(version.0, Standing::of(row, 4)?);
    }
    Ok(found)
}

/// The nil UUID where an event belongs to no contact.
#[must_use]
pub fn contact_or_nil(event: &Event) -> Uuid {
    event.contact.unwrap_or_default()
}
