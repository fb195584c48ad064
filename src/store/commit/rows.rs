//! The rows of executions and their history, a batch a statement.

use std::fmt::Write as _;

use sqlx::PgConnection;

use super::Settled;
use crate::{
    model::transition::Entry,
    store::{StoreError, StoreResult, counts::Changes, sql, storable},
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
    sqlx::query(sql!("update_runs"))
        .bind(column(going, |o| o.execution.bucket))
        .bind(column(going, |o| o.execution.id))
        .bind(column(going, |o| o.transition.status.code()))
        .bind(column(going, |o| o.transition.seq))
        .bind(column(going, |o| o.transition.node))
        .bind(column(going, |o| o.transition.due_at))
        .bind(states(going)?)
        .execute(connection)
        .await?;
    Ok(())
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
    let stored: Vec<&Settled> = ended.iter().filter(|one| !one.fresh).copied().collect();
    if !stored.is_empty() {
        sqlx::query(sql!("delete_runs"))
            .bind(column(&stored, |o| o.execution.bucket))
            .bind(column(&stored, |o| o.execution.id))
            .execute(&mut *connection)
            .await?;
    }
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
    Changes::of_ended(ended)
        .bind_ended(query)
        .execute(connection)
        .await?;
    Ok(())
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
    let (mut steps, mut kinds) = (String::from("{"), String::from("{"));
    for (i, entry) in entries.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(steps, "{comma}{}", entry.step);
        let _ = write!(kinds, "{comma}{}", entry.kind.code());
    }
    steps.push('}');
    kinds.push('}');
    let results = entries.iter().any(|e| !e.result.is_null()).then(|| {
        let mut list = String::from("[");
        for (i, entry) in entries.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(list, "{comma}{}", entry.result);
        }
        list.push(']');
        storable(list)
    });
    Some(Burst {
        steps,
        kinds,
        results,
    })
}
