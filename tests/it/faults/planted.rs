//! Planted defects: each script passes on the engine as it is, and fails on the one with the defect.
//!
//! A row of the table that is printed: what was planted, which script caught it, and what that script saw.

use std::time::Duration;

use serde_json::json;
use sqlx::Executor;
use waypost::faults::Plant;

use super::stage::{Found, Stage, ensure};
use crate::own_server::exit_code;

/// Longest that anything undisturbed may take.
const SOON: Duration = Duration::from_secs(8);

/// Runs a script on the sound engine and on the one with the defect.
async fn proves(plant: Plant, script: &str, play: impl AsyncFn(Stage) -> Found) {
    let (_, name, breaks) = Plant::ALL.iter().find(|row| row.0 == plant).unwrap();
    let sound = play(Stage::new(&format!("{name}-sound"), None).await).await;
    assert_eq!(sound, Ok(()), "{script}, nothing planted");
    let seen = play(Stage::new(name, Some(name)).await).await;
    let seen = seen.expect_err(&format!("{script} did not notice {name}: {breaks}"));
    println!("| {name}: {breaks} | {script} | {seen} |");
}

macro_rules! scripts {
    ($($script:ident catches $plant:ident;)*) => {
        mod catches {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $script() {
                super::proves(waypost::faults::Plant::$plant, stringify!($script), super::$script).await;
            })*
        }

        #[test]
        fn every_plant_has_its_script() {
            let caught = [$(Plant::$plant),*];
            for (plant, name, _) in Plant::ALL {
                assert!(caught.contains(plant), "nothing catches {name}");
            }
        }
    };
}

scripts! {
    a_late_refusal_does_not_undo_a_later_try catches NoFence;
    a_claim_given_back_by_a_late_worker_is_not_the_next_ones catches FenceIsAttempt;
    a_worker_dies_with_the_answer_to_a_held_send catches NoBarrier;
    a_lease_that_ran_out_before_the_barrier_leaves_no_doubt catches BarrierWithoutLease;
    a_step_that_a_restore_undid_sends_the_same_again catches NoUnique;
    an_answer_whose_commit_was_not_confirmed_is_one_answer catches ResultNotIdempotent;
    a_wait_ends_though_nobody_rings catches NotifyOnly;
    an_event_during_the_step_before_its_wait_is_not_missed catches NoLookBack;
    an_occurrence_planned_again_after_it_fired_fires_once catches TimerWithoutUnique;
    a_worker_whose_clock_is_an_hour_slow_keeps_its_lease catches LeaseByWorkerClock;
    a_key_that_the_provider_forgot_is_not_used_again catches WindowIgnored;
    one_refused_write_fails_one_execution catches NoRowFallback;
    a_held_step_that_a_restore_undid_is_not_sent_again catches NoRestoreDoubt;
}

/// A dispatcher sends and hangs over the answer, which says no; its lease runs out, another one sends.
async fn a_late_refusal_does_not_undo_a_later_try(mut stage: Stage) -> Found {
    use waypost::testing::fake_http::Fault;
    stage.deploy_send("dedupe");
    stage.provider.next(Fault::status(400));
    let late = stage
        .worker(
            "run,dispatch",
            "dispatch.begun=ask,send.answered=ask,finish.committed=ask",
        )
        .await;
    late.at.free("dispatch.begun").await;
    stage.enrol("one", "Ada").await;
    let answered = late.at.reaches("send.answered").await?;
    late.at.hold("dispatch.begun");
    let claims_no_more = late.at.reaches("dispatch.begun").await?;
    stage.leases_run_out().await;
    let next = stage
        .worker("run,dispatch,janitor", "send.before=ask")
        .await;
    let sends = next.at.reaches("send.before").await?;
    answered.go().await;
    claims_no_more.go().await;
    // Its next look at the outbox begins after the late answer was taken in.
    late.at.reaches("finish.committed").await?.go().await;
    sends.go().await;
    next.at.free("send.before").await;
    late.at.free("dispatch.begun").await;
    stage.until_done(SOON).await?;
    let status = stage.send_status().await;
    ensure!(
        status == "sent",
        "the provider acted, and the send ended as {status}"
    );
    Ok(())
}

