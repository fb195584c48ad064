//! The database goes and comes back under a running worker: it stays, reconnects, and nothing is lost.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use waypost::{
    app::verify::verify,
    testing::fake_http::{FakeHttp, Fault},
};

use crate::{
    chaos::{arrive, journey, until_done},
    checker::{check_requests, ended},
    fleet::Process,
    own_server::{OwnServer, exit_code},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_and_comes_back_and_the_worker_goes_on() {
    let provider = FakeHttp::start().await.unwrap();
    provider.otherwise(Fault::Delay(Duration::from_millis(30)));
    let mut server = OwnServer::start("outage");
    let url = server.url();
    server.deploy(&[journey(&provider)]);
    let mut worker = Process::start(&url);
    let mut executions = 0;
    for (how, go) in [
        ("stop", OwnServer::stop as fn(&mut OwnServer)),
        ("crash", OwnServer::crash),
    ] {
        let mut app = PgConnection::connect(&url).await.unwrap();
        arrive(&mut app, 100).await;
        executions += 100;
        // In the middle of it: some have been told, none has come to its end.
        provider.arrived(provider.received().len() + 20).await;
        drop(app);
        go(&mut server);
        for args in [
            &["executions", "list"][..],
            &["emit", "custom.event"],
            &["verify"],
            &["worker"],
            &["healthcheck"],
        ] {
            let (code, errors) = exit_code(&url, args);
            assert_eq!(code, Some(3), "{args:?} after a {how}: {errors}");
        }
        assert!(worker.runs(), "the worker stays after a {how}");
        server.again();
        assert_eq!(server.url(), url);
        let mut c = PgConnection::connect(&url).await.unwrap();
        c.execute("set role waypost_worker").await.unwrap();
        until_done(&mut c).await;
        let completed: i64 = sqlx::query_scalar(
            "select count(*) from waypost.executions where status = 'completed'",
        )
        .fetch_one(&mut c)
        .await
        .unwrap();
        assert_eq!(completed, executions, "after a {how}");
        check_requests(&provider, &provider.received(), &ended(&mut c).await);
        let found = verify(&mut c, None, &|_| {}).await.unwrap();
        assert!(found.iter().all(|f| f.violations == 0), "{found:?}");
    }
    assert!(worker.runs(), "the same worker to the end");
    assert_eq!(worker.terminate().0.code(), Some(0));
}
