//! What must hold once everything has come to rest: the books of the database against those of the outside.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{
    database::{Burst, Delivery, Finished, Millis},
    stage::{Sim, World},
};
use crate::model::transition::{EntryKind, Policy};

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
        ("not sent", matches!(state, 4 | 7) && acts > 0),
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

/// The bursts of one execution, in order, each with its first number and the commit that wrote it.
struct History(Vec<(i32, Burst, u64)>);

impl History {
    fn of(world: &World, one: &Finished) -> Self {
        let rows = world.db.bursts.stand();
        let own = rows.filter(|(key, _, _)| key.0 == one.execution.id);
        Self(
            own.map(|(key, burst, serial)| (key.1, burst.clone(), serial))
                .collect(),
        )
    }

    fn entries(&self) -> impl Iterator<Item = &crate::model::transition::Entry> {
        self.0.iter().flat_map(|burst| &burst.1.entries)
    }

    /// No number twice, none left out, one end, and no step finished twice.
    fn is_whole(&self, world: &mut World, one: &Finished) {
        let id = one.execution.id;
        let mut next = 0;
        for (seq, burst, _) in &self.0 {
            if *seq != next {
                world.breaks("history", format!("{id}: {seq} follows, {next} was to"));
            }
            next = seq + i32::try_from(burst.entries.len()).unwrap_or_default();
        }
        if next != one.seq {
            world.breaks(
                "history",
                format!("{id}: ends at {next}, its row says {}", one.seq),
            );
        }
        let ends = |kind: EntryKind| {
            use EntryKind as K;
            matches!(
                kind,
                K::ExecutionCompleted
                    | K::ExecutionExited
                    | K::ExecutionCancelled
                    | K::ExecutionFailed
            )
        };
        let count = self.entries().filter(|entry| ends(entry.kind)).count();
        if count != 1 || !self.entries().last().is_some_and(|entry| ends(entry.kind)) {
            world.breaks(
                "history",
                format!("{id}: {count} ends, status {:?}", one.status),
            );
        }
        let mut finished: Vec<i32> = self.finished_steps().collect();
        finished.sort_unstable();
        if finished.windows(2).any(|two| two[0] == two[1]) {
            world.breaks("history", format!("{id}: a step is finished twice"));
        }
    }

    fn finished_steps(&self) -> impl Iterator<Item = i32> {
        let finished = |kind| matches!(kind, EntryKind::StepCompleted | EntryKind::StepFailed);
        self.entries()
            .filter(move |entry| finished(entry.kind))
            .map(|entry| entry.step)
    }

    /// Each request of the path is one send, and each send was asked for.
    fn asks_once(&self, world: &mut World, one: &Finished, deliveries: &[Delivery]) {
        let id = one.execution.id;
        let mut asked = Vec::new();
        for (seq, burst, _) in &self.0 {
            let numbered = (*seq..).zip(&burst.entries);
            let dispatched = numbered.filter(|(_, entry)| entry.kind == EntryKind::Dispatched);
            // What a burst asks for and makes moot again is never sent.
            let kept = burst.entries.iter().all(|entry| {
                matches!(
                    entry.kind,
                    EntryKind::Dispatched
                        | EntryKind::ExecutionStarted
                        | EntryKind::StepCompleted
                        | EntryKind::Waiting
                )
            });
            asked.extend(dispatched.map(|(number, _)| (number, kept)));
        }
        let own = deliveries
            .iter()
            .filter(|delivery| delivery.send.claim.execution == id);
        let mut sent: Vec<i32> = own.map(|delivery| delivery.send.claim.seq).collect();
        sent.sort_unstable();
        let twice = sent.windows(2).any(|two| two[0] == two[1]);
        let unasked = sent
            .iter()
            .find(|seq| asked.iter().all(|one| one.0 != **seq));
        let lost = asked
            .iter()
            .find(|(seq, kept)| *kept && !sent.contains(seq));
        if twice || unasked.is_some() || lost.is_some() {
            world.breaks("one send", format!("{id}: asked {asked:?}, sent {sent:?}"));
        }
    }

    /// An event that was logged after the claim which began a wait for it, and before that wait ended, ended it.
    fn missed_nothing(&self, world: &mut World, one: &Finished) {
        let program = world
            .programs
            .iter()
            .find(|p| p.numbers.workflow == one.execution.workflow)
            .cloned();
        let Some(program) = program else { return };
        for (at, (_, burst, _)) in self.0.iter().enumerate() {
            for (place, entry) in burst.entries.iter().enumerate() {
                // Several inputs of one transaction add up: the wait may end in the burst that began it.
                let rest = &burst.entries[place + 1..];
                let ended = rest.iter().any(|e| e.step == entry.step || e.step < 0);
                if entry.kind != EntryKind::Waiting || ended {
                    continue;
                }
                let step = usize::try_from(entry.step).unwrap_or_default();
                let kind = match program.step_ids()[step].as_str() {
                    "await-form" => "form.submitted",
                    "await-tag" => "contact.tag.added",
                    _ => continue,
                };
                let over = |later: &&(i32, Burst, u64)| {
                    later
                        .1
                        .entries
                        .iter()
                        .any(|e| e.step == entry.step || e.step < 0)
                };
                let end = self.0[at + 1..]
                    .iter()
                    .find(over)
                    .map_or(u64::MAX, |later| later.2);
                let missed = world.db.events.stand().find(|(key, row, logged)| {
                    row.event.contact == Some(one.execution.contact)
                        && row.event.kind == kind
                        && !row.given_up
                        && key.0 >= (burst.at + 1) * 1_000
                        && *logged < end
                });
                if let Some((_, row, _)) = missed {
                    let what = format!(
                        "{} waits since {} and missed {kind} {}",
                        one.execution.id, burst.at, row.event.id
                    );
                    world.breaks("event missed", what);
                    return;
                }
            }
        }
    }

    /// One note for each step that puts one.
    fn wrote_once(&self, world: &mut World, one: &Finished) {
        let program = world
            .programs
            .iter()
            .find(|p| p.numbers.workflow == one.execution.workflow)
            .cloned();
        let Some(program) = program else { return };
        let puts = |step: &i32| {
            let step = usize::try_from(*step)
                .ok()
                .and_then(|at| program.steps.get(at));
            step.is_some_and(|step| step.kind == "add_note")
        };
        let completed = self
            .entries()
            .filter(|entry| entry.kind == EntryKind::StepCompleted);
        let wanted = completed.filter(|entry| puts(&entry.step)).count();
        let person = world.db.contacts.committed(&one.execution.contact);
        let notes = person.map_or(0, |p| {
            p.notes.iter().filter(|by| **by == one.execution.id).count()
        });
        if notes != wanted {
            world.breaks(
                "database",
                format!(
                    "{}: {wanted} notes were put, {notes} are there",
                    one.execution.id
                ),
            );
        }
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
