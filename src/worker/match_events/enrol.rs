//! Who fits is enrolled, in the matching transaction; and whoever begins at once runs their first burst there.

use std::{collections::BTreeMap, sync::Arc};

use chrono_tz::Tz;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Decided, Person};
use crate::{
    engine::program::Program,
    model::{
        execution::{Execution, Instant, State, Status},
        transition::Input,
    },
    store::{
        Scope, StoreResult, commit,
        enroll::{self, Candidate, RateLimit, Unwritten},
        executions::{self, Claimed},
        place::Place,
        workflows::stored_span,
    },
    worker::advance::{Left, Stage},
};

/// A candidate for enrolment, and whose note it fills.
pub(super) struct Wanted {
    pub(super) person: Person,
    pub(super) candidate: Candidate,
    pub(super) event: usize,
    pub(super) note: usize,
    /// When it begins, where its trigger puts it off.
    pub(super) begins: Option<Instant>,
    /// It may do without a row until its first burst.
    pub(super) fresh: bool,
}

/// Whom this transaction enrolled and may begin.
#[derive(Default)]
pub(super) struct New {
    /// Those that have a row.
    stored: Vec<(i16, Uuid)>,
    /// Those that have none yet.
    fresh: Vec<Claimed>,
}

impl New {
    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.fresh.is_empty()
    }
}

/// Whether executions of this program need no row before their first burst: nothing that is decided by rows, or waits
/// in one, concerns them.
pub(super) fn may_do_without_row(program: &Program) -> bool {
    let rules = program.rules();
    let mut triggers = program.triggers.iter();
    !rules.needs_ledger
        && rules.workflow_limit.is_none()
        && triggers.all(|t| t.max_per_contact.is_none() && t.debounce.is_none())
}

/// When an execution begins that this trigger enrols now; none: at once.
pub(super) fn begins(program: &Program, trigger: &str, tz: Tz, now: Instant) -> Option<Instant> {
    let trigger = program.triggers.iter().find(|t| t.id == trigger)?;
    Some(trigger.debounce?.add(now, tz))
}

pub(super) fn rate_limit(program: &Program, trigger: &str) -> Option<RateLimit> {
    let trigger = program.triggers.iter().find(|t| t.id == trigger)?;
    let window = trigger.time_window.map(stored_span);
    Some(RateLimit {
        count: i32::try_from(trigger.max_per_contact?).unwrap_or(i32::MAX),
        window,
    })
}

