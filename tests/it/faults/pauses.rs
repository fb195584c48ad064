//! F6: workers stand still past their leases, with sends in their hands, and go on as if nothing had been.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use waypost::testing::fake_http::Fault;

use super::figure::{Figure, form};
use super::stage::Stage;
use crate::{
    chaos::{arrive, check_database, count, counter, journey, until_done},
    checker::{check_requests, ended},
    figure::Dice,
    fleet::Process,
};

const FIGURE: Figure = Figure {
    name: "F6",
    fault: "SIGSTOP 1 to 10 leases",
    wanted: "0 stale writes; 0 extra effects for hold always, for dedupe inside the key's window",
};
/// The lease of the fleet's workers.
const LEASE: Duration = Duration::from_secs(6);
/// Executions that arrive while the round's victims are being stopped, one handful every 100 ms.
const HANDFUL: u64 = 12;
const STOPPED_WITHIN: u64 = 1_500;

/// Pauses of the three workers of a round, in tenths of a lease; a fourth is never stopped.
fn rounds() -> &'static [[u32; 3]] {
    form(
        &[[11, 13, 20]][..],
        &[[11, 40, 70], [20, 50, 80], [30, 60, 90], [11, 15, 100]][..],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_stopped_past_their_leases_they_write_nothing_stale() {
    let mut dice = Dice::thrown();
    let mut stage = Stage::new("pauses", None).await;
    // Long enough that a stop falls into the middle of some.
    stage
        .provider
        .otherwise(Fault::Delay(Duration::from_millis(40)));
    stage.deploy(&journey(&stage.provider));
    stage.deploy(&counter());
    let mut app = stage.db.connect().await;
    let url = stage.db.url();
    let mut fleet: Vec<Process> = (0..4).map(|_| Process::start(&url)).collect();
    let mut arrived = 0;
    for pauses in rounds() {
        arrive(&mut app, 20 * HANDFUL).await;
        arrived += 20 * HANDFUL;
        stage.provider.arrived(stage.requests().len() + 20).await;
        let begun = Instant::now();
        // (when, who, whether it stops or goes on)
        let mut plan: Vec<(Instant, usize, bool)> = Vec::new();
        for (worker, tenths) in pauses.iter().enumerate() {
            let stops = begun + Duration::from_millis(dice.between(0, STOPPED_WITHIN));
            plan.push((stops, worker, true));
            plan.push((stops + LEASE * *tenths / 10, worker, false));
        }
        let handfuls = 15;
        for n in 0..handfuls {
            plan.push((begun + Duration::from_millis(100) * n, fleet.len(), true));
        }
        plan.sort_unstable();
        for (at, who, stops) in plan {
            sleep_until(at).await;
            match fleet.get(who) {
                Some(worker) if stops => worker.stop(),
                Some(worker) => worker.go_on(),
                None => {
                    arrive(&mut app, HANDFUL).await;
                    arrived += HANDFUL;
                }
            }
        }
        for worker in &mut fleet {
            assert!(worker.runs(), "a worker ended by itself");
        }
        until_done(&mut stage.c).await;
    }
    let requests = stage.requests();
    let sends = ended(&mut stage.c).await;
    let c = &mut stage.c;
    let reaped = count(
        c,
        "select count(*) from waypost.outbox_attempts where verdict = 'reaped'",
    )
    .await
        + count(
            c,
            "select count(*) from waypost.outbox where status = 'unknown'",
        )
        .await;
    let late = count(
        c,
        "select count(*) from waypost.outbox_attempts where verdict in ('stale', 'stale_ok')",
    )
    .await;
    assert!(reaped > 0, "no lease ran out: the pauses met no work");
    check_requests(&stage.provider, &requests, &sends);
    check_database(c, arrived).await;
    FIGURE.reached(
        true,
        format!(
            "{} pauses over {arrived} executions: {reaped} leases taken over, {late} late answers kept as evidence, \
             0 stale writes, 0 extra effects",
            rounds().len() * 3
        ),
    );
}
