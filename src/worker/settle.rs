//! What a verdict means for an outbox row: ended, or again, and when. Pure.

use std::time::Duration;

use serde_json::Value;

use crate::{
    connect::{Reply, Verdict},
    faults::{Plant, planted},
    model::{execution::Instant, retry::RetryConfig, transition::Policy},
    store::outbox::{Claim, Ended},
};

/// How long a provider is taken to remember an idempotency key, less an hour's margin.
const DEDUPE_WINDOW: chrono::TimeDelta = chrono::TimeDelta::hours(23);

/// How often the provider is asked what became of a send when no try is left: the question does no harm.
const QUESTIONS: u32 = 5;

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
    // After a try that may have been done, only a provider that knows our key can still say a certain no.
    let not_done = if claim.doubt {
        Ended::Unknown
    } else {
        Ended::Failed
    };
    match reply.verdict {
        Verdict::Ok => Settlement::End(Ended::Sent),
        Verdict::Rejected if named && more => again(),
        Verdict::Rejected if claim.policy == Policy::Dedupe => Settlement::End(Ended::Failed),
        Verdict::Rejected => Settlement::End(not_done),
        // Our own lateness, not the provider's: given back whole.
        Verdict::NotSent if reply.error.as_deref() == Some("deadline") => Settlement::Again {
            after: Duration::ZERO,
            uncounted: true,
        },
        Verdict::NotSent | Verdict::Retryable if more && in_window(claim, now) => again(),
        Verdict::NotSent | Verdict::Retryable => Settlement::End(not_done),
        Verdict::Unknown => match claim.policy {
            Policy::Dedupe if more && in_window(claim, now) => again(),
            Policy::Retry if more => again(),
            Policy::Reconcile => asked_again(claim, reply.retry_after.unwrap_or_default()),
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
        Policy::Reconcile => asked_again(claim, Duration::ZERO),
        _ => Settlement::End(Ended::Unknown),
    }
}

/// How long after a doubt the provider is asked what became of it; none: the request does not say how.
fn asked_after(claim: &Claim) -> Option<Duration> {
    let lookup = claim.request.get("lookup")?;
    lookup
        .get("afterMs")
        .and_then(Value::as_u64)
        .map(Duration::from_millis)
}

/// A doubt that the provider may resolve: it is asked in a while, a few times more often than there are tries.
fn asked_again(claim: &Claim, at_least: Duration) -> Settlement {
    let most = retry_of(claim).attempts().saturating_add(QUESTIONS);
    match asked_after(claim) {
        Some(after) if u32::from(claim.attempt.unsigned_abs()) < most => Settlement::Again {
            after: after.max(at_least),
            uncounted: false,
        },
        _ => Settlement::End(Ended::Unknown),
    }
}

/// Whether this try is one of those that `maxAttempts` allows; beyond them the provider is asked and no more.
pub(crate) fn may_send(claim: &Claim) -> bool {
    u32::from(claim.attempt.unsigned_abs()) <= retry_of(claim).attempts()
}

/// Whether the provider is to be asked before this row is sent again.
pub(crate) fn must_ask(claim: &Claim) -> bool {
    claim.policy == Policy::Reconcile && claim.doubt && asked_after(claim).is_some()
}

fn retry_of(claim: &Claim) -> RetryConfig {
    claim
        .retry
        .as_ref()
        .and_then(|spec: &Value| serde_json::from_value(spec.clone()).ok())
        .unwrap_or_default()
}

/// Jitter comes from the row's own id: no randomness, and no two rows in step.
fn seed(claim: &Claim) -> u64 {
    (claim.id.as_u128() as u64) ^ u64::from(claim.attempt.unsigned_abs())
}

/// A dedupe row is repeated only while the provider still remembers its key.
fn in_window(claim: &Claim, now: Instant) -> bool {
    claim.policy != Policy::Dedupe
        || planted(Plant::WindowIgnored)
        || claim
            .first_at
            .is_none_or(|first| now.signed_duration_since(first) < DEDUPE_WINDOW)
}

/// Whether this may have been sent in a time that a restore has undone, and nobody can be asked: it is not sent.
pub(crate) fn withheld(claim: &Claim) -> bool {
    claim.doubt
        && match claim.policy {
            Policy::Hold => true,
            Policy::Reconcile => asked_after(claim).is_none(),
            Policy::Dedupe | Policy::Retry => false,
        }
}

