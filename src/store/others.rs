//! Other workflows of a contact: what a step asked for, written in the transaction of that step (I-1).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;
use sqlx::{Acquire, PgConnection, Row};
use uuid::Uuid;

use super::{
    Scope, StoreResult,
    commit::Settled,
    enroll::{self, Candidate},
    error::Remedy,
    events, executions, sql,
};
use crate::{
    engine::others::answer,
    model::{
        execution::{Execution, Instant},
        transition::{Effect, Enroll, Removal, Reply},
    },
};

/// A contact: tenant and id.
type Person = (i32, Uuid);

/// Contacts whose locks are waited for, a tenth of a second each, before the rest of a batch is left for later.
const PATIENCE: usize = 3;

/// Enrols what the steps of the batch ask for, before the batch itself is written.
///
/// Returns the contacts whose keys or ledger rows somebody else holds: all their executions must be left out of
/// the commit, and ask again.
///
/// # Errors
/// Of the database.
pub async fn enroll(
    connection: &mut PgConnection,
    batch: &[Settled],
) -> StoreResult<HashSet<Person>> {
    let mut asked: Vec<(&Settled, &Enroll)> = Vec::new();
    for one in batch {
        asked.extend(one.transition.effects.iter().filter_map(|e| match e {
            Effect::Enroll(enroll) => Some((one, &**enroll)),
            _ => None,
        }));
    }
    let mut held = HashSet::new();
    if asked.is_empty() {
        return Ok(held);
    }
    match in_savepoint(connection, &asked).await {
        Err(error) if error.remedy() == Remedy::Retry => {}
        other => return other.map(|()| held),
    }
    let mut people: BTreeMap<Person, Vec<(&Settled, &Enroll)>> = BTreeMap::new();
    for (one, enroll) in asked {
        let person = (one.execution.tenant, one.execution.contact);
        people.entry(person).or_default().push((one, enroll));
    }
    for (person, asked) in people {
        if held.len() >= PATIENCE {
            held.insert(person);
            continue;
        }
        match in_savepoint(connection, &asked).await {
            Ok(()) => {}
            Err(error) if error.remedy() == Remedy::Retry => {
                held.insert(person);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// A lock that an app holds takes back no more than this.
async fn in_savepoint(
    connection: &mut PgConnection,
    asked: &[(&Settled, &Enroll)],
) -> StoreResult<()> {
    let mut savepoint = connection.begin().await?;
    events::brief_locks(&mut savepoint).await?;
    match write(&mut savepoint, asked).await {
        Ok(()) => Ok(savepoint.commit().await?),
        Err(error) => {
            savepoint.rollback().await?;
            Err(error)
        }
    }
}

async fn write(connection: &mut PgConnection, asked: &[(&Settled, &Enroll)]) -> StoreResult<()> {
    let tenants: BTreeSet<i32> = asked.iter().map(|(one, _)| one.execution.tenant).collect();
    for tenant in tenants {
        let asked: Vec<(&Settled, &Enroll)> = asked
            .iter()
            .filter(|(one, _)| one.execution.tenant == tenant)
            .copied()
            .collect();
        let numbers = numbers(connection, tenant, &asked).await?;
        let (known, unknown): (Vec<_>, Vec<_>) = asked
            .iter()
            .partition(|(_, enroll)| numbers.contains_key(&enroll.workflow));
        let mut replies: Vec<(i16, Uuid, i32, Reply)> = Vec::new();
        let mut tell = |one: &Settled, reply: Option<Reply>| {
            let ex = &one.execution;
            replies.extend(reply.map(|reply| (ex.bucket, ex.id, tenant, reply)));
        };
        for (one, enroll) in unknown {
            tell(
                one,
                answer(enroll, "blocked", Some("unknown_workflow"), None),
            );
        }
        let candidates: Vec<Candidate> = known
            .iter()
            .map(|(one, enroll)| candidate(one, enroll, numbers[&enroll.workflow]))
            .collect();
        let now = asked
            .first()
            .map_or(executions::BEGINNING, |(one, _)| one.now);
        let mut awaited: Vec<(&Settled, &Enroll, Uuid)> = Vec::new();
        if !candidates.is_empty() {
            for done in enroll::enroll(connection, tenant, &candidates, &[], now).await? {
                let Some((one, asked)) = known.get(done.index) else {
                    continue;
                };
                let reply = answer(asked, &done.outcome, done.reason.as_deref(), done.execution);
                match (&reply, done.execution) {
                    (None, Some(child)) => awaited.push((one, asked, child)),
                    _ => tell(one, reply),
                }
            }
        }
        insert_awaited(connection, &awaited, now).await?;
        executions::insert_wakes(connection, &replies, now).await?;
    }
    Ok(())
}

fn candidate(one: &Settled, enroll: &Enroll, workflow: i32) -> Candidate {
    Candidate {
        workflow,
        contact: one.execution.contact,
        key: enroll.key.clone(),
        source: enroll.source,
        at: enroll.at,
        envelope: enroll.envelope.clone().into(),
        priority: None,
        depth: i32::try_from(enroll.depth).unwrap_or(i32::MAX),
        limit: None,
    }
}

/// Workflow ids to workflow numbers; those that do not exist are not there.
async fn numbers(
    connection: &mut PgConnection,
    tenant: i32,
    asked: &[(&Settled, &Enroll)],
) -> StoreResult<HashMap<String, i32>> {
    let mut ids: Vec<&str> = asked.iter().map(|(_, enroll)| &*enroll.workflow).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<(String, i32)> = sqlx::query_as(sql!("workflow_numbers"))
        .bind(tenant)
        .bind(ids)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

async fn insert_awaited(
    connection: &mut PgConnection,
    rows: &[(&Settled, &Enroll, Uuid)],
    now: Instant,
) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let outputs = rows
        .iter()
        .map(|(_, asked, _)| Value::from(asked.outputs.clone()).to_string());
    sqlx::query(sql!("insert_awaited"))
        .bind(
            rows.iter()
                .map(|r| r.0.execution.bucket)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|r| r.0.execution.tenant)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|r| r.0.execution.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.seq).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| &*r.1.workflow).collect::<Vec<_>>())
        .bind(outputs.collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the commit of this one leaves word in `wakes`, for itself or for another.
#[must_use]
pub fn leaves_word(one: &Settled) -> bool {
    let ended = one.transition.status.is_final();
    let asks = |effect: &Effect| matches!(effect, Effect::Enroll(_));
    (ended && is_awaited(one)) || one.transition.effects.iter().any(asks)
}

/// Whether another execution waits for its end: its own envelope says so, so that all others cost nothing.
fn is_awaited(one: &Settled) -> bool {
    let event = one.transition.state.event.as_ref();
    let parent = event
        .filter(|event| event.may_have("parent"))
        .and_then(|event| event.get("parent"));
    parent.and_then(|parent| parent.get("waits")) == Some(&Value::Bool(true))
}

/// Tells the executions that wait for the end of these.
///
/// # Errors
/// Of the database.
pub(super) async fn tell_parents(
    connection: &mut PgConnection,
    ended: &[&Settled],
) -> StoreResult<()> {
    let awaited: Vec<&&Settled> = ended.iter().filter(|one| is_awaited(one)).collect();
    let ids: Vec<Uuid> = awaited.iter().map(|one| one.execution.id).collect();
    if let Some(first) = awaited.first() {
        wake_parents(connection, &ids, first.now).await?;
    }
    Ok(())
}

/// Tells the executions that wait for the end of these, which must have ended; returns how many were told.
///
/// # Errors
/// Of the database.
pub async fn wake_parents(
    connection: &mut PgConnection,
    children: &[Uuid],
    now: Instant,
) -> StoreResult<i32> {
    Ok(sqlx::query_scalar(sql!("wake_parents"))
        .bind(children)
        .bind(now)
        .fetch_one(connection)
        .await?)
}

/// An execution whose end is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// Its bucket.
    pub bucket: i16,
    /// Its id.
    pub child: Uuid,
    /// It has not ended.
    pub live: bool,
}

/// A page of the executions whose end is waited for, after `from`.
///
/// # Errors
/// Of the database.
pub async fn awaited(
    connection: &mut PgConnection,
    scope: &Scope,
    from: Option<(i16, Uuid)>,
    limit: i32,
) -> StoreResult<Vec<Awaited>> {
    let (bucket, child) = from.unwrap_or((-1, Uuid::nil()));
    let rows = sqlx::query(sql!("page_awaited"))
        .bind(bucket)
        .bind(child)
        .bind(limit)
        .bind(scope.tenant())
        .bind(scope.except())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Awaited {
                bucket: row.try_get(0)?,
                child: row.try_get(1)?,
                live: row.try_get(2)?,
            })
        })
        .collect()
}

