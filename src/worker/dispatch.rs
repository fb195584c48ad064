//! The dispatch plane: claim (T2), barrier (T2b), send, finish (T3). Lease and fence, since no
//! transaction can be open while something leaves the machine.
//!
//! A dispatcher keeps sends in flight, at most `concurrency` a provider, and finishes whatever has
//! answered in one transaction, which also advances the executions that asked.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant as Monotonic},
};

use sqlx::PgConnection;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Round, Shared,
    advance::Stage,
    room::Providers,
    settle::{Settlement, forgotten, may_send, must_ask, settle},
    turns::Turns,
    watermark::Watermark,
};
use crate::{
    connect::{Delivery, Found, Reply, Verdict},
    faults::{self, FailPoint, Plant, planted},
    model::{
        execution::Instant,
        transition::{self, Input, Policy, ReplyOutcome},
    },
    store::{
        Scope, StoreResult,
        error::Remedy,
        executions,
        outbox::{self, Again, Claim, Ended, Finished, Room},
    },
};

/// Between the last instant at which a send may begin and the end of the lease, beside the send's own timeout.
const MARGIN: Duration = Duration::from_secs(2);
/// Longest that the question what became of an earlier try may take.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Most answers that one T3 takes.
const CHUNK: usize = 1_000;
/// How often T3 comes back for a row that somebody else holds.
const COME_BACK: u32 = 20;

/// What came back of a send: none where the barrier did not let it pass; it is dropped silently.
type Answer = (Claim, Option<Reply>);

/// One dispatcher with its sends in flight.
#[derive(Debug)]
pub struct Dispatcher {
    shared: Shared,
    watermark: Watermark,
    turns: Turns,
    /// Claims by time and by turns alternate while there is more than one takes.
    by_turns: bool,
    providers: Providers,
    in_flight: usize,
    /// Nothing begins any more: what waits for a slot is given back.
    closing: CancellationToken,
    answers: mpsc::UnboundedReceiver<Answer>,
    desk: mpsc::UnboundedSender<Answer>,
}

