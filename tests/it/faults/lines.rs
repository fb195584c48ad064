//! F4, F5, F13 and F16: what can happen on the way between a worker and the database, by a proxy before each worker.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use waypost::{
    app::verify::verify,
    testing::{
        fake_http::Fault,
        pg_proxy::{PgProxy, Weather},
    },
};

use super::{
    figure::{Figure, form},
    stage::{Actor, Stage},
};
use crate::{
    chaos::{arrive, counter, journey, until_done},
    checker::{Books, Report},
};

/// The transactions of DESIGN's dispatch plane, by the first words of the statement that makes them what they are.
const MARKS: [(&str, &str); 3] = [
    ("T1", "-- T1: what must be sent"),
    ("T2", "-- T2: claims rows to send"),
    ("T3", "-- T3: fenced delete"),
];
/// Lease of these workers' claims.
const LEASE: Duration = Duration::from_secs(6);

/// A worker and its way to the database.
struct Wired {
    proxy: PgProxy,
    actor: Actor,
}

/// A stage with the journey on it, and workers behind proxies.
async fn wired(name: &str, workers: usize, env: &[(&str, &str)]) -> (Stage, Vec<Wired>) {
    let stage = Stage::new(name, None).await;
    stage
        .provider
        .otherwise(Fault::Delay(Duration::from_millis(10)));
    stage.deploy(&journey(&stage.provider));
    stage.deploy(&counter());
    let mut fleet = Vec::new();
    for n in 0..workers {
        let proxy = PgProxy::start(&stage.db, &MARKS, n as u64).await.unwrap();
        let url = proxy.url(&stage.db);
        let lease = LEASE.as_secs().to_string();
        let mut all = vec![("DATABASE_URL", url.as_str()), ("WAYPOST_LEASE", &lease)];
        all.extend(env);
        let roles = "match,run,dispatch,schedule,janitor";
        let actor = stage.worker_with(roles, "listener.listens=ask", &all).await;
        actor
            .at
            .reaches("listener.listens")
            .await
            .unwrap()
            .go()
            .await;
        actor.at.free("listener.listens").await;
        fleet.push(Wired { proxy, actor });
    }
    (stage, fleet)
}

/// All ended, each effect once, by the books of both sides.
async fn is_whole(stage: &mut Stage, arrived: u64) -> (Books, Report) {
    let mut books = Books::read(&mut stage.c, &stage.provider).await;
    let arrived = i64::try_from(arrived).unwrap();
    for (what, sql) in [
        (
            "executions that completed",
            "select count(*) from waypost.executions where workflow = 'journey' and status = 'completed'",
        ),
        (
            "notes",
            "select count(*) from crm.notes where body = 'told'",
        ),
        (
            "contacts with the tag once",
            "select count(*) from crm.contacts where tags = '{told}'",
        ),
        (
            "counts",
            "select count(*) from crm.notes where body = 'counted'",
        ),
    ] {
        books.count(&mut stage.c, what, sql, arrived).await;
    }
    let report = books.check();
    report.must_hold();
    let found = verify(&mut stage.c, None, &|_| {}).await.unwrap();
    let broken: Vec<_> = found.iter().filter(|f| f.violations > 0).collect();
    assert!(broken.is_empty(), "{broken:?}");
    (books, report)
}

