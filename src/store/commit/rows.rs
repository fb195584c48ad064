//! The rows of executions and their history, a batch a statement.

use sqlx::{PgConnection, postgres::PgQueryResult};

use super::Settled;
use crate::{
    model::transition::Entry,
    store::{
        StoreError, StoreResult,
        counts::Changes,
        place::{Ctid, Place},
        sql, storable,
    },
};

/// One column of a batch, as a statement's array.
fn column<'a, T>(rows: &[&'a Settled], get: impl Fn(&'a Settled) -> T) -> Vec<T> {
    rows.iter().map(|one| get(one)).collect()
}

/// Writes back executions that go on.
pub(in crate::store) async fn update(
    connection: &mut PgConnection,
    going: &[&Settled],
) -> StoreResult<()> {
    if going.is_empty() {
        return Ok(());
    }
    let (placed, looked_up) = places(going);
    let done = sqlx::query(sql!("update_runs"))
        .bind(column(going, |o| o.execution.id))
        .bind(column(going, |o| o.transition.status.code()))
        .bind(column(going, |o| o.transition.seq))
        .bind(column(going, |o| o.transition.node))
        .bind(column(going, |o| o.transition.due_at))
        .bind(states(going)?)
        .bind(placed)
        .bind(column(&looked_up, |o| o.execution.bucket))
        .bind(column(&looked_up, |o| o.execution.id))
        .execute(connection)
        .await?;
    all(going, &done)
}

/// Where the rows lie, and those that have to be looked up.
fn places<'a>(rows: &[&'a Settled]) -> (Vec<Ctid>, Vec<&'a Settled>) {
    let placed = rows.iter().filter_map(|one| match one.place {
        Place::At(ctid) => Some(ctid),
        _ => None,
    });
    let looked_up = rows.iter().filter(|one| one.place == Place::Key);
    (placed.collect(), looked_up.copied().collect())
}

/// The statement wrote every row, or the transaction is given up.
fn all(rows: &[&Settled], done: &PgQueryResult) -> StoreResult<()> {
    match (rows.len() as u64).saturating_sub(done.rows_affected()) {
        0 => Ok(()),
        missing => Err(StoreError::Moved(missing)),
    }
}

