//! One short transaction of the machine: executions and their inputs in, one commit out.
//!
//! The run loop, the matcher and the finishing of replies all advance executions through [`Stage`]: it
//! loads what the versions read, runs the machine in memory, and writes the batch back at once.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Shared, Work,
    rooms::{self, Room},
};
use crate::{
    engine::{
        advance::{Burst, advance},
        contact::Contact,
        limits, pauses,
        program::Program,
    },
    model::{
        execution::{Execution, Instant, Status},
        transition::{Admission, Effect, Entry, EntryKind, Input, Transition},
    },
    store::{
        StoreResult, choices,
        commit::{self, Settled},
        contacts::{self, Wanted},
        executions::Claimed,
        others,
        place::Place,
        programs::{self, Version},
        rules::{self, Standing},
    },
};

/// What one transaction of the advance plane knows and is about to write.
pub(crate) struct Stage<'a> {
    shared: &'a Shared,
    programs: programs::Got,
    standings: HashMap<i32, Standing>,
    rooms: HashMap<i32, Room>,
    contacts: HashMap<(i32, Uuid), Contact>,
    settled: Vec<Settled>,
    at: HashMap<Uuid, usize>,
    /// Contacts whose executions must wait for a limit that somebody else holds.
    waiting: HashSet<(i32, Uuid)>,
}

/// What a committed stage leaves for the others to do.
#[derive(Debug, Default, Clone)]
pub(crate) struct Left {
    /// Outbox rows were written.
    pub sends: bool,
    /// CRM rows were written, so events may wait.
    pub events: bool,
    /// Some executions can go on at once.
    pub ready: bool,
    /// Contacts whose rows somebody else held: nothing of their executions was written.
    pub held: HashSet<(i32, Uuid)>,
}

impl Left {
    /// Whom that is work for.
    pub(crate) fn work(&self) -> Work {
        let sends = Work::DISPATCH.when(self.sends);
        let events = Work::MATCH.when(self.events);
        sends.and(events).and(Work::RUN.when(self.ready))
    }

    /// What another stage of the same transaction leaves, but for whom it could not write.
    pub(crate) fn add(&mut self, other: &Left) {
        self.sends |= other.sends;
        self.events |= other.events;
        self.ready |= other.ready;
    }
}