impl Dispatcher {
    /// A dispatcher with nothing in flight.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        let (desk, answers) = mpsc::unbounded_channel();
        let local = |action: &&str| {
            let connector = shared.connectors.get(action);
            connector.is_some_and(|connector| connector.is_local())
        };
        let local = shared.connectors.actions().filter(local);
        let local = local.map(str::to_owned).collect();
        let providers = Providers::new(shared.settings.concurrency, local);
        Self {
            shared,
            watermark: Watermark::default(),
            turns: Turns::default(),
            by_turns: false,
            providers,
            in_flight: 0,
            closing: CancellationToken::new(),
            answers,
            desk,
        }
    }

    /// Finishes what has answered, and claims what there is room for. Never waits for an answer: each
    /// rings the dispatch bell.
    ///
    /// # Errors
    /// Of the database; sends in flight stay in flight.
    pub async fn run_once(&mut self, scope: &Scope) -> StoreResult<Round> {
        let mut answered = Vec::new();
        while answered.len() < CHUNK
            && let Ok(answer) = self.answers.try_recv()
        {
            answered.push(answer);
        }
        let finished = !answered.is_empty();
        self.finish(scope, answered).await?;
        let claimed = self.claim(scope).await?;
        Ok(match claimed {
            Round::Idle if finished => Round::Worked,
            other => other,
        })
    }

    /// The end of the dispatcher: gives back what has not begun, and finishes the rest.
    ///
    /// # Errors
    /// Of the database.
    pub async fn close(&mut self, scope: &Scope) -> StoreResult<()> {
        self.closing.cancel();
        self.drain(scope).await
    }

    /// Finishes everything in flight; claims nothing.
    ///
    /// # Errors
    /// Of the database.
    pub async fn drain(&mut self, scope: &Scope) -> StoreResult<()> {
        while self.in_flight > 0 {
            let mut answered = Vec::new();
            if self.answers.recv_many(&mut answered, CHUNK).await == 0 {
                break;
            }
            self.finish(scope, answered).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, scope: &Scope, answered: Vec<Answer>) -> StoreResult<()> {
        self.in_flight -= answered.len().min(self.in_flight);
        answered
            .iter()
            .for_each(|(claim, _)| self.providers.leave(claim));
        let answers = answered
            .into_iter()
            .filter_map(|(claim, reply)| Some((claim, reply?)));
        finish_for_sure(&self.shared, scope, answers.collect()).await
    }

    /// T2, and the sends are on their way.
    async fn claim(&mut self, scope: &Scope) -> StoreResult<Round> {
        let settings = &self.shared.settings;
        let room = i32::try_from(self.in_flight).unwrap_or(i32::MAX);
        let limit = settings.batch - room;
        if limit <= 0 {
            return Ok(Round::Idle);
        }
        let from = self.watermark.from(scope);
        // Taken before the statement: the lease in the database ends later than we think.
        let begun = Monotonic::now();
        faults::at(FailPoint::DispatchBegun).await?;
        let mut connection = self.shared.pool.acquire().await?;
        let free = self.providers.room(limit);
        let crowded = self.turns.crowded || free.is_some();
        self.by_turns = crowded && !self.by_turns;
        let enough = |claims: &[Claim]| i32::try_from(claims.len()).is_ok_and(|n| n >= limit);
        let mut claims = Vec::new();
        if self.by_turns {
            claims = self
                .turn(&mut connection, scope, from, limit, free.as_ref())
                .await?;
        }
        let mut full = enough(&claims);
        if claims.is_empty() {
            let lease = self.shared.settings.lease;
            claims =
                outbox::claim(&mut connection, scope, from, limit, lease, free.as_ref()).await?;
            full = enough(&claims);
            let last = claims.iter().map(|c| c.due_at).max();
            if full || free.is_none() {
                self.watermark.saw(last, full);
            } else {
                // Rows whose provider had no room are still there.
                self.watermark.rewind();
            }
            self.turns.crowded = full;
        }
        if claims.is_empty() {
            return Ok(Round::Idle);
        }
        faults::at(FailPoint::DispatchClaimed).await?;
        let tenants = claims.iter().map(|c| c.tenant);
        self.shared.learn_tenants(&mut connection, tenants).await?;
        let (local, outside): (Vec<Claim>, Vec<Claim>) = claims
            .into_iter()
            .partition(|c| self.is_local(&c.action) && !must_ask(c));
        let mut too_many = Vec::new();
        for claim in outside {
            match self.providers.enter(&claim, scope.tenant().is_none()) {
                Some(slots) => self.launch(claim, slots, begun),
                None => too_many.push(claim),
            }
        }
        if !too_many.is_empty() {
            self.watermark.rewind();
        }
        // Others may have room for them, and their lease does not run meanwhile.
        let back: Vec<&Claim> = too_many.iter().collect();
        outbox::release(&mut connection, &back).await?;
        let answers = self.send_local(&mut connection, local, begun).await?;
        drop(connection);
        finish_for_sure(&self.shared, scope, answers).await?;
        Ok(match full {
            // There is more, but no room for it: the next answer rings.
            _ if !too_many.is_empty() => Round::Idle,
            true => Round::Full,
            false => Round::Worked,
        })
    }

    /// While there is more to send than a claim takes: the next tenants' oldest, a few of each.
    async fn turn(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        from: Instant,
        limit: i32,
        room: Option<&Room>,
    ) -> StoreResult<Vec<Claim>> {
        let Scope::Everyone { except } = scope else {
            return Ok(Vec::new());
        };
        let (lease, turn) = (self.shared.settings.lease, self.turns.next());
        let (claims, after) =
            outbox::claim_turns(connection, except, from, limit, lease, turn, room).await?;
        self.turns.had(0, after);
        Ok(claims)
    }

    fn is_local(&self, action: &str) -> bool {
        self.shared
            .connectors
            .get(action)
            .is_some_and(|connector| connector.is_local())
    }

    /// Connectors that call nobody: one barrier for all, no slots to wait for.
    async fn send_local(
        &self,
        connection: &mut PgConnection,
        claims: Vec<Claim>,
        begun: Monotonic,
    ) -> StoreResult<Vec<(Claim, Reply)>> {
        let guarded: Vec<&Claim> = claims.iter().filter(|c| needs_barrier(c.policy)).collect();
        let passed: HashSet<Uuid> = if guarded.is_empty() {
            HashSet::new()
        } else {
            faults::at(FailPoint::BarrierAsked).await?;
            let passed = outbox::barrier(connection, &guarded).await?;
            faults::at(FailPoint::BarrierPassed).await?;
            passed.into_iter().collect()
        };
        let mut answers = Vec::with_capacity(claims.len());
        for claim in claims {
            if !needs_barrier(claim.policy) || passed.contains(&claim.id) {
                let reply = deliver(&self.shared, &claim, begun).await;
                answers.push((claim, reply));
            }
        }
        Ok(answers)
    }

    /// One send to the outside: waits for a slot of its provider, passes the barrier, goes.
    fn launch(&mut self, mut claim: Claim, slots: Arc<Semaphore>, begun: Monotonic) {
        let shared = self.shared.clone();
        let desk = self.desk.clone();
        let closing = self.closing.clone();
        self.in_flight += 1;
        tokio::spawn(async move {
            let slot = tokio::select! {
                biased;
                () = closing.cancelled() => {
                    let _ = desk.send((claim, Some(Reply::too_late())));
                    return;
                }
                slot = slots.acquire_owned() => slot,
            };
            let reply = match ask(&shared, &mut claim, begun).await {
                Some(known) => Some(known),
                None => send(&shared, &claim, begun).await,
            };
            drop(slot);
            // The desk is gone only when the dispatcher is: then the lease brings the row back.
            if desk.send((claim, reply)).is_ok() {
                shared.bells.dispatch.notify_one();
            }
        });
    }
}

