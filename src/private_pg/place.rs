//! Where things lie: the directory, its locks, the socket, and what is known of the running server.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    account::Account,
    error::{Doing, PgError},
    options::Profile,
};

/// A fetch on a slow line is what another command may have to wait for.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(900);
/// A server that shuts down is what a user may have to wait for.
const USERS_PATIENCE: Duration = Duration::from_secs(60);
/// How often a lock that is held elsewhere is tried.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// What the starter of a server tells its supervisor and everyone who attaches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServerState {
    pub(super) bin_dir: PathBuf,
    pub(super) version: String,
    pub(super) data_dir: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) profile: Profile,
    /// How long the server outlives its last user.
    pub(super) linger_seconds: u64,
    pub(super) account: Account,
}

/// The directory of one private server: `<dir>/pg`.
#[derive(Debug, Clone)]
pub(super) struct Place {
    root: PathBuf,
}

impl Place {
    /// Makes the directory where it is missing.
    pub(super) fn open(dir: &Path) -> Result<Place, PgError> {
        let root = dir.join("pg");
        fs::create_dir_all(&root).doing(|| format!("create {}", root.display()))?;
        let root = root
            .canonicalize()
            .doing(|| format!("resolve {}", root.display()))?;
        // The directory often lies in a checkout: it keeps itself out of version control.
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").doing(|| format!("write {}", ignore.display()))?;
        }
        Ok(Place { root })
    }

    /// The place that a supervisor was told of.
    pub(super) fn at(root: PathBuf) -> Place {
        Place { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// Twelve hexadecimal digits that stand for this directory in names elsewhere.
    fn hash(&self) -> String {
        hex::encode(&Sha256::digest(self.root.as_os_str().as_encoded_bytes())[..6])
    }

    /// Where clusters lie: here, or where the server's user can reach them.
    pub(super) fn data_root(&self, account: &Account) -> Result<PathBuf, PgError> {
        if account.reaches(&self.root) {
            return Ok(self.root.clone());
        }
        let path = PathBuf::from(format!("/var/lib/waypost-{}", self.hash()));
        fs::create_dir_all(&path).doing(|| format!("create {}", path.display()))?;
        account.own(&path)?;
        Ok(path)
    }

    /// The directory of the socket: short (a socket's path must stay under 100 bytes), and its
    /// owner's alone, because whoever can open the socket is trusted.
    pub(super) fn socket_dir(&self, account: &Account) -> Result<PathBuf, PgError> {
        let runtime = env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| {
                !account.dropped
                    && path.as_os_str().len() < 60
                    && path.to_str().is_some_and(|text| text.chars().all(is_plain))
                    && fs::metadata(path)
                        .is_ok_and(|meta| meta.is_dir() && meta.uid() == account.uid)
            });
        let path = match runtime {
            Some(dir) => dir.join(format!("waypost-{}", self.hash())),
            None => PathBuf::from(format!("/tmp/waypost-{}-{}", account.uid, self.hash())),
        };
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => account.own(&path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(PgError::Io {
                    doing: format!("create {}", path.display()),
                    source,
                });
            }
        }
        // Not followed: in /tmp anybody may have put a link there first.
        let meta = fs::symlink_metadata(&path).doing(|| format!("read {}", path.display()))?;
        if !meta.is_dir() || meta.uid() != account.uid || meta.mode() & 0o077 != 0 {
            return Err(PgError::Io {
                doing: format!("use {} for the server's socket", path.display()),
                source: io::Error::other("it belongs to somebody else or is open to others"),
            });
        }
        Ok(path)
    }

    fn open_lock(&self, name: &str) -> Result<File, PgError> {
        let path = self.root.join(name);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o644)
            .open(&path)
            .doing(|| {
                format!(
                    "open {} (did another user make it? Run as that one)",
                    path.display()
                )
            })
    }

    /// Waits until no other command is starting or stopping the server.
    pub(super) fn lock_launch(&self, progress: &dyn Fn(&str)) -> Result<File, PgError> {
        let file = self.open_lock("launch.lock")?;
        let mut told = false;
        wait_for(LAUNCH_PATIENCE, || match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                if !told {
                    progress("waiting for another command that is starting Postgres");
                    told = true;
                }
                None
            }
            other => Some(other.map_err(io::Error::from)),
        })
        .doing(|| format!("lock {}", self.root.join("launch.lock").display()))?;
        Ok(file)
    }

    /// Becomes a user of the server; waits for one that is shutting down to be gone.
    pub(super) fn join_users(&self) -> Result<File, PgError> {
        let file = self.open_lock("users.lock")?;
        wait_for(USERS_PATIENCE, || match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => None,
            other => Some(other.map_err(io::Error::from)),
        })
        .doing(|| format!("lock {}", self.root.join("users.lock").display()))?;
        Ok(file)
    }

    /// The lock that only somebody alone with the server gets, not yet taken.
    pub(super) fn users_file(&self) -> Result<File, PgError> {
        self.open_lock("users.lock")
    }

    /// Takes the supervisor's lock; `None` while a supervisor lives.
    pub(super) fn become_supervisor(&self) -> Result<Option<File>, PgError> {
        let file = self.open_lock("supervisor.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(PgError::Io {
                doing: "lock supervisor.lock".into(),
                source,
            }),
        }
    }

    /// Whether a supervisor lives.
    pub(super) fn is_supervised(&self) -> Result<bool, PgError> {
        Ok(self.become_supervisor()?.is_none())
    }

    pub(super) fn read_state(&self) -> Option<ServerState> {
        serde_json::from_slice(&fs::read(self.root.join("server.json")).ok()?).ok()
    }

    pub(super) fn write_state(&self, state: &ServerState) -> Result<(), PgError> {
        let text = serde_json::to_string_pretty(state).map_err(io::Error::from);
        let text = text.doing(|| "describe the server".into())?;
        self.replace("server.json", &text)
    }

    /// The postmaster that the living supervisor started.
    pub(super) fn read_pid(&self) -> Option<u32> {
        fs::read_to_string(self.root.join("server.pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    pub(super) fn write_pid(&self, pid: u32) -> Result<(), PgError> {
        self.replace("server.pid", &pid.to_string())
    }

    pub(super) fn forget_pid(&self) {
        let _ = fs::remove_file(self.root.join("server.pid"));
    }

    /// Until when (Unix seconds) the server stays up without users; 0 when nobody asked.
    pub(super) fn kept_until(&self) -> u64 {
        let text = fs::read_to_string(self.root.join("keep-until"));
        text.ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }

    pub(super) fn keep_until(&self, unix_seconds: u64) -> Result<(), PgError> {
        self.replace(
            "keep-until",
            &unix_seconds.max(self.kept_until()).to_string(),
        )
    }

    pub(super) fn forget_keep(&self) {
        let _ = fs::remove_file(self.root.join("keep-until"));
    }

    /// Writes a file so that a reader sees the old or the new one, never half of it.
    fn replace(&self, name: &str, text: &str) -> Result<(), PgError> {
        let (path, new) = (self.root.join(name), self.root.join(format!("{name}.new")));
        File::create(&new)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&new, &path))
            .doing(|| format!("write {}", path.display()))
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.')
}

/// Asks again and again until there is an answer or patience ends.
pub(super) fn wait_for<T>(
    patience: Duration,
    mut ask: impl FnMut() -> Option<io::Result<T>>,
) -> io::Result<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        if Instant::now() >= end {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "waited too long"));
        }
        thread::sleep(TICK);
    }
}

/// The wall clock, in Unix seconds.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
