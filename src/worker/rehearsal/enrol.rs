//! [`super::super::match_events`]'s enrolment: who fits is enrolled, and begins in the matching transaction.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    advance::Batch,
    database::{Millis, TENANT, bucket, instant},
    line::{Line, Result},
    runs,
};
use crate::{
    catalog::event_scope::envelope,
    engine::program::Program,
    model::{
        execution::{Execution, State, Status},
        ids::derive,
        transition::{Event, Input},
    },
    store::{executions::Claimed, place::Place},
    worker::advance::Left,
};

/// A new execution, as `enroll_batch` makes it.
pub(super) fn enrolled(
    program: &Program,
    (contact, key): (Uuid, String),
    event: &Event,
    now: Millis,
) -> Execution {
    let parts = [
        program.workflow.clone(),
        contact.to_string(),
        key.clone(),
        event.id.to_string(),
    ];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let at = event.occurred_at.timestamp_millis();
    Execution {
        bucket: bucket(contact),
        id: derive(at, bucket(contact), &parts),
        tenant: TENANT,
        workflow: program.numbers.workflow,
        version: program.numbers.version,
        contact,
        key,
        status: Status::Ready,
        priority: 0,
        seq: 0,
        enrolled_at: instant(now),
        due_at: Some(instant(now)),
        state: State {
            event: Some(envelope(event)),
            depth: event.cause.as_ref().map_or(0, |cause| cause.depth),
            ..State::default()
        },
    }
}

/// As its row would hold it.
fn unbegun(ex: Execution) -> Claimed {
    Claimed {
        now: ex.enrolled_at,
        execution: Arc::new(ex),
        broken: None,
        place: Place::None,
    }
}

/// The first burst of who was enrolled, in the same transaction; one that ends in it never has a row. Whose contact is
/// held is due, and a runner begins it.
pub(super) async fn begin(batch: &mut Batch, line: &mut Line, new: Vec<Execution>) -> Result<Left> {
    if new.is_empty() {
        return Ok(Left::default());
    }
    let claimed: Vec<Claimed> = new.into_iter().map(unbegun).collect();
    let feed = |one: &Claimed| batch.feed(one, &Input::Time);
    let fed: Vec<bool> = claimed.iter().map(feed).collect();
    let mut left = batch.write(line).await?;
    let begun = |ex: &Execution, fed: bool| fed && !left.held.contains(&(TENANT, ex.contact));
    let all = claimed.into_iter().map(|one| one.execution).zip(fed);
    let not_begun: Vec<Arc<Execution>> = all
        .filter(|(ex, fed)| !begun(ex, *fed))
        .map(|one| one.0)
        .collect();
    if !not_begun.is_empty() {
        left.ready = true;
        line.say("insert unbegun", |db, me, _| {
            let mut rows = not_begun.iter().cloned();
            rows.try_for_each(|row| runs::insert(db, me, row))
        })
        .await?;
    }
    Ok(left)
}
