//! Makes a new cluster: UTF-8, C locale, checksums, one owning role that is no superuser.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use super::{
    DATABASE, HARNESS_ROLE, LOGIN_ROLE,
    account::Account,
    error::{Doing, PgError},
    find::Server,
    options::Profile,
};

/// The bootstrap superuser. Nothing connects as it; it is there because a cluster must have one.
const SUPERUSER: &str = "waypost_superuser";

/// The major version of the newest cluster below `data_root`.
pub(super) fn existing_major(data_root: &Path) -> Option<u32> {
    let entries = fs::read_dir(data_root).ok()?;
    let majors = entries.flatten().filter_map(|entry| {
        let major: u32 = entry.file_name().to_str()?.parse().ok()?;
        entry.path().join("global").exists().then_some(major)
    });
    majors.max()
}

/// Makes the cluster of this major version where it is missing; answers where it is.
pub(super) fn ensure_cluster(
    data_root: &Path,
    server: &Server,
    account: &Account,
    profile: Profile,
    progress: &dyn Fn(&str),
) -> Result<PathBuf, PgError> {
    let data = data_root.join(server.major.to_string());
    if data.exists() {
        return Ok(data);
    }
    progress(&format!(
        "creating a PostgreSQL {} cluster in {}",
        server.version,
        data.display()
    ));
    // Made beside its place and moved there when whole: a killed command leaves no half cluster.
    let new = data_root.join(format!("{}.new", server.major));
    if new.exists() {
        fs::remove_dir_all(&new).doing(|| format!("remove {}", new.display()))?;
    }
    fs::create_dir(&new).doing(|| format!("create {}", new.display()))?;
    account.own(&new)?;

    let mut initdb = account.command(&server.bin_dir.join("initdb"));
    initdb.args([
        "--username",
        SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
    ]);
    initdb
        .args(["--data-checksums", "--no-instructions", "--pgdata"])
        .arg(&new);
    if profile == Profile::Throwaway {
        initdb.arg("--no-sync");
    }
    must_succeed("initdb", initdb.stdin(Stdio::null()).output())?;
    single_user(server, account, &new, &bootstrap_sql(profile))?;
    fs::rename(&new, &data).doing(|| format!("rename {}", new.display()))?;
    Ok(data)
}

fn bootstrap_sql(profile: Profile) -> String {
    let mut sql = vec![
        // `bench` measures in databases of its own.
        format!("create role {LOGIN_ROLE} login createdb createrole"),
        // Reading the server's statistics is what `doctor` and `bench` need beyond ownership.
        format!("grant pg_monitor to {LOGIN_ROLE}"),
        // So that `bench` does not count an earlier run's pages for the next.
        format!("grant pg_checkpoint to {LOGIN_ROLE}"),
        format!("create database {DATABASE} owner {LOGIN_ROLE}"),
    ];
    if profile == Profile::Throwaway {
        sql.push(format!(
            "create role {HARNESS_ROLE} login createdb createrole"
        ));
    }
    sql.join("\n") + "\n"
}

/// Runs statements, one a line, before the server first starts: no client and no open door needed.
fn single_user(server: &Server, account: &Account, data: &Path, sql: &str) -> Result<(), PgError> {
    let mut command = account.command(&server.bin_dir.join("postgres"));
    command
        .args(["--single", "-D"])
        .arg(data)
        .args(["-c", "exit_on_error=on", "postgres"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = feed(&mut command, sql);
    must_succeed("postgres --single", output)
}

fn feed(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A server that refuses to start closes its end; what it printed says more than EPIPE.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

fn must_succeed(program: &str, output: std::io::Result<Output>) -> Result<(), PgError> {
    let output = output.doing(|| format!("run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let end = lines[lines.len().saturating_sub(5)..].join("\n");
    Err(PgError::Program {
        program: program.into(),
        output: end,
    })
}