/// Whether the provider may have forgotten the key of a row that may have been done: a long pause between two tries,
/// or nobody at work for a day. Then it is not sent again.
pub(crate) fn forgotten(claim: &Claim) -> bool {
    claim.doubt && claim.claimed_at.is_some_and(|at| !in_window(claim, at))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn now() -> Instant {
        "2024-03-01T09:00:00Z".parse().expect("a time")
    }

    fn claim(policy: Policy, attempt: i16, first_hours_ago: i64, retry: Option<Value>) -> Claim {
        Claim {
            bucket: 1,
            id: Uuid::from_u128(7),
            execution: Uuid::from_u128(8),
            seq: 3,
            tenant: 1,
            action: "webhook".into(),
            policy,
            fence: 1,
            attempt,
            due_at: now(),
            created_at: now(),
            first_at: Some(now() - TimeDelta::hours(first_hours_ago)),
            timeout: Duration::from_secs(30),
            retry,
            request: Value::Null,
            doubt: false,
            now: now(),
            claimed_at: Some(now()),
        }
    }

    fn again(millis: u64) -> Settlement {
        let after = Duration::from_millis(millis);
        Settlement::Again {
            after,
            uncounted: false,
        }
    }

    /// Policy, attempt, hours since the first, verdict -> what becomes of the row.
    #[test]
    fn verdicts_by_policy() {
        use Ended::{Failed, Sent, Unknown};
        use Policy::{Dedupe, Hold, Reconcile, Retry};
        let end = Settlement::End;
        let table = [
            (Hold, 1, 0, Verdict::Ok, end(Sent)),
            (Hold, 1, 0, Verdict::Rejected, end(Failed)),
            (Hold, 1, 0, Verdict::NotSent, again(1_000)),
            (Hold, 2, 0, Verdict::Retryable, again(2_000)),
            (Hold, 5, 0, Verdict::Retryable, end(Failed)),
            (Hold, 1, 0, Verdict::Unknown, end(Unknown)),
            (Reconcile, 1, 0, Verdict::Unknown, end(Unknown)),
            (Dedupe, 1, 0, Verdict::Unknown, again(1_000)),
            (Dedupe, 3, 0, Verdict::Unknown, again(4_000)),
            (Dedupe, 5, 0, Verdict::Unknown, end(Unknown)),
            (Dedupe, 1, 23, Verdict::Unknown, end(Unknown)),
            (Dedupe, 1, 23, Verdict::NotSent, end(Failed)),
            (Retry, 1, 99, Verdict::Unknown, again(1_000)),
            (Retry, 5, 0, Verdict::Unknown, end(Unknown)),
        ];
        for (policy, attempt, hours, verdict, wanted) in table {
            let reply = Reply::failed(verdict, "some_error", "why");
            let got = settle(&claim(policy, attempt, hours, None), &reply, now());
            assert_eq!(
                got, wanted,
                "{policy:?} attempt {attempt}, {hours} h, {verdict:?}"
            );
        }
    }

    /// retryConfig -> milliseconds between the tries of an outside step, up to the last.
    #[test]
    fn how_long_each_backoff_waits() {
        let table: [(Option<Value>, &[u64]); 6] = [
            (None, &[1_000, 2_000, 4_000, 8_000]),
            (
                Some(json!({"maxAttempts": 4, "backoffStrategy": "FIXED"})),
                &[1_000, 1_000, 1_000],
            ),
            (
                Some(json!({"maxAttempts": 4, "backoffStrategy": "LINEAR"})),
                &[1_000, 2_000, 3_000],
            ),
            (
                Some(
                    json!({"maxAttempts": 5, "retryDelay": {"initial": 500, "max": 3_000, "multiplier": 3}}),
                ),
                &[500, 1_500, 3_000, 3_000],
            ),
            (Some(json!({"maxAttempts": 1})), &[]),
            (Some(json!({"enabled": false, "maxAttempts": 9})), &[]),
        ];
        for (retry, wanted) in table {
            let reply = Reply::failed(Verdict::Retryable, "http_503", "busy");
            let mut waits = Vec::new();
            for attempt in 1..=9 {
                let row = claim(Policy::Hold, attempt, 0, retry.clone());
                match settle(&row, &reply, now()) {
                    Settlement::Again { after, .. } => waits.push(after),
                    ended => {
                        assert_eq!(ended, Settlement::End(Ended::Failed), "{retry:?}");
                        break;
                    }
                }
            }
            let wanted: Vec<Duration> = wanted.iter().copied().map(Duration::from_millis).collect();
            assert_eq!(waits, wanted, "{retry:?}");
        }
    }

    #[test]
    fn a_provider_that_asks_for_time_gets_it() {
        let mut reply = Reply::failed(Verdict::Retryable, "http_429", "slow down");
        reply.retry_after = Some(Duration::from_secs(90));
        assert_eq!(
            settle(&claim(Policy::Hold, 1, 0, None), &reply, now()),
            again(90_000)
        );
    }

    #[test]
    fn a_rejection_is_repeated_only_where_it_is_named() {
        let retry = json!({"maxAttempts": 3, "retryableErrors": ["http_409"]});
        let reply = |error: &str| Reply::failed(Verdict::Rejected, error, "no");
        let row = claim(Policy::Hold, 1, 0, Some(retry.clone()));
        assert_eq!(settle(&row, &reply("http_409"), now()), again(1_000));
        assert_eq!(
            settle(&row, &reply("http_400"), now()),
            Settlement::End(Ended::Failed)
        );
        let last = claim(Policy::Hold, 3, 0, Some(retry));
        assert_eq!(
            settle(&last, &reply("http_409"), now()),
            Settlement::End(Ended::Failed)
        );
    }

    /// A try that may have been done is not undone by a later one that was not.
    #[test]
    fn doubt_stays() {
        let table = [
            (Policy::Dedupe, Verdict::NotSent, Ended::Unknown),
            (Policy::Dedupe, Verdict::Rejected, Ended::Failed),
            (Policy::Retry, Verdict::Retryable, Ended::Unknown),
            (Policy::Retry, Verdict::Rejected, Ended::Unknown),
            (Policy::Dedupe, Verdict::Ok, Ended::Sent),
        ];
        for (policy, verdict, wanted) in table {
            let mut last = claim(policy, 5, 1, None);
            last.doubt = true;
            let reply = Reply::failed(verdict, "some_error", "why");
            assert_eq!(
                settle(&last, &reply, now()),
                Settlement::End(wanted),
                "{policy:?} {verdict:?}"
            );
        }
    }

    /// Policy, hours since the first try, may it have been done -> is it too late to repeat it.
    #[test]
    fn what_the_provider_has_forgotten_is_not_repeated() {
        let table = [
            (Policy::Dedupe, 22, true, false),
            (Policy::Dedupe, 24, true, true),
            (Policy::Dedupe, 24, false, false),
            (Policy::Retry, 24, true, false),
        ];
        for (policy, hours, doubt, wanted) in table {
            let mut row = claim(policy, 2, hours, None);
            row.doubt = doubt;
            assert_eq!(
                forgotten(&row),
                wanted,
                "{policy:?} {hours} h, doubt {doubt}"
            );
        }
    }

    /// A doubt under `reconcile` is asked about, where the request says how, as long as there are tries.
    #[test]
    fn who_can_be_asked_is_asked() {
        let asked = |attempt| {
            let mut row = claim(Policy::Reconcile, attempt, 0, None);
            row.request =
                json!({"lookup": {"url": "https://example.com/{key}", "afterMs": 60_000}});
            row
        };
        let unknown = Reply::failed(Verdict::Unknown, "timeout", "why");
        let end = Settlement::End(Ended::Unknown);
        assert_eq!(settle(&asked(1), &unknown, now()), again(60_000));
        assert_eq!(settle(&asked(9), &unknown, now()), again(60_000));
        assert_eq!(settle(&asked(10), &unknown, now()), end);
        assert_eq!(settle_expired(&asked(1), true, now()), again(60_000));
        assert_eq!(settle_expired(&asked(10), true, now()), end);
        assert!(may_send(&asked(5)) && !may_send(&asked(6)));
        let mut row = asked(2);
        assert!(!must_ask(&row), "nothing is in doubt");
        row.doubt = true;
        assert!(must_ask(&row));
        row.policy = Policy::Hold;
        assert!(!must_ask(&row));
    }

    /// A send that was born in doubt: who must not repeat it, or cannot ask, does not send it.
    #[test]
    fn what_a_restore_left_in_doubt_is_withheld() {
        for (policy, wanted) in [
            (Policy::Hold, true),
            (Policy::Reconcile, true),
            (Policy::Dedupe, false),
            (Policy::Retry, false),
        ] {
            let mut row = claim(policy, 1, 0, None);
            assert!(!withheld(&row), "{policy:?}");
            row.doubt = true;
            assert_eq!(withheld(&row), wanted, "{policy:?}");
        }
        let mut row = claim(Policy::Reconcile, 1, 0, None);
        (row.doubt, row.request) = (true, json!({"lookup": {"url": "x", "afterMs": 1}}));
        assert!(!withheld(&row), "the provider is asked");
    }

    #[test]
    fn our_own_lateness_costs_no_try() {
        let got = settle(&claim(Policy::Hold, 5, 0, None), &Reply::too_late(), now());
        assert_eq!(
            got,
            Settlement::Again {
                after: Duration::ZERO,
                uncounted: true
            }
        );
    }

    /// Policy, had it passed the barrier -> what becomes of a row whose dispatcher did not come back.
    #[test]
    fn lost_leases_by_policy() {
        let back = Settlement::Again {
            after: Duration::ZERO,
            uncounted: true,
        };
        let table = [
            (Policy::Hold, false, back),
            (Policy::Hold, true, Settlement::End(Ended::Unknown)),
            (Policy::Reconcile, false, back),
            (Policy::Reconcile, true, Settlement::End(Ended::Unknown)),
            (Policy::Dedupe, false, again(1_000)),
            (Policy::Retry, false, again(1_000)),
        ];
        for (policy, passed, wanted) in table {
            let got = settle_expired(&claim(policy, 1, 0, None), passed, now());
            assert_eq!(got, wanted, "{policy:?}, passed {passed}");
        }
        let late = claim(Policy::Dedupe, 1, 24, None);
        assert_eq!(
            settle_expired(&late, false, now()),
            Settlement::End(Ended::Unknown)
        );
    }
}