impl<'a> Stage<'a> {
    /// Loads programs, pauses and the contacts' fields that these versions read: those that run by their
    /// steps and goals, those that listen by their triggers and, since they may begin here, by both. What the rules of
    /// those that listen say is known already.
    pub(crate) async fn load(
        shared: &'a Shared,
        connection: &mut PgConnection,
        running: impl IntoIterator<Item = Version>,
        (listening, standings): (&[Version], HashMap<i32, Standing>),
        people: impl IntoIterator<Item = (i32, Uuid)>,
    ) -> StoreResult<Stage<'a>> {
        let running: HashSet<Version> = running.into_iter().collect();
        let all = running.iter().chain(listening).copied();
        let programs = shared.programs.get(connection, all).await?;
        // Of those that cannot be read as well: their reservations are in the ledger all the same.
        let versions = programs.programs.keys().chain(programs.unreadable.keys());
        let mut workflows: Vec<i32> = versions.map(|v| v.0).collect();
        workflows.retain(|workflow| !standings.contains_key(workflow));
        workflows.sort_unstable();
        workflows.dedup();
        let mut standings = standings;
        standings.extend(rules::standings(connection, &workflows).await?);
        let mut wanted = Wanted::default();
        for (version, program) in &programs.programs {
            wanted.add(program.reads());
            if listening.contains(version) {
                wanted.add(program.trigger_reads());
            }
        }
        let people: Vec<(i32, Uuid)> = people.into_iter().collect();
        let mut contacts =
            load_contacts(shared, connection, &wanted, people.iter().copied()).await?;
        let sticky =
            |(version, program): (&Version, &Arc<Program>)| program.sticky.then_some(version.0);
        let sticky: Vec<i32> = programs.programs.iter().filter_map(sticky).collect();
        if !sticky.is_empty() {
            for (tenant, id, workflow, step, variant) in
                choices::load(connection, &people, &sticky).await?
            {
                let contact = contacts
                    .entry((tenant, id))
                    .or_insert_with(|| Contact::unread(id));
                contact.remember(workflow, &step, &variant);
            }
        }
        Ok(Stage {
            shared,
            programs,
            standings,
            rooms: HashMap::new(),
            contacts,
            settled: Vec::new(),
            at: HashMap::new(),
            waiting: HashSet::new(),
        })
    }

    /// Takes the limits of whole workflows that the first bursts among these executions need.
    pub(crate) async fn admit(
        &mut self,
        connection: &mut PgConnection,
        claimed: impl Iterator<Item = &Claimed>,
    ) -> StoreResult<()> {
        let programs = &self.programs.programs;
        if !programs
            .values()
            .any(|p| p.rules().workflow_limit.is_some())
        {
            return Ok(());
        }
        rooms::take(connection, programs, &mut self.rooms, claimed).await
    }

    /// A version's program, if this binary can read it.
    pub(crate) fn program(&self, version: Version) -> Option<&Arc<Program>> {
        self.programs.programs.get(&version)
    }

    /// The contact as the stage has changed it so far.
    pub(crate) fn contact(&mut self, tenant: i32, id: Uuid) -> &mut Contact {
        self.contacts
            .entry((tenant, id))
            .or_insert_with(|| Contact::unread(id))
    }

    /// Gives one input to one execution; true: something changed. Several inputs for one execution add up.
    pub(crate) fn feed(&mut self, claimed: &Claimed, input: &Input) -> bool {
        let known = self.at.get(&claimed.execution.id).copied();
        let now = claimed.now;
        let current = match known {
            Some(at) => Arc::new(now_standing(&self.settled[at])),
            None => claimed.execution.clone(),
        };
        if current.status.is_final() {
            return false;
        }
        let Some(transition) = self.decide(claimed, &current, input, now) else {
            return false;
        };
        match known {
            Some(at) => merge(&mut self.settled[at].transition, transition),
            None => {
                let program = self.program((current.workflow, current.version));
                let ledger = ledger_keep(
                    program.map(|program| &**program),
                    self.standings.get(&current.workflow),
                );
                self.at.insert(current.id, self.settled.len());
                self.settled.push(Settled {
                    tenant: self.shared.tenant_name(current.tenant),
                    ledger,
                    place: claimed.place,
                    execution: claimed.execution.clone(),
                    transition,
                    now,
                });
            }
        }
        true
    }

    fn decide(
        &mut self,
        claimed: &Claimed,
        current: &Execution,
        input: &Input,
        now: Instant,
    ) -> Option<Transition> {
        if let Some(why) = &claimed.broken {
            return Some(failed(current, "corrupt_state", why));
        }
        let version = (current.workflow, current.version);
        if let Some(error) = self.programs.unreadable.get(&version) {
            return Some(unread(current, &error.to_string()));
        }
        let Some(program) = self.programs.programs.get(&version).cloned() else {
            return Some(unread(current, "the version is gone"));
        };
        let standing = self.standings.get(&current.workflow);
        let paused = current.status == Status::Paused;
        let until = standing.and_then(|standing| standing.pauses.until(now));
        let stopped = paused || standing.is_some_and(|standing| standing.paused);
        let until = until.filter(|_| !stopped);
        let held = stopped || until.is_some();
        if held && let Some(parked) = pauses::parked(current, input, until) {
            return Some(parked);
        }
        let room = match self.rooms.get_mut(&current.workflow) {
            Some(room) if !current.state.started => Some(room),
            _ => None,
        };
        if room.as_ref().is_some_and(|room| !room.taken) {
            self.waiting.insert((current.tenant, current.contact));
            return None;
        }
        let full = room.as_ref().and_then(|room| room.full(&program));
        let max_steps = match held || full.is_some() {
            true => 0,
            false => self.shared.settings.max_steps,
        };
        let burst = Burst { max_steps };
        let contact = self.contact(current.tenant, current.contact);
        let run = catch_unwind(AssertUnwindSafe(|| {
            advance(&program, current, contact, input, now, burst)
        }));
        let mut transition = match run {
            Ok(transition) => transition?,
            Err(_panic) => return Some(failed(current, "engine_panic", "the machine failed here")),
        };
        if held {
            transition = pauses::held(transition, paused, until);
        }
        if transition.admission == Some(Admission::Started)
            && let Some(room) = self.rooms.get_mut(&current.workflow)
        {
            match full {
                Some(detail) => transition = limits::refused(current, detail),
                None => room.used += 1,
            }
        }
        Some(transition)
    }

    /// Whether a step so far enrols the contact elsewhere or ends other executions: those look at rows.
    pub(crate) fn asks_of_others(&self) -> bool {
        let mut effects = self.settled.iter().flat_map(|s| &s.transition.effects);
        effects.any(|effect| matches!(effect, Effect::Enroll(_) | Effect::Remove(_)))
    }

    /// All executions so far have rows by now.
    pub(crate) fn have_rows(&mut self) {
        for settled in &mut self.settled {
            if settled.place == Place::None {
                settled.place = Place::Key;
            }
        }
    }

    /// Executions that are not part of the commit any more, e.g. because their input must wait.
    pub(crate) fn forget_contact(&mut self, tenant: i32, contact: Uuid) {
        let keep = |s: &Settled| (s.execution.tenant, s.execution.contact) != (tenant, contact);
        self.settled.retain(keep);
        self.at = self
            .settled
            .iter()
            .enumerate()
            .map(|(i, s)| (s.execution.id, i))
            .collect();
    }

    /// Takes what apps may hold, and writes the rest. The caller commits the transaction.
    pub(crate) async fn write(&mut self, connection: &mut PgConnection) -> StoreResult<Left> {
        let mut held = std::mem::take(&mut self.waiting);
        for (tenant, contact) in &held {
            self.forget_contact(*tenant, *contact);
        }
        let busy = commit::reserve(connection, &self.settled).await?;
        held.extend(rooms::refused_for_nothing(
            &self.rooms,
            &self.settled,
            &busy,
        ));
        held.extend(busy);
        for (tenant, contact) in &held {
            self.forget_contact(*tenant, *contact);
        }
        let mut left = Left {
            held,
            ..Left::default()
        };
        for (tenant, contact) in others::enroll(connection, &self.settled).await? {
            self.forget_contact(tenant, contact);
            left.held.insert((tenant, contact));
        }
        let removals = others::removals(&self.settled);
        for one in &self.settled {
            left.ready |= one.transition.status == Status::Ready || others::leaves_word(one);
            for effect in &one.transition.effects {
                left.sends |= matches!(effect, Effect::Send(_));
                left.events |= matches!(effect, Effect::Crm(_));
            }
        }
        rooms::write(connection, &self.rooms, &self.settled).await?;
        self.at.clear();
        commit::commit(connection, std::mem::take(&mut self.settled)).await?;
        left.ready |= others::remove(connection, &removals).await?;
        Ok(left)
    }
}

