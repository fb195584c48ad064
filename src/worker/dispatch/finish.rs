//! T3: answers are recorded, and the executions that asked go on in the same transaction.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant as Monotonic},
};

use sqlx::{Connection, PgConnection};

use crate::{
    connect::{Reply, Verdict},
    faults::{self, FailPoint},
    model::{
        execution::Instant,
        transition::{self, Input, ReplyOutcome},
    },
    store::{
        Scope, StoreResult,
        error::Remedy,
        executions,
        outbox::{self, Again, Claim, Ended, Finished},
    },
    worker::{
        Shared,
        advance::{Left, Stage},
        line::Line,
        settle::{Settlement, settle},
    },
};

/// How often T3 comes back for a row that somebody else holds.
pub(in crate::worker) const COME_BACK: u32 = 20;

/// T3 until the database has taken it: repeating it after a lost COMMIT reply is harmless. A row whose
/// lease runs out meanwhile comes back as stale, which is kept as evidence.
pub(super) async fn finish_for_sure(
    shared: &Shared,
    line: &mut Line,
    scope: &Scope,
    answers: Vec<(Claim, Reply)>,
) -> StoreResult<()> {
    let until = Monotonic::now() + shared.settings.lease * 2;
    let mut open = answers;
    let mut apart = false;
    let mut tries = 0_u32;
    while !open.is_empty() {
        tries += 1;
        match finish(shared, line, scope, &open, tries >= COME_BACK, apart).await {
            Ok(rest) => open = rest,
            Err(error) if error.remedy() == Remedy::Isolate && open.len() > 1 => {
                tracing::warn!(error = %error.class(), rows = open.len(), "a finish failed; going row by row");
                for answer in open {
                    faults::at(FailPoint::FinishAlone).await?;
                    Box::pin(finish_for_sure(shared, line, scope, vec![answer])).await?;
                }
                return Ok(());
            }
            // What follows the answer is refused, not the answer: it is recorded, and the execution told apart (I-9).
            Err(error) if error.remedy() == Remedy::Isolate && !apart => {
                faults::at(FailPoint::FinishApart).await?;
                apart = true;
            }
            Err(error) if error.remedy() == Remedy::Isolate => {
                tracing::error!(error = %error.class(), "an answer cannot be recorded; its lease will bring the row back");
                return Ok(());
            }
            Err(error) if Monotonic::now() > until => return Err(error),
            Err(_) => {}
        }
        if !open.is_empty() {
            tokio::time::sleep(Duration::from_millis(20 * u64::from(tries.min(25)))).await;
        }
    }
    Ok(())
}

/// One T3; returns the answers whose rows somebody else held. `give_up`: those count as stale.
/// `apart`: the executions are told through `wakes`.
async fn finish(
    shared: &Shared,
    line: &mut Line,
    scope: &Scope,
    answers: &[(Claim, Reply)],
    give_up: bool,
    apart: bool,
) -> StoreResult<Vec<(Claim, Reply)>> {
    let mut connection = line.take().await?;
    let mut tx = connection.begin().await?;
    faults::at(FailPoint::FinishBegun).await?;
    let claims: Vec<&Claim> = answers.iter().map(|a| &a.0).collect();
    let (ours, clock) = outbox::lock(&mut tx, &claims).await?;
    let present = if ours.len() < claims.len() {
        outbox::present(&mut tx, &claims).await?
    } else {
        HashSet::new()
    };
    faults::at(FailPoint::FinishLocked).await?;
    let (mut ended, mut again, mut stale, mut rest) = (vec![], vec![], vec![], vec![]);
    for (claim, reply) in answers {
        if !ours.contains(&claim.id) {
            if present.contains(&claim.id) && !give_up {
                rest.push((claim.clone(), reply.clone()));
            } else {
                stale.push((
                    claim,
                    reply.verdict,
                    reply.error.as_deref(),
                    &reply.response,
                ));
            }
            continue;
        }
        let database_now = clock.unwrap_or(claim.now);
        let business_now = scope.now().unwrap_or(database_now);
        match settle(claim, reply, database_now) {
            Settlement::End(how) => ended.push((
                Finished {
                    claim,
                    ended: how,
                    response: &reply.response,
                    error: reply.error.as_deref(),
                    captured: reply.captured.as_ref(),
                    at: business_now,
                },
                reply,
            )),
            Settlement::Again { after, uncounted } => again.push(Again {
                claim,
                due_at: later(business_now, after),
                verdict: word(reply.verdict),
                error: reply.error.as_deref(),
                response: Some(&reply.response),
                uncounted,
                doubt: reply.verdict == Verdict::Unknown,
            }),
        }
    }
    if give_up {
        // The try before may have been committed, and have noted as stale what we hold now.
        let held = claims.iter().filter(|claim| ours.contains(&claim.id));
        outbox::forget_stale(&mut tx, &held.copied().collect::<Vec<_>>()).await?;
    }
    outbox::retry(&mut tx, &again).await?;
    outbox::stale(&mut tx, &stale).await?;
    faults::at(FailPoint::FinishRetried).await?;
    let (rows, replies): (Vec<Finished<'_>>, Vec<&Reply>) = ended.into_iter().unzip();
    outbox::finish(&mut tx, &rows).await?;
    faults::at(FailPoint::FinishMoved).await?;
    let told: Vec<(&Claim, transition::Reply)> = rows
        .iter()
        .zip(replies)
        .map(|(row, reply)| (row.claim, told(row, reply)))
        .collect();
    let left = if apart {
        answer_apart(&mut tx, scope, &told).await?
    } else {
        answer(shared, &mut tx, scope, &told).await?
    };
    faults::at(FailPoint::FinishTold).await?;
    tx.commit().await?;
    faults::at(FailPoint::FinishCommitted).await?;
    line.keep(connection);
    shared.bells.tell(left.work());
    Ok(rest)
}

pub(crate) fn later(now: Instant, after: Duration) -> Instant {
    let after = chrono::TimeDelta::from_std(after).unwrap_or(chrono::TimeDelta::days(1));
    now.checked_add_signed(after).unwrap_or(now)
}

pub(in crate::worker) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::NotSent => "not_sent",
        Verdict::Rejected => "rejected",
        Verdict::Retryable => "retryable",
        Verdict::Unknown => "unknown",
    }
}

