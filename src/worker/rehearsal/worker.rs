//! The loops of one process: [`super::super::start`], [`super::super::janitor`] and [`super::super::schedule`].

use super::{
    advance::ring_after,
    database::{Millis, instant, millis},
    deliveries,
    dispatcher::Dispatcher,
    finish,
    line::{Line, Result},
    matcher::Matcher,
    runner::Runner,
    sends,
    sim::Sim,
    timers,
    world::{Bell, Job},
};
use crate::{
    connect::{Reply, Verdict},
    worker::{
        Round,
        dispatch::later,
        settle::{Settlement, settle_expired},
    },
};

/// Longest idle poll.
const POLL: Millis = 1_000;

/// Every loop of a worker that starts now.
pub(super) fn loops(sim: &Sim, process: usize) -> Vec<Job> {
    let two = process == 1 && sim.with(|world| world.plan.two_runners);
    let mut jobs: Vec<Job> = vec![
        Box::pin(run_loop(sim.clone())),
        Box::pin(match_loop(sim.clone())),
        Box::pin(dispatch_loop(sim.clone())),
        Box::pin(janitor_loop(sim.clone())),
    ];
    if sim.with(|world| world.plan.timers > 0) {
        jobs.push(Box::pin(schedule_loop(sim.clone())));
    }
    if two {
        jobs.push(Box::pin(run_loop(sim.clone())));
    }
    jobs
}

/// What [`super::super::pace`] does: on at once, or until a bell, the poll, or a while after an error.
async fn pace(sim: &Sim, bell: Option<Bell>, round: Result<Round>) {
    let throw = |from, to| sim.with(|world| world.dice.between(from, to));
    match round {
        Ok(Round::Full | Round::Worked) => sim.step().await,
        Ok(Round::Idle) => sim.idle(bell, throw(POLL / 2, POLL)).await,
        Err(_) => sim.sleep(throw(50, 200)).await,
    }
}

async fn run_loop(sim: Sim) {
    let mut runner = Runner::new(&sim);
    loop {
        let round = runner.run_once().await;
        pace(&sim, Some(Bell::Run), round).await;
    }
}

async fn match_loop(sim: Sim) {
    let mut matcher = Matcher::new(&sim);
    loop {
        let round = matcher.run_once().await;
        pace(&sim, Some(Bell::Matching), round).await;
    }
}

async fn dispatch_loop(sim: Sim) {
    let mut dispatcher = Dispatcher::new(&sim);
    loop {
        let round = dispatcher.run_once().await;
        pace(&sim, Some(Bell::Dispatch), round).await;
    }
}

async fn janitor_loop(sim: Sim) {
    loop {
        let round = reap(&sim).await;
        pace(&sim, None, round).await;
    }
}

async fn schedule_loop(sim: Sim) {
    loop {
        let round = fire(&sim).await;
        pace(&sim, None, round).await;
    }
}

async fn fire(sim: &Sim) -> Result<Round> {
    let mut line = Line::new(sim);
    let taken = line
        .say("fire timers", |db, me, now| timers::fire(db, me, now, 10))
        .await?;
    if taken == 0 {
        return Ok(Round::Idle);
    }
    sim.ring(Bell::Matching);
    sim.ring_outside();
    Ok(Round::Worked)
}

async fn reap(sim: &Sim) -> Result<Round> {
    match reaped(sim, false).await {
        Err(failure) if failure.isolates() => reaped(sim, true).await,
        other => other,
    }
}

/// T4: rows whose dispatcher did not come back, by policy.
async fn reaped(sim: &Sim, apart: bool) -> Result<Round> {
    let limit = sim.with(|world| world.plan.batch);
    let mut line = Line::new(sim);
    line.begin();
    let expired = line
        .say("T4 expired", |db, me, now| {
            sends::expired(db, me, now, limit)
        })
        .await?;
    if expired.is_empty() {
        line.rollback();
        return Ok(Round::Idle);
    }
    let now = sim.now();
    let reply = Reply::failed(
        Verdict::Unknown,
        "lease_lost",
        "the dispatcher did not come back",
    );
    let (mut ended, mut again) = (Vec::new(), Vec::new());
    for (claim, passed) in &expired {
        match settle_expired(claim, *passed, instant(now)) {
            Settlement::End(how) => ended.push((claim, how)),
            Settlement::Again { after, uncounted } => again.push(deliveries::Back {
                claim,
                due: millis(later(instant(now), after)),
                verdict: "reaped",
                uncounted,
                doubt: !uncounted,
            }),
        }
    }
    if !again.is_empty() {
        line.say("T4 retry", |db, me, _| deliveries::retry(db, me, &again))
            .await?;
    }
    let ends = ended.iter().map(|(claim, ended)| deliveries::End {
        claim,
        ended: *ended,
        answered: false,
    });
    let ends: Vec<_> = ends.collect();
    if !ends.is_empty() {
        line.say("T4 finish", |db, me, _| deliveries::finish(db, me, &ends))
            .await?;
    }
    let told: Vec<_> = ended
        .iter()
        .map(|(claim, how)| (*claim, finish::told(claim, *how, &reply)))
        .collect();
    let left = match apart {
        true => finish::answer_apart(&mut line, &told).await?,
        false => finish::answer(sim, &mut line, &told).await?,
    };
    line.commit("T4").await?;
    ring_after(sim, &left);
    sim.ring(Bell::Dispatch);
    Ok(match expired.len() >= limit {
        true => Round::Full,
        false => Round::Worked,
    })
}
