//! The statements over the CRM's contacts, whose triggers record events.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    database::{Database, Millis, Person},
    queue::{event, record},
    table::{Said, Session, Stop},
};
use crate::model::transition::{Cause, CrmWrite};

/// The tag that the CRM's own constraint refuses.
pub(super) const REFUSED: &str = "refused";

/// `lock_contacts`: those that nobody else holds.
pub(super) fn lock(
    db: &mut Database,
    me: Session,
    contacts: &BTreeSet<Uuid>,
) -> Said<BTreeSet<Uuid>> {
    let mut got = contacts.clone();
    got.retain(|contact| db.contacts.take(me, contact));
    Ok(got)
}

/// The CRM's row changes, and its triggers record what happened, in the writer's transaction.
pub(super) fn write(
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