/// Executions that a step ends, and who asks.
#[derive(Debug, Clone)]
pub struct Asked {
    by: Arc<Execution>,
    removal: Removal,
    now: Instant,
}

/// What the steps of a batch want ended.
#[must_use]
pub fn removals(batch: &[Settled]) -> Vec<Asked> {
    let mut all = Vec::new();
    for one in batch {
        for effect in &one.transition.effects {
            if let Effect::Remove(removal) = effect {
                all.push(Asked {
                    by: one.execution.clone(),
                    removal: (**removal).clone(),
                    now: one.now,
                });
            }
        }
    }
    all
}

/// Ends them, after the batch itself was written; true: some may have been left an input in `wakes`.
///
/// # Errors
/// Of the database.
pub async fn remove(connection: &mut PgConnection, asked: &[Asked]) -> StoreResult<bool> {
    let mut some = false;
    for one in asked {
        let ended: i32 = sqlx::query_scalar(sql!("remove_executions"))
            .bind(one.by.tenant)
            .bind(one.by.bucket)
            .bind(one.by.contact)
            .bind(one.by.id)
            .bind(&one.removal.only)
            .bind(&one.removal.except)
            .bind(&one.removal.reason)
            .bind(one.now)
            .fetch_one(&mut *connection)
            .await?;
        some |= ended > 0;
    }
    Ok(some)
}
