//! [`super::super::advance::Stage`] and [`crate::store::commit`] over the tables of a rehearsal: the machine is the
//! real one, its inputs add up and its transitions are merged as there.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use serde_json::json;
use uuid::Uuid;

use super::{
    contacts,
    database::TENANT,
    deliveries,
    line::{Line, Result},
    runs, sends,
    sim::Sim,
    world::Bell,
};
use crate::{
    engine::{
        advance::{Burst, advance},
        contact::Contact,
    },
    model::{
        ids::outbox_id,
        transition::{Cause, CrmWrite, Effect, Input},
    },
    store::{commit::Settled, executions::Claimed, place::Place},
    worker::advance::{Left, merge, now_standing},
};

/// What one transaction of the advance plane knows and is about to write.
pub(super) struct Batch {
    sim: Sim,
    contacts: BTreeMap<Uuid, Contact>,
    settled: Vec<Settled>,
}

impl Batch {
    /// Loads the contacts' fields.
    pub(super) async fn load(sim: &Sim, line: &mut Line, people: BTreeSet<Uuid>) -> Result<Self> {
        let loaded = line.say("load contacts", |db, me, _| {
            let one = |id: &Uuid| {
                let tags = db.contacts.get(me, id).map(|person| person.tags.clone());
                let fields = json!({ "tags": tags.unwrap_or_default() });
                (*id, fields)
            };
            Ok(people.iter().map(one).collect::<Vec<_>>())
        });
        let contacts = loaded.await?.into_iter().map(|(id, fields)| {
            let fields = fields.as_object().cloned().unwrap_or_default();
            (id, Contact::new(id, fields))
        });
        Ok(Self {
            sim: sim.clone(),
            contacts: contacts.collect(),
            settled: Vec::new(),
        })
    }

    pub(super) fn contact(&mut self, id: Uuid) -> &mut Contact {
        self.contacts
            .entry(id)
            .or_insert_with(|| Contact::unread(id))
    }

    /// Gives one input to one execution; true: something changed.
    pub(super) fn feed(&mut self, claimed: &Claimed, input: &Input) -> bool {
        let of = |one: &Settled| one.execution.id == claimed.execution.id;
        let known = self.settled.iter().position(of);
        let current = match known {
            Some(at) => Arc::new(now_standing(&self.settled[at])),
            None => claimed.execution.clone(),
        };
        if current.status.is_final() {
            return false;
        }
        let (program, max_steps) = self.sim.with(|world| {
            let program = world
                .programs
                .iter()
                .find(|p| p.numbers.workflow == current.workflow);
            (program.cloned(), world.plan.max_steps)
        });
        let Some(program) = program else { return false };
        let contact = self.contact(current.contact);
        let burst = Burst { max_steps };
        let transition = advance(&program, &current, contact, input, claimed.now, burst);
        let Some(transition) = transition else {
            return false;
        };
        match known {
            Some(at) => merge(&mut self.settled[at].transition, transition),
            None => self.settled.push(Settled {
                execution: claimed.execution.clone(),
                transition,
                now: claimed.now,
                tenant: "".into(),
                ledger: None,
                place: claimed.place,
            }),
        }
        true
    }

    /// Whether the CRM would refuse what this writes.
    pub(super) fn would_be_refused(&self) -> bool {
        let mut writes = self.settled.iter().flat_map(writes);
        writes.any(|write| matches!(write, CrmWrite::AddTags(tags) if tags.iter().any(|tag| tag == contacts::REFUSED)))
    }

    fn forget_contact(&mut self, contact: Uuid) {
        self.settled.retain(|one| one.execution.contact != contact);
    }

    /// Takes what apps may hold, and writes the rest. The caller commits.
    pub(super) async fn write(&mut self, line: &mut Line) -> Result<Left> {
        let held = reserve(line, &self.settled).await?;
        held.iter()
            .for_each(|contact| self.forget_contact(*contact));
        let mut left = Left {
            held: held.into_iter().map(|contact| (TENANT, contact)).collect(),
            ..Left::default()
        };
        for one in &self.settled {
            left.ready |= one.transition.status == crate::model::execution::Status::Ready;
            for effect in &one.transition.effects {
                left.sends |= matches!(effect, Effect::Send(_));
                left.events |= matches!(effect, Effect::Crm(_));
            }
        }
        commit(line, std::mem::take(&mut self.settled)).await?;
        Ok(left)
    }
}

