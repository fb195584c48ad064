//! Which operating-system user the server runs as: never root, because Postgres refuses that.

use std::{
    env, fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use super::error::{Doing, PgError};

/// The user that the server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Whether we are root and must change to it.
    pub(super) dropped: bool,
}

impl Account {
    /// The user who called, or for root: who called sudo, else `postgres`, else `nobody`.
    pub(super) fn choose() -> Account {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        if uid != 0 {
            return Account {
                uid,
                gid,
                dropped: false,
            };
        }
        let (uid, gid) = sudo_caller()
            .or_else(|| named("postgres"))
            .or_else(|| named("nobody"))
            .unwrap_or((65534, 65534));
        Account {
            uid,
            gid,
            dropped: true,
        }
    }

    /// A command that will run as this user, from `/`, without the caller's `PG*` variables, which
    /// would point the server's programs elsewhere.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if self.dropped {
            // Supplementary groups of root go away with the uid: the standard library sees to it.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a path to this user, where we are root.
    pub(super) fn own(&self, path: &Path) -> Result<(), PgError> {
        if self.dropped {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
                .doing(|| format!("give {} to user {}", path.display(), self.uid))?;
        }
        Ok(())
    }

    /// Whether this user may pass through `path` and every directory above it.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        if !self.dropped {
            return true;
        }
        let Ok(path) = path.canonicalize() else {
            return false;
        };
        path.ancestors()
            .all(|part| fs::metadata(part).is_ok_and(|meta| self.may_pass(&meta)))
    }

    fn may_pass(&self, meta: &fs::Metadata) -> bool {
        let bit = match (meta.uid() == self.uid, meta.gid() == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        meta.mode() & bit != 0
    }
}

fn sudo_caller() -> Option<(u32, u32)> {
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    let uid = number("SUDO_UID").filter(|&uid| uid != 0)?;
    Some((uid, number("SUDO_GID").unwrap_or(uid)))
}

/// Asks `id`, which knows directory services as well as /etc/passwd.
fn named(user: &str) -> Option<(u32, u32)> {
    let ask = |flag: &str| {
        let output = Command::new("id").args([flag, user]).output().ok()?;
        String::from_utf8(output.stdout)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    Some((ask("-u")?, ask("-g")?))
}

/// The directory that holds what is private to a user: their home, else `/tmp`.
pub(super) fn home() -> PathBuf {
    env::var_os("HOME").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}