/// So many arrive, a few every 50 ms.
async fn trickle(app: &mut PgConnection, count: u64, at_once: u64) {
    let mut tick = interval(Duration::from_millis(50));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut arrived = 0;
    while arrived < count {
        tick.tick().await;
        let some = at_once.min(count - arrived);
        arrive(app, some).await;
        arrived += some;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_the_reply_to_a_commit_is_lost() {
    let executions = form(240, 5_000);
    let (mut stage, mut fleet) = wired("f4", 2, &[("WAYPOST_BATCH", "10")]).await;
    for wired in &fleet {
        wired.proxy.set(Weather {
            lost_replies: MARKS.iter().map(|mark| (mark.0, 0.05)).collect(),
            ..Weather::default()
        });
    }
    let mut app = stage.db.connect().await;
    trickle(&mut app, executions, 4).await;
    let settled = until_done(&mut stage.c).await;
    let alive = fleet.iter_mut().all(|wired| wired.actor.process.runs());
    let lost: Vec<_> = fleet.iter().flat_map(|wired| wired.proxy.lost()).collect();
    let requests = stage.provider.received();
    // Within the lease nobody else may send it either: whatever came, came of the claim that nobody heard of.
    let window = LEASE - Duration::from_millis(500);
    let after: usize = lost
        .iter()
        .filter(|lost| lost.mark == "T2")
        .flat_map(|lost| lost.ids.iter().map(move |id| (id.to_string(), lost.at)))
        .map(|(id, at)| {
            let same = requests.iter().filter(|r| r.key.as_deref() == Some(&*id));
            same.filter(|r| r.at >= at && r.at < at + window).count()
        })
        .sum();
    let claims: usize = lost.iter().map(|lost| lost.ids.len()).sum();
    is_whole(&mut stage, executions).await;
    let n = |mark: &str| lost.iter().filter(|lost| lost.mark == mark).count();
    let measured = format!(
        "{after} sends after the {claims} claims of {} T2 that nobody heard of ({} T1, {} T3 besides); all {executions} \
         ended {:.1} s after the last arrival",
        n("T2"),
        n("T1"),
        n("T3"),
        settled.as_secs_f64()
    );
    assert!(
        MARKS.iter().all(|mark| n(mark.0) > 0) && claims > 0,
        "{measured}"
    );
    Figure {
        name: "F4",
        fault: "COMMIT reply lost, 5 % of T1, T2, T3",
        wanted: "0 sends after an unconfirmed T2, all converge",
    }
    .measured(&measured, after == 0 && alive);
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_a_workers_connections_are_black_holed() {
    let (before, hole) = form((3, 20), (20, 60));
    let (mut stage, mut fleet) = wired("f5", 3, &[]).await;
    let mut app = stage.db.connect().await;
    let mut arrived = 0;
    let mut tick = interval(Duration::from_millis(200));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..before * 5 {
        tick.tick().await;
        arrive(&mut app, 4).await;
        arrived += 4;
    }
    fleet[0].proxy.set(Weather {
        black_hole: true,
        ..Weather::default()
    });
    let begun = Instant::now();
    let since: DateTime<Utc> = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(&mut stage.c)
        .await
        .unwrap();
    let mut freed = None;
    while begun.elapsed() < Duration::from_secs(hole)
        || freed.is_none() && begun.elapsed() < LEASE * 10
    {
        tick.tick().await;
        arrive(&mut app, 4).await;
        arrived += 4;
        let left: i64 = sqlx::query_scalar(
            "select count(*) from waypost.runs r join waypost.workflows w on w.id = r.workflow_id
                                 where w.slug = 'journey' and r.enrolled_at < $1",
        )
        .bind(since)
        .fetch_one(&mut stage.c)
        .await
        .unwrap();
        if left == 0 && freed.is_none() {
            freed = Some(begun.elapsed());
        }
    }
    // Of those who came in the hole, but for its last seconds: who has come through meanwhile.
    let (came, through): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where status = 'completed') from waypost.executions
          where workflow = 'journey' and started_at between $1 and clock_timestamp() - interval '4 seconds'",
    )
    .bind(since)
    .fetch_one(&mut stage.c)
    .await
    .unwrap();
    fleet[0].proxy.set(Weather::default());
    until_done(&mut stage.c).await;
    let alive = fleet.iter_mut().all(|wired| wired.actor.process.runs());
    is_whole(&mut stage, arrived).await;
    let freed = freed.map_or(f64::INFINITY, |time| time.as_secs_f64());
    let share = through as f64 * 100.0 / came as f64;
    let measured = format!(
        "hole of {} s: what was under way had ended after {freed:.1} s; of {came} that came meanwhile {share:.0} % were \
         through 4 s later at most",
        begun.elapsed().as_secs()
    );
    Figure {
        name: "F5",
        fault: "one worker's connections black-holed 60 s, lease 6 s",
        wanted: "its rows free within 20 s; the others keep 90 %",
    }
    .measured(&measured, freed <= 20.0 && share >= 90.0 && alive);
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_all_notifications_are_dropped() {
    let starts = form(60, 1_000);
    let (mut stage, fleet) = wired("f13", 2, &[("WAYPOST_IDLE", "1")]).await;
    for wired in &fleet {
        wired.proxy.set(Weather {
            no_notifications: true,
            ..Weather::default()
        });
    }
    let mut app = stage.db.connect().await;
    for n in 0..starts {
        // One at a time, so that the workers have gone idle before each.
        arrive(&mut app, 1).await;
        sleep(Duration::from_millis(100 + (n * 37) % 400)).await;
        sqlx::query(
            "select waypost.emit('custom.event', null, '{}', wake => true, tenant => 'default')",
        )
        .execute(&mut app)
        .await
        .unwrap();
    }
    until_done(&mut stage.c).await;
    let mut waited: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from min(b.at) - c.created_at)::float8
           from waypost.executions x
           join crm.contacts c on c.id = x.contact_id
           join waypost.all_bursts b on b.execution_id = x.id
          where x.workflow = 'journey' group by x.id, c.created_at",
    )
    .fetch_all(&mut stage.c)
    .await
    .unwrap();
    waited.sort_by(f64::total_cmp);
    is_whole(&mut stage, starts).await;
    let dropped: usize = fleet.iter().map(|wired| wired.proxy.swallowed()).sum();
    let p99 = waited[waited.len() * 99 / 100];
    let measured = format!(
        "{dropped} notifications dropped; start of {} executions: p50 {:.3} s, p99 {p99:.3} s; 0 stuck",
        waited.len(),
        waited[waited.len() / 2]
    );
    assert!(dropped > 0, "{measured}");
    Figure {
        name: "F13",
        fault: "all notifications dropped",
        wanted: "p99 start at most 1.2 s, 0 stuck",
    }
    .measured(&measured, p99 <= 1.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_statements_fail_as_they_do_after_a_failover() {
    let executions = form(240, 5_000);
    let (mut stage, mut fleet) = wired("f16", 2, &[("WAYPOST_BATCH", "10")]).await;
    for wired in &fleet {
        wired.proxy.set(Weather {
            failing: Some((0.02, vec!["40P01", "40001", "57014", "25006"])),
            ..Weather::default()
        });
    }
    let mut app = stage.db.connect().await;
    trickle(&mut app, executions, 4).await;
    until_done(&mut stage.c).await;
    let exits = fleet
        .iter_mut()
        .filter_map(|wired| (!wired.actor.process.runs()).then_some(()))
        .count();
    let mut failed: HashMap<&str, usize> = HashMap::new();
    for wired in &fleet {
        for (state, n) in wired.proxy.failed() {
            *failed.entry(state).or_default() += n;
        }
    }
    is_whole(&mut stage, executions).await;
    let mut by_state: Vec<_> = failed.iter().map(|(s, n)| format!("{n} × {s}")).collect();
    by_state.sort();
    let measured = format!(
        "{}: {exits} exits, 0 of {executions} lost",
        by_state.join(", ")
    );
    assert_eq!(failed.len(), 4, "{measured}");
    Figure {
        name: "F16",
        fault: "deadlock, serialization, timeouts, read-only on 2 % of statements",
        wanted: "0 exits, 0 lost",
    }
    .measured(&measured, exits == 0);
}