fn needs_barrier(policy: Policy) -> bool {
    matches!(policy, Policy::Hold | Policy::Reconcile) && !planted(Plant::NoBarrier)
}

fn timeout(shared: &Shared, claim: &Claim) -> Duration {
    claim.timeout.min(shared.settings.lease / 2)
}

fn deadline(shared: &Shared, claim: &Claim, begun: Monotonic) -> Monotonic {
    let lease = shared.settings.lease;
    begun
        + lease
            .saturating_sub(timeout(shared, claim))
            .saturating_sub(MARGIN)
}

async fn pass(shared: &Shared, claim: &Claim) -> StoreResult<bool> {
    faults::at(FailPoint::BarrierAsked).await?;
    let mut connection = shared.pool.acquire().await?;
    let passed = outbox::barrier(&mut connection, &[claim]).await?;
    faults::at(FailPoint::BarrierPassed).await?;
    Ok(!passed.is_empty())
}

/// Past the barrier, if there is one, and out. None: the barrier did not let it pass, or could not be asked; nothing
/// is sent, and the lease brings the row back.
async fn send(shared: &Shared, claim: &Claim, begun: Monotonic) -> Option<Reply> {
    let in_time = Monotonic::now() < deadline(shared, claim, begun);
    let go = !in_time || !needs_barrier(claim.policy) || pass(shared, claim).await.unwrap_or(false);
    if go {
        Some(deliver(shared, claim, begun).await)
    } else {
        None
    }
}

/// Asks what became of an earlier try, where it is in doubt and somebody can be asked. None: it was certainly not
/// done, or nothing is in doubt; it is to be sent.
async fn ask(shared: &Shared, claim: &mut Claim, begun: Monotonic) -> Option<Reply> {
    if !must_ask(claim) {
        return None;
    }
    let found = {
        // Half of what is left before the send may begin: the other half is for what comes before it.
        let left = deadline(shared, claim, begun).saturating_duration_since(Monotonic::now());
        let tenant = shared.tenant_name(claim.tenant);
        let mut delivery = delivery(shared, claim, &tenant, begun);
        delivery.timeout = delivery.timeout.min(LOOK_UP).min(left / 2);
        shared.connectors.look_up(&delivery).await
    };
    match found {
        Found::Done(reply) | Found::CannotTell(reply) => Some(reply),
        Found::NotFound => {
            claim.doubt = false;
            let why = "the provider knows nothing of it, and no try is left";
            (!may_send(claim)).then(|| Reply::not_sent("not_done", why))
        }
    }
}

