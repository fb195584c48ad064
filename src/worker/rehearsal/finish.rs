//! [`super::super::dispatch`]'s finish (T3): answers are recorded, and the executions that asked go on in the same
//! transaction. What a verdict means is decided by [`crate::worker::settle`] itself.

use uuid::Uuid;

use super::{
    advance::{Batch, ring_after},
    database::{TENANT, instant, millis},
    deliveries,
    line::{Failure, Line, Result},
    runs,
    sim::Sim,
    wakes,
};
use crate::{
    connect::{Reply, Verdict},
    model::transition::{self, Input, ReplyOutcome},
    store::outbox::{Claim, Ended},
    worker::{
        advance::Left,
        dispatch::{COME_BACK, later, word},
        settle::{Settlement, settle},
    },
};

/// T3 until the database has taken it: repeating it after a lost COMMIT reply is harmless.
pub(super) async fn finish_for_sure(sim: &Sim, answers: Vec<(Claim, Reply)>) -> Result<()> {
    let until = sim.now() + 2 * sim.with(|world| world.plan.lease);
    let (mut open, mut apart, mut tries) = (answers, false, 0);
    while !open.is_empty() {
        tries += 1;
        match finish(sim, &open, tries >= COME_BACK, apart).await {
            Ok(rest) => open = rest,
            Err(failure) if failure.isolates() && open.len() > 1 => {
                for answer in open {
                    Box::pin(finish_for_sure(sim, vec![answer])).await?;
                }
                return Ok(());
            }
            Err(failure) if failure.isolates() && !apart => apart = true,
            Err(failure) if failure.isolates() => return Ok(()),
            Err(failure) if sim.now() > until => return Err(failure),
            Err(_) => {}
        }
        if !open.is_empty() {
            sim.sleep(20 * i64::from(tries.min(25))).await;
        }
    }
    Ok(())
}

/// One T3; returns the answers whose rows somebody else held.
async fn finish(
    sim: &Sim,
    answers: &[(Claim, Reply)],
    give_up: bool,
    apart: bool,
) -> Result<Vec<(Claim, Reply)>> {
    let mut line = Line::new(sim);
    line.begin();
    let claims: Vec<&Claim> = answers.iter().map(|answer| &answer.0).collect();
    let ours = line
        .say("T3 lock", |db, me, _| deliveries::lock(db, me, &claims))
        .await?;
    let present = match ours.len() < claims.len() {
        true => {
            line.say("T3 present", |db, me, _| {
                deliveries::present(db, me, &claims)
            })
            .await?
        }
        false => Vec::new(),
    };
    let now = sim.now();
    let (mut ended, mut again, mut stale, mut rest) = (vec![], vec![], vec![], vec![]);
    for (claim, reply) in answers {
        if !ours.contains(&claim.id) {
            if present.contains(&claim.id) && !give_up {
                rest.push((claim.clone(), reply.clone()));
            } else {
                stale.push((claim, reply.verdict));
            }
            continue;
        }
        match settle(claim, reply, instant(now)) {
            Settlement::End(ended_as) => ended.push((claim, ended_as, reply)),
            Settlement::Again { after, uncounted } => again.push(deliveries::Back {
                claim,
                due: millis(later(instant(now), after)),
                verdict: word(reply.verdict),
                uncounted,
                doubt: reply.verdict == Verdict::Unknown,
            }),
        }
    }
    if give_up {
        let held = claims.iter().filter(|claim| ours.contains(&claim.id));
        let held: Vec<&Claim> = held.copied().collect();
        line.say("T3 forget", |db, me, _| {
            deliveries::forget_stale(db, me, &held)
        })
        .await?;
    }
    if !again.is_empty() {
        line.say("T3 retry", |db, me, _| deliveries::retry(db, me, &again))
            .await?;
    }
    if !stale.is_empty() {
        line.say("T3 stale", |db, me, _| deliveries::stale(db, me, &stale))
            .await?;
    }
    let ends = ended.iter().map(|(claim, ended, _)| deliveries::End {
        claim,
        ended: *ended,
        answered: true,
    });
    let ends: Vec<_> = ends.collect();
    if !ends.is_empty() {
        line.say("T3 finish", |db, me, _| deliveries::finish(db, me, &ends))
            .await?;
    }
    let told: Vec<_> = ended
        .iter()
        .map(|(claim, ended, reply)| (*claim, told(claim, *ended, reply)))
        .collect();
    let left = match apart {
        true => answer_apart(&mut line, &told).await?,
        false => answer(sim, &mut line, &told).await?,
    };
    line.commit("T3").await?;
    ring_after(sim, &left);
    Ok(rest)
}

