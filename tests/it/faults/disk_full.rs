//! F15: the disk of the database is full, then freed; the worker stays, the error says what it is, and work resumes.
//!
//! The disk is a small tmpfs, which only root may mount; elsewhere the test is left out, and says so.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use waypost::testing::fake_http::FakeHttp;

use super::figure::{Figure, form};
use super::server_crash::{Acknowledged, as_worker, enrol, resumed};
use crate::{
    chaos::{check_database, count, counter, journey, until_done},
    checker::{check_requests, ended},
    fleet::Process,
    own_server::{OwnServer, exit_code},
};

const FIGURE: Figure = Figure {
    name: "F15",
    fault: "disk full, then freed",
    wanted: "process up, clear error, nothing corrupt, resumes within 30 s",
};
const MEGABYTES: u32 = 320;

/// A small disk; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// None where we may not mount.
    fn mount() -> Option<Disk> {
        let at = std::env::temp_dir().join(format!("wp-disk-{}", std::process::id()));
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={MEGABYTES}m,mode=0755");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&at)
            .output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Disk(at));
        }
        let _ = fs::remove_dir(&at);
        None
    }

    /// Writes until nothing fits any more.
    fn fill(&self) -> PathBuf {
        let file = self.0.join("ballast");
        let mut ballast = File::create(&file).unwrap();
        let block = vec![1; 64 * 1024];
        while ballast.write_all(&block).is_ok() {}
        file
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

fn may_be_left_out() -> bool {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    !(root && std::env::var_os("CI").is_some())
}

/// Whether this server still answers.
async fn answers(url: &str) -> bool {
    let connected = tokio::time::timeout(Duration::from_secs(2), PgConnection::connect(url)).await;
    matches!(connected, Ok(Ok(_)))
}

/// What a command says while nothing can be written: its exit code and the words of it.
async fn complaint(url: &str) -> String {
    let begun = Instant::now();
    loop {
        let (code, errors) = exit_code(url, &["emit", "custom.event"]);
        if code != Some(0) {
            assert!(matches!(code, Some(1 | 3)), "{code:?}: {errors}");
            return errors;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing fails");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_full_disk_stops_the_work_and_nothing_else() {
    let Some(disk) = Disk::mount() else {
        assert!(may_be_left_out(), "as root under CI a tmpfs can be mounted");
        println!("left out: a small disk can be mounted by root alone");
        return;
    };
    let provider = FakeHttp::start().await.unwrap();
    let mut server = OwnServer::start_in(disk.0.join("db"));
    assert!(
        server.postgres().data_dir().starts_with(&disk.0),
        "the data lie on the small disk"
    );
    let url = server.url();
    server.deploy(&[journey(&provider), counter()]);
    let mut worker = Process::start(&url);
    let acknowledged = Acknowledged::default();
    let end = CancellationToken::new();
    let app = tokio::spawn(enrol(url.clone(), acknowledged.clone(), end.clone()));
    provider.arrived(40).await;

    let ballast = disk.fill();
    let said = complaint(&url).await;
    let clear = said.contains("No space left on device")
        // The write-ahead log had no room: the server itself has stopped, and that is what there is to say.
        || said.contains("the database cannot be reached")
        || said.contains("recovery mode")
        || said.contains("starting up");
    assert!(clear, "{said}");
    sleep(Duration::from_secs(form(4, 30))).await;
    assert!(worker.runs(), "the worker stays");
    free(&ballast);
    // Where the server gave up, its operator starts it again once there is room.
    let up_by_itself = answers(&url).await;
    if !up_by_itself {
        server.again();
    }
    let back = resumed(&url).await;
    sleep(Duration::from_secs(2)).await;
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
    let committed = count(&mut c, "select count(*) from crm.contacts").await;
    // Reads every page of it too: their checksums are on.
    check_database(&mut c, committed).await;
    check_requests(&provider, &provider.received(), &ended(&mut c).await);
    assert!(worker.runs(), "the same worker to the end");
    assert_eq!(worker.terminate().0.code(), Some(0));
    let line = said.lines().next().unwrap_or_default();
    FIGURE.reached(
        back <= Duration::from_secs(30),
        format!(
            "process up, said `{}`, {} acknowledged: 0 lost, resumed {:.1} s after {}",
            line.chars().take(90).collect::<String>(),
            acknowledged.len(),
            back.as_secs_f64(),
            if up_by_itself {
                "the disk was freed"
            } else {
                "the server was started again"
            }
        ),
    );
    drop(c);
    drop(server);
    drop(disk);
}

fn free(ballast: &Path) {
    fs::remove_file(ballast).unwrap();
}
