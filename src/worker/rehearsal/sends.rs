//! The statements over `sends`: intended, claimed, past the barrier, given back, lost. Each names the file of
//! `sql/queries/` it stands for.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    database::{Database, Millis, Send, TENANT, instant, millis},
    table::{Said, Session},
};
use crate::{
    faults::{Plant, planted},
    model::{execution::Execution, ids::outbox_id, transition},
    store::outbox::Claim,
};

/// `insert_outbox` (T1).
pub(super) fn insert(
    db: &mut Database,
    me: Session,
    now: Millis,
    rows: &[(Arc<Execution>, transition::Send)],
) -> Said<()> {
    for (ex, send) in rows {
        let id = if planted(Plant::NoUnique) {
            db.draw_id()
        } else {
            outbox_id(ex.id, send.seq)
        };
        let claim = Claim {
            bucket: ex.bucket,
            id,
            execution: ex.id,
            seq: send.seq,
            tenant: TENANT,
            action: send.action.into(),
            policy: send.policy,
            fence: 0,
            attempt: 0,
            due_at: instant(now),
            created_at: instant(now),
            first_at: None,
            timeout: Duration::from_millis(send.timeout.num_milliseconds().unsigned_abs()),
            retry: send.retry.clone(),
            request: send.request.clone(),
            doubt: false,
            now: instant(now),
            claimed_at: None,
        };
        let row = Send {
            claim,
            step: send.step,
            state: 0,
            lease_until: 0,
            tries: 0,
            passed_in_time: false,
            shortest_lease: None,
        };
        db.sends.insert(me, id, row)?;
    }
    Ok(())
}

/// `claim_outbox` (T2). `error`: what the worker's clock is off, which matters to nobody.
pub(super) fn claim(
    db: &mut Database,
    me: Session,
    now: Millis,
    from: Millis,
    limit: usize,
    (lease, error): (Millis, Millis),
) -> Said<Vec<Claim>> {
    let due = |send: &Send| {
        let due = millis(send.claim.due_at);
        (send.state == 0 && due <= now && due >= from).then_some(due)
    };
    let rows = db.sends.all(me);
    let mut found: Vec<(Millis, Uuid)> = rows
        .filter_map(|(id, send)| Some((due(send)?, *id)))
        .collect();
    found.sort_unstable();
    let mut claims = Vec::new();
    for (_, id) in found {
        if claims.len() == limit {
            break;
        }
        if !db.sends.take(me, &id) {
            continue;
        }
        let Some(mut row) = db.sends.get(me, &id).cloned() else {
            continue;
        };
        let claim = &mut row.claim;
        claim.fence = match planted(Plant::FenceIsAttempt) {
            true => i32::from(claim.attempt) + 1,
            false => claim.fence + 1,
        };
        claim.attempt += 1;
        claim.claimed_at = Some(instant(now));
        claim.first_at = claim.first_at.or(Some(instant(now)));
        claim.now = instant(now);
        claims.push(claim.clone());
        let error = if planted(Plant::LeaseByWorkerClock) {
            error
        } else {
            0
        };
        row.lease_until = now + lease + error;
        row.state = 1;
        row.tries += 1;
        db.sends.put(me, &id, row);
    }
    Ok(claims)
}

/// The fence keeps late writers out.
pub(super) fn ours(row: &Send, claim: &Claim) -> bool {
    planted(Plant::NoFence) || row.claim.fence == claim.fence
}

/// `barrier` (T2b): whether it may be sent. Waits for who holds the row.
pub(super) fn barrier(db: &mut Database, me: Session, now: Millis, claim: &Claim) -> Said<bool> {
    if !db.sends.wait_for(me, &claim.id)? {
        return Ok(false);
    }
    let Some(mut row) = db.sends.get(me, &claim.id).cloned() else {
        return Ok(false);
    };
    let in_time = row.lease_until > now;
    let passes =
        ours(&row, claim) && row.state == 1 && (in_time || planted(Plant::BarrierWithoutLease));
    if passes {
        row.state = 2;
        row.passed_in_time |= in_time;
        db.sends.put(me, &claim.id, row);
    }
    Ok(passes)
}

/// `release_outbox`: given back before any byte left.
pub(super) fn release(db: &mut Database, me: Session, claims: &[Claim]) -> Said<()> {
    for claim in claims {
        if !db.sends.wait_for(me, &claim.id)? {
            continue;
        }
        let Some(mut row) = db.sends.get(me, &claim.id).cloned() else {
            continue;
        };
        if row.claim.fence == claim.fence && row.state > 0 {
            row.state = 0;
            row.claim.attempt -= 1;
            row.claim.fence += 1;
            row.claim.claimed_at = None;
            db.sends.put(me, &claim.id, row);
        }
    }
    Ok(())
}

/// `expired_leases` (T4): under a new fence; true: past the barrier.
pub(super) fn expired(
    db: &mut Database,
    me: Session,
    now: Millis,
    limit: usize,
) -> Said<Vec<(Claim, bool)>> {
    let rows = db.sends.all(me);
    let lost = rows.filter(|(_, row)| row.state > 0 && row.lease_until < now);
    let mut lost: Vec<(Millis, Uuid)> = lost.map(|(id, row)| (row.lease_until, *id)).collect();
    lost.sort_unstable();
    let mut found = Vec::new();
    for (_, id) in lost {
        if found.len() == limit {
            break;
        }
        if !db.sends.take(me, &id) {
            continue;
        }
        let Some(mut row) = db.sends.get(me, &id).cloned() else {
            continue;
        };
        let held = row.claim.claimed_at.map(|at| now - millis(at));
        row.shortest_lease = [row.shortest_lease, held].into_iter().flatten().min();
        if !planted(Plant::FenceIsAttempt) {
            row.claim.fence += 1;
        }
        row.claim.now = instant(now);
        found.push((row.claim.clone(), row.state == 2));
        db.sends.put(me, &id, row);
    }
    Ok(found)
}

/// The open sends of an execution, for `cancel_executions`.
pub(super) fn of_execution(db: &Database, me: Session, execution: Uuid) -> Vec<Uuid> {
    let rows = db.sends.all(me);
    let own = rows.filter(|(_, row)| row.claim.execution == execution);
    own.map(|(id, _)| *id).collect()
}
