//! F20: an hour at half of what a worker as it is shipped can do; what it holds in memory, and the dead rows of the hot
//! tables, stay where they were. In the long form alone; `WAYPOST_SOAK_MINUTES` (60) says how long.

use std::time::Duration;

use sqlx::{PgConnection, Row};
use tokio::time::{Instant, MissedTickBehavior, interval};
use waypost::testing::fake_http::Fault;

use super::figure::{Figure, long};
use super::stage::Stage;
use crate::{
    chaos::{
        arrive, check_database, counter, journey, number, open_work, until_done, until_done_within,
    },
    checker::ended,
    fleet::Process,
};

const FIGURE: Figure = Figure {
    name: "F20",
    fault: "1 h soak at half capacity",
    wanted: "memory growth at most 5 %, dead rows at most twice the mean",
};
/// Journeys whose drain measures what the worker can do.
const DRAINED: u64 = 1_000;
/// Contacts of one transaction there.
const TOGETHER: u64 = 100;
/// The provider takes so long, as providers do: what the worker can do is what its slots there let through.
const ANSWERS_AFTER: Duration = Duration::from_millis(250);
const ARRIVALS_EVERY: Duration = Duration::from_millis(200);
/// More than this between two arrivals is no load, but a machine that did not run.
const STANDSTILL: Duration = Duration::from_secs(1);
const LOOKED_EVERY: Duration = Duration::from_secs(5);
/// Of the whole time, what does not count: caches fill, connections come up.
const WARM_UP: f64 = 1.0 / 6.0;

/// One look at the worker and at the tables.
struct Look {
    memory: u64,
    /// Dead rows of all hot tables together, and of each.
    dead: f64,
    by_table: Vec<(String, i64)>,
}

async fn look(c: &mut PgConnection, worker: &Process) -> Option<Look> {
    let memory = worker.memory()?;
    let rows = sqlx::query(
        "select relname::text, n_dead_tup from pg_stat_user_tables
          where schemaname = 'waypost' and relname in ('runs', 'sends', 'event_queue', 'timers', 'wakes')
          order by relname",
    )
    .fetch_all(c)
    .await
    .unwrap();
    let by_table: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Some(Look {
        memory,
        dead: by_table.iter().map(|table| table.1 as f64).sum(),
        by_table,
    })
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let of = values.len() as f64;
    values.sum::<f64>() / of
}

/// By how many percent this of the last third lies above that of the first.
fn growth(looks: &[Look], of: impl Fn(&Look) -> f64) -> f64 {
    let third = looks.len() / 3;
    let mean = |part: &[Look]| mean(part.iter().map(&of));
    (mean(&looks[looks.len() - third..]) / mean(&looks[..third]) - 1.0) * 100.0
}

/// How often its mean the highest of these values is.
fn peak(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    values.clone().fold(0.0, f64::max) / mean(values)
}

/// What each table contributes, for whoever wants to know.
fn say_tables(looks: &[Look]) {
    for (n, (table, _)) in looks[0].by_table.iter().enumerate() {
        let dead = looks.iter().map(|look| look.by_table[n].1 as f64);
        println!(
            "dead rows of {table}: mean {:.0}, most {:.0}",
            mean(dead.clone()),
            dead.fold(0.0, f64::max)
        );
    }
}

/// Journeys that end in a second when there are always more; `worker` has them alone.
async fn capacity(stage: &mut Stage, app: &mut PgConnection) -> f64 {
    let begun = Instant::now();
    for _ in 0..DRAINED / TOGETHER {
        arrive(app, TOGETHER).await;
    }
    until_done_within(&mut stage.c, Duration::from_secs(600)).await;
    DRAINED as f64 / begun.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn f20_an_hour_at_half_capacity_leaves_no_trace_in_memory() {
    if !long() {
        println!("left out: the soak is in the long form only");
        return;
    }
    let time = Duration::from_secs(60 * number("WAYPOST_SOAK_MINUTES", 60));
    let mut stage = Stage::new("soak", None).await;
    stage.provider.keeps_no_log();
    stage.provider.otherwise(Fault::Delay(ANSWERS_AFTER));
    stage.deploy(&journey(&stage.provider));
    stage.deploy(&counter());
    let mut app = stage.db.connect().await;
    let mut worker = Process::as_shipped(&stage.db.url());
    if worker.memory().is_none() {
        println!("left out: the memory of a process is read from /proc");
        return;
    }
    arrive(&mut app, 20).await;
    until_done(&mut stage.c).await;
    let capacity = capacity(&mut stage, &mut app).await;
    let rate = capacity / 2.0;
    println!("capacity {capacity:.0} journeys/s, soaked at {rate:.0}/s for {time:?}");

    let mut arrived = 20 + DRAINED;
    let mut looks: Vec<Look> = Vec::new();
    let mut tick = interval(ARRIVALS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut soaked, mut last, mut owed) = (Duration::ZERO, Instant::now(), 0.0);
    while soaked < time {
        tick.tick().await;
        // Time in which the machine stood still counts for nothing, and what it would have brought does not come at once.
        let passed = last.elapsed().min(STANDSTILL);
        last = Instant::now();
        soaked += passed;
        owed += rate * passed.as_secs_f64();
        let some = owed as u64;
        arrive(&mut app, some).await;
        arrived += some;
        owed -= some as f64;
        if soaked >= LOOKED_EVERY * (looks.len() as u32 + 1) {
            assert!(worker.runs(), "the worker ended by itself");
            looks.extend(look(&mut stage.c, &worker).await);
            if let Some(look) = looks.last() {
                let at = soaked.as_secs();
                println!(
                    "{at:>5} s: {} bytes, dead rows {:?}",
                    look.memory, look.by_table
                );
            }
        }
    }
    let open = open_work(&mut stage.c).await;
    let behind = until_done(&mut stage.c).await;
    assert!(
        behind < Duration::from_secs(30),
        "it did not keep up: {open:?}"
    );
    let sends = ended(&mut stage.c).await;
    let twice = sends.keys().filter(|key| stage.provider.acts(key) != 1);
    assert_eq!(twice.count(), 0, "sends that did not act exactly once");
    check_database(&mut stage.c, arrived).await;

    let warm = (looks.len() as f64 * WARM_UP) as usize;
    let looks = looks.split_off(warm);
    say_tables(&looks);
    let memory = growth(&looks, |look| look.memory as f64);
    let dead = growth(&looks, |look| look.dead);
    let peak = peak(looks.iter().map(|look| look.dead));
    let megabytes = mean(looks.iter().map(|look| look.memory as f64)) / 1_048_576.0;
    FIGURE.measured(
        &format!(
            "{} min at {rate:.0} journeys/s of {capacity:.0}/s, {arrived} in all: memory {megabytes:.0} MB, growth \
             {memory:.1} %; dead rows at most {peak:.2} times their mean of {:.0}, growth {dead:.1} %",
            time.as_secs() / 60,
            mean(looks.iter().map(|look| look.dead))
        ),
        memory <= 5.0 && peak <= 2.0,
    );
}
