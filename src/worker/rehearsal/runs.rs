//! The statements over `runs`, `finished` and `bursts`; each names the file of `sql/queries/` it stands for.

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;

use super::{
    database::{Burst, Database, Finished, Millis, TENANT, instant, millis},
    table::{Said, Session, Stop},
    wakes,
};
use crate::{
    faults::{Plant, planted},
    model::{
        execution::{Execution, Status},
        transition::{Entry, EntryKind},
    },
    store::{commit::Settled, executions::Claimed, place::Place},
    worker::advance::now_standing,
};

fn claimed(execution: Arc<Execution>, now: Millis) -> Claimed {
    Claimed {
        execution,
        now: instant(now),
        broken: None,
        place: Place::Key,
    }
}

/// Locks these rows as far as nobody else holds them.
fn take(
    db: &mut Database,
    me: Session,
    now: Millis,
    ids: impl IntoIterator<Item = Uuid>,
) -> Vec<Claimed> {
    let mut got = Vec::new();
    for id in ids {
        if db.runs.take(me, &id) {
            got.extend(db.runs.get(me, &id).cloned().map(|ex| claimed(ex, now)));
        }
    }
    got
}

/// `claim_due`.
pub(super) fn claim_due(
    db: &mut Database,
    me: Session,
    now: Millis,
    from: Millis,
    limit: usize,
) -> Said<Vec<Claimed>> {
    let due = |ex: &Execution| {
        ex.due_at
            .map(millis)
            .filter(|due| *due <= now && *due >= from)
    };
    let rows = db.runs.all(me);
    let mut ids: Vec<(Millis, Uuid)> = rows.filter_map(|(id, ex)| Some((due(ex)?, *id))).collect();
    ids.sort_unstable();
    let mut got = Vec::new();
    for (_, id) in ids {
        if got.len() == limit {
            break;
        }
        got.extend(take(db, me, now, [id]));
    }
    Ok(got)
}

/// `claim_ids`.
pub(super) fn claim_ids(
    db: &mut Database,
    me: Session,
    now: Millis,
    ids: &[Uuid],
) -> Said<Vec<Claimed>> {
    let ids: BTreeSet<Uuid> = ids.iter().copied().collect();
    Ok(take(db, me, now, ids))
}

/// `claim_contact_runs`.
pub(super) fn claim_of_contacts(
    db: &mut Database,
    me: Session,
    now: Millis,
    contacts: &BTreeSet<Uuid>,
) -> Said<Vec<Claimed>> {
    let rows = db.runs.all(me);
    let ids: Vec<Uuid> = rows
        .filter(|(_, ex)| contacts.contains(&ex.contact))
        .map(|row| *row.0)
        .collect();
    Ok(take(db, me, now, ids))
}

/// `count_contact_runs`: live executions of each contact, held elsewhere or not.
pub(super) fn count_of_contact(db: &Database, me: Session, contact: Uuid) -> usize {
    if planted(Plant::NoLookBack) {
        return 0;
    }
    db.runs
        .all(me)
        .filter(|(_, ex)| ex.contact == contact)
        .count()
}

/// `present_ids`.
pub(super) fn present(db: &Database, me: Session, ids: &[Uuid]) -> Said<Vec<Uuid>> {
    Ok(ids
        .iter()
        .filter(|id| db.runs.get(me, id).is_some())
        .copied()
        .collect())
}

/// `postpone`.
pub(super) fn postpone(
    db: &mut Database,
    me: Session,
    rows: &[(Uuid, Option<Millis>)],
) -> Said<()> {
    for (id, due) in rows {
        if let Some(mut ex) = db.runs.get(me, id).cloned() {
            Arc::make_mut(&mut ex).due_at = due.map(instant);
            db.runs.put(me, id, ex);
        }
    }
    Ok(())
}

/// `update_runs`.
pub(super) fn update(db: &mut Database, me: Session, stored: &[&Settled]) -> Said<()> {
    for one in stored {
        let next = Arc::new(now_standing(one));
        db.runs.put(me, &one.execution.id, next);
    }
    Ok(())
}

