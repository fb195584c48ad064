//! A worker in a process of its own, and what the system tells about it.

use std::{
    process::{self, Command, Stdio},
    time::Duration,
};

use crate::app::{AppError, AppResult};

/// A `waypost worker`; it ends with us.
pub(super) struct Child(process::Child);

impl Child {
    /// Starts one on this database.
    pub(super) fn worker(url: &str) -> AppResult<Self> {
        let failed = |error| AppError::no(format!("a worker could not be started: {error}"));
        let own = std::env::current_exe().map_err(failed)?;
        let started = Command::new(own)
            .arg("worker")
            .env("DATABASE_URL", url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        started.map(Self).map_err(failed)
    }

    /// Time that it has computed so far; none where the system does not tell.
    pub(super) fn computed(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        // In hundredths of a second, whatever the kernel's own clock does.
        Some(Duration::from_millis((next()? + next()?) * 10))
    }

    /// The most memory that it had at once, in bytes, its program's own pages among it.
    pub(super) fn most_memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024.0)
    }

    /// Asks it to end, and waits for that.
    pub(super) async fn stop(mut self) {
        let id = i32::try_from(self.0.id()).ok();
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        for _ in 0..500 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
