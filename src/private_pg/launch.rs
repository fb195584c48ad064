//! Attaches to the running server or brings one up; stops it; removes it.

use std::{
    env, fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;

use super::{
    OLDEST_MAJOR, PrivatePg,
    account::Account,
    error::{Doing, PgError},
    fetch::{self, Unfetched},
    find::{self, Server},
    initdb, leftover,
    options::Options,
    pinned,
    place::{Place, ServerState, wait_for},
    supervise,
};

/// Recovery after a crash comes before readiness, and a benchmark leaves much to recover.
const START_PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn ensure(
    dir: &Path,
    options: &Options,
    progress: &dyn Fn(&str),
) -> Result<PrivatePg, PgError> {
    let place = Place::open(dir)?;
    let _launch = place.lock_launch(progress)?;
    let users = place.join_users()?;
    if let Some(state) = attach(&place)? {
        return Ok(PrivatePg {
            place,
            state,
            users,
        });
    }
    let state = start(&place, options, progress)?;
    Ok(PrivatePg {
        place,
        state,
        users,
    })
}

/// The state of the server that already runs, once it is ready.
fn attach(place: &Place) -> Result<Option<ServerState>, PgError> {
    // A supervisor without users is either ending (then its lock goes) or serving.
    let answer = wait_for(START_PATIENCE, || match place.is_supervised() {
        Err(error) => Some(Ok(Err(error))),
        Ok(false) => Some(Ok(Ok(None))),
        Ok(true) => {
            let state = place.read_state()?;
            is_ready(place, &state).then_some(Ok(Ok(Some(state))))
        }
    });
    answer.unwrap_or_else(|_| {
        Err(PgError::NotReady {
            reason: "it is still starting".into(),
            log: place.log(),
        })
    })
}

fn start(
    place: &Place,
    options: &Options,
    progress: &dyn Fn(&str),
) -> Result<ServerState, PgError> {
    let account = Account::choose();
    let data_root = place.data_root(&account)?;
    if let Some(major) = initdb::existing_major(&data_root) {
        leftover::clear(&data_root.join(major.to_string()))?;
    }
    let server = choose_server(&data_root, &account, options, progress)?;
    let data_dir =
        initdb::ensure_cluster(&data_root, &server, &account, options.profile, progress)?;
    let state = ServerState {
        bin_dir: server.bin_dir,
        version: server.version,
        data_dir,
        socket_dir: place.socket_dir(&account)?,
        profile: options.profile,
        linger_seconds: options
            .linger_seconds
            .unwrap_or(options.profile.linger_seconds()),
        account,
    };
    place.write_state(&state)?;
    place.forget_pid();
    place.forget_keep();
    progress(&format!("starting PostgreSQL {}", state.version));
    let mut supervisor = spawn_supervisor(place)?;
    wait_ready(place, &state, &mut supervisor)?;
    Ok(state)
}

/// What the user names, else what the data need, else the newest, else what can be fetched.
fn choose_server(
    data_root: &Path,
    account: &Account,
    options: &Options,
    progress: &dyn Fn(&str),
) -> Result<Server, PgError> {
    let wanted = initdb::existing_major(data_root);
    if let Some(dir) = &options.bin {
        let server = find::named(dir, account)?;
        return match wanted.filter(|&major| major != server.major) {
            None => Ok(server),
            Some(major) => Err(PgError::BadBin {
                path: dir.clone(),
                problem: format!(
                    "it is PostgreSQL {}, and the data in {} were written by {major} \
                     (`waypost db reset` removes them)",
                    server.major,
                    data_root.join(major.to_string()).display()
                ),
            }),
        };
    }
    if options.installed
        && let Some(server) = find::newest_installed(account, wanted)
    {
        return Ok(server);
    }
    let install = find::install_command();
    if let Some(major) = wanted.filter(|&major| major != pinned::MAJOR) {
        let data = data_root.join(major.to_string());
        return Err(PgError::OtherMajor {
            data,
            major,
            install,
        });
    }
    match fetch::cached_or_fetched(account, options, progress) {
        Ok(server) => Ok(server),
        Err(Unfetched::Error(error)) => Err(error),
        Err(Unfetched::Reason(reason)) => Err(PgError::NoServer {
            oldest: OLDEST_MAJOR,
            reason,
            install,
        }),
    }
}

fn spawn_supervisor(place: &Place) -> Result<Child, PgError> {
    let program = supervisor_program()?;
    Command::new(&program)
        .arg(supervise::COMMAND)
        .arg(place.root())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .doing(|| format!("start {}", program.display()))
}

/// This program; a test's program stands in `deps/`, one below `waypost`.
fn supervisor_program() -> Result<PathBuf, PgError> {
    let own = env::current_exe().doing(|| "find this program's own file".into())?;
    if own.file_stem().is_some_and(|stem| stem == "waypost") {
        return Ok(own);
    }
    let dirs = own.ancestors().skip(1).take(2);
    let found = dirs
        .map(|dir| dir.join("waypost"))
        .find(|path| path.is_file());
    found.ok_or_else(|| PgError::NoSupervisor {
        looked_at: own.ancestors().nth(2).unwrap_or(&own).join("waypost"),
    })
}

fn wait_ready(place: &Place, state: &ServerState, supervisor: &mut Child) -> Result<(), PgError> {
    let not_ready = |reason: String| PgError::NotReady {
        reason,
        log: place.log(),
    };
    let answer = wait_for(START_PATIENCE, || {
        if is_ready(place, state) {
            return Some(Ok(Ok(())));
        }
        match supervisor.try_wait() {
            Ok(None) => None,
            Ok(Some(_)) => Some(Ok(Err(not_ready(format!(
                "it ended: {}",
                last_complaint(place)
            ))))),
            Err(error) => Some(Err(error)),
        }
    });
    answer.unwrap_or_else(|error| Err(not_ready(error.to_string())))
}

/// Whether the postmaster that the supervisor started accepts connections: it writes so into the
/// eighth line of its pid file. That line outlives a killed server, hence the door is tried too.
fn is_ready(place: &Place, state: &ServerState) -> bool {
    let Some(pid) = place.read_pid() else {
        return false;
    };
    let Ok(text) = fs::read_to_string(state.data_dir.join("postmaster.pid")) else {
        return false;
    };
    let mut lines = text.lines();
    lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
        && lines.nth(6).is_some_and(|line| line.trim() == "ready")
        && UnixStream::connect(state.socket_dir.join(".s.PGSQL.5432")).is_ok()
}

fn last_complaint(place: &Place) -> String {
    let log = fs::read_to_string(place.log()).unwrap_or_default();
    let line = log
        .lines()
        .rev()
        .find(|line| line.contains("FATAL") || line.contains("cannot"));
    line.or_else(|| log.lines().next_back())
        .unwrap_or("its log is empty")
        .to_owned()
}

/// Stops the server where nobody uses it. Answers the users' lock, held alone: while it is kept
/// nobody can attach; or `None` when it is in use. To be called with the launch lock held.
pub(super) fn stop_if_unused(place: &Place) -> Result<Option<fs::File>, PgError> {
    let users = place.users_file()?;
    // The supervisor holds the lock for moments when it looks whether it is needed: hence a while.
    let alone = wait_for(Duration::from_millis(500), || {
        users.try_lock().is_ok().then_some(Ok(()))
    });
    let unsupervised = || place.is_supervised().map(|supervised| !supervised);
    if alone.is_err() {
        // Or it holds it to its own end.
        let gone = wait_for(Duration::from_secs(1), || match unsupervised() {
            Ok(true) => Some(Ok(())),
            _ => None,
        });
        if gone.is_err() || users.try_lock().is_err() {
            return Ok(None);
        }
    }
    let pid = place.read_pid();
    if let Some(pid) = pid.filter(|_| place.is_supervised().unwrap_or(false)) {
        leftover::signal(pid, Signal::INT);
    }
    let patience = leftover::STOP_PATIENCE + Duration::from_secs(5);
    let stopped = wait_for(patience, || match unsupervised() {
        Ok(true) => Some(Ok(())),
        _ => None,
    });
    if stopped.is_err() {
        return Err(PgError::NotStopped {
            pid: pid.unwrap_or_default(),
        });
    }
    Ok(Some(users))
}

pub(super) fn destroy(dir: &Path) -> Result<(), PgError> {
    if !dir.join("pg").exists() {
        return Ok(());
    }
    let place = Place::open(dir)?;
    let _launch = place.lock_launch(&|_| {})?;
    let Some(_alone) = stop_if_unused(&place)? else {
        return Err(PgError::InUse {
            dir: dir.to_owned(),
        });
    };
    let account = Account::choose();
    let data_root = place.data_root(&account)?;
    while let Some(major) = initdb::existing_major(&data_root) {
        let data = data_root.join(major.to_string());
        leftover::clear(&data)?;
        fs::remove_dir_all(&data).doing(|| format!("remove {}", data.display()))?;
    }
    if let Some(state) = place.read_state() {
        let _ = fs::remove_dir_all(&state.socket_dir);
    }
    if data_root != place.root() {
        let _ = fs::remove_dir_all(&data_root);
    }
    // The locks stay: another command may be waiting on one of them.
    for name in ["server.json", "server.pid", "keep-until", "server.log"] {
        let _ = fs::remove_file(place.root().join(name));
    }
    Ok(())
}
