//! The dispatch plane: claim (T2), barrier (T2b), send, finish (T3). Lease and fence, since no
//! transaction can be open while something leaves the machine.
//!
//! A dispatcher keeps sends in flight, at most `concurrency` a provider, and finishes whatever has
//! answered in one transaction, which also advances the executions that asked.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant as Monotonic},
};

use sqlx::PgConnection;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Round, Shared, line::Line, room::Providers, settle::must_ask, turns::Turns,
    watermark::Watermark,
};
use crate::{
    connect::Reply,
    faults::{self, FailPoint},
    model::execution::Instant,
    store::{
        Scope, StoreResult,
        outbox::{self, Claim, Room},
    },
};

mod finish;
mod send;

use finish::finish_for_sure;
pub(crate) use finish::{answer, answer_apart, later};
pub(super) use send::needs_barrier;
use send::{ask, deliver, send};
#[cfg(all(test, feature = "failpoints"))]
pub(super) use {
    finish::{COME_BACK, word},
    send::MARGIN,
};

/// Most answers that one T3 takes.
const CHUNK: usize = 1_000;
/// What came back of a send: none where the barrier did not let it pass; it is dropped silently.
type Answer = (Claim, Option<Reply>);

/// One dispatcher with its sends in flight.
#[derive(Debug)]
pub struct Dispatcher {
    shared: Shared,
    line: Line,
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
            line: Line::new(&shared.pool),
            watermark: Watermark::sharing(&shared.looks.sends, Duration::ZERO),
            shared,
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
        finish_for_sure(&self.shared, &mut self.line, scope, answers.collect()).await
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
        let mut connection = self.line.take().await?;
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
            self.line.keep(connection);
            return Ok(self.watermark.nothing().await);
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
        self.line.keep(connection);
        finish_for_sure(&self.shared, &mut self.line, scope, answers).await?;
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
