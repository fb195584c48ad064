//! The statements that end a try or a send: over `sends`, `deliveries` and `attempt_log`. Each names the file of
//! `sql/queries/` it stands for.

use uuid::Uuid;

use super::{
    database::{Attempt, Database, Delivery, Millis, Send, instant},
    sends::ours,
    table::{Said, Session},
};
use crate::{
    connect::Verdict,
    faults::{Plant, planted},
    model::transition::Policy,
    store::outbox::{Claim, Ended},
};

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
        // In production the error of the answer tells whether it is the one that ended the row in doubt.
        let same = |d: &Delivery| {
            d.send.claim.fence == claim.fence && (d.state != 5 || d.answered == Some(claim.fence))
        };
        let recorded = db.deliveries.get(me, &claim.id).is_some_and(same);
        let recorded = recorded && !planted(Plant::ResultNotIdempotent);
        let logged = |one: &Attempt| one.outbox == claim.id && one.fence == claim.fence;
        let logged = db.attempts.all(me).any(|(_, one)| logged(one));
        if !(recorded || logged) {
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

/// `forget_stale`: the rows were got after all.
pub(super) fn forget_stale(db: &mut Database, me: Session, claims: &[&Claim]) -> Said<()> {
    for claim in claims {
        let noted = |one: &Attempt| {
            one.outbox == claim.id && one.fence == claim.fence && one.verdict == "stale"
        };
        let attempts = db.attempts.all(me).filter(|(_, one)| noted(one));
        let numbers: Vec<u64> = attempts.map(|(number, _)| *number).collect();
        numbers
            .iter()
            .for_each(|number| db.attempts.delete(me, number));
    }
    Ok(())
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