async fn load_contacts(
    shared: &Shared,
    connection: &mut PgConnection,
    wanted: &Wanted,
    people: impl IntoIterator<Item = (i32, Uuid)>,
) -> StoreResult<HashMap<(i32, Uuid), Contact>> {
    let mut people: Vec<(i32, Uuid)> = people.into_iter().collect();
    people.sort_unstable();
    people.dedup();
    if people.is_empty() || wanted.is_nothing() {
        return Ok(HashMap::new());
    }
    shared
        .learn_tenants(connection, people.iter().map(|p| p.0))
        .await?;
    let names: Vec<(Arc<str>, Uuid)> = people
        .iter()
        .map(|(tenant, id)| (shared.tenant_name(*tenant), *id))
        .collect();
    let keys: Vec<(&str, Uuid)> = names.iter().map(|(name, id)| (&**name, *id)).collect();
    let mut rows = contacts::load(connection, wanted, &keys).await?;
    Ok(people
        .into_iter()
        .map(|(tenant, id)| {
            let contact = rows
                .remove(&id)
                .map_or_else(|| Contact::missing(id), |f| Contact::new(id, f));
            ((tenant, id), contact)
        })
        .collect())
}

/// How many starts the ledger must remember: for the rules that are published, and for those that the execution
/// was enrolled by. None: it is not kept.
pub(crate) fn ledger_keep(program: Option<&Program>, standing: Option<&Standing>) -> Option<i32> {
    let own = program.map_or(0, rules::keep);
    let keep = standing.map_or(0, |standing| standing.keep).max(own);
    (keep > 0).then_some(keep)
}

/// The execution as it will stand once this is committed.
pub(super) fn now_standing(settled: &Settled) -> Execution {
    let t = &settled.transition;
    Execution {
        status: t.status,
        seq: t.seq,
        due_at: t.due_at,
        state: t.state.clone(),
        ..Execution::clone(&settled.execution)
    }
}

pub(super) fn merge(first: &mut Transition, second: Transition) {
    let mut entries = std::mem::take(&mut first.entries);
    let mut effects = std::mem::take(&mut first.effects);
    entries.extend(second.entries);
    effects.extend(second.effects);
    let admission = first.admission.take().or(second.admission);
    *first = Transition {
        entries,
        effects,
        admission,
        ..second
    };
}

/// An execution that cannot go on for a reason of its own: it is failed, nobody else is (I-9).
pub(crate) fn failed(ex: &Execution, error: &str, message: &str) -> Transition {
    let result = serde_json::json!({"error": error, "message": message});
    let entry = Entry {
        step: -1,
        kind: EntryKind::ExecutionFailed,
        result: result.into(),
    };
    let seqs: Vec<i32> = ex
        .state
        .branches
        .iter()
        .filter_map(|b| b.park.as_ref())
        .filter(|p| p.kind == crate::model::execution::ParkKind::Reply)
        .map(|p| p.seq)
        .collect();
    Transition {
        status: Status::Failed,
        reason: Some(error.to_owned()),
        due_at: None,
        seq: ex.seq + 1,
        entries: vec![entry],
        effects: if seqs.is_empty() {
            Vec::new()
        } else {
            vec![Effect::CancelSends { seqs }]
        },
        // A failure in the first burst counts as a start, which takes the place of what `enroll` reserved.
        admission: (ex.seq == 0).then_some(Admission::Started),
        ..Transition::unchanged(ex)
    }
}

/// An execution whose definition this binary cannot read; one that has not begun is no start.
fn unread(ex: &Execution, message: &str) -> Transition {
    Transition {
        admission: (ex.seq == 0).then_some(Admission::Void),
        ..failed(ex, "definition", message)
    }
}
