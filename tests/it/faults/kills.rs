//! F1: workers are killed all the time; nothing is lost, nothing happens twice, and half of the work still gets done.

use std::time::Duration;

use sqlx::PgConnection;
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
    name: "F1",
    fault: "SIGKILL of 4 workers every 200 to 500 ms",
    wanted: "0 lost, 0 double effects, throughput at least half of fault-free",
};
const WORKERS: usize = 4;
/// Executions open at any moment: there is always more to do than the workers, and the leases of the dead, hold.
const OPEN: u64 = 2_500;
/// How often new ones fill that up.
const FILLED_EVERY: Duration = Duration::from_millis(200);

/// The fleet at its work, with an app that never lets it run dry.
struct Mill {
    stage: Stage,
    app: PgConnection,
    fleet: Vec<Process>,
    arrived: u64,
    kills: u64,
}

impl Mill {
    async fn fill(&mut self) {
        let open = count(&mut self.stage.c, "select count(*) from waypost.runs").await;
        let room = OPEN.saturating_sub(open).min(500);
        if room > 0 {
            arrive(&mut self.app, room).await;
            self.arrived += room;
        }
    }

    async fn finished(&mut self) -> u64 {
        count(&mut self.stage.c, "select count(*) from waypost.finished").await
    }

    /// Executions finished a second, over this time; a worker dies whenever `dice` says so.
    async fn rate(&mut self, time: Duration, mut dice: Option<&mut Dice>) -> f64 {
        let begun = Instant::now();
        let before = self.finished().await;
        let mut gap = |begin: Instant| {
            let dice = dice.as_mut()?;
            let next = begin + Duration::from_millis(dice.between(200, 501));
            Some((next, dice.between(0, WORKERS as u64) as usize))
        };
        let mut death = gap(begun);
        let mut fill = begun;
        while begun.elapsed() < time {
            match death {
                Some((at, victim)) if at <= fill => {
                    sleep_until(at).await;
                    let url = self.stage.db.url();
                    let victim = &mut self.fleet[victim];
                    assert!(victim.runs(), "a worker ended by itself");
                    victim.kill();
                    *victim = Process::quick(&url);
                    self.kills += 1;
                    death = gap(at.max(Instant::now() - Duration::from_millis(200)));
                }
                _ => {
                    sleep_until(fill).await;
                    self.fill().await;
                    fill = Instant::now() + FILLED_EVERY;
                }
            }
        }
        (self.finished().await - before) as f64 / begun.elapsed().as_secs_f64()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_killed_all_the_time_they_do_half_of_the_work_and_none_twice() {
    let time = Duration::from_secs(form(9, 60));
    let mut dice = Dice::thrown();
    let stage = Stage::new("kills", None).await;
    // Long enough that many a send is cut off in the middle.
    stage
        .provider
        .otherwise(Fault::Delay(Duration::from_millis(5)));
    stage.deploy(&journey(&stage.provider));
    stage.deploy(&counter());
    let app = stage.db.connect().await;
    let url = stage.db.url();
    let mut mill = Mill {
        fleet: (0..WORKERS).map(|_| Process::quick(&url)).collect(),
        stage,
        app,
        arrived: 0,
        kills: 0,
    };
    // Both windows begin in full swing.
    mill.rate(Duration::from_secs(3), None).await;
    let free = mill.rate(time, None).await;
    let killed = mill.rate(time, Some(&mut dice)).await;
    let c = &mut mill.stage.c;
    let open = count(c, "select count(*) from waypost.runs").await;
    assert!(open > 0, "the killing met no work");
    until_done(c).await;
    let requests = mill.stage.provider.received();
    let sends = ended(c).await;
    check_requests(&mill.stage.provider, &requests, &sends);
    check_database(c, mill.arrived).await;
    FIGURE.reached(
        killed >= free / 2.0,
        format!(
            "{} executions, {} kills: 0 lost, 0 double; {killed:.0}/s of {free:.0}/s ({:.0} %)",
            mill.arrived,
            mill.kills,
            100.0 * killed / free
        ),
    );
}
