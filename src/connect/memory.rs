//! A connector that keeps its deliveries in memory: for tests and for `bench`.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{BoxFuture, Connector, Delivery, Reply};

/// Keeps what is delivered and answers as it is told; `Ok` unless told otherwise.
pub struct Memory {
    state: Mutex<State>,
    keeping: bool,
    count: AtomicU64,
    arrived: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    next: VecDeque<Reply>,
    otherwise: Option<Reply>,
    kept: Vec<Kept>,
    calls: HashMap<Uuid, u32>,
}

/// A delivery as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The outbox row's id.
    pub outbox_id: Uuid,
    /// The tenant.
    pub tenant: String,
    /// The action type.
    pub action: String,
    /// The request.
    pub request: Value,
    /// The attempt's number.
    pub attempt: u32,
}

impl Memory {
    /// Keeps every delivery.
    pub fn new() -> Self {
        Self::with(true)
    }

    /// Counts and keeps nothing: for millions of deliveries.
    pub fn counting() -> Self {
        Self::with(false)
    }

    fn with(keeping: bool) -> Self {
        let (state, count, arrived) = Default::default();
        Self {
            state,
            keeping,
            count,
            arrived,
        }
    }

    /// Answers the next delivery that no answer waits for yet with this.
    pub fn next(&self, reply: Reply) {
        self.lock().next.push_back(reply);
    }

    /// Answers with this whenever nothing was laid down by [`Memory::next`].
    pub fn otherwise(&self, reply: Reply) {
        self.lock().otherwise = Some(reply);
    }

    /// How many deliveries came in all.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// How often this outbox row was delivered; always 0 when only counting.
    pub fn calls(&self, outbox_id: Uuid) -> u32 {
        self.lock().calls.get(&outbox_id).copied().unwrap_or(0)
    }

    /// Every delivery so far, in order; empty when only counting.
    pub fn kept(&self) -> Vec<Kept> {
        self.lock().kept.clone()
    }

    /// Waits until this many deliveries have come in all.
    pub async fn arrived(&self, count: u64) {
        // The sender lives as long as `self`.
        let _ = self
            .arrived
            .subscribe()
            .wait_for(|arrived| *arrived >= count)
            .await;
    }

    fn take(&self, delivery: &Delivery<'_>) -> Reply {
        let mut state = self.lock();
        if self.keeping {
            *state.calls.entry(delivery.outbox_id).or_default() += 1;
            state.kept.push(Kept {
                outbox_id: delivery.outbox_id,
                tenant: delivery.tenant.to_owned(),
                action: delivery.action.to_owned(),
                request: delivery.request.clone(),
                attempt: delivery.attempt,
            });
        }
        let reply = state.next.pop_front().or_else(|| state.otherwise.clone());
        let count = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        // Under the lock, so that the count only grows.
        self.arrived.send_replace(count);
        reply.unwrap_or_else(|| Reply::ok(json!({})))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector for Memory {
    fn is_local(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(std::future::ready(self.take(delivery)))
    }
}
