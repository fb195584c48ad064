//! F3: the database crashes again and again under load; what was acknowledged is there, and work goes on at once.
//!
//! One worker alone: had there been more, the quickest to come back would hide the others.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waypost::{
    store::{Purpose, pool},
    testing::fake_http::FakeHttp,
};

use super::figure::{Figure, form};
use crate::{
    chaos::{check_database, count, counter, journey, try_arrive, until_done},
    checker::{check_requests, ended},
    figure::quantile,
    fleet::Process,
    own_server::OwnServer,
};

const FIGURE: Figure = Figure {
    name: "F3",
    fault: "pg_ctl -m immediate every 8 s under load",
    wanted: "0 acknowledged enrolments lost; p99 resume at most 3 s after Postgres accepts",
};
const EVERY: Duration = Duration::from_secs(8);

/// Contacts whose enrolment was acknowledged.
pub(super) type Acknowledged = Arc<Mutex<Vec<Uuid>>>;

/// Enrols as long as it is let, on whatever connection there is.
pub(super) async fn enrol(url: String, kept: Acknowledged, end: CancellationToken) {
    let mut pace = interval(Duration::from_millis(100));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection: Option<PgConnection> = None;
    while !end.is_cancelled() {
        pace.tick().await;
        match connection.take() {
            None => connection = pool::single(&url, Purpose::Owner).await.ok(),
            Some(mut c) => {
                if let Ok(contacts) = try_arrive(&mut c, 4).await {
                    kept.lock().unwrap().extend(contacts);
                    connection = Some(c);
                }
            }
        }
    }
}

pub(super) async fn as_worker(url: &str) -> PgConnection {
    let mut c = PgConnection::connect(url).await.unwrap();
    c.execute("set role waypost_worker").await.unwrap();
    c
}

/// Until the worker has committed something; counted from now, when Postgres has just accepted.
pub(super) async fn resumed(url: &str) -> Duration {
    let accepted = Instant::now();
    let mut c = as_worker(url).await;
    let since: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(&mut c)
        .await
        .unwrap();
    loop {
        let works: bool =
            sqlx::query_scalar("select exists (select from waypost.all_bursts where at > $1)")
                .bind(since)
                .fetch_one(&mut c)
                .await
                .unwrap();
        if works {
            return accepted.elapsed();
        }
        assert!(
            accepted.elapsed() < Duration::from_secs(60),
            "no work resumes"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_a_database_that_crashes_again_and_again_loses_nothing_acknowledged() {
    let crashes = form(2, 20);
    let provider = FakeHttp::start().await.unwrap();
    let mut server = OwnServer::start("crashes");
    let url = server.url();
    server.deploy(&[journey(&provider), counter()]);
    let mut worker = Process::quick(&url);
    let acknowledged = Acknowledged::default();
    let end = CancellationToken::new();
    let app = tokio::spawn(enrol(url.clone(), acknowledged.clone(), end.clone()));
    let mut resumes = Vec::new();
    let mut next = Instant::now() + EVERY;
    for _ in 0..crashes {
        tokio::time::sleep_until(next).await;
        let before = acknowledged.lock().unwrap().len();
        assert!(before > 0, "nothing was enrolled before the crash");
        server.crash();
        server.again();
        assert_eq!(server.url(), url);
        next = Instant::now() + EVERY;
        resumes.push(resumed(&url).await);
        assert!(worker.runs(), "the worker stays");
    }
    end.cancel();
    app.await.unwrap();
    let mut c = as_worker(&url).await;
    until_done(&mut c).await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    let found: i64 = sqlx::query_scalar(
        "select count(*) from waypost.executions
          where workflow = 'journey' and status = 'completed' and contact_id = any ($1)",
    )
    .bind(&acknowledged)
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert_eq!(found as usize, acknowledged.len(), "acknowledged and lost");
    // A commit whose reply the crash ate may have happened or not, but whole.
    let committed = count(&mut c, "select count(*) from crm.contacts").await;
    check_database(&mut c, committed).await;
    check_requests(&provider, &provider.received(), &ended(&mut c).await);
    assert_eq!(worker.terminate().0.code(), Some(0));
    let p99 = quantile(&mut resumes, 0.99);
    FIGURE.reached(
        p99 <= Duration::from_secs(3),
        format!(
            "{crashes} crashes, {} acknowledged: 0 lost; p99 resume {:.2} s",
            acknowledged.len(),
            p99.as_secs_f64()
        ),
    );
}
