//! What must hold once everything has come to rest: the books of the database against those of the outside.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{
    database::{Delivery, Finished, Millis},
    history::History,
    sim::Sim,
    world::World,
};
use crate::model::transition::Policy;

/// Tries that every send of a rehearsal has (`plan.rs`).
const MOST_TRIES: i16 = 4;

/// Looks at everything.
pub(super) fn check(sim: &Sim) {
    sim.with(|world| {
        world.provider.act_late(Millis::MAX);
        let deliveries: Vec<Delivery> = world
            .db
            .deliveries
            .stand()
            .map(|row| row.1.clone())
            .collect();
        for delivery in &deliveries {
            promise(world, delivery);
            records(world, delivery);
        }
        the_same_send(world);
        let finished: Vec<Finished> = world.db.finished.stand().map(|row| row.1.clone()).collect();
        for one in &finished {
            let history = History::of(world, one);
            history.is_whole(world, one);
            history.asks_once(world, one, &deliveries);
            history.missed_nothing(world, one);
            history.wrote_once(world, one);
        }
        events_once(world);
        events_in_order(world);
    });
}

/// What a policy promises of one send.
fn promise(world: &mut World, delivery: &Delivery) {
    let claim = &delivery.send.claim;
    let key = claim.id;
    let requests: Vec<bool> = {
        let own = world.provider.requests.iter().filter(|r| r.key == key);
        own.map(|request| request.in_doubt).collect()
    };
    let acts = world.provider.acts_on(key);
    let (state, tries) = (delivery.state, delivery.send.tries);
    let told = format!(
        "{key} ({:?}) ended as {state}: {} requests, {acts} acts, {tries} tries",
        claim.policy,
        requests.len()
    );
    let doubts = requests.iter().filter(|doubt| **doubt).count();
    let doubt = requests.iter().position(|doubt| *doubt);
    let guarded = matches!(claim.policy, Policy::Hold | Policy::Reconcile);
    let rules = [
        ("sent arrived", state == 3 && acts == 0),
        // A restore also undoes what was known of an earlier try.
        (
            "not sent",
            matches!(state, 4 | 7) && acts > 0 && !world.restored,
        ),
        ("dedupe", claim.policy == Policy::Dedupe && acts > 1),
        (
            "dedupe",
            claim.policy == Policy::Dedupe
                && state == 5
                && !delivery.moot
                && !world.day_passed
                && claim.attempt < MOST_TRIES,
        ),
        ("hold", claim.policy == Policy::Hold && acts > 1),
        (
            "hold",
            claim.policy == Policy::Hold && doubt.is_some_and(|at| at + 1 < requests.len()),
        ),
        (
            "hold",
            claim.policy == Policy::Hold && doubts > 0 && !matches!(state, 3 | 5),
        ),
        ("reconcile", claim.policy == Policy::Reconcile && acts > 1),
        ("retry", claim.policy == Policy::Retry && acts > tries),
        ("explained", requests.len() > tries && !world.restored),
        (
            "doubt has a cause",
            guarded && state == 5 && requests.is_empty() && !delivery.send.passed_in_time,
        ),
        (
            "lease kept",
            delivery
                .send
                .shortest_lease
                .is_some_and(|held| held < world.plan.lease),
        ),
    ];
    for (rule, _) in rules.into_iter().filter(|rule| rule.1) {
        world.breaks(rule, told.clone());
    }
}

/// An answer is one line of the books.
fn records(world: &mut World, delivery: &Delivery) {
    let key = delivery.send.claim.id;
    let mut lines: BTreeMap<i32, usize> = BTreeMap::new();
    let own = world.db.attempts.stand().map(|row| row.1);
    let own = own.filter(|one| one.outbox == key && one.verdict != "reaped");
    own.map(|one| one.fence)
        .chain(delivery.answered)
        .for_each(|fence| *lines.entry(fence).or_default() += 1);
    if let Some((fence, n)) = lines.into_iter().find(|line| line.1 > 1) {
        let what = format!("{key}: the answer under fence {fence} is recorded {n} times");
        world.breaks("recorded once", what);
    }
}

/// A step is one send for ever, whatever a restore undoes.
fn the_same_send(world: &mut World) {
    let mut acts: BTreeMap<(Uuid, u32), usize> = BTreeMap::new();
    for act in world
        .provider
        .acts
        .iter()
        .filter(|act| act.policy == Policy::Dedupe)
    {
        *acts.entry((act.execution, act.step)).or_default() += 1;
    }
    if let Some(((execution, step), n)) = acts.into_iter().find(|one| one.1 > 1) {
        world.breaks(
            "same send",
            format!("step {step} of {execution} was done {n} times"),
        );
    }
}

/// Each key and each occurrence is one event.
fn events_once(world: &mut World) {
    let mut keys: BTreeMap<(Uuid, String), usize> = BTreeMap::new();
    for (key, _, _) in world.db.keys.stand() {
        keys.insert(key.clone(), 0);
    }
    let mut occurrences: BTreeMap<(Uuid, String), usize> = BTreeMap::new();
    for (_, row, _) in world.db.events.stand() {
        let who = row.event.contact.unwrap_or_default();
        let text = |name: &str| {
            row.event
                .data
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if let Some(key) = text("key") {
            *keys.entry((who, key)).or_default() += 1;
        }
        if let Some(occurrence) = text("occurrence") {
            *occurrences.entry((who, occurrence)).or_default() += 1;
        }
    }
    if let Some(((_, key), n)) = keys.into_iter().find(|one| one.1 != 1) {
        world.breaks("event once", format!("{key} is {n} events"));
    }
    if let Some(((_, key), n)) = occurrences.into_iter().find(|one| one.1 > 1) {
        world.breaks("timer once", format!("{key} fired {n} times"));
    }
}

/// What one speaker says, one thing after the other, is handled in that order.
fn events_in_order(world: &mut World) {
    let mut said: BTreeMap<(Uuid, u64), Vec<(u64, u64)>> = BTreeMap::new();
    for (_, row, logged) in world.db.events.stand() {
        let number = |at: usize| {
            row.event
                .data
                .get("talk")
                .and_then(|talk| talk[at].as_u64())
        };
        if let (Some(speaker), Some(order)) = (number(0), number(1)) {
            let who = row.event.contact.unwrap_or_default();
            said.entry((who, speaker))
                .or_default()
                .push((logged, order));
        }
    }
    for all in said.into_values() {
        if all
            .windows(2)
            .any(|two| two[0].1 > two[1].1 || two[0].0 > two[1].0)
        {
            world.breaks("order", format!("(commit, place): {all:?}"));
        }
    }
}
