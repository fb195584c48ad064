//! One send: in time, past its barrier, out; or asked about, where an earlier try is in doubt.

use std::time::{Duration, Instant as Monotonic};

use crate::{
    connect::{Delivery, Found, Reply, Verdict},
    faults::{self, FailPoint, Plant, planted},
    model::transition::Policy,
    store::{
        StoreResult,
        outbox::{self, Claim},
    },
    worker::{
        Shared,
        settle::{forgotten, may_send, must_ask, withheld},
    },
};

/// Between the last instant at which a send may begin and the end of the lease, beside the send's own timeout.
pub(in crate::worker) const MARGIN: Duration = Duration::from_secs(2);
/// Longest that the question what became of an earlier try may take.
const LOOK_UP: Duration = Duration::from_secs(10);

pub(in crate::worker) fn needs_barrier(policy: Policy) -> bool {
    matches!(policy, Policy::Hold | Policy::Reconcile) && !planted(Plant::NoBarrier)
}

fn timeout(shared: &Shared, claim: &Claim) -> Duration {
    claim.timeout.min(shared.settings.lease / 2)
}

fn deadline(shared: &Shared, claim: &Claim, begun: Monotonic) -> Monotonic {
    let lease = shared.settings.lease;
    begun
        + lease
            .saturating_sub(timeout(shared, claim))
            .saturating_sub(MARGIN)
}

async fn pass(shared: &Shared, claim: &Claim) -> StoreResult<bool> {
    faults::at(FailPoint::BarrierAsked).await?;
    let mut connection = shared.pool.acquire().await?;
    let passed = outbox::barrier(&mut connection, &[claim]).await?;
    faults::at(FailPoint::BarrierPassed).await?;
    Ok(!passed.is_empty())
}

/// Past the barrier, if there is one, and out. None: the barrier did not let it pass, or could not be asked; nothing
/// is sent, and the lease brings the row back.
pub(super) async fn send(shared: &Shared, claim: &Claim, begun: Monotonic) -> Option<Reply> {
    let in_time = Monotonic::now() < deadline(shared, claim, begun);
    let go = !in_time || !needs_barrier(claim.policy) || pass(shared, claim).await.unwrap_or(false);
    if go {
        Some(deliver(shared, claim, begun).await)
    } else {
        None
    }
}

/// Asks what became of an earlier try, where it is in doubt and somebody can be asked. None: it was certainly not
/// done, or nothing is in doubt; it is to be sent.
pub(super) async fn ask(shared: &Shared, claim: &mut Claim, begun: Monotonic) -> Option<Reply> {
    if !must_ask(claim) {
        return None;
    }
    let found = {
        // Half of what is left before the send may begin: the other half is for what comes before it.
        let left = deadline(shared, claim, begun).saturating_duration_since(Monotonic::now());
        let tenant = shared.tenant_name(claim.tenant);
        let mut delivery = delivery(shared, claim, &tenant, begun);
        delivery.timeout = delivery.timeout.min(LOOK_UP).min(left / 2);
        shared.connectors.look_up(&delivery).await
    };
    match found {
        Found::Done(reply) | Found::CannotTell(reply) => Some(reply),
        Found::NotFound => {
            claim.doubt = false;
            let why = "the provider knows nothing of it, and no try is left";
            (!may_send(claim)).then(|| Reply::not_sent("not_done", why))
        }
    }
}

fn delivery<'a>(
    shared: &'a Shared,
    claim: &'a Claim,
    tenant: &'a str,
    begun: Monotonic,
) -> Delivery<'a> {
    Delivery {
        outbox_id: claim.id,
        tenant,
        action: &claim.action,
        request: &claim.request,
        attempt: u32::from(claim.attempt.unsigned_abs()),
        timeout: timeout(shared, claim),
        deadline: deadline(shared, claim, begun).into(),
        secrets: &*shared.secrets,
    }
}

pub(super) async fn deliver(shared: &Shared, claim: &Claim, begun: Monotonic) -> Reply {
    if withheld(claim) {
        let why = "may have been sent before the restore";
        return Reply::failed(Verdict::Unknown, "restored", why);
    }
    if forgotten(claim) {
        let why = "the provider may have forgotten the key of an earlier try";
        return Reply::failed(Verdict::NotSent, "window_over", why);
    }
    let tenant = shared.tenant_name(claim.tenant);
    let delivery = delivery(shared, claim, &tenant, begun);
    // An error at these two has no meaning: they stand where a process can only die or be late.
    faults::at(FailPoint::SendBefore).await.ok();
    let reply = shared.connectors.deliver(&delivery).await;
    faults::at(FailPoint::SendAnswered).await.ok();
    reply
}
