//! The database of a rehearsal: its tables, what a row holds, and how a transaction ends.
//!
//! What the statements do to them stands beside, a room for each family: [`super::runs`], [`super::queue`],
//! [`super::sends`].

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::table::{Session, Table};
use crate::{
    model::{
        execution::{Execution, Instant, Status},
        ids::bucket_of,
        transition::{Entry, Event, Input},
    },
    store::outbox::Claim,
};

/// Milliseconds since a rehearsal begins.
pub(super) type Millis = i64;

/// The only tenant.
pub(super) const TENANT: i32 = 1;

/// The time as the machine and the tables hold it.
pub(super) fn instant(at: Millis) -> Instant {
    const BEGIN: i64 = 1_772_445_600_000;
    Instant::from_timestamp_millis(BEGIN).expect("a time in 2026") + TimeDelta::milliseconds(at)
}

/// The reverse of [`instant`].
pub(super) fn millis(at: Instant) -> Millis {
    (at - instant(0)).num_milliseconds()
}

/// The bucket in which a contact's rows lie.
pub(super) fn bucket(contact: Uuid) -> i16 {
    bucket_of(TENANT, contact)
}

/// A row of `finished`.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) execution: Arc<Execution>,
    pub(super) status: Status,
    pub(super) seq: i32,
    /// Its last burst, if anything happened in it that history keeps, rides in its row.
    pub(super) burst: Option<Burst>,
}

/// A row of `bursts`.
#[derive(Debug, Clone)]
pub(super) struct Burst {
    pub(super) at: Millis,
    pub(super) entries: Vec<Entry>,
}

/// A row of `event_queue`, and of `events` once it is matched.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub(super) event: Event,
    /// Its microsecond: the contact's order.
    pub(super) recorded: i64,
    /// It was logged with an error, since it could not be handled.
    pub(super) given_up: bool,
}

/// A row of `timers`.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) id: Uuid,
    pub(super) contact: Uuid,
    pub(super) due: Millis,
}

/// A row of `sends`.
#[derive(Debug, Clone)]
pub(super) struct Send {
    pub(super) claim: Claim,
    pub(super) step: u32,
    /// 0 pending, 1 claimed, 2 past the barrier.
    pub(super) state: i16,
    pub(super) lease_until: Millis,
    /// Committed claims so far, those given back included.
    pub(super) tries: usize,
    /// It passed the barrier while its lease lasted.
    pub(super) passed_in_time: bool,
    /// The shortest time after which a lease was taken for lost.
    pub(super) shortest_lease: Option<Millis>,
}

/// A row of `deliveries`.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) send: Send,
    /// 3 sent, 4 failed, 5 unknown, 7 cancelled.
    pub(super) state: i16,
    /// Ended by an answer, of the try with this fence.
    pub(super) answered: Option<i32>,
    /// Nobody asks for it any more: its execution or its branch has ended.
    pub(super) moot: bool,
}

/// A row of `attempt_log`.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) outbox: Uuid,
    pub(super) fence: i32,
    pub(super) verdict: &'static str,
}

/// A row of the CRM.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    pub(super) tags: Vec<String>,
    /// Notes by the execution that put them.
    pub(super) notes: Vec<Uuid>,
}

/// Every table.
#[derive(Debug, Clone, Default)]
pub(super) struct Database {
    pub(super) runs: Table<Uuid, Arc<Execution>>,
    pub(super) finished: Table<Uuid, Finished>,
    pub(super) bursts: Table<(Uuid, i32, u64), Burst>,
    pub(super) wakes: Table<(Uuid, i16, i32), Input>,
    pub(super) queue: Table<(i16, i64, Uuid), Queued>,
    pub(super) events: Table<(i64, Uuid), Queued>,
    pub(super) keys: Table<(Uuid, String), Uuid>,
    pub(super) buckets: Table<i16, ()>,
    pub(super) timers: Table<(Uuid, String), Timer>,
    pub(super) occurrences: Table<(Uuid, String), Uuid>,
    pub(super) sends: Table<Uuid, Send>,
    pub(super) deliveries: Table<Uuid, Delivery>,
    pub(super) attempts: Table<u64, Attempt>,
    pub(super) contacts: Table<Uuid, Person>,
    commits: u64,
    drawn: u64,
    microsecond: i64,
}

impl Database {
    /// A number that nobody has had.
    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    /// `clock_timestamp()`: no two calls see the same.
    pub(super) fn microsecond(&mut self, now: Millis) -> i64 {
        self.microsecond = (now * 1_000).max(self.microsecond + 1);
        self.microsecond
    }

    /// Becomes what a backup holds. What is random or the time goes on.
    pub(super) fn set_back(&mut self, backup: Database) {
        let (drawn, microsecond) = (self.drawn, self.microsecond);
        *self = backup;
        (self.drawn, self.microsecond) = (drawn, microsecond);
    }

    /// A random id, as `gen_random_uuid` draws it.
    pub(super) fn draw_id(&mut self) -> Uuid {
        Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(self.draw()))
    }

    /// Ends a session's transaction: all of it, or nothing.
    pub(super) fn end(&mut self, me: Session, commit: bool) {
        self.commits += u64::from(commit);
        let serial = commit.then_some(self.commits);
        self.runs.end(me, serial);
        self.finished.end(me, serial);
        self.bursts.end(me, serial);
        self.wakes.end(me, serial);
        self.queue.end(me, serial);
        self.events.end(me, serial);
        self.keys.end(me, serial);
        self.buckets.end(me, serial);
        self.timers.end(me, serial);
        self.occurrences.end(me, serial);
        self.sends.end(me, serial);
        self.deliveries.end(me, serial);
        self.attempts.end(me, serial);
        self.contacts.end(me, serial);
    }

    /// Whether nothing is left to do.
    pub(super) fn at_rest(&self) -> bool {
        self.runs.is_empty()
            && self.wakes.is_empty()
            && self.queue.is_empty()
            && self.timers.is_empty()
            && self.sends.is_empty()
    }

    /// When a poll finds something next; none: never.
    pub(super) fn next_due(&self, now: Millis) -> Option<Millis> {
        if !self.wakes.is_empty() || !self.queue.is_empty() {
            return Some(now);
        }
        let runs = self.runs.stand().filter_map(|row| row.1.due_at.map(millis));
        let timers = self.timers.stand().map(|row| row.1.due);
        let sends = self.sends.stand().map(|(_, send, _)| match send.state {
            0 => millis(send.claim.due_at),
            _ => send.lease_until + 1,
        });
        runs.chain(timers).chain(sends).min()
    }
}
