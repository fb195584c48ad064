//! The database goes and comes back under a running worker: it stays, reconnects, and nothing is lost.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use waypost::{
    app::verify::verify,
    private_pg::{self, Options, PrivatePg, Profile},
    testing::fake_http::{FakeHttp, Fault},
};

use crate::{
    chaos::{arrive, journey, until_done},
    checker::{check_requests, ended},
    fleet::{Process, waypost},
};

/// A server of its own, which may be stopped.
struct Server {
    dir: PathBuf,
    running: Option<PrivatePg>,
}

impl Server {
    fn start() -> Server {
        let name = format!("outage-{}", std::process::id());
        let mut server = Server {
            dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
            running: None,
        };
        fs::create_dir_all(&server.dir).unwrap();
        server.again();
        server
    }

    /// Starts it where it was, with what it held.
    fn again(&mut self) {
        let options = Options {
            linger_seconds: Some(0),
            profile: Profile::Throwaway,
            ..Options::from_env()
        };
        self.running = None;
        self.running = Some(PrivatePg::ensure_with(&self.dir, &options, &|_| {}).unwrap());
    }

    fn running(&self) -> &PrivatePg {
        self.running.as_ref().unwrap()
    }

    /// An orderly stop: sessions are told, transactions under way are rolled back.
    fn stop(&mut self) {
        assert!(self.running.take().unwrap().stop().unwrap());
    }

    /// A crash: nobody is told, and the next start recovers.
    fn crash(&mut self) {
        let file = self.running().data_dir().join("postmaster.pid");
        let pid = fs::read_to_string(file).unwrap();
        let sent = Command::new("kill")
            .args(["-QUIT", pid.lines().next().unwrap()])
            .status()
            .unwrap();
        assert!(sent.success());
        // Its supervisor ends with it; an orderly stop of what is gone waits for that.
        self.running.take().unwrap().stop().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
        let _ = private_pg::destroy(&self.dir);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn exit_code(url: &str, args: &[&str]) -> (Option<i32>, String) {
    let out = waypost(url, args).output().unwrap();
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

fn deploy(url: &str, dir: &Path, definition: &Value) {
    let file = dir.join("journey.json");
    fs::write(&file, definition.to_string()).unwrap();
    for args in [
        &["migrate"][..],
        &["deploy", file.to_str().unwrap(), "--publish"],
    ] {
        let (code, errors) = exit_code(url, args);
        assert_eq!(code, Some(0), "{args:?}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_and_comes_back_and_the_worker_goes_on() {
    let provider = FakeHttp::start().await.unwrap();
    provider.otherwise(Fault::Delay(Duration::from_millis(30)));
    let mut server = Server::start();
    let url = server.running().url();
    deploy(&url, &server.dir, &journey(&provider));
    let mut worker = Process::start(&url);
    let mut executions = 0;
    for (how, go) in [
        ("stop", Server::stop as fn(&mut Server)),
        ("crash", Server::crash),
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
        assert_eq!(server.running().url(), url);
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
