//! Worker processes of the built binary on a test's database; none outlives its test.

use std::{
    ffi::{OsStr, OsString},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use waypost::testing::TestDb;

/// Lease of a claimed send, in seconds: short, so that what a killed worker held comes back within a test.
const LEASE: &str = "6";

/// The binary on a database, with the settings of these tests.
pub fn waypost(url: &str, args: &[&str]) -> Command {
    of_program(env!("CARGO_BIN_EXE_waypost").as_ref(), url, args)
}

/// The same with another binary of it.
pub fn of_program(program: &OsStr, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("DATABASE_URL", url)
        .env("WAYPOST_OUTBOUND_ALLOW", "127.0.0.0/8")
        .env("WAYPOST_LEASE", LEASE)
        // Small claims: a killed worker takes few rows with it.
        .env("WAYPOST_BATCH", "60")
        .env("WAYPOST_RUNNERS", "2")
        .env("WAYPOST_MATCHERS", "1")
        .env("WAYPOST_DISPATCHERS", "1")
        .env_remove("WAYPOST_TENANT")
        .env_remove("RUST_LOG");
    command
}

/// The binary that speed is measured with: the optimised one that `bin/chaos` builds, else the tests' own.
#[cfg(feature = "failpoints")]
pub fn optimised() -> OsString {
    let built = std::env::var_os("WAYPOST_RELEASE_BINARY");
    built.unwrap_or_else(|| env!("CARGO_BIN_EXE_waypost").into())
}

/// Publishes a definition for a tenant with `waypost deploy`.
pub fn deploy(db: &TestDb, tenant: &str, definition: &serde_json::Value) {
    let id = definition["id"].as_str().unwrap();
    let file = std::env::temp_dir().join(format!("waypost-{id}-{}.json", db.name()));
    std::fs::write(&file, definition.to_string()).unwrap();
    let args = [
        "deploy",
        file.to_str().unwrap(),
        "--publish",
        "--tenant",
        tenant,
    ];
    let out = waypost(&db.url(), &args).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
}

/// One worker process; killed when dropped.
pub struct Process(Child);

impl Process {
    /// Starts `waypost worker`.
    pub fn start(url: &str) -> Process {
        Self::of(waypost(url, &["worker"]))
    }

    /// The same with the optimised binary, where there is one.
    #[cfg(feature = "failpoints")]
    pub fn quick(url: &str) -> Process {
        Self::of(of_program(&optimised(), url, &["worker"]))
    }

    /// Starts a worker as it is shipped: the optimised binary, and none of the small rounds of these tests.
    #[cfg(feature = "failpoints")]
    pub fn as_shipped(url: &str) -> Process {
        let mut command = of_program(&optimised(), url, &["worker"]);
        for name in [
            "WAYPOST_BATCH",
            "WAYPOST_RUNNERS",
            "WAYPOST_MATCHERS",
            "WAYPOST_DISPATCHERS",
        ] {
            command.env_remove(name);
        }
        Self::of(command)
    }

    /// Starts a command of its own.
    pub fn of(mut command: Command) -> Process {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Process(command.spawn().unwrap())
    }

    /// SIGKILL: it gets no chance to say anything.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM; answers how it ended and after how long.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal("-TERM");
        (self.0.wait().unwrap(), begun.elapsed())
    }

    /// SIGSTOP: it stands still, wherever it is, and knows nothing of it.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on where it stood.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Bytes of memory that it holds; none where the system has no `/proc`.
    #[cfg(feature = "failpoints")]
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    fn signal(&self, which: &str) {
        let sent = Command::new("kill")
            .args([which, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended by itself.
    #[cfg(feature = "failpoints")]
    pub async fn ends(&mut self) -> ExitStatus {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        let begun = Instant::now();
        loop {
            look.tick().await;
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not end");
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
