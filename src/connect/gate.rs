//! The gate that a request's body passes: knows for certain whether any byte of it may have left.
//!
//! The HTTP client writes nothing of a request before it has polled the body once (HTTP/1 only: it
//! encodes the head into a buffer, asks for the body, then flushes both). So the body's first poll is
//! the instant right before the write: there the deadline is looked at for the last time, and a gate
//! that was closed before (time ran out while connecting) refuses it. The two exclude each other, so
//! `NotSent` is never a guess.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use futures::Stream;
use tokio::time::Instant;

const WAITING: u8 = 0;
const PASSED: u8 = 1;
const CLOSED: u8 = 2;

/// The gate of one call.
pub(super) struct Gate {
    state: AtomicU8,
    deadline: Instant,
}

/// The gate was closed before the body came.
#[derive(Debug, thiserror::Error)]
#[error("the deadline passed before the first byte")]
pub(super) struct Closed;

impl Gate {
    pub(super) fn new(deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(WAITING),
            deadline,
        })
    }

    /// Closes the gate. True: nothing has left and nothing will. False: bytes may have left.
    pub(super) fn close(&self) -> bool {
        self.turn(CLOSED) != PASSED
    }

    fn pass(&self) -> Result<(), Closed> {
        let to = if Instant::now() < self.deadline {
            PASSED
        } else {
            CLOSED
        };
        if self.turn(to) == PASSED {
            Ok(())
        } else {
            Err(Closed)
        }
    }

    /// Turns a waiting gate; answers the state it has now.
    fn turn(&self, to: u8) -> u8 {
        match self
            .state
            .compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => to,
            Err(state) => state,
        }
    }
}

/// A body behind its gate.
pub(super) struct GatedBody {
    gate: Arc<Gate>,
    bytes: Option<Vec<u8>>,
}

impl GatedBody {
    pub(super) fn new(gate: Arc<Gate>, bytes: Option<Vec<u8>>) -> Self {
        Self {
            gate,
            bytes: bytes.filter(|bytes| !bytes.is_empty()),
        }
    }
}

impl Stream for GatedBody {
    type Item = Result<Vec<u8>, Closed>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(closed) = self.gate.pass() {
            return Poll::Ready(Some(Err(closed)));
        }
        Poll::Ready(self.bytes.take().map(Ok))
    }
}

impl Drop for GatedBody {
    /// A body without bytes may be dropped unpolled once the head is encoded, so its end counts as
    /// passing. One dropped while connecting passes as well: that error says so by itself.
    fn drop(&mut self) {
        if self.bytes.is_none() {
            self.gate.turn(PASSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::StreamExt;

    use super::*;

    fn gate(seconds: u64) -> Arc<Gate> {
        Gate::new(Instant::now() + Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn a_body_that_came_first_may_have_left() {
        let gate = gate(60);
        let mut body = GatedBody::new(gate.clone(), Some(b"x".to_vec()));
        assert_eq!(body.next().await.and_then(Result::ok), Some(b"x".to_vec()));
        assert!(body.next().await.is_none());
        assert!(!gate.close());
    }

    #[tokio::test]
    async fn a_closed_gate_lets_nothing_through() {
        let gate = gate(60);
        let mut body = GatedBody::new(gate.clone(), Some(b"x".to_vec()));
        assert!(gate.close());
        assert!(matches!(body.next().await, Some(Err(Closed))));
        assert!(gate.close());
    }

    #[tokio::test]
    async fn after_the_deadline_the_body_is_refused() {
        let gate = gate(0);
        let mut body = GatedBody::new(gate.clone(), Some(b"x".to_vec()));
        assert!(matches!(body.next().await, Some(Err(Closed))));
        assert!(gate.close());
    }

    #[test]
    fn only_a_body_without_bytes_passes_by_its_end() {
        for (bytes, certain) in [(None, false), (Some(vec![]), false), (Some(vec![1]), true)] {
            let gate = gate(60);
            drop(GatedBody::new(gate.clone(), bytes.clone()));
            assert_eq!(gate.close(), certain, "{bytes:?}");
        }
    }
}