/// Enrols tenant by tenant and writes the outcomes into the events' notes.
/// Returns the executions that are there now and may begin at once; `alone`: all of them with rows.
pub(super) async fn enroll_all(
    connection: &mut PgConnection,
    decided: &mut [Decided<'_>],
    wanted: Vec<Wanted>,
    alone: bool,
) -> StoreResult<New> {
    let mut tenants: BTreeMap<i32, Vec<Wanted>> = BTreeMap::new();
    for one in wanted {
        tenants.entry(one.person.0).or_default().push(one);
    }
    let mut new = New::default();
    for (tenant, mut wanted) in tenants {
        let now = decided[wanted[0].event].event.now;
        if wanted.iter().any(|one| one.begins.is_some()) {
            debounce(connection, tenant, decided, &mut wanted, now).await?;
        }
        if wanted.is_empty() {
            continue;
        }
        let mut later = Vec::new();
        let candidates: Vec<Candidate> = wanted.iter().map(|w| w.candidate.clone()).collect();
        let fresh = wanted.iter().filter(|one| one.fresh && !alone);
        let mut begin: Vec<i32> = fresh.map(|one| one.candidate.workflow).collect();
        begin.sort_unstable();
        begin.dedup();
        for outcome in enroll::enroll(connection, tenant, &candidates, &begin, now).await? {
            let Some(one) = wanted.get(outcome.index) else {
                continue;
            };
            if let (Some(id), "enrolled") = (outcome.execution, &*outcome.outcome) {
                let bucket = decided[one.event].event.bucket;
                match (outcome.unwritten, one.begins) {
                    (Some(row), _) => new.fresh.push(unbegun(one, bucket, id, row, now)),
                    (None, None) => new.stored.push((bucket, id)),
                    (None, begins) => later.push((bucket, id, begins)),
                }
            }
            if let Some(note) = decided[one.event].notes.get_mut(one.note) {
                note["outcome"] = outcome.outcome.into();
                note["reason"] = outcome.reason.into();
                note["execution"] = outcome.execution.map(|id| id.to_string()).into();
                if let Some(detail) = outcome.detail {
                    note["detail"] = detail;
                }
            }
        }
        executions::postpone(connection, &later).await?;
    }
    Ok(new)
}

/// The execution as its row would hold it.
fn unbegun(wanted: &Wanted, bucket: i16, id: Uuid, row: Unwritten, now: Instant) -> Claimed {
    let candidate = &wanted.candidate;
    Claimed {
        execution: Arc::new(Execution {
            bucket,
            id,
            tenant: wanted.person.0,
            workflow: candidate.workflow,
            version: row.version,
            contact: candidate.contact,
            key: row.key,
            status: Status::Ready,
            priority: row.priority,
            seq: 0,
            enrolled_at: now,
            due_at: Some(now),
            state: State {
                event: Some(candidate.envelope.clone()),
                depth: candidate.depth.unsigned_abs(),
                ..State::default()
            },
        }),
        now,
        broken: None,
        place: Place::None,
    }
}

/// What finds an execution that its trigger has put off and that has not begun goes to that one.
async fn debounce(
    connection: &mut PgConnection,
    tenant: i32,
    decided: &mut [Decided<'_>],
    wanted: &mut Vec<Wanted>,
    now: Instant,
) -> StoreResult<()> {
    let later = wanted.iter().enumerate().filter_map(|(index, one)| {
        let candidate = &one.candidate;
        Some(enroll::Later {
            index,
            bucket: decided[one.event].event.bucket,
            contact: candidate.contact,
            workflow: candidate.workflow,
            key: match &candidate.key {
                Some(key) => key.clone(),
                None => candidate.contact.to_string(),
            },
            begins: one.begins?,
            envelope: &candidate.envelope,
        })
    });
    let later: Vec<enroll::Later<'_>> = later.collect();
    let taken = enroll::debounce(connection, tenant, &later, now).await?;
    for (index, id) in &taken {
        let one = &wanted[*index];
        if let Some(note) = decided[one.event].notes.get_mut(one.note) {
            note["outcome"] = "debounced".into();
            note["execution"] = id.to_string().into();
        }
    }
    let mut index = 0..;
    wanted.retain(|_| !index.next().is_some_and(|at| taken.contains_key(&at)));
    Ok(())
}

/// Runs the first burst of executions that this transaction enrolled: one commit less from the event to the first
/// step, and no second look at the contact; one that ends in it never stands in the hot table. What cannot begin here
/// (the contact is held, another version was published meanwhile) is due, and the run loop begins it.
///
/// Also returns the contacts of those that began.
pub(super) async fn begin(
    stage: &mut Stage<'_>,
    connection: &mut PgConnection,
    scope: &Scope,
    new: New,
) -> StoreResult<(Left, Vec<Uuid>)> {
    if new.is_empty() {
        return Ok((Left::default(), Vec::new()));
    }
    let enrolled = new.stored.len() + new.fresh.len();
    let mut claimed = new.fresh;
    if !new.stored.is_empty() {
        claimed.extend(executions::claim_ids(connection, scope, &new.stored).await?);
    }
    let known = |c: &Claimed| {
        let version = (c.execution.workflow, c.execution.version);
        stage.program(version).is_some()
    };
    let (claimed, unknown): (Vec<Claimed>, Vec<Claimed>) = claimed.into_iter().partition(known);
    stage.admit(connection, claimed.iter()).await?;
    let fed: Vec<bool> = claimed
        .iter()
        .map(|one| stage.feed(one, &Input::Time))
        .collect();
    let rows_first = stage.asks_of_others();
    if rows_first {
        let fresh = claimed.iter().filter(|one| one.place == Place::None);
        commit::insert_unbegun(connection, fresh).await?;
        stage.have_rows();
    }
    let mut left = stage.write(connection).await?;
    let of = |c: &Claimed| (c.execution.tenant, c.execution.contact);
    let (mut begun, mut not_begun) = (Vec::new(), unknown);
    for (one, fed) in claimed.into_iter().zip(fed) {
        if fed && !left.held.contains(&of(&one)) {
            begun.push(one.execution.contact);
        } else if !rows_first {
            not_begun.push(one);
        }
    }
    left.ready |= begun.len() < enrolled;
    let fresh = not_begun.iter().filter(|one| one.place == Place::None);
    commit::insert_unbegun(connection, fresh).await?;
    Ok((left, begun))
}
