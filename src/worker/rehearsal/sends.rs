//! The statements over `sends`, `deliveries` and `attempt_log`; each names the file of `sql/queries/` it stands for.

use std::time::Duration;

use uuid::Uuid;

use super::{
    database::{Attempt, Database, Delivery, Millis, Send, TENANT, instant, millis},
    table::{Said, Session},
};
use crate::{
    connect::Verdict,
    faults::{Plant, planted},
    model::{
        execution::Execution,
        ids::outbox_id,
        transition::{self, Policy},
    },
    store::outbox::{Claim, Ended},
};

/// `insert_outbox` (T1).
pub(super) fn insert(
    db: &mut Database,
    me: Session,
    now: Millis,
    rows: &[(Execution, transition::Send)],
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
fn ours(row: &Send, claim: &Claim) -> bool {
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

/// `lock_outbox` (T3, first): which rows are still ours, and free.
pub(super) fn lock(db: &mut Database, me: Session, claims: &[&Claim]) -> Said<Vec<Uuid>> {
    let mut got = Vec::new();
    for claim in claims {
        let fits = |row: &Send| ours(row, claim) && row.state > 0;
        if db.sends.get(me, &claim.id).is_some_and(fits) && db.sends.take(me, &claim.id) {
            got.push(claim.id);
        }
    }
    Ok(got)
}

/// `present_outbox`: held by somebody, or stale.
pub(super) fn present(db: &Database, me: Session, claims: &[&Claim]) -> Said<Vec<Uuid>> {
    let there = claims.iter().filter(|claim| {
        let fits = |row: &Send| ours(row, claim) && row.state > 0;
        db.sends.get(me, &claim.id).is_some_and(fits)
    });
    Ok(there.map(|claim| claim.id).collect())
}

/// How a row ends, for `finish_outbox`.
pub(super) struct End<'a> {
    pub(super) claim: &'a Claim,
    pub(super) ended: Ended,
    /// By an answer, not by a lost lease.
    pub(super) answered: bool,
}

/// `finish_outbox` (T3): fenced, from `sends` to `deliveries`.
pub(super) fn finish(db: &mut Database, me: Session, rows: &[End<'_>]) -> Said<()> {
    for end in rows {
        let Some(row) = db.sends.get(me, &end.claim.id).cloned() else {
            continue;
        };
        if !ours(&row, end.claim) {
            continue;
        }
        db.sends.delete(me, &end.claim.id);
        let delivery = Delivery {
            send: row,
            state: end.ended as i16,
            answered: end.answered.then_some(end.claim.fence),
            moot: false,
        };
        deliver(db, me, delivery)?;
    }
    Ok(())
}

fn deliver(db: &mut Database, me: Session, delivery: Delivery) -> Said<()> {
    let id = delivery.send.claim.id;
    db.deliveries.insert(me, id, delivery).map(drop)
}

/// A row of which nobody waits for the end: cancelled, or unknown where an earlier try may have been done.
fn given_up(send: Send) -> Delivery {
    Delivery {
        state: if send.claim.doubt { 5 } else { 7 },
        send,
        answered: None,
        moot: true,
    }
}

/// A try that did not end its row, for `retry_outbox`.
pub(super) struct Back<'a> {
    pub(super) claim: &'a Claim,
    pub(super) due: Millis,
    pub(super) verdict: &'static str,
    pub(super) uncounted: bool,
    pub(super) doubt: bool,
}

/// `retry_outbox` and `cancel_orphans`: back to pending, unless its execution has ended meanwhile.
pub(super) fn retry(db: &mut Database, me: Session, rows: &[Back<'_>]) -> Said<()> {
    for back in rows {
        let Some(mut row) = db.sends.get(me, &back.claim.id).cloned() else {
            continue;
        };
        if !ours(&row, back.claim) {
            continue;
        }
        row.state = 0;
        row.claim.due_at = instant(back.due);
        row.claim.attempt -= i16::from(back.uncounted);
        row.claim.doubt |= back.doubt;
        log(db, me, row.claim.id, row.claim.fence, back.verdict)?;
        db.sends.put(me, &back.claim.id, row);
    }
    for back in rows {
        let id = &back.claim.id;
        let pending = db.sends.get(me, id).filter(|row| row.state == 0).cloned();
        if let Some(row) = pending.filter(|row| db.runs.get(me, &row.claim.execution).is_none()) {
            db.sends.delete(me, id);
            deliver(db, me, given_up(row))?;
        }
    }
    Ok(())
}

fn log(
    db: &mut Database,
    me: Session,
    outbox: Uuid,
    fence: i32,
    verdict: &'static str,
) -> Said<()> {
    let number = db.draw();
    db.attempts.insert(
        me,
        number,
        Attempt {
            outbox,
            fence,
            verdict,
        },
    )?;
    Ok(())
}

/// `log_stale`: a late answer is evidence, and a late *ok* settles what was unknown.
pub(super) fn stale(db: &mut Database, me: Session, rows: &[(&Claim, Verdict)]) -> Said<()> {
    for (claim, verdict) in rows {
        let recorded = db.deliveries.get(me, &claim.id);
        let recorded = recorded.is_some_and(|d| d.answered == Some(claim.fence));
        let logged = |one: &Attempt| one.outbox == claim.id && one.fence == claim.fence;
        let logged = db.attempts.all(me).any(|(_, one)| logged(one));
        if planted(Plant::ResultNotIdempotent) || !(recorded || logged) {
            log(db, me, claim.id, claim.fence, "stale")?;
        }
        let unknown = |delivery: &Delivery| delivery.state == 5;
        if *verdict == Verdict::Ok && db.deliveries.get(me, &claim.id).is_some_and(unknown) {
            db.deliveries.wait_for(me, &claim.id)?;
            if let Some(mut delivery) = db.deliveries.get(me, &claim.id).cloned() {
                delivery.state = 3;
                db.deliveries.put(me, &claim.id, delivery);
            }
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

/// `lock_sends`: a claim that is just being committed is waited for.
pub(super) fn lock_moot(db: &mut Database, me: Session, ids: &[Uuid]) -> Said<()> {
    ids.iter()
        .try_for_each(|id| db.sends.wait_for(me, id).map(drop))
}

/// `cancel_sends`: pending ones, and claimed ones that the barrier can still hold back.
pub(super) fn cancel(db: &mut Database, me: Session, ids: &[Uuid]) -> Said<()> {
    for id in ids {
        let guarded = |row: &Send| matches!(row.claim.policy, Policy::Hold | Policy::Reconcile);
        let moot = |row: &&Send| row.state == 0 || row.state == 1 && guarded(row);
        if let Some(row) = db.sends.get(me, id).filter(moot).cloned() {
            db.sends.delete(me, id);
            deliver(db, me, given_up(row))?;
        }
    }
    Ok(())
}

/// The open sends of an execution, for `cancel_executions`.
pub(super) fn of_execution(db: &Database, me: Session, execution: Uuid) -> Vec<Uuid> {
    let rows = db.sends.all(me);
    let own = rows.filter(|(_, row)| row.claim.execution == execution);
    own.map(|(id, _)| *id).collect()
}
