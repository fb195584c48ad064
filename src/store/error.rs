//! What can go wrong between us and Postgres, and whether trying again makes sense.

use crate::faults::{Plant, planted};

/// Result of everything in the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// A failed statement or connection, or a row that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres or the way to it.
    #[error("{}", describe(.0))]
    Database(#[from] sqlx::Error),
    /// A stored definition that this binary cannot compile (made by a newer one, say).
    #[error("workflow {workflow} version {version} cannot be read by this binary: {why}")]
    Definition {
        /// Workflow number.
        workflow: i32,
        /// Version.
        version: i32,
        /// First problem.
        why: String,
    },
    /// Rows that this transaction had locked are not where it found them: nothing is written, and they are looked at
    /// again. Never seen; without the question a row would be lost unnoticed.
    #[error("{0} executions are not where they were claimed")]
    Moved(u64),
    /// A stored value that this binary cannot read.
    #[error("a stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// What a fail point gives stands for a connection that is gone.
impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        StoreError::Database(sqlx::Error::Io(error))
    }
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The database cannot be reached: reconnect with jitter.
    Reconnect,
    /// Deadlock, serialization, timeout, shut-down, read-only: the same again in a while.
    Retry,
    /// The statement itself is refused: retried row by row, the culprit is failed (I-9).
    Isolate,
}

impl StoreError {
    /// Sorts by SQLSTATE class: 08, 40, 53, 57, 55P03 and 25006 are never an execution's error.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let error = match self {
            StoreError::Database(error) => error,
            StoreError::Moved(_) => return Remedy::Retry,
            _ => return Remedy::Isolate,
        };
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Remedy::Reconnect,
            sqlx::Error::Database(db) => match db.code().as_deref() {
                Some(code) if code.starts_with("08") || code.starts_with("57P") => {
                    Remedy::Reconnect
                }
                Some(code)
                    if code.starts_with("40")
                        || code.starts_with("53")
                        || code.starts_with("57")
                        || code == "55P03"
                        || code == "25006"
                        || code == "25P03" =>
                {
                    Remedy::Retry
                }
                _ if planted(Plant::NoRowFallback) => Remedy::Retry,
                _ => Remedy::Isolate,
            },
            _ => Remedy::Isolate,
        }
    }

    /// A short class for history and metrics: an SQLSTATE or a word, never data.
    #[must_use]
    pub fn class(&self) -> String {
        match self {
            StoreError::Database(sqlx::Error::Database(db)) => db
                .code()
                .map_or_else(|| "database".to_owned(), |code| format!("sqlstate_{code}")),
            StoreError::Database(_) => "database".to_owned(),
            StoreError::Definition { .. } => "definition".to_owned(),
            StoreError::Corrupt { .. } => "corrupt".to_owned(),
            StoreError::Moved(_) => "moved".to_owned(),
        }
    }
}

/// Postgres' own message without what may hold personal data: its DETAIL, and the value that data exceptions quote.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(db) => match db.code() {
            Some(code) if code.starts_with("22") => {
                let kind = db.message().split(['"', ':']).next().unwrap_or_default();
                format!("{} (SQLSTATE {code})", kind.trim_end())
            }
            Some(code) => format!("{} (SQLSTATE {code})", db.message()),
            None => db.message().to_owned(),
        },
        other => other.to_string(),
    }
}
