//! Who fits is enrolled, in the matching transaction; and whoever begins at once runs their first burst there.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Decided, Person};
use crate::{
    engine::program::Program,
    model::{execution::Instant, transition::Input},
    store::{
        Scope, StoreResult,
        enroll::{self, Candidate, RateLimit},
        executions,
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
/// Returns the executions that are there now and may begin at once.
pub(super) async fn enroll_all(
    connection: &mut PgConnection,
    decided: &mut [Decided<'_>],
    wanted: Vec<Wanted>,
) -> StoreResult<Vec<(i16, Uuid)>> {
    let mut tenants: BTreeMap<i32, Vec<Wanted>> = BTreeMap::new();
    for one in wanted {
        tenants.entry(one.person.0).or_default().push(one);
    }
    let mut ready = Vec::new();
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
        for outcome in enroll::enroll(connection, tenant, &candidates, now).await? {
            let Some(one) = wanted.get(outcome.index) else {
                continue;
            };
            if let (Some(id), "enrolled") = (outcome.execution, &*outcome.outcome) {
                let bucket = decided[one.event].event.bucket;
                match one.begins {
                    None => ready.push((bucket, id)),
                    begins => later.push((bucket, id, begins)),
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
    Ok(ready)
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
/// step, and no second look at the contact. What cannot begin here (the contact is held, another version was
/// published meanwhile) stays due, and the run loop begins it.
///
/// Also returns the contacts of those that began.
pub(super) async fn begin(
    stage: &mut Stage<'_>,
    connection: &mut PgConnection,
    scope: &Scope,
    enrolled: &[(i16, Uuid)],
) -> StoreResult<(Left, Vec<Uuid>)> {
    if enrolled.is_empty() {
        return Ok((Left::default(), Vec::new()));
    }
    let mut claimed = executions::claim_ids(connection, scope, enrolled).await?;
    claimed.retain(|c| {
        stage
            .program((c.execution.workflow, c.execution.version))
            .is_some()
    });
    stage.admit(connection, claimed.iter()).await?;
    for one in &claimed {
        stage.feed(one, &Input::Time);
    }
    let mut left = stage.write(connection).await?;
    left.ready |= !left.held.is_empty() || claimed.len() < enrolled.len();
    let of = |c: &executions::Claimed| (c.execution.tenant, c.execution.contact);
    claimed.retain(|c| !left.held.contains(&of(c)));
    let begun = claimed.iter().map(|c| c.execution.contact).collect();
    Ok((left, begun))
}
