//! What must hold of the history of an execution that has ended, and of what it asked for and wrote.

use super::{
    database::{Burst, Delivery, Finished},
    world::World,
};
use crate::model::transition::{Entry, EntryKind};

/// The bursts of one execution, in order, each with its first number and the commit that wrote it.
pub(super) struct History(Vec<(i32, Burst, u64)>);

impl History {
    pub(super) fn of(world: &World, one: &Finished) -> Self {
        let rows = world.db.bursts.stand();
        let own = rows.filter(|(key, _, _)| key.0 == one.execution.id);
        let mut bursts: Vec<_> = own
            .map(|(key, burst, serial)| (key.1, burst.clone(), serial))
            .collect();
        let ended = world.db.finished.serial(&one.execution.id);
        let last = one.burst.clone().zip(ended);
        bursts.extend(last.map(|(burst, serial)| (one.execution.seq, burst, serial)));
        Self(bursts)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().flat_map(|burst| &burst.1.entries)
    }

    /// No number twice, none left out, one end, and no step finished twice.
    pub(super) fn is_whole(&self, world: &mut World, one: &Finished) {
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
    pub(super) fn asks_once(&self, world: &mut World, one: &Finished, deliveries: &[Delivery]) {
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
    pub(super) fn missed_nothing(&self, world: &mut World, one: &Finished) {
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
    pub(super) fn wrote_once(&self, world: &mut World, one: &Finished) {
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
