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

use super::Shared;
use crate::{
    engine::{
        advance::{Burst, advance},
        contact::Contact,
        program::Program,
    },
    model::{
        execution::{Execution, Instant, Status},
        transition::{Admission, Effect, Entry, EntryKind, Input, Transition},
    },
    store::{
        StoreResult,
        commit::{self, Settled},
        contacts::{self, Wanted},
        executions::Claimed,
        others,
        programs::{self, Version},
    },
};

/// What one transaction of the advance plane knows and is about to write.
pub(crate) struct Stage<'a> {
    shared: &'a Shared,
    programs: programs::Got,
    paused: HashSet<i32>,
    contacts: HashMap<(i32, Uuid), Contact>,
    settled: Vec<Settled>,
    at: HashMap<Uuid, usize>,
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

impl<'a> Stage<'a> {
    /// Loads programs, pauses and the contacts' fields that these versions read: those that run by their
    /// steps and goals, those that listen by their triggers.
    pub(crate) async fn load(
        shared: &'a Shared,
        connection: &mut PgConnection,
        running: impl IntoIterator<Item = Version>,
        listening: &[Version],
        people: impl IntoIterator<Item = (i32, Uuid)>,
    ) -> StoreResult<Stage<'a>> {
        let running: HashSet<Version> = running.into_iter().collect();
        let all = running.iter().chain(listening).copied();
        let programs = shared.programs.get(connection, all).await?;
        let mut workflows: Vec<i32> = programs.programs.keys().map(|v| v.0).collect();
        workflows.sort_unstable();
        workflows.dedup();
        let paused = programs::paused(connection, &workflows).await?;
        let mut wanted = Wanted::default();
        for (version, program) in &programs.programs {
            if running.contains(version) {
                wanted.add(program.reads());
            }
            if listening.contains(version) {
                wanted.add(program.trigger_reads());
            }
        }
        let contacts = load_contacts(shared, connection, &wanted, people).await?;
        Ok(Stage {
            shared,
            programs,
            paused,
            contacts,
            settled: Vec::new(),
            at: HashMap::new(),
        })
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
            Some(at) => now_standing(&self.settled[at]),
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
                let program = self
                    .programs
                    .programs
                    .get(&(current.workflow, current.version));
                self.at.insert(current.id, self.settled.len());
                self.settled.push(Settled {
                    tenant: self.shared.tenant_name(current.tenant),
                    ledger: program.and_then(|p| ledger_keep(p)),
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
            return Some(failed(current, "definition", &error.to_string()));
        }
        let Some(program) = self.programs.programs.get(&version).cloned() else {
            return Some(failed(current, "definition", "the version is gone"));
        };
        let held = current.status == Status::Paused || self.paused.contains(&current.workflow);
        if held && matches!(input, Input::Time) {
            return Some(parked(current));
        }
        let burst = Burst {
            max_steps: if held {
                0
            } else {
                self.shared.settings.max_steps
            },
        };
        let contact = self.contact(current.tenant, current.contact);
        let run = catch_unwind(AssertUnwindSafe(|| {
            advance(&program, current, contact, input, now, burst)
        }));
        let mut transition = match run {
            Ok(transition) => transition?,
            Err(_panic) => return Some(failed(current, "engine_panic", "the machine failed here")),
        };
        if held && !transition.status.is_final() {
            if current.status == Status::Paused {
                transition.status = Status::Paused;
            }
            transition.due_at = None;
        }
        Some(transition)
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
    pub(crate) async fn write(mut self, connection: &mut PgConnection) -> StoreResult<Left> {
        let held = commit::reserve(connection, &self.settled).await?;
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
        commit::commit(connection, self.settled).await?;
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
    let names: Vec<(String, Uuid)> = people
        .iter()
        .map(|(tenant, id)| (shared.tenant_name(*tenant), *id))
        .collect();
    let keys: Vec<(&str, Uuid)> = names
        .iter()
        .map(|(name, id)| (name.as_str(), *id))
        .collect();
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

/// How many starts the ledger must remember for the version's rules; none: it is not kept.
pub(crate) fn ledger_keep(program: &Program) -> Option<i32> {
    let rules = program.rules();
    let triggers = program.triggers.iter().filter_map(|t| t.max_per_contact);
    let most = triggers.chain(rules.limit).max().unwrap_or(1).max(1);
    rules
        .needs_ledger
        .then(|| i32::try_from(most).unwrap_or(i32::MAX))
}

/// The execution as it will stand once this is committed.
fn now_standing(settled: &Settled) -> Execution {
    let t = &settled.transition;
    Execution {
        status: t.status,
        seq: t.seq,
        due_at: t.due_at,
        state: t.state.clone(),
        ..settled.execution.clone()
    }
}

fn merge(first: &mut Transition, second: Transition) {
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

/// Nothing changes but that the clock does not look any more.
fn parked(ex: &Execution) -> Transition {
    Transition {
        status: ex.status,
        reason: None,
        due_at: None,
        node: ex
            .state
            .branches
            .first()
            .map_or(-1, |b| i32::try_from(b.step).unwrap_or(-1)),
        seq: ex.seq,
        state: ex.state.clone(),
        entries: Vec::new(),
        effects: Vec::new(),
        admission: None,
    }
}

/// An execution that cannot go on for a reason of its own: it is failed, nobody else is (I-9).
pub(crate) fn failed(ex: &Execution, error: &str, message: &str) -> Transition {
    let result = serde_json::json!({"error": error, "message": message});
    let entry = Entry {
        step: -1,
        kind: EntryKind::ExecutionFailed,
        result,
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
        ..parked(ex)
    }
}
