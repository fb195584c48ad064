//! The statements over `event_queue`, `events` and `buckets`; each names the file of `sql/queries/` (or the function) it
//! stands for.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::{
    database::{Database, Millis, Queued, bucket, instant},
    table::{Said, Session},
};
use crate::model::transition::Event;

/// An event of a contact.
pub(super) fn event(kind: &str, contact: Uuid, name: &str, now: Millis) -> Event {
    Event {
        id: Uuid::nil(),
        kind: kind.into(),
        contact: Some(contact),
        occurred_at: instant(now),
        data: json!({ "name": name, "tag": name }),
        old: None,
        new: None,
        trigger: None,
        cause: None,
    }
}

/// `emit` without a key: a row of the queue, in the contact's order.
pub(super) fn record(db: &mut Database, me: Session, now: Millis, event: Event) -> Said<()> {
    let id = db.draw_id();
    let contact = event.contact.unwrap_or_default();
    let recorded = db.microsecond(now);
    let event = Event { id, ..event };
    let row = Queued {
        event,
        recorded,
        given_up: false,
    };
    db.queue
        .insert(me, (bucket(contact), recorded, id), row)
        .map(drop)
}

/// `emit` with a key: the first delivery wins, the others wait for its commit.
pub(super) fn emit(
    db: &mut Database,
    me: Session,
    now: Millis,
    event: &Event,
    key: &str,
) -> Said<()> {
    let of = (event.contact.unwrap_or_default(), key.to_owned());
    let id = db.draw_id();
    if db.keys.insert(me, of, id)? {
        record(db, me, now, event.clone())?;
    }
    Ok(())
}

/// `claim_buckets` and `claim_buckets_since`: at most `limit` that have events recorded since that microsecond, from this
/// one on, as far as they are free.
pub(super) fn claim_buckets(
    db: &mut Database,
    me: Session,
    from: i16,
    limit: usize,
    since: i64,
) -> Said<Vec<i16>> {
    let recent = db.queue.all(me).filter(|row| row.1.recorded >= since);
    let all: BTreeSet<i16> = recent.map(|row| row.0.0).collect();
    let mut found: Vec<i16> = all.range(from..).copied().take(limit).collect();
    if found.is_empty() {
        found = all.into_iter().take(limit).collect();
    }
    found.retain(|bucket| db.buckets.take(me, bucket));
    Ok(found)
}

/// `read_events`: the oldest of these buckets.
pub(super) fn read(db: &Database, me: Session, buckets: &[i16], each: usize) -> Vec<Queued> {
    let mut found = Vec::new();
    for bucket in buckets {
        let own = db.queue.all(me).filter(|(key, _)| key.0 == *bucket);
        found.extend(own.map(|(_, row)| row.clone()).take(each));
    }
    found
}

/// What `read_events` says beside each: whose contacts have executions.
pub(super) fn followed(db: &Database, me: Session, events: &[Queued]) -> BTreeSet<Uuid> {
    let contacts = events.iter().filter_map(|one| one.event.contact);
    let has = |contact: &Uuid| db.runs.all(me).any(|(_, ex)| ex.contact == *contact);
    contacts.filter(has).collect()
}

/// `log_events`.
pub(super) fn log(db: &mut Database, me: Session, events: &[Queued]) -> Said<()> {
    for row in events {
        let contact = row.event.contact.unwrap_or_default();
        let key = (bucket(contact), row.recorded, row.event.id);
        if db.queue.take(me, &key) {
            db.queue.delete(me, &key);
            db.events
                .insert(me, (row.recorded, row.event.id), row.clone())?;
        }
    }
    Ok(())
}
