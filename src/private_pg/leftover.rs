//! Clears what a killed server left behind, and never what a living one still uses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{error::PgError, place::wait_for};

/// How long a server may take to shut down.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Ends a server that lost its supervisor, waits for the last process of a killed one, and removes
/// its pid file. To be called only while no supervisor lives and the launch lock is held.
pub(super) fn clear(data: &Path) -> Result<(), PgError> {
    let pid_file = data.join("postmaster.pid");
    if !pid_file.exists() {
        return Ok(());
    }
    if let Some(pid) = postmaster_of(data).filter(|&pid| serves(pid, data)) {
        signal(pid, Signal::INT);
    }
    // Backends outlive a postmaster that was killed by a moment. The pid file guards their shared
    // memory, so it goes only when the last of them has gone.
    let gone = wait_for(STOP_PATIENCE, || living(data).is_empty().then_some(Ok(())));
    if gone.is_err() {
        let pid = living(data).first().copied().unwrap_or_default();
        return Err(PgError::NotStopped { pid });
    }
    let _ = fs::remove_file(pid_file);
    Ok(())
}

/// The pid in the first line of the pid file.
pub(super) fn postmaster_of(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid"))
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
}

/// Sends a signal; a process that is gone already is no error.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Every process of the server whose data these are.
fn living(data: &Path) -> Vec<u32> {
    if Path::new("/proc/self/cwd").exists() {
        // All processes of a server have its data directory as their working directory.
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|&pid| serves(pid, data)).collect()
    } else {
        postmaster_of(data)
            .filter(|&pid| serves(pid, data))
            .into_iter()
            .collect()
    }
}

/// Whether this process is of that server, and not a stranger that got a reused process id.
fn serves(pid: u32, data: &Path) -> bool {
    if Path::new("/proc/self/cwd").exists() {
        let cwd = fs::read_link(PathBuf::from(format!("/proc/{pid}/cwd")));
        return cwd.is_ok_and(|cwd| cwd == data) && !is_zombie(pid);
    }
    let output = Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output();
    output.is_ok_and(|output| {
        let line = String::from_utf8_lossy(&output.stdout);
        line.contains("postgres") && line.contains(&*data.to_string_lossy())
    })
}

fn is_zombie(pid: u32) -> bool {
    // pid (name) state ...
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('Z'))
}