fn delivery<'a>(
    shared: &'a Shared,
    claim: &'a Claim,
    tenant: &'a str,
    begun: Monotonic,
) -> Delivery<'a> {
    Delivery {
        outbox_id: claim.id,
        tenant,
        action: &claim.action,
        request: &claim.request,
        attempt: u32::from(claim.attempt.unsigned_abs()),
        timeout: timeout(shared, claim),
        deadline: deadline(shared, claim, begun).into(),
        secrets: &*shared.secrets,
    }
}

async fn deliver(shared: &Shared, claim: &Claim, begun: Monotonic) -> Reply {
    if forgotten(claim) {
        let why = "the provider may have forgotten the key of an earlier try";
        return Reply::failed(Verdict::NotSent, "window_over", why);
    }
    let tenant = shared.tenant_name(claim.tenant);
    let delivery = delivery(shared, claim, &tenant, begun);
    // An error at these two has no meaning: they stand where a process can only die or be late.
    faults::at(FailPoint::SendBefore).await.ok();
    let reply = shared.connectors.deliver(&delivery).await;
    faults::at(FailPoint::SendAnswered).await.ok();
    reply
}

/// T3 until the database has taken it: repeating it after a lost COMMIT reply is harmless. A row whose
/// lease runs out meanwhile comes back as stale, which is kept as evidence.
async fn finish_for_sure(
    shared: &Shared,
    scope: &Scope,
    answers: Vec<(Claim, Reply)>,
) -> StoreResult<()> {
    let until = Monotonic::now() + shared.settings.lease * 2;
    let mut open = answers;
    let mut apart = false;
    let mut tries = 0_u32;
    while !open.is_empty() {
        tries += 1;
        match finish(shared, scope, &open, tries >= COME_BACK, apart).await {
            Ok(rest) => open = rest,
            Err(error) if error.remedy() == Remedy::Isolate && open.len() > 1 => {
                tracing::warn!(error = %error.class(), rows = open.len(), "a finish failed; going row by row");
                for answer in open {
                    Box::pin(finish_for_sure(shared, scope, vec![answer])).await?;
                }
                return Ok(());
            }
            // What follows the answer is refused, not the answer: it is recorded, and the execution told apart (I-9).
            Err(error) if error.remedy() == Remedy::Isolate && !apart => apart = true,
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
    scope: &Scope,
    answers: &[(Claim, Reply)],
    give_up: bool,
    apart: bool,
) -> StoreResult<Vec<(Claim, Reply)>> {
    let mut tx = shared.pool.begin().await?;
    faults::at(FailPoint::FinishBegun).await?;
    let claims: Vec<&Claim> = answers.iter().map(|a| &a.0).collect();
    let (ours, clock) = outbox::lock(&mut tx, &claims).await?;
    let present = outbox::present(&mut tx, &claims).await?;
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
    shared.bells.after(&left);
    Ok(rest)
}

pub(crate) fn later(now: Instant, after: Duration) -> Instant {
    let after = chrono::TimeDelta::from_std(after).unwrap_or(chrono::TimeDelta::days(1));
    now.checked_add_signed(after).unwrap_or(now)
}

fn word(verdict: Verdict) -> &'static str {
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
) -> StoreResult<super::advance::Left> {
    if told.is_empty() {
        return Ok(super::advance::Left::default());
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
    let mut stage = Stage::load(shared, connection, versions, &[], people).await?;
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
) -> StoreResult<super::advance::Left> {
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
    Ok(super::advance::Left {
        ready: !waiting.is_empty(),
        ..super::advance::Left::default()
    })
}