/// A dispatcher is away between its claim and the send for longer than it may; the claim is given back and taken
/// again; then the first one comes back and says that it was too late.
async fn a_claim_given_back_by_a_late_worker_is_not_the_next_ones(mut stage: Stage) -> Found {
    /// Lease, less the send's timeout, less the margin: what the first dispatcher has from its claim to the send.
    const TIME_LEFT: Duration = Duration::from_millis(1_100);
    stage.deploy_send("hold");
    let faults = "dispatch.claimed=ask@1,finish.committed=ask@1";
    let late = stage
        .worker_with("run,dispatch", faults, &[("WAYPOST_LEASE", "6")])
        .await;
    stage.enrol("one", "Ada").await;
    let claimed = late.at.reaches("dispatch.claimed").await?;
    // Not a wait for something to happen: it is the time that must go by.
    tokio::time::sleep(TIME_LEFT).await;
    stage.leases_run_out().await;
    let next = stage
        .worker("run,dispatch,janitor", "send.answered=ask@1")
        .await;
    let answered = next.at.reaches("send.answered").await?;
    claimed.go().await;
    let said_too_late = late.at.reaches("finish.committed").await?;
    let sending = stage
        .count("select count(*) from waypost.sends where state = 2")
        .await;
    ensure!(
        sending == 1,
        "what another worker is sending was given back, to be sent again"
    );
    said_too_late.go().await;
    answered.go().await;
    stage.until_done(SOON).await?;
    let asked = stage.requests().len();
    ensure!(asked == 1, "a held send left {asked} times");
    Ok(())
}

/// The provider has acted, the dispatcher dies with the answer in its hand.
async fn a_worker_dies_with_the_answer_to_a_held_send(mut stage: Stage) -> Found {
    stage.deploy_send("hold");
    let mut dies = stage.worker("run,dispatch", "send.answered=abort").await;
    stage.enrol("one", "Ada").await;
    dies.process.ends().await;
    stage.leases_run_out().await;
    let _next = stage.worker("run,dispatch,janitor", "").await;
    stage.until_done(SOON).await?;
    let (asked, status) = (stage.requests().len(), stage.send_status().await);
    ensure!(asked == 1, "a held send left {asked} times");
    ensure!(status == "unknown", "nobody can know, and it is {status}");
    Ok(())
}

/// The lease has run out when the dispatcher asks the barrier, and then it dies: nothing can have left.
async fn a_lease_that_ran_out_before_the_barrier_leaves_no_doubt(mut stage: Stage) -> Found {
    stage.deploy_send("hold");
    let mut late = stage
        .worker("run,dispatch", "barrier.asked=ask,barrier.passed=abort")
        .await;
    stage.enrol("one", "Ada").await;
    let asks = late.at.reaches("barrier.asked").await?;
    stage.leases_run_out().await;
    asks.go().await;
    late.process.ends().await;
    let _next = stage.worker("run,dispatch,janitor", "").await;
    stage.until_done(SOON).await?;
    let (asked, status) = (stage.requests().len(), stage.send_status().await);
    ensure!(
        asked == 1 && status == "sent",
        "nothing had left, and it is {status} after {asked} requests"
    );
    Ok(())
}

/// The step's row is put back to before the step, as a restore or a lost replica does; the step runs again.
async fn a_step_that_a_restore_undid_sends_the_same_again(mut stage: Stage) -> Found {
    stage.deploy_send("dedupe");
    let runs = stage.worker("run", "run.committed=ask").await;
    stage.enrol("one", "Ada").await;
    runs.at.reaches("run.committed").await?.go().await;
    stage
        .change("update waypost.runs set status = 0, seq = 0, node = -1, due_at = enrolled_at, state = '{}'")
        .await;
    runs.at.reaches("run.committed").await?.go().await;
    runs.at.free("run.committed").await;
    let _sends = stage.worker("run,dispatch", "").await;
    stage.until_done(SOON).await?;
    let acts = stage.requests().iter().filter(|r| r.acted).count();
    ensure!(acts == 1, "one step had {acts} effects at the provider");
    Ok(())
}

