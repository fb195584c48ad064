//! [`super::super::dispatch`]: claim (T2), barrier (T2b), send, finish (T3). What a verdict means is decided by
//! [`crate::worker::settle`] itself.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use uuid::Uuid;

use super::{
    advance::{Batch, ring_after},
    database::{Millis, TENANT, instant, millis},
    line::{Failure, Line, Result},
    provider,
    runner::Watermark,
    runs, sends,
    stage::{Bell, Sim},
};
use crate::{
    connect::{Found, Reply, Verdict},
    model::transition::{self, Input, ReplyOutcome},
    store::outbox::{Claim, Ended},
    worker::{
        Round,
        advance::Left,
        dispatch::{COME_BACK, MARGIN, later, needs_barrier, word},
        settle::{Settlement, forgotten, may_send, must_ask, settle},
    },
};

/// What came back of a send; none: the barrier did not let it pass.
type Answer = (Claim, Option<Reply>);

/// One dispatcher with its sends in flight.
pub(super) struct Dispatcher {
    sim: Sim,
    watermark: Watermark,
    in_flight: usize,
    desk: Rc<RefCell<VecDeque<Answer>>>,
}

impl Dispatcher {
    pub(super) fn new(sim: &Sim) -> Self {
        Self {
            sim: sim.clone(),
            watermark: Watermark::default(),
            in_flight: 0,
            desk: Rc::default(),
        }
    }

    /// Finishes what has answered, and claims what there is room for.
    pub(super) async fn run_once(&mut self) -> Result<Round> {
        let answered: Vec<Answer> = self.desk.borrow_mut().drain(..).collect();
        self.in_flight -= answered.len();
        let finished = !answered.is_empty();
        let answers = answered
            .into_iter()
            .filter_map(|(claim, reply)| Some((claim, reply?)));
        finish_for_sure(&self.sim, answers.collect()).await?;
        Ok(match self.claim().await? {
            Round::Idle if finished => Round::Worked,
            other => other,
        })
    }

    /// T2, and the sends are on their way.
    async fn claim(&mut self) -> Result<Round> {
        let (batch, lease) = self.sim.with(|world| (world.plan.batch, world.plan.lease));
        let Some(limit) = batch.checked_sub(self.in_flight).filter(|n| *n > 0) else {
            return Ok(Round::Idle);
        };
        let begun = self.sim.now();
        let (from, error) = (self.watermark.from(begun), self.sim.clock_error());
        let mut line = Line::new(&self.sim);
        let claims = line
            .say("T2 claim", |db, me, now| {
                sends::claim(db, me, now, from, limit, (lease, error))
            })
            .await?;
        let full = claims.len() >= limit;
        self.watermark
            .move_to(claims.iter().map(|c| millis(c.due_at)).max(), full);
        if claims.is_empty() {
            return Ok(Round::Idle);
        }
        let (mut back, mut goes) = (Vec::new(), Vec::new());
        for claim in claims {
            // The provider may have no room for it: others may have, and its lease does not run meanwhile.
            match self.sim.with(|world| world.fault(25)) {
                true => back.push(claim),
                false => goes.push(claim),
            }
        }
        goes.into_iter().for_each(|claim| self.launch(claim, begun));
        if !back.is_empty() {
            self.watermark.move_to(None, false);
            line.say("release", |db, me, _| sends::release(db, me, &back))
                .await?;
            return Ok(Round::Idle);
        }
        Ok(if full { Round::Full } else { Round::Worked })
    }

    /// One send to the outside: passes the barrier, goes.
    fn launch(&mut self, mut claim: Claim, begun: Millis) {
        self.in_flight += 1;
        let (sim, desk) = (self.sim.clone(), Rc::clone(&self.desk));
        self.sim.spawn(async move {
            let reply = match ask(&sim, &mut claim, begun).await {
                Some(known) => Some(known),
                None => send(&sim, &claim, begun).await,
            };
            desk.borrow_mut().push_back((claim, reply));
            sim.ring(Bell::Dispatch);
        });
    }
}

fn timeout(sim: &Sim, claim: &Claim) -> Millis {
    let own = i64::try_from(claim.timeout.as_millis()).unwrap_or(Millis::MAX);
    own.min(sim.with(|world| world.plan.lease) / 2)
}

fn deadline(sim: &Sim, claim: &Claim, begun: Millis) -> Millis {
    let margin = i64::try_from(MARGIN.as_millis()).unwrap_or_default();
    begun + (sim.with(|world| world.plan.lease) - timeout(sim, claim) - margin).max(0)
}

/// Past the barrier, if there is one, and out.
async fn send(sim: &Sim, claim: &Claim, begun: Millis) -> Option<Reply> {
    let in_time = sim.now() < deadline(sim, claim, begun);
    let go = !in_time || !needs_barrier(claim.policy) || pass(sim, claim).await.unwrap_or(false);
    match go {
        true if forgotten(claim) => {
            Some(Reply::not_sent("window_over", "the key may be forgotten"))
        }
        true => Some(
            provider::deliver(sim, claim, deadline(sim, claim, begun), timeout(sim, claim)).await,
        ),
        false => None,
    }
}

async fn pass(sim: &Sim, claim: &Claim) -> Result<bool> {
    let mut line = Line::new(sim);
    line.say("T2b barrier", |db, me, now| {
        sends::barrier(db, me, now, claim)
    })
    .await
}

/// Asks what became of an earlier try, where that is in doubt and somebody can be asked.
async fn ask(sim: &Sim, claim: &mut Claim, begun: Millis) -> Option<Reply> {
    if !must_ask(claim) {
        return None;
    }
    if sim.now() >= deadline(sim, claim, begun) {
        return Some(Reply::unknown("timeout", "no time is left to ask"));
    }
    match provider::look_up(sim, claim).await {
        Found::Done(reply) | Found::CannotTell(reply) => Some(reply),
        Found::NotFound => {
            claim.doubt = false;
            (!may_send(claim)).then(|| Reply::not_sent("not_done", "no try is left"))
        }
    }
}

/// T3 until the database has taken it: repeating it after a lost COMMIT reply is harmless.
async fn finish_for_sure(sim: &Sim, answers: Vec<(Claim, Reply)>) -> Result<()> {
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
        .say("T3 lock", |db, me, _| sends::lock(db, me, &claims))
        .await?;
    let present = line
        .say("T3 present", |db, me, _| sends::present(db, me, &claims))
        .await?;
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
            Settlement::Again { after, uncounted } => again.push(sends::Back {
                claim,
                due: millis(later(instant(now), after)),
                verdict: word(reply.verdict),
                uncounted,
                doubt: reply.verdict == Verdict::Unknown,
            }),
        }
    }
    if !again.is_empty() {
        line.say("T3 retry", |db, me, _| sends::retry(db, me, &again))
            .await?;
    }
    if !stale.is_empty() {
        line.say("T3 stale", |db, me, _| sends::stale(db, me, &stale))
            .await?;
    }
    let ends = ended.iter().map(|(claim, ended, _)| sends::End {
        claim,
        ended: *ended,
        answered: true,
    });
    let ends: Vec<_> = ends.collect();
    if !ends.is_empty() {
        line.say("T3 finish", |db, me, _| sends::finish(db, me, &ends))
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
            runs::insert_wake(db, me, (claim.execution, 0, claim.seq), &input)?;
        }
        Ok(())
    })
    .await
}
