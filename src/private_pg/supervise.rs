//! The supervisor: parent of the postmaster, apart from any one command, gone with the last of them.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::Signal;

use super::{
    Options, PrivatePg, Profile,
    error::{Doing, PgError},
    leftover,
    place::{Place, ServerState, unix_seconds},
};

/// The hidden subcommand `waypost __pg-supervise <dir>/pg`.
pub(super) const COMMAND: &str = "__pg-supervise";
/// The hidden subcommand `waypost __pg-with <dir> PROGRAM ARG...`.
const WITH_COMMAND: &str = "__pg-with";
/// A log longer than this starts anew with the server.
const LOG_LIMIT: u64 = 16 << 20;
/// How often an unused server looks whether its time has come.
const LINGER_STEP: Duration = Duration::from_millis(250);

/// Settings of every profile. The log names no values: statements and details may hold personal
/// data.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "cluster_name=waypost",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
];

/// Answers the hidden subcommands by which this binary runs a private Postgres; `None` for every
/// other command line. `main` asks this first, before any thread is started.
///
/// - `__pg-supervise <dir>/pg` is the supervisor itself.
/// - `__pg-with <dir> PROGRAM ARG...` runs a program with a server and exits as the program does.
///   The program finds the harness role's URL in `WAYPOST_TEST_URL` where the server is a throw-away
///   one (the default here), else the login role's in `DATABASE_URL`.
pub fn answer_hidden_command() -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    let command = args.next()?;
    if command == COMMAND {
        let root = PathBuf::from(args.next()?);
        Some(match supervise(Place::at(root.clone())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody reads our standard error; whoever waits for us reads the log.
                let log = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(root.join("server.log"));
                let _ = log.and_then(|mut log| writeln!(log, "{error}"));
                ExitCode::FAILURE
            }
        })
    } else if command == WITH_COMMAND {
        let dir = PathBuf::from(args.next()?);
        Some(run_with_server(&dir, args.next()?, args))
    } else {
        None
    }
}

fn supervise(place: Place) -> Result<(), PgError> {
    // Ctrl-C in a terminal goes to its foreground group: we, and the server, are not in it.
    let _ = rustix::process::setsid();
    let Some(_alive) = place.become_supervisor()? else {
        return Ok(());
    };
    let state = place.read_state().ok_or_else(|| PgError::Io {
        doing: format!("read {}", place.root().join("server.json").display()),
        source: io::ErrorKind::NotFound.into(),
    })?;
    let mut server = spawn_server(&place, &state)?;
    let pid = server.id();
    place.write_pid(pid)?;

    // Two waits that cannot be one: for the server's end, and for its last user's.
    enum Happened {
        ServerEnded,
        Unused(Result<File, PgError>),
    }
    let (tell, told) = mpsc::channel();
    let tell_ended = tell.clone();
    thread::spawn(move || {
        let _ = server.wait();
        tell_ended.send(Happened::ServerEnded)
    });
    let watched = place.clone();
    thread::spawn(move || {
        tell.send(Happened::Unused(wait_unused(
            &watched,
            state.linger_seconds,
        )))
    });

    let mut alone = None;
    let mut patience = Duration::MAX;
    loop {
        match told.recv_timeout(patience) {
            Ok(Happened::Unused(lock)) => {
                // Kept until we end, so that no command attaches to a server that is going.
                alone = Some(lock?);
                leftover::signal(pid, Signal::INT);
                patience = leftover::STOP_PATIENCE;
            }
            Ok(Happened::ServerEnded) => break,
            Err(_) => leftover::signal(pid, Signal::QUIT),
        }
    }
    place.forget_pid();
    let _ = fs::remove_dir(&state.socket_dir); // empty, unless the server was killed
    drop(alone);
    Ok(())
}

fn spawn_server(place: &Place, state: &ServerState) -> Result<Child, PgError> {
    let log = open_log(&place.log()).doing(|| format!("open {}", place.log().display()))?;
    let errors = log.try_clone().doing(|| "share the log".into())?;
    let mut command = state.account.command(&state.bin_dir.join("postgres"));
    command
        .arg("-D")
        .arg(&state.data_dir)
        .arg("-k")
        .arg(&state.socket_dir);
    for setting in SETTINGS.iter().chain(state.profile.settings()) {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    die_with_parent(&mut command);
    command.spawn().doing(|| "start postgres".into())
}

fn open_log(path: &Path) -> io::Result<File> {
    let long = fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_LIMIT);
    if long {
        fs::remove_file(path)?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

/// If we are killed, the kernel tells the postmaster to shut down fast.
///
/// The signal is asked for in the child, after its change of user (which would clear it), and
/// follows the thread that forked: the main one, which lives as long as we do.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let parent = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
        // We may have died between the fork and the line above.
        match rustix::process::getppid() {
            Some(now) if now == parent => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes two
    // system calls (prctl, getppid), allocates nothing and takes no lock.
    unsafe { command.pre_exec(ask) };
}

/// Elsewhere the next command finds the orphan and ends it (`leftover::clear`).
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut std::process::Command) {}

/// Waits until nobody has used the server for its lingering time, nor asked to keep it, and
/// answers the lock that keeps newcomers waiting.
fn wait_unused(place: &Place, linger_seconds: u64) -> Result<File, PgError> {
    let users = place.users_file()?;
    let doing = || "wait for the last user of the private Postgres".to_owned();
    loop {
        users.lock().doing(doing)?; // sleeps while anybody uses the server
        let end = place.kept_until().max(unix_seconds() + linger_seconds);
        users.unlock().doing(doing)?;
        loop {
            thread::sleep(LINGER_STEP);
            if users.try_lock().is_err() {
                break; // used again
            }
            if unix_seconds() >= end.max(place.kept_until()) {
                return Ok(users);
            }
            users.unlock().doing(doing)?;
        }
    }
}

fn run_with_server(
    dir: &Path,
    program: OsString,
    args: impl Iterator<Item = OsString>,
) -> ExitCode {
    let say = |line: &str| {
        let _ = writeln!(io::stderr(), "waypost: {line}");
    };
    let mut options = Options::from_env();
    if env::var_os("WAYPOST_PG_PROFILE").is_none() {
        options.profile = Profile::Throwaway;
    }
    let server = match PrivatePg::ensure_with(dir, &options, &say) {
        Ok(server) => server,
        Err(error) => {
            say(&error.to_string());
            return ExitCode::from(3);
        }
    };
    let (variable, url) = match server.profile() {
        Profile::Throwaway => (
            "WAYPOST_TEST_URL",
            server.url_for(super::HARNESS_ROLE, "postgres"),
        ),
        Profile::Modest | Profile::Speed => ("DATABASE_URL", server.url()),
    };
    let status = std::process::Command::new(&program)
        .args(args)
        .env(variable, url)
        .status();
    if let Err(error) = server.stop() {
        say(&error.to_string());
    }
    match status {
        Ok(status) => ExitCode::from(status.code().and_then(|c| c.try_into().ok()).unwrap_or(1)),
        Err(error) => {
            say(&format!("cannot run {}: {error}", program.display()));
            ExitCode::from(2)
        }
    }
}
