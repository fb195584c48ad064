//! Moving live executions to another version, and back: pages of locked rows in, their new places out.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    StoreError, StoreResult,
    commit::{self, Settled, rows},
    executions::{self, Claimed},
    sql,
};
use crate::model::{
    execution::{Instant, State, Status},
    transition::{Entry, EntryKind, Transition},
};

/// Where a page ended: bucket and id.
pub type Place = (i16, Uuid);

/// Before every execution.
pub const FIRST: Place = (-1, Uuid::nil());

/// Executions of one page.
pub const PAGE: i64 = 1_000;

/// How often a page is tried whose rows somebody holds; each try waits for lock_timeout.
const TRIES: u32 = 15;

/// Whose executions move, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Tenant number.
    pub tenant: i32,
    /// Workflow number.
    pub workflow: i32,
    /// The version they are to run on.
    pub version: i32,
}

/// Locks the next page of executions that are on another version. Rows that a worker has claimed are waited
/// for, up to half a minute, without giving up the rows locked before.
///
/// # Errors
/// Of the database; somebody holds a row for too long (55P03).
pub async fn lock_page(
    connection: &mut PgConnection,
    target: Target,
    after: Place,
    now: Instant,
) -> StoreResult<Vec<Claimed>> {
    for _ in 1..TRIES {
        let mut point = connection.begin().await?;
        match try_page(&mut point, target, after, now).await {
            Err(error) if is_lock_timeout(&error) => point.rollback().await?,
            Err(error) => return Err(error),
            Ok(page) => {
                point.commit().await?;
                return Ok(page);
            }
        }
    }
    try_page(connection, target, after, now).await
}

async fn try_page(
    connection: &mut PgConnection,
    target: Target,
    after: Place,
    now: Instant,
) -> StoreResult<Vec<Claimed>> {
    let rows = sqlx::query(sql!("migrate_page"))
        .bind(target.tenant)
        .bind(target.workflow)
        .bind(target.version)
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE)
        .bind(now)
        .fetch_all(connection)
        .await?;
    rows.iter().map(executions::claimed).collect()
}

fn is_lock_timeout(error: &StoreError) -> bool {
    let StoreError::Database(sqlx::Error::Database(db)) = error else {
        return false;
    };
    db.code().as_deref() == Some("55P03")
}

/// Writes what became of a page: the executions as they were locked, each with its transition, in the order
/// of the page. Remembers under the batch how they stood.
///
/// # Errors
/// Of the database.
pub async fn write(
    connection: &mut PgConnection,
    mut page: Vec<Settled>,
    to: i32,
    batch: Uuid,
) -> StoreResult<()> {
    if page.is_empty() {
        return Ok(());
    }
    remember(connection, &page, to, batch).await?;
    for one in &mut page {
        Arc::make_mut(&mut one.execution).version = to;
    }
    put(connection, &page).await?;
    let (ended, going): (Vec<&Settled>, Vec<&Settled>) = page.iter().partition(|one| is_final(one));
    rows::finish(connection, &ended).await?;
    rows::insert_bursts(connection, &going).await?;
    commit::cancel_sends(connection, &page).await
}

fn is_final(one: &Settled) -> bool {
    one.transition.status.is_final()
}

/// The live ones in their new place.
async fn put(connection: &mut PgConnection, page: &[Settled]) -> StoreResult<()> {
    let live: Vec<&Settled> = page.iter().filter(|one| !is_final(one)).collect();
    if live.is_empty() {
        return Ok(());
    }
    let column = |of: &dyn Fn(&Settled) -> i32| live.iter().map(|one| of(one)).collect::<Vec<_>>();
    sqlx::query(sql!("migrate_runs"))
        .bind(
            live.iter()
                .map(|one| one.execution.bucket)
                .collect::<Vec<_>>(),
        )
        .bind(live.iter().map(|one| one.execution.id).collect::<Vec<_>>())
        .bind(column(&|one| one.execution.version))
        .bind(
            live.iter()
                .map(|one| one.transition.status.code())
                .collect::<Vec<_>>(),
        )
        .bind(column(&|one| one.transition.seq))
        .bind(column(&|one| one.transition.node))
        .bind(
            live.iter()
                .map(|one| one.transition.due_at)
                .collect::<Vec<_>>(),
        )
        .bind(rows::states(&live)?)
        .execute(connection)
        .await?;
    Ok(())
}