/// `insert_runs`: the live key is unique (`runs_live_uq`); one that is taken meanwhile is an error.
pub(super) fn insert(db: &mut Database, me: Session, ex: Arc<Execution>) -> Said<()> {
    match free(db, me, &ex)? {
        true => db.runs.insert(me, ex.id, ex).map(drop),
        false => Err(Stop::Refused),
    }
}

/// `insert_finished`.
pub(super) fn finish(db: &mut Database, me: Session, ended: &[&Settled]) -> Said<()> {
    for one in ended {
        if one.place != Place::None {
            db.runs.delete(me, &one.execution.id);
        }
        let row = Finished {
            execution: one.execution.clone(),
            status: one.transition.status,
            seq: one.transition.seq,
            burst: burst(one),
        };
        db.finished.insert(me, one.execution.id, row)?;
    }
    Ok(())
}

/// None: nothing happened that history keeps.
fn burst(one: &Settled) -> Option<Burst> {
    let entries = one.transition.entries.clone();
    let at = millis(one.now);
    (!entries.is_empty()).then_some(Burst { at, entries })
}

/// `insert_bursts`. The time is part of the key: the sequence is kept by the row lock, not by this table.
pub(super) fn insert_bursts(db: &mut Database, me: Session, going: &[&Settled]) -> Said<()> {
    for one in going {
        if let Some(burst) = burst(one) {
            let key = (one.execution.id, one.execution.seq, db.draw());
            db.bursts.insert(me, key, burst)?;
        }
    }
    Ok(())
}

/// Whether nobody has this live key; waits for who is about to take it or leave it.
fn free(db: &Database, me: Session, ex: &Execution) -> Said<bool> {
    debug_assert_eq!(ex.tenant, TENANT);
    let same = |other: &Arc<Execution>| {
        (other.contact, other.workflow, &other.key) == (ex.contact, ex.workflow, &ex.key)
    };
    if db.runs.all(me).any(|(_, other)| same(other)) {
        return Ok(false);
    }
    let mut others = db.runs.others(me);
    match others.any(|row| row.0.is_some_and(same) || row.1.is_some_and(same)) {
        true => Err(Stop::Wait),
        false => Ok(true),
    }
}

/// `enroll_batch`, for a batch that failed: who fits gets a row. Returns who is new.
pub(super) fn enroll(db: &mut Database, me: Session, wanted: &[Execution]) -> Said<Vec<Execution>> {
    let mut new = Vec::new();
    for ex in wanted {
        if free(db, me, ex)? {
            db.runs.insert(me, ex.id, Arc::new(ex.clone()))?;
            new.push(ex.clone());
        }
    }
    Ok(new)
}

/// `enroll_batch`, for who begins in this transaction: the first of each live key that nobody has, without a row.
pub(super) fn enroll_unwritten(db: &Database, me: Session, wanted: &[Execution]) -> Vec<Execution> {
    let key = |ex: &Execution| (ex.contact, ex.workflow, ex.key.clone());
    let mut taken: BTreeSet<_> = db.runs.all(me).map(|(_, ex)| key(ex)).collect();
    let fits = wanted.iter().filter(|ex| taken.insert(key(ex)));
    fits.cloned().collect()
}

/// `cancel_executions`, the first half: the execution ends, wherever it stands. Waits for who holds it.
pub(super) fn cancel(db: &mut Database, me: Session, now: Millis, id: Uuid) -> Said<bool> {
    if !db.runs.wait_for(me, &id)? {
        return Ok(false);
    }
    let Some(execution) = db.runs.get(me, &id).cloned() else {
        return Ok(false);
    };
    let entry = Entry {
        step: -1,
        kind: EntryKind::ExecutionCancelled,
        result: serde_json::Value::Null.into(),
    };
    let number = db.draw();
    let burst = Burst {
        at: now,
        entries: vec![entry],
    };
    db.bursts.insert(me, (id, execution.seq, number), burst)?;
    db.runs.delete(me, &id);
    let seq = execution.seq + 1;
    let status = Status::Cancelled;
    let row = Finished {
        execution,
        status,
        seq,
        burst: None,
    };
    db.finished.insert(me, id, row)?;
    wakes::delete_of(db, me, id)?;
    Ok(true)
}