/// Writes executions that have no row yet and go on.
pub(in crate::store) async fn insert(
    connection: &mut PgConnection,
    fresh: &[&Settled],
) -> StoreResult<()> {
    if fresh.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_runs"))
        .bind(column(fresh, |o| o.execution.bucket))
        .bind(column(fresh, |o| o.execution.id))
        .bind(column(fresh, |o| o.execution.tenant))
        .bind(column(fresh, |o| o.execution.workflow))
        .bind(column(fresh, |o| o.execution.version))
        .bind(column(fresh, |o| o.execution.contact))
        .bind(column(fresh, |o| o.execution.key.as_str()))
        .bind(column(fresh, |o| o.transition.status.code()))
        .bind(column(fresh, |o| o.execution.priority))
        .bind(column(fresh, |o| o.transition.seq))
        .bind(column(fresh, |o| o.transition.node))
        .bind(column(fresh, |o| o.transition.due_at))
        .bind(column(fresh, |o| o.execution.enrolled_at))
        .bind(states(fresh)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves executions that have ended to the cold table; their last burst goes with them.
pub(in crate::store) async fn finish(
    connection: &mut PgConnection,
    ended: &[&Settled],
) -> StoreResult<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let (placed, looked_up) = places(ended);
    let bursts: Vec<Option<Burst>> = column(ended, |o| burst(&o.transition.entries));
    let of_burst = |get: fn(&Burst) -> &str| -> Vec<Option<&str>> {
        bursts.iter().map(|b| b.as_ref().map(get)).collect()
    };
    let results = bursts.iter().map(|b| b.as_ref()?.results.as_deref());
    let query = sqlx::query(sql!("insert_finished"))
        .bind(column(ended, |o| o.execution.bucket))
        .bind(column(ended, |o| o.execution.id))
        .bind(column(ended, |o| o.execution.tenant))
        .bind(column(ended, |o| o.execution.workflow))
        .bind(column(ended, |o| o.execution.version))
        .bind(column(ended, |o| o.execution.contact))
        .bind(column(ended, |o| o.execution.key.as_str()))
        .bind(column(ended, |o| o.transition.status.code()))
        .bind(column(ended, |o| o.transition.reason.as_deref()))
        .bind(column(ended, |o| o.execution.priority))
        .bind(column(ended, |o| o.transition.seq))
        .bind(column(ended, |o| o.transition.node))
        .bind(column(ended, |o| o.execution.enrolled_at))
        .bind(column(ended, |o| o.now))
        .bind(states(ended)?)
        .bind(column(ended, |o| {
            (!o.transition.entries.is_empty()).then_some(o.execution.seq)
        }))
        .bind(of_burst(|b| &b.steps))
        .bind(of_burst(|b| &b.kinds))
        .bind(results.collect::<Vec<_>>());
    let done = Changes::of_ended(ended)
        .bind_ended(query)
        .bind(placed)
        .bind(column(&looked_up, |o| o.execution.bucket))
        .bind(column(&looked_up, |o| o.execution.id))
        .execute(connection)
        .await?;
    all(ended, &done)
}

/// Writes the bursts of executions that go on.
pub(in crate::store) async fn insert_bursts(
    connection: &mut PgConnection,
    going: &[&Settled],
) -> StoreResult<()> {
    let (rows, bursts): (Vec<&Settled>, Vec<Burst>) = going
        .iter()
        .filter_map(|one| Some((*one, burst(&one.transition.entries)?)))
        .unzip();
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(sql!("insert_bursts"))
        .bind(column(&rows, |o| o.execution.bucket))
        .bind(column(&rows, |o| o.execution.id))
        .bind(column(&rows, |o| o.execution.seq))
        .bind(column(&rows, |o| o.execution.tenant))
        .bind(column(&rows, |o| o.execution.workflow))
        .bind(column(&rows, |o| o.now))
        .bind(bursts.iter().map(|b| &*b.steps).collect::<Vec<_>>())
        .bind(bursts.iter().map(|b| &*b.kinds).collect::<Vec<_>>())
        .bind(
            bursts
                .iter()
                .map(|b| b.results.as_deref())
                .collect::<Vec<_>>(),
        );
    Changes::of_going(&rows)
        .bind_going(query)
        .execute(connection)
        .await?;
    Ok(())
}

/// The machine's memory of each, as JSON.
pub(in crate::store) fn states(rows: &[&Settled]) -> StoreResult<Vec<String>> {
    rows.iter()
        .map(|one| serde_json::to_string(&one.transition.state).map(storable))
        .collect::<Result<_, _>>()
        .map_err(|e| StoreError::Corrupt {
            what: "state",
            why: e.to_string(),
        })
}

/// History entries as the statements take them.
struct Burst {
    /// Array literal of the step indexes.
    steps: String,
    /// Array literal of the kinds' numbers.
    kinds: String,
    /// JSON array of the results; none where all are null.
    results: Option<String>,
}

/// None: nothing happened that history keeps.
fn burst(entries: &[Entry]) -> Option<Burst> {
    if entries.is_empty() {
        return None;
    }
    let told = entries.iter().any(|e| !e.result.is_null());
    Some(Burst {
        steps: numbers(entries.iter().map(|entry| entry.step)),
        kinds: numbers(entries.iter().map(|entry| entry.kind.code())),
        results: told.then(|| results(entries)),
    })
}

/// An array literal.
fn numbers(all: impl Iterator<Item = impl itoa::Integer>) -> String {
    let (mut list, mut digits) = (String::from("{"), itoa::Buffer::new());
    for (i, number) in all.enumerate() {
        if i > 0 {
            list.push(',');
        }
        list.push_str(digits.format(number));
    }
    list.push('}');
    list
}

/// A JSON array.
fn results(entries: &[Entry]) -> String {
    let mut list = vec![b'['];
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            list.push(b',');
        }
        entry.result.push_to(&mut list);
    }
    list.push(b']');
    // JSON is UTF-8.
    storable(String::from_utf8(list).unwrap_or_default())
}