async fn remember(
    connection: &mut PgConnection,
    page: &[Settled],
    to: i32,
    batch: Uuid,
) -> StoreResult<()> {
    let Some(first) = page.first() else {
        return Ok(());
    };
    let mut before = Vec::with_capacity(page.len());
    for one in page {
        before.push(super::storable(
            changed(&one.execution.state, &one.transition.state)?.to_string(),
        ));
    }
    let column = |of: &dyn Fn(&Settled) -> i32| page.iter().map(of).collect::<Vec<_>>();
    sqlx::query(sql!("insert_moved"))
        .bind(
            page.iter()
                .map(|one| one.execution.bucket)
                .collect::<Vec<_>>(),
        )
        .bind(page.iter().map(|one| one.execution.id).collect::<Vec<_>>())
        .bind(batch)
        .bind(first.execution.tenant)
        .bind(first.execution.workflow)
        .bind(to)
        .bind(column(&|one| one.execution.seq))
        .bind(column(&|one| one.execution.version))
        .bind(
            page.iter()
                .map(|one| one.execution.status.code())
                .collect::<Vec<_>>(),
        )
        .bind(column(&|one| first_step(&one.execution.state)))
        .bind(
            page.iter()
                .map(|one| one.execution.due_at)
                .collect::<Vec<_>>(),
        )
        .bind(before)
        .execute(connection)
        .await?;
    Ok(())
}

fn first_step(state: &State) -> i32 {
    let first = state.branches.first();
    first.map_or(-1, |branch| i32::try_from(branch.step).unwrap_or(-1))
}

fn members(state: &State) -> StoreResult<Map<String, Value>> {
    match serde_json::to_value(state) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(unreadable(&error)),
    }
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        what: "state",
        why: error.to_string(),
    }
}

/// The old values of those members that differ; null: there was none.
fn changed(old: &State, new: &State) -> StoreResult<Value> {
    let (mut old, new) = (members(old)?, members(new)?);
    let mut before = Map::new();
    for (name, value) in &new {
        if old.get(name) != Some(value) {
            before.insert(name.clone(), old.remove(name).unwrap_or(Value::Null));
        }
    }
    old.retain(|name, _| !new.contains_key(name));
    before.extend(old);
    Ok(Value::Object(before))
}

/// Puts the old values back.
fn put_back(state: &State, before: Map<String, Value>) -> StoreResult<State> {
    let mut members = members(state)?;
    for (name, value) in before {
        match value {
            Value::Null => drop(members.remove(&name)),
            value => drop(members.insert(name, value)),
        }
    }
    serde_json::from_value(Value::Object(members)).map_err(|error| unreadable(&error))
}

/// Versions between which a batch moved executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Workflow number.
    pub workflow: i32,
    /// The version they left.
    pub from: i32,
    /// The version they were moved to.
    pub to: i32,
    /// How many.
    pub executions: i64,
}

/// What a batch moved.
///
/// # Errors
/// Of the database.
pub async fn moved_by(connection: &mut PgConnection, batch: Uuid) -> StoreResult<Vec<Way>> {
    let rows = sqlx::query(sql!("count_moved")).bind(batch);
    let rows = rows.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Way {
                workflow: row.try_get(0)?,
                from: row.try_get(1)?,
                to: row.try_get(2)?,
                executions: row.try_get(3)?,
            })
        })
        .collect()
}

