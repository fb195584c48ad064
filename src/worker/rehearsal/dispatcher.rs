//! [`super::super::dispatch`]: claim (T2), barrier (T2b), send. The finish (T3) stands in [`super::finish`].

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::{
    database::{Millis, millis},
    finish::finish_for_sure,
    line::{Line, Result},
    provider, sends,
    sim::Sim,
    watermark::Watermark,
    world::Bell,
};
use crate::{
    connect::{Found, Reply, Verdict},
    store::outbox::Claim,
    worker::{
        Round,
        dispatch::{MARGIN, needs_barrier},
        settle::{forgotten, may_send, must_ask, withheld},
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
        let (from, error) = (self.watermark.from(&self.sim), self.sim.clock_error());
        let mut line = Line::new(&self.sim);
        let claims = line
            .say("T2 claim", |db, me, now| {
                sends::claim(db, me, now, from, limit, (lease, error))
            })
            .await?;
        let full = claims.len() >= limit;
        let last = claims.iter().map(|c| millis(c.due_at)).max();
        self.watermark.saw(last, full);
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
            self.watermark.rewind();
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
        true if withheld(claim) => {
            let why = "may have been sent before the restore";
            Some(Reply::failed(Verdict::Unknown, "restored", why))
        }
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