/// What the path is told of an ended row.
pub(super) fn told(claim: &Claim, ended: Ended, reply: &Reply) -> transition::Reply {
    transition::Reply {
        seq: claim.seq,
        outcome: match ended {
            Ended::Sent => ReplyOutcome::Sent,
            Ended::Failed => ReplyOutcome::Failed,
            Ended::Unknown => ReplyOutcome::Unknown,
            Ended::Suppressed => ReplyOutcome::Suppressed,
        },
        response: reply.response.clone(),
        error: reply.error.clone(),
        message: reply.message.clone(),
    }
}

type Told<'a> = (&'a Claim, transition::Reply);

/// Advances the executions that asked; where a row is locked, the answer waits in `wakes`.
pub(super) async fn answer(sim: &Sim, line: &mut Line, told: &[Told<'_>]) -> Result<Left> {
    if told.is_empty() {
        return Ok(Left::default());
    }
    let ids: Vec<Uuid> = told.iter().map(|(claim, _)| claim.execution).collect();
    let claimed = line
        .say("claim who asked", |db, me, now| {
            runs::claim_ids(db, me, now, &ids)
        })
        .await?;
    let live = match claimed.len() < ids.len() {
        true => {
            line.say("present", |db, me, _| runs::present(db, me, &ids))
                .await?
        }
        false => Vec::new(),
    };
    let people = claimed.iter().map(|c| c.execution.contact).collect();
    let mut batch = Batch::load(sim, line, people).await?;
    let by_id = |id: Uuid| claimed.iter().find(|c| c.execution.id == id);
    let mut waiting: Vec<&Told<'_>> = Vec::new();
    for one in told {
        match by_id(one.0.execution) {
            Some(claimed) => drop(batch.feed(claimed, &Input::Reply(one.1.clone()))),
            None if live.contains(&one.0.execution) => waiting.push(one),
            None => {}
        }
    }
    let mut left = batch.write(line).await?;
    for one in told {
        let contact = by_id(one.0.execution).map(|c| c.execution.contact);
        if contact.is_some_and(|contact| left.held.contains(&(TENANT, contact))) {
            waiting.push(one);
        }
    }
    wait(line, &waiting).await?;
    left.ready |= !waiting.is_empty();
    Ok(left)
}

/// Leaves the answers in `wakes`, for a transaction of their own.
pub(super) async fn answer_apart(line: &mut Line, told: &[Told<'_>]) -> Result<Left> {
    let ids: Vec<Uuid> = told.iter().map(|(claim, _)| claim.execution).collect();
    let live = line
        .say("present", |db, me, _| runs::present(db, me, &ids))
        .await?;
    let waiting: Vec<_> = told
        .iter()
        .filter(|one| live.contains(&one.0.execution))
        .collect();
    wait(line, &waiting).await?;
    Ok(Left {
        ready: !waiting.is_empty(),
        ..Left::default()
    })
}

async fn wait(line: &mut Line, waiting: &[&Told<'_>]) -> std::result::Result<(), Failure> {
    if waiting.is_empty() {
        return Ok(());
    }
    line.say("insert wakes", |db, me, _| {
        for (claim, reply) in waiting {
            let input = Input::Reply(reply.clone());
            wakes::insert(db, me, (claim.execution, 0, claim.seq), &input)?;
        }
        Ok(())
    })
    .await
}
