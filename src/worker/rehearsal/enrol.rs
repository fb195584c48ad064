//! [`super::super::match_events`]'s enrolment: who fits is enrolled, and begins in the matching transaction.

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

/// The first burst of who was enrolled, in the same transaction. Whose contact is held stays due, and a runner begins
/// it.
pub(super) async fn begin(batch: &mut Batch, line: &mut Line, enrolled: &[Uuid]) -> Result<Left> {
    if enrolled.is_empty() {
        return Ok(Left::default());
    }
    let claimed = line
        .say("claim enrolled", |db, me, now| {
            runs::claim_ids(db, me, now, enrolled)
        })
        .await?;
    for one in &claimed {
        batch.feed(one, &Input::Time);
    }
    let mut left = batch.write(line).await?;
    left.ready |= !left.held.is_empty() || claimed.len() < enrolled.len();
    Ok(left)
}
