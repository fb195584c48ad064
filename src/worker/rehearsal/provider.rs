//! The outside: providers that act and answer, act and do not answer, act late, refuse, or are not there.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    database::Millis,
    sim::Sim,
    world::{HOUR, World},
};
use crate::{
    connect::{Found, Reply, Verdict},
    model::transition::Policy,
    store::outbox::Claim,
};

/// How long a provider remembers an idempotency key: an hour longer than it is relied on.
const REMEMBERS: Millis = 24 * HOUR;

/// A request that came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) key: Uuid,
    /// It acted, or will; nothing was said of it, or may not have been.
    pub(super) in_doubt: bool,
}

/// Something that was done.
#[derive(Debug, Clone)]
pub(super) struct Act {
    pub(super) key: Uuid,
    pub(super) execution: Uuid,
    pub(super) step: u32,
    pub(super) policy: Policy,
}

/// All providers.
#[derive(Default)]
pub(super) struct Provider {
    pub(super) requests: Vec<Request>,
    pub(super) acts: Vec<Act>,
    /// Of those that know keys: since when.
    known: BTreeMap<Uuid, Millis>,
    late: Vec<(Millis, Act)>,
}

/// What a provider does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answers,
    IsNotThere,
    IsBusy,
    Refuses,
    DropsTheReply,
    DropsTheRequest,
    ActsLate,
}

impl Provider {
    pub(super) fn act_late(&mut self, now: Millis) {
        let mut at = 0;
        while at < self.late.len() {
            if self.late[at].0 <= now {
                let (_, act) = self.late.swap_remove(at);
                self.acts.push(act);
            } else {
                at += 1;
            }
        }
    }

    pub(super) fn next_late(&self) -> Option<Millis> {
        self.late.iter().map(|late| late.0).min()
    }

    /// How often it has acted on a key.
    pub(super) fn acts_on(&self, key: Uuid) -> usize {
        self.acts.iter().filter(|act| act.key == key).count()
    }

    fn remembers(&self, key: Uuid, now: Millis) -> bool {
        self.known
            .get(&key)
            .is_some_and(|since| now < since + REMEMBERS)
    }
}

fn fate(world: &mut World, claim: &Claim) -> Fate {
    const ODD: [Fate; 6] = [
        Fate::IsNotThere,
        Fate::IsBusy,
        Fate::Refuses,
        Fate::DropsTheReply,
        Fate::DropsTheRequest,
        Fate::ActsLate,
    ];
    let once_in = world.plan.odd_replies;
    if !world.fault(once_in) {
        return Fate::Answers;
    }
    match world.dice.of(&ODD) {
        // Who knows the key does not refuse what it has done; a refusal would spoil what a restore is to repeat.
        Fate::Refuses if world.plan.restore || world.provider.known.contains_key(&claim.id) => {
            Fate::IsBusy
        }
        fate => fate,
    }
}

/// One attempt, by a deadline and with a timeout of its own: what the connectors do.
pub(super) async fn deliver(sim: &Sim, claim: &Claim, deadline: Millis, timeout: Millis) -> Reply {
    sim.step().await;
    let fate = sim.with(|world| {
        if world.now >= deadline {
            return None;
        }
        let fate = fate(world, claim);
        if fate != Fate::IsNotThere {
            receive(world, claim, fate);
        }
        Some(fate)
    });
    let Some(fate) = fate else {
        return Reply::too_late();
    };
    match fate {
        Fate::IsNotThere => Reply::not_sent("connect", "nobody is there"),
        Fate::DropsTheReply | Fate::DropsTheRequest | Fate::ActsLate => {
            sim.sleep(timeout).await;
            Reply::unknown("timeout", "no answer")
        }
        _ => {
            let way = sim.with(|world| {
                let slow = world.dice.of(&[5, 40, 2_500]);
                world.dice.between(1, slow)
            });
            sim.sleep(way).await;
            match fate {
                Fate::IsBusy => Reply::retryable("http_503", "busy"),
                Fate::Refuses => Reply::rejected("http_400", "no"),
                _ => Reply::ok(json!({"status": 200})),
            }
        }
    }
}

/// The request has come in.
fn receive(world: &mut World, claim: &Claim, fate: Fate) {
    let (key, now) = (claim.id, world.now);
    world.sees_recorded_attempt(claim);
    let answered = matches!(fate, Fate::IsBusy | Fate::Refuses);
    world.provider.requests.push(Request {
        key,
        in_doubt: !answered,
    });
    let acts = matches!(fate, Fate::Answers | Fate::DropsTheReply | Fate::ActsLate);
    let known = claim.policy == Policy::Dedupe && world.provider.remembers(key, now);
    if !acts || known {
        return;
    }
    if claim.policy == Policy::Dedupe {
        world.provider.known.insert(key, now);
    }
    let act = Act {
        key,
        execution: claim.execution,
        step: world.step_of(claim),
        policy: claim.policy,
    };
    if fate == Fate::ActsLate {
        let at = now + world.dice.between(10, LATEST);
        world.provider.late.push((at, act));
    } else {
        world.provider.acts.push(act);
    }
}

/// By then a provider has acted, or never will; a question after it is answered for good.
const LATEST: Millis = 8_000;

/// What the provider says of an earlier try.
pub(super) async fn look_up(sim: &Sim, claim: &Claim) -> Found {
    sim.step().await;
    let way = sim.with(|world| world.dice.between(1, 40));
    sim.sleep(way).await;
    sim.with(|world| match world.fault(6) {
        true => Found::CannotTell(Reply::failed(Verdict::Unknown, "http_500", "who knows")),
        false if world.provider.acts_on(claim.id) > 0 => Found::Done(Reply::ok(Value::Null)),
        false => Found::NotFound,
    })
}

impl World {
    /// A request without an earlier committed attempt, or after the lease of its attempt, breaks a rule.
    fn sees_recorded_attempt(&mut self, claim: &Claim) {
        let row = self.db.sends.committed(&claim.id);
        let recorded = row.is_some_and(|row| row.tries > 0);
        let own = row.filter(|row| row.claim.fence == claim.fence && row.state > 0);
        let late = own.is_some_and(|row| self.now > row.lease_until);
        let ended = self.db.deliveries.committed(&claim.id).is_some();
        if !recorded && !ended && !self.restored {
            let what = format!("{} left without a recorded attempt", claim.id);
            self.breaks("attempt first", what);
        }
        if late {
            self.breaks("in its lease", format!("{} left after its lease", claim.id));
        }
        self.note(|| format!("-> request {} under fence {}", claim.id, claim.fence));
    }

    fn step_of(&self, claim: &Claim) -> u32 {
        let row = self.db.sends.committed(&claim.id);
        row.map_or(u32::MAX, |row| row.step)
    }
}