/// What the path is told of an ended row.
fn told(row: &Finished<'_>, reply: &Reply) -> transition::Reply {
    transition::Reply {
        seq: row.claim.seq,
        outcome: match row.ended {
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

/// Advances the executions that asked, right here; where a row is locked, the answer waits in `wakes`.
pub(crate) async fn answer(
    shared: &Shared,
    connection: &mut PgConnection,
    scope: &Scope,
    told: &[(&Claim, transition::Reply)],
) -> StoreResult<Left> {
    if told.is_empty() {
        return Ok(Left::default());
    }
    let ids: Vec<_> = told.iter().map(|(c, _)| (c.bucket, c.execution)).collect();
    let claimed = executions::claim_ids(connection, scope, &ids).await?;
    let live = if claimed.len() < ids.len() {
        executions::present(connection, &ids).await?
    } else {
        Vec::new()
    };
    shared
        .learn_tenants(connection, claimed.iter().map(|c| c.execution.tenant))
        .await?;
    let versions = claimed
        .iter()
        .map(|c| (c.execution.workflow, c.execution.version));
    let people = claimed
        .iter()
        .map(|c| (c.execution.tenant, c.execution.contact));
    let mut stage = Stage::load(shared, connection, versions, Default::default(), people).await?;
    let by_id: HashMap<_, _> = claimed.iter().map(|c| (c.execution.id, c)).collect();
    let mut waiting = Vec::new();
    for (claim, reply) in told {
        match by_id.get(&claim.execution) {
            Some(claimed) => {
                stage.feed(claimed, &Input::Reply(reply.clone()));
            }
            None if live.contains(&claim.execution) => {
                waiting.push((claim.bucket, claim.execution, claim.tenant, reply.clone()));
            }
            None => {}
        }
    }
    let mut left = stage.write(connection).await?;
    for (claim, reply) in told {
        let held = by_id.get(&claim.execution).is_some_and(|c| {
            left.held
                .contains(&(c.execution.tenant, c.execution.contact))
        });
        if held {
            waiting.push((claim.bucket, claim.execution, claim.tenant, reply.clone()));
        }
    }
    let now = told
        .first()
        .map_or(executions::BEGINNING, |(c, _)| scope.now().unwrap_or(c.now));
    executions::insert_wakes(connection, &waiting, now).await?;
    left.ready |= !waiting.is_empty();
    Ok(left)
}

/// Leaves the answers in `wakes`, for a transaction of their own: a write that is refused there undoes no answer.
pub(crate) async fn answer_apart(
    connection: &mut PgConnection,
    scope: &Scope,
    told: &[(&Claim, transition::Reply)],
) -> StoreResult<Left> {
    let ids: Vec<_> = told.iter().map(|(c, _)| (c.bucket, c.execution)).collect();
    let live = executions::present(connection, &ids).await?;
    let waiting: Vec<_> = told
        .iter()
        .filter(|(c, _)| live.contains(&c.execution))
        .map(|(c, reply)| (c.bucket, c.execution, c.tenant, reply.clone()))
        .collect();
    let now = told
        .first()
        .map_or(executions::BEGINNING, |(c, _)| scope.now().unwrap_or(c.now));
    executions::insert_wakes(connection, &waiting, now).await?;
    Ok(Left {
        ready: !waiting.is_empty(),
        ..Left::default()
    })
}
