//! The janitor: expired leases, partitions ahead, days that are kept no longer. By whichever worker claims the rows.

use uuid::Uuid;

use super::{
    Round, Shared, Work, dispatch,
    settle::{Settlement, settle_expired},
};
use crate::{
    connect::{Reply, Verdict},
    faults::{self, FailPoint},
    model::transition::{self, ReplyOutcome},
    store::{
        Scope, StoreResult, clock, counts,
        error::Remedy,
        others,
        outbox::{self, Again, Ended, Finished},
        partitions::{self, Dropped},
    },
};

/// Expired leases a round takes.
const BATCH: i32 = 500;
/// Changes of figures that one transaction adds up.
pub const FOLDED: i32 = 10_000;
/// Days for which partitions stand ready.
const DAYS_AHEAD: i32 = 7;

/// T4: rows whose dispatcher did not come back, by policy.
///
/// # Errors
/// Of the database.
pub async fn run_once(shared: &Shared, scope: &Scope) -> StoreResult<Round> {
    match reap(shared, scope, false).await {
        // What follows one of the rows is refused: the rows are settled, and the executions told apart (I-9).
        Err(error) if error.remedy() == Remedy::Isolate => {
            tracing::warn!(error = %error.class(), "settling lost leases failed; telling the executions apart");
            faults::at(FailPoint::ReapApart).await?;
            reap(shared, scope, true).await
        }
        other => other,
    }
}

async fn reap(shared: &Shared, scope: &Scope, apart: bool) -> StoreResult<Round> {
    let mut tx = shared.pool.begin().await?;
    faults::at(FailPoint::ReapBegun).await?;
    let expired = outbox::expired(&mut tx, scope, BATCH).await?;
    if expired.is_empty() {
        return Ok(Round::Idle);
    }
    faults::at(FailPoint::ReapClaimed).await?;
    let database_now = clock::database_now(&mut tx).await?;
    let business_now = scope.now().unwrap_or(database_now);
    let reply = Reply::failed(
        Verdict::Unknown,
        "lease_lost",
        "the dispatcher did not come back",
    );
    let (mut ended, mut again) = (Vec::new(), Vec::new());
    for (claim, passed) in &expired {
        match settle_expired(claim, *passed, database_now) {
            Settlement::End(how) => ended.push(Finished {
                claim,
                ended: how,
                response: &reply.response,
                error: reply.error.as_deref(),
                captured: None,
                at: business_now,
            }),
            Settlement::Again { after, uncounted } => again.push(Again {
                claim,
                due_at: dispatch::later(business_now, after),
                verdict: "reaped",
                error: Some("lease_lost"),
                response: None,
                uncounted,
                // Given back uncounted: it had not passed the barrier, so nothing left.
                doubt: !uncounted,
            }),
        }
    }
    outbox::retry(&mut tx, &again).await?;
    faults::at(FailPoint::ReapRetried).await?;
    outbox::finish(&mut tx, &ended).await?;
    faults::at(FailPoint::ReapMoved).await?;
    let told: Vec<_> = ended
        .iter()
        .map(|row| {
            let outcome = match row.ended {
                Ended::Unknown => ReplyOutcome::Unknown,
                _ => ReplyOutcome::Failed,
            };
            let reply = transition::Reply {
                seq: row.claim.seq,
                outcome,
                response: serde_json::Value::Null,
                error: reply.error.clone(),
                message: reply.message.clone(),
            };
            (row.claim, reply)
        })
        .collect();
    let left = if apart {
        dispatch::answer_apart(&mut tx, scope, &told).await?
    } else {
        dispatch::answer(shared, &mut tx, scope, &told).await?
    };
    faults::at(FailPoint::ReapTold).await?;
    tx.commit().await?;
    faults::at(FailPoint::ReapCommitted).await?;
    tracing::info!(rows = expired.len(), "leases had run out");
    shared.bells.tell(left.work());
    shared.bells.wake(Work::DISPATCH);
    Ok(if expired.len() >= BATCH.unsigned_abs() as usize {
        Round::Full
    } else {
        Round::Worked
    })
}

/// Executions whose end somebody waits for and was not told of, whatever the reason: told now. The whole table, a
/// page a transaction.
///
/// # Errors
/// Of the database.
pub async fn sweep(shared: &Shared, scope: &Scope) -> StoreResult<Round> {
    let mut connection = shared.pool.acquire().await?;
    let (mut from, mut told) = (None, 0);
    loop {
        let page = others::awaited(&mut connection, scope, from, BATCH).await?;
        let ended: Vec<Uuid> = page
            .iter()
            .filter(|one| !one.live)
            .map(|one| one.child)
            .collect();
        if !ended.is_empty() {
            let database_now = clock::database_now(&mut connection).await?;
            let now = scope.now().unwrap_or(database_now);
            told += others::wake_parents(&mut connection, &ended, now).await?;
        }
        match page.last() {
            Some(last) if page.len() >= BATCH.unsigned_abs() as usize => {
                from = Some((last.bucket, last.child));
            }
            _ => break,
        }
    }
    if told == 0 {
        return Ok(Round::Idle);
    }
    tracing::warn!(told, "executions waited for an end that had come");
    shared.bells.tell(Work::RUN);
    Ok(Round::Worked)
}

/// Partitions for the days ahead; twice without harm.
///
/// # Errors
/// Of the database.
pub async fn keep_partitions(shared: &Shared) -> StoreResult<()> {
    let mut connection = shared.pool.acquire().await?;
    faults::at(FailPoint::PartitionsBegun).await?;
    partitions::ensure(&mut connection, DAYS_AHEAD).await?;
    faults::at(FailPoint::PartitionsMade).await?;
    Ok(())
}

/// Drops the days that are older than the settings keep them, one a transaction. One that somebody reads waits for the
/// next round: nobody who writes is to wait behind a reader.
///
/// # Errors
/// Of the database.
pub async fn drop_old(shared: &Shared) -> StoreResult<()> {
    let settings = &shared.settings;
    let mut connection = shared.pool.acquire().await?;
    let days =
        partitions::old(&mut connection, settings.keep_history, settings.keep_events).await?;
    let mut ended_went = false;
    for day in days {
        let table = day.split("_2").next().unwrap_or_default().to_owned();
        let how = partitions::drop_day(&mut connection, &day).await?;
        let word = match how {
            Dropped::Whole => "dropped",
            Dropped::Thinned => "dropped but for what is still needed",
            Dropped::Busy => {
                tracing::debug!(day, "is read by somebody; it is dropped later");
                continue;
            }
            Dropped::Needed => continue,
        };
        tracing::info!(day, "a day of history was {word}");
        ended_went |= table == "finished";
        metrics::counter!("waypost_dropped_days_total", "table" => table).increment(1);
    }
    if ended_went {
        let gone = partitions::forget_moved(&mut connection, BATCH).await?;
        if gone > 0 {
            tracing::info!(gone, "moves of executions that are gone were forgotten");
        }
    }
    Ok(())
}

/// Adds up what commits have added to the figures of their workflows.
///
/// # Errors
/// Of the database.
pub async fn fold(shared: &Shared) -> StoreResult<Round> {
    let mut connection = shared.pool.acquire().await?;
    let folded = counts::fold(&mut connection, FOLDED).await?;
    Ok(if folded < i64::from(FOLDED) {
        Round::Idle
    } else {
        Round::Full
    })
}