/// T3 is committed and its reply lost: it is done again.
async fn an_answer_whose_commit_was_not_confirmed_is_one_answer(mut stage: Stage) -> Found {
    stage.deploy_send("dedupe");
    let worker = stage
        .worker(
            "run,dispatch",
            // The second at its first time: where the other one erred nobody asks.
            "finish.committed=error@1,finish.committed=ask@1,finish.begun=ask",
        )
        .await;
    stage.enrol("one", "Ada").await;
    worker.at.reaches("finish.begun").await?.go().await;
    worker.at.reaches("finish.begun").await?.go().await;
    worker.at.free("finish.begun").await;
    worker.at.reaches("finish.committed").await?.go().await;
    stage.until_done(SOON).await?;
    drop(worker);
    let noted = stage
        .count("select count(*) from waypost.outbox_attempts")
        .await;
    ensure!(noted == 1, "one answer stands as {noted} attempts");
    Ok(())
}

/// A worker that hears every notification, and a wait whose end nobody announces.
async fn a_wait_ends_though_nobody_rings(mut stage: Stage) -> Found {
    stage.deploy(&json!({
        "id": "rests",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [{"id": "rest", "type": "wait",
                     "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "seconds"}}}],
    }));
    let worker = stage.worker("match,run", "listener.listens=ask").await;
    worker.at.reaches("listener.listens").await?.go().await;
    stage.enrol("rests", "Ada").await;
    stage.until_done(SOON).await
}

/// An event comes while the runner is about to commit the wait for it; the matcher looks in between.
async fn an_event_during_the_step_before_its_wait_is_not_missed(mut stage: Stage) -> Found {
    stage.deploy(&json!({
        "id": "waits",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [{"id": "rest", "type": "wait", "config": {"waitType": "until_event", "event": "order.shipped"}}],
    }));
    let runs = stage.worker("run", "run.written=ask").await;
    let contact = stage.enrol("waits", "Ada").await;
    let written = runs.at.reaches("run.written").await?;
    let mut app = stage.db.connect().await;
    app.execute("set waypost.tenant = 'default'").await.unwrap();
    sqlx::query("select waypost.emit('order.shipped', $1, '{}')")
        .bind(contact)
        .execute(&mut app)
        .await
        .unwrap();
    let matches = stage.worker("match", "match.committed=ask").await;
    let looked = matches.at.reaches("match.committed").await?;
    written.go().await;
    runs.at.free("run.written").await;
    looked.go().await;
    matches.at.free("match.committed").await;
    stage.until_done(SOON).await
}

/// The planner plans what has fired already: it cannot know.
async fn an_occurrence_planned_again_after_it_fired_fires_once(mut stage: Stage) -> Found {
    const PLAN: &str = "insert into waypost.timers (bucket, id, tenant_id, due_at, event_type, workflow_id, trigger_id,
                                                    subject, occurrence_key, data)
        select 1, gen_random_uuid(), t.id, now(), 'date.birthday', 1, 'trigger', 'ada', 'ada:2024', '{}'
          from waypost.tenants t limit 1";
    let clock = stage.worker("schedule", "schedule.fired=ask").await;
    for _ in 0..2 {
        stage.change(PLAN).await;
        clock.at.reaches("schedule.fired").await?.go().await;
    }
    let fired = stage
        .count("select count(*) from waypost.event_queue")
        .await;
    ensure!(fired == 1, "one occurrence fired {fired} times");
    Ok(())
}

/// A dispatcher whose clock is an hour slow is about to send; another worker looks for lost leases.
async fn a_worker_whose_clock_is_an_hour_slow_keeps_its_lease(mut stage: Stage) -> Found {
    stage.deploy_send("dedupe");
    let slow = stage
        .worker_with(
            "run,dispatch",
            "send.before=ask",
            &[("WAYPOST_CLOCK_ERROR", "-3600")],
        )
        .await;
    stage.enrol("one", "Ada").await;
    let sends = slow.at.reaches("send.before").await?;
    let other = stage.worker("janitor", "reap.begun=ask").await;
    // It has looked once when it begins to look again.
    for _ in 0..2 {
        other.at.reaches("reap.begun").await?.go().await;
    }
    other.at.free("reap.begun").await;
    let fence = stage
        .count("select coalesce(max(fence), -1)::int8 from waypost.sends")
        .await;
    ensure!(
        fence == 1,
        "a lease of 60 s was taken away at once (fence {fence})"
    );
    sends.go().await;
    slow.at.free("send.before").await;
    stage.until_done(SOON).await
}

/// The first try is in doubt; when its turn comes again, a day has gone by.
async fn a_key_that_the_provider_forgot_is_not_used_again(mut stage: Stage) -> Found {
    use waypost::testing::fake_http::Fault;
    stage.deploy_send("dedupe");
    stage.provider.next(Fault::DropReply);
    // It forgets: the second request would be a second effect.
    stage.provider.otherwise(Fault::AcceptTwice);
    let worker = stage.worker("run,dispatch", "finish.committed=ask@1").await;
    stage.enrol("one", "Ada").await;
    let noted = worker.at.reaches("finish.committed").await?;
    stage
        .change("update waypost.sends set first_at = first_at - interval '24 hours'")
        .await;
    noted.go().await;
    stage.until_done(SOON).await?;
    let acts = stage.requests().iter().filter(|r| r.acted).count();
    let status = stage.send_status().await;
    ensure!(acts == 1, "one send had {acts} effects, a day apart");
    ensure!(status == "unknown", "nobody can know, and it is {status}");
    Ok(())
}

/// The execution stands where it stood before its step, as after a restore of a backup; the guard knows of the restore.
async fn a_held_step_that_a_restore_undid_is_not_sent_again(mut stage: Stage) -> Found {
    stage.deploy_send("hold");
    stage.enrol("one", "Ada").await;
    stage
        .change("create temporary table backup as select * from waypost.runs")
        .await;
    let lost = stage.worker("run,dispatch", "").await;
    stage.until_done(SOON).await?;
    drop(lost);
    for restored in [
        "delete from waypost.finished",
        "delete from waypost.bursts",
        "delete from waypost.deliveries",
        "insert into waypost.runs select * from backup",
    ] {
        stage.change(restored).await;
    }
    let (code, errors) = exit_code(&stage.db.url(), &["restore-guard"]);
    ensure!(code == Some(0), "{errors}");
    let _worker = stage.worker("run,dispatch", "").await;
    stage.until_done(SOON).await?;
    let (asked, status) = (stage.requests().len(), stage.send_status().await);
    ensure!(asked == 1, "a held send left {asked} times");
    ensure!(status == "unknown", "nobody can know, and it is {status}");
    // What began after the restore is in no doubt.
    stage.enrol("one", "Bob").await;
    stage.until_done(SOON).await?;
    ensure!(stage.requests().len() == 2, "a new send was withheld");
    Ok(())
}

/// Two executions in one batch; the database refuses what one of them writes.
async fn one_refused_write_fails_one_execution(mut stage: Stage) -> Found {
    stage.deploy(&json!({
        "id": "scores",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [{"id": "score", "type": "update_contact",
                     "config": {"fields": {"score": "{{ contact.firstName }}"}}}],
    }));
    let mut app = stage.db.connect().await;
    app.execute("set waypost.tenant = 'default'").await.unwrap();
    app.execute("insert into crm.custom_fields (name, type) values ('score', 'number')")
        .await
        .unwrap();
    stage.enrol("scores", "many").await;
    stage.enrol("scores", "7").await;
    let _worker = stage.worker("run", "").await;
    stage.until_done(SOON).await?;
    let whole = stage
        .count("select count(*) from waypost.executions where status = 'completed'")
        .await;
    ensure!(whole == 1, "{whole} of the two executions completed");
    Ok(())
}
