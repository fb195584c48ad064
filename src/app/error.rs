//! Why a command does not do what was asked, sorted by what the asker can do about it.

use sqlx::postgres::PgDatabaseError;

use crate::{private_pg::PgError, store::StoreError, store::install::InstallError};

/// Result of every use case.
pub type AppResult<T> = Result<T, AppError>;

/// A refusal or failure, in words for people. The kinds are the exit codes.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The answer is no: an invalid file, a broken invariant, a refused command.
    #[error("{0}")]
    No(String),
    /// It was asked wrongly: an option, a setting or an input line that cannot be read.
    #[error("{0}")]
    Usage(String),
    /// The database cannot be reached; the text says what was tried.
    #[error("{0}")]
    Unreachable(String),
}

impl AppError {
    /// The answer is no.
    pub fn no(text: impl Into<String>) -> Self {
        Self::No(text.into())
    }

    /// It was asked wrongly.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// 1, 2 or 3.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::No(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            other => Self::No(other.to_string()),
        }
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        let text = describe(&error);
        if unreachable(&error) {
            Self::Unreachable(text)
        } else {
            Self::No(text)
        }
    }
}

impl From<InstallError> for AppError {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Database { step, source } => match Self::from(source) {
                Self::Unreachable(text) => Self::Unreachable(format!("{step}: {text}")),
                other => Self::No(format!("{step}: {other}")),
            },
            other => Self::No(other.to_string()),
        }
    }
}

impl From<PgError> for AppError {
    fn from(error: PgError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// Whether it is the way to the database that is broken, or the way in.
fn unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Connection exceptions, wrong login, no such database, too many clients, shutting down.
        sqlx::Error::Database(db) => db.code().is_some_and(|code| {
            code.starts_with("08")
                || code.starts_with("28")
                || code.starts_with("57P")
                || matches!(&*code, "3D000" | "53300")
        }),
        _ => false,
    }
}

/// Postgres' message and hint. Its DETAIL is left out, since it may hold personal data.
fn describe(error: &sqlx::Error) -> String {
    let sqlx::Error::Database(db) = error else {
        return error.to_string();
    };
    let code = db.code().unwrap_or_default();
    // Our own functions' refusals (WP...) are whole sentences; a SQLSTATE beside them says nothing.
    let mut text = if code.starts_with("WP") || code.is_empty() {
        db.message().to_owned()
    } else {
        format!("{} (SQLSTATE {code})", db.message())
    };
    if let Some(hint) = db
        .try_downcast_ref::<PgDatabaseError>()
        .and_then(PgDatabaseError::hint)
    {
        text.push_str("; ");
        text.push_str(hint);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_way_is_told_from_a_refusal() {
        let io = sqlx::Error::Io(std::io::Error::other("connection refused"));
        assert_eq!(AppError::from(io).exit_code(), 3);
        assert_eq!(AppError::from(sqlx::Error::PoolTimedOut).exit_code(), 3);
        assert_eq!(AppError::from(sqlx::Error::RowNotFound).exit_code(), 1);
        assert_eq!(AppError::usage("what?").exit_code(), 2);
    }
}