/// Rings whoever has something to do after this commit ([`crate::worker::Bells::after`]).
pub(super) fn ring_after(sim: &Sim, left: &Left) {
    for (rings, bell) in [
        (left.sends, Bell::Dispatch),
        (left.events, Bell::Matching),
        (left.ready, Bell::Run),
    ] {
        if rings {
            sim.ring(bell);
        }
    }
    if left.sends || left.events || left.ready {
        sim.ring_outside();
    }
}

fn writes(one: &Settled) -> Vec<CrmWrite> {
    let effects = one.transition.effects.iter();
    let writes = effects.filter_map(|effect| match effect {
        Effect::Crm(write) => Some(write.clone()),
        _ => None,
    });
    writes.collect()
}

/// The contacts that the batch will write and that somebody else holds.
async fn reserve(line: &mut Line, settled: &[Settled]) -> Result<BTreeSet<Uuid>> {
    let writers = settled.iter().filter(|one| !writes(one).is_empty());
    let wanted: BTreeSet<Uuid> = writers.map(|one| one.execution.contact).collect();
    if wanted.is_empty() {
        return Ok(wanted);
    }
    let got = line
        .say("lock contacts", |db, me, _| contacts::lock(db, me, &wanted))
        .await?;
    Ok(wanted.difference(&got).copied().collect())
}

/// The one commit: contacts, executions, history, sends, in the order of [`crate::store::commit::commit`].
pub(super) async fn commit(line: &mut Line, mut batch: Vec<Settled>) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    batch.sort_by_key(|one| (one.execution.bucket, one.execution.id));
    for one in batch.iter().filter(|one| !writes(one).is_empty()) {
        let (ex, writes) = (&one.execution, writes(one));
        let cause = Cause {
            execution: ex.id,
            workflow: ex.workflow,
            depth: ex.state.depth + 1,
        };
        line.say("write contact", |db, me, now| {
            contacts::write(db, me, now, ex.contact, ex.id, (&writes, Some(&cause)))
        })
        .await?;
    }
    let (ended, going): (Vec<&Settled>, Vec<&Settled>) = batch
        .iter()
        .partition(|one| one.transition.status.is_final());
    let (fresh, stored): (Vec<&Settled>, Vec<&Settled>) =
        going.iter().partition(|one| one.place == Place::None);
    if !stored.is_empty() {
        line.say("update runs", |db, me, _| runs::update(db, me, &stored))
            .await?;
    }
    if !fresh.is_empty() {
        line.say("insert runs", |db, me, _| {
            let mut rows = fresh.iter().map(|one| Arc::new(now_standing(one)));
            rows.try_for_each(|row| runs::insert(db, me, row))
        })
        .await?;
    }
    if !ended.is_empty() {
        line.say("finish runs", |db, me, _| runs::finish(db, me, &ended))
            .await?;
    }
    line.say("insert bursts", |db, me, _| {
        runs::insert_bursts(db, me, &going)
    })
    .await?;
    let moot: Vec<Uuid> = batch.iter().flat_map(moot).collect();
    if !moot.is_empty() {
        line.say("lock moot sends", |db, me, _| {
            deliveries::lock_moot(db, me, &moot)
        })
        .await?;
        line.say("cancel sends", |db, me, _| {
            deliveries::cancel(db, me, &moot)
        })
        .await?;
    }
    let asked: Vec<_> = batch.iter().flat_map(asked).collect();
    if !asked.is_empty() {
        line.say("insert sends", |db, me, now| {
            sends::insert(db, me, now, &asked)
        })
        .await?;
    }
    Ok(())
}

fn moot_seqs(one: &Settled) -> HashSet<i32> {
    let effects = one.transition.effects.iter();
    let seqs = effects.filter_map(|effect| match effect {
        Effect::CancelSends { seqs } => Some(seqs.iter().copied()),
        _ => None,
    });
    seqs.flatten().collect()
}

fn moot(one: &Settled) -> Vec<Uuid> {
    let mut seqs: Vec<i32> = moot_seqs(one).into_iter().collect();
    seqs.sort_unstable();
    seqs.into_iter()
        .map(|seq| outbox_id(one.execution.id, seq))
        .collect()
}

/// What becomes an outbox row: a send that the same burst made moot again never does.
fn asked(
    one: &Settled,
) -> Vec<(
    Arc<crate::model::execution::Execution>,
    crate::model::transition::Send,
)> {
    let moot = moot_seqs(one);
    let effects = one.transition.effects.iter();
    let sends = effects.filter_map(|effect| match effect {
        Effect::Send(send) if !moot.contains(&send.seq) => {
            Some((one.execution.clone(), send.clone()))
        }
        _ => None,
    });
    sends.collect()
}
