//! The statements over `timers` and the keys of their occurrences.

use serde_json::json;
use uuid::Uuid;

use super::{
    database::{Database, Millis, Timer},
    queue::{event, record},
    table::{Said, Session},
};
use crate::faults::{Plant, planted};

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
