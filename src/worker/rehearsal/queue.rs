//! The statements over `event_queue`, `events`, `buckets`, `timers`, and the CRM's contacts; each names the file of
//! `sql/queries/` (or the function) it stands for.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::{
    database::{Database, Millis, Person, Queued, Timer, bucket, instant},
    table::{Said, Session, Stop},
};
use crate::{
    faults::{Plant, planted},
    model::transition::{Cause, CrmWrite, Event},
};

/// The tag that the CRM's own constraint refuses.
pub(super) const REFUSED: &str = "refused";

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

/// `event_buckets` and `lock_buckets`: at most `limit` that have events, from this one on, as far as they are free.
pub(super) fn claim_buckets(
    db: &mut Database,
    me: Session,
    from: i16,
    limit: usize,
) -> Said<Vec<i16>> {
    let all: BTreeSet<i16> = db.queue.all(me).map(|row| row.0.0).collect();
    let mut found: Vec<i16> = all.range(from..).copied().take(limit).collect();
    if found.is_empty() {
        found = all.into_iter().take(limit).collect();
    }
    found.retain(|bucket| db.buckets.take(me, bucket));
    Ok(found)
}

/// `read_events`: the oldest of these buckets.
pub(super) fn read(db: &Database, me: Session, buckets: &[i16], each: usize) -> Said<Vec<Queued>> {
    let mut found = Vec::new();
    for bucket in buckets {
        let own = db.queue.all(me).filter(|(key, _)| key.0 == *bucket);
        found.extend(own.map(|(_, row)| row.clone()).take(each));
    }
    Ok(found)
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

/// A timer is planned, also when it has fired before: whoever publishes again does not know.
pub(super) fn plan(
    db: &mut Database,
    me: Session,
    contact: Uuid,
    occurrence: &str,
    due: Millis,
) -> Said<()> {
    let id = db.draw_id();
    let timer = Timer { id, contact, due };
    db.timers
        .insert(me, (contact, occurrence.to_owned()), timer)
        .map(drop)
}

/// `fire_timers`: each occurrence once. Returns how many were taken.
pub(super) fn fire(db: &mut Database, me: Session, now: Millis, limit: usize) -> Said<usize> {
    let due = db.timers.all(me).filter(|(_, timer)| timer.due <= now);
    let due: Vec<_> = due
        .map(|(key, timer)| (key.clone(), timer.clone()))
        .take(limit)
        .collect();
    let mut taken = 0;
    for (key, timer) in due {
        if !db.timers.take(me, &key) {
            continue;
        }
        taken += 1;
        db.timers.delete(me, &key);
        let fresh = db.occurrences.insert(me, key.clone(), timer.id)?;
        if fresh || planted(Plant::TimerWithoutUnique) {
            let mut event = event("custom.event", timer.contact, "timed", now);
            event.data["occurrence"] = json!(key.1);
            record(db, me, now, event)?;
        }
    }
    Ok(taken)
}

/// `lock_contacts`: those that nobody else holds.
pub(super) fn lock_contacts(
    db: &mut Database,
    me: Session,
    contacts: &BTreeSet<Uuid>,
) -> Said<BTreeSet<Uuid>> {
    let mut got = contacts.clone();
    got.retain(|contact| db.contacts.take(me, contact));
    Ok(got)
}

/// The CRM's row changes, and its triggers record what happened, in the writer's transaction.
pub(super) fn write_contact(
    db: &mut Database,
    me: Session,
    now: Millis,
    contact: Uuid,
    by: Uuid,
    (writes, cause): (&[CrmWrite], Option<&Cause>),
) -> Said<()> {
    let mut person: Person = db.contacts.get(me, &contact).cloned().unwrap_or_default();
    for write in writes {
        match write {
            CrmWrite::AddTags(tags) if tags.iter().any(|tag| tag == REFUSED) => {
                return Err(Stop::Refused);
            }
            CrmWrite::AddTags(tags) => {
                for tag in tags
                    .iter()
                    .filter(|tag| !person.tags.contains(tag))
                    .cloned()
                    .collect::<Vec<_>>()
                {
                    let mut event = event("contact.tag.added", contact, &tag, now);
                    event.cause = cause.cloned();
                    record(db, me, now, event)?;
                    person.tags.push(tag);
                }
            }
            CrmWrite::AddNote { .. } => person.notes.push(by),
            CrmWrite::RemoveTags(tags) => person.tags.retain(|tag| !tags.contains(tag)),
            CrmWrite::SetFields(_) => {}
        }
    }
    db.contacts.put(me, &contact, person);
    Ok(())
}
