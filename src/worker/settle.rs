//! What a verdict means for an outbox row: ended, or again, and when. Pure.

use std::time::Duration;

use serde_json::Value;

use crate::{
    connect::{Reply, Verdict},
    model::{execution::Instant, retry::RetryConfig, transition::Policy},
    store::outbox::{Claim, Ended},
};

/// How long a provider is taken to remember an idempotency key, less an hour's margin.
const DEDUPE_WINDOW: chrono::TimeDelta = chrono::TimeDelta::hours(23);

/// What becomes of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It has ended.
    End(Ended),
    /// Once more after this delay; uncounted: nothing left, and it was not the provider's doing.
    Again {
        /// From now, business time.
        after: Duration,
        /// The try does not count against `maxAttempts`.
        uncounted: bool,
    },
}

/// Settles one verdict. `now` is the database's clock, since `first_at` is.
pub(crate) fn settle(claim: &Claim, reply: &Reply, now: Instant) -> Settlement {
    let retry = retry_of(claim);
    let attempt = u32::from(claim.attempt.unsigned_abs());
    let named = reply
        .error
        .as_deref()
        .is_some_and(|error| retry.names(error));
    let again = || {
        let wait = retry.delay(attempt, seed(claim));
        Settlement::Again {
            after: wait.max(reply.retry_after.unwrap_or_default()),
            uncounted: false,
        }
    };
    let more = retry.retries_after(attempt);
    match reply.verdict {
        Verdict::Ok => Settlement::End(Ended::Sent),
        Verdict::Rejected if named && more => again(),
        Verdict::Rejected => Settlement::End(Ended::Failed),
        // Our own lateness, not the provider's: given back whole.
        Verdict::NotSent if reply.error.as_deref() == Some("deadline") => Settlement::Again {
            after: Duration::ZERO,
            uncounted: true,
        },
        Verdict::NotSent | Verdict::Retryable if more && in_window(claim, now) => again(),
        Verdict::NotSent | Verdict::Retryable => Settlement::End(Ended::Failed),
        Verdict::Unknown => match claim.policy {
            Policy::Dedupe if more && in_window(claim, now) => again(),
            Policy::Retry if more => again(),
            _ => Settlement::End(Ended::Unknown),
        },
    }
}

/// Settles a row whose dispatcher did not come back. `passed`: it had passed the barrier.
pub(crate) fn settle_expired(claim: &Claim, passed: bool, now: Instant) -> Settlement {
    let retry = retry_of(claim);
    let attempt = u32::from(claim.attempt.unsigned_abs());
    let again = Settlement::Again {
        after: retry.delay(attempt, seed(claim)),
        uncounted: false,
    };
    match claim.policy {
        // Before the barrier nothing can have left.
        Policy::Hold | Policy::Reconcile if !passed => Settlement::Again {
            after: Duration::ZERO,
            uncounted: true,
        },
        Policy::Dedupe if in_window(claim, now) && retry.retries_after(attempt) => again,
        Policy::Retry if retry.retries_after(attempt) => again,
        _ => Settlement::End(Ended::Unknown),
    }
}

fn retry_of(claim: &Claim) -> RetryConfig {
    claim
        .retry
        .as_ref()
        .and_then(|spec: &Value| serde_json::from_value(spec.clone()).ok())
        .unwrap_or_else(RetryConfig::default)
}

/// Jitter comes from the row's own id: no randomness, and no two rows in step.
fn seed(claim: &Claim) -> u64 {
    (claim.id.as_u128() as u64) ^ u64::from(claim.attempt.unsigned_abs())
}

/// A dedupe row is repeated only while the provider still remembers its key.
fn in_window(claim: &Claim, now: Instant) -> bool {
    claim.policy != Policy::Dedupe
        || claim
            .first_at
            .is_none_or(|first| now.signed_duration_since(first) < DEDUPE_WINDOW)
}