/// Puts back the next page of executions that a batch moved and that have made no step since. Answers where
/// the page ended and how many it held; none: there are no more.
///
/// # Errors
/// As [`lock_page`].
pub async fn put_back_page(
    connection: &mut PgConnection,
    batch: Uuid,
    after: Place,
    now: Instant,
) -> StoreResult<Option<(Place, u64)>> {
    let mut rows = None;
    for _ in 1..TRIES {
        let mut point = connection.begin().await?;
        match undo_page(&mut point, batch, after, now).await {
            Err(error) if is_lock_timeout(&error) => point.rollback().await?,
            Err(error) => return Err(error),
            Ok(page) => {
                point.commit().await?;
                rows = Some(page);
                break;
            }
        }
    }
    let rows = match rows {
        Some(rows) => rows,
        None => undo_page(connection, batch, after, now).await?,
    };
    let mut page = Vec::with_capacity(rows.len());
    for row in &rows {
        page.push(undone(row, now)?);
    }
    let Some(last) = page.last() else {
        return Ok(None);
    };
    let end = (last.execution.bucket, last.execution.id);
    let count = page.len() as u64;
    put(connection, &page).await?;
    let undone: Vec<&Settled> = page.iter().collect();
    rows::insert_bursts(connection, &undone).await?;
    Ok(Some((end, count)))
}

async fn undo_page(
    connection: &mut PgConnection,
    batch: Uuid,
    after: Place,
    now: Instant,
) -> StoreResult<Vec<PgRow>> {
    let query = sqlx::query(sql!("undo_page"))
        .bind(batch)
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE)
        .bind(now);
    Ok(query.fetch_all(connection).await?)
}

/// One execution as it stood before it was moved.
fn undone(row: &PgRow, now: Instant) -> StoreResult<Settled> {
    let mut execution = executions::claimed(row)?.execution;
    let (left, from): (i32, i32) = (execution.version, row.try_get(14)?);
    let old_status: i16 = row.try_get(15)?;
    let (node, old_due): (i32, Option<Instant>) = (row.try_get(16)?, row.try_get(17)?);
    let before: sqlx::types::Json<Map<String, Value>> = row.try_get(18)?;
    let state = put_back(&execution.state, before.0)?;
    let (status, due_at) = match (execution.status, Status::from_code(old_status)) {
        (Status::Paused, _) => (Status::Paused, None),
        // Ready and due: the machine finds out by itself what the branches wait for.
        (_, Some(Status::Paused) | None) => (Status::Ready, Some(now)),
        (_, Some(status)) => (status, old_due.or(execution.due_at.map(|_| now))),
    };
    let told = json!({ "command": "undo", "fromVersion": left, "version": from });
    let entries = match state.started {
        true => vec![Entry {
            step: -1,
            kind: EntryKind::ExecutionMoved,
            result: told.into(),
        }],
        false => Vec::new(),
    };
    Arc::make_mut(&mut execution).version = from;
    Ok(Settled {
        transition: Transition {
            status,
            reason: None,
            due_at,
            node,
            seq: execution.seq + i32::from(state.started),
            state,
            entries,
            effects: Vec::new(),
            admission: None,
        },
        now,
        tenant: "".into(),
        ledger: None,
        place: super::place::Place::Key,
        execution,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_kept_and_put_back_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<State>(text).expect("a state");
        let old = read(r#"{"s": true, "b": [{"n": 3}], "v": {"x": 1}, "c": {"3": 2}}"#);
        let new = read(r#"{"s": true, "b": [{"n": 1}], "v": {"x": 1}, "g": [0]}"#);
        let before = changed(&old, &new).expect("states");
        assert_eq!(
            before,
            json!({ "b": [{ "n": 3 }], "c": { "3": 2 }, "g": null })
        );
        let Value::Object(before) = before else {
            panic!("members")
        };
        assert_eq!(put_back(&new, before).expect("states"), old);
    }
}
