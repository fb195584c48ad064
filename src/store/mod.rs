//! The only room that knows SQL.
//!
//! One file per table family, each function over one `.sql` file of `sql/queries/`. Functions take a
//! connection, so that the caller decides what is one transaction.

pub mod backtest;
pub mod choices;
pub mod clock;
pub mod commit;
pub mod contacts;
pub mod counts;
pub mod dead_rows;
pub mod doorbell;
mod embedded;
pub mod enroll;
pub mod error;
pub mod events;
pub mod executions;
pub mod hosts;
pub mod install;
pub mod intake;
pub mod limits;
pub mod migrate;
pub mod operate;
pub mod others;
pub mod outbox;
pub mod overview;
pub mod partitions;
pub mod place;
pub mod pool;
pub mod programs;
pub mod rules;
pub mod sends;
pub mod session;
pub mod suppressions;
pub mod tenants;
pub mod timers;
pub mod versions;
pub mod workflows;

pub use error::{StoreError, StoreResult};
pub use pool::{Purpose, connect};

use crate::model::execution::Instant;

/// Tenants that one turn looks at: a scan over many that have nothing due stays short.
pub const TENANTS_A_TURN: i32 = 1_000;

/// The text of one file of `sql/queries/`.
#[cfg(feature = "failpoints")]
macro_rules! sql {
    ($name:literal) => {
        crate::faults::sown(
            $name,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/sql/queries/",
                $name,
                ".sql"
            )),
        )
    };
}
/// The text of one file of `sql/queries/`.
#[cfg(not(feature = "failpoints"))]
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/queries/",
            $name,
            ".sql"
        ))
    };
}
pub(crate) use sql;

/// Whose rows a loop works on, and by which clock.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// Every tenant on the database's clock; those with a clock of their own are left out.
    Everyone {
        /// The tenants left out.
        except: Vec<i32>,
    },
    /// One tenant, at the time its own clock shows. Only the process that drives the clock does this.
    Driven {
        /// Tenant number.
        tenant: i32,
        /// What its clock shows.
        now: Instant,
    },
}

impl Scope {
    /// The tenants a normal claim leaves out.
    pub(crate) fn except(&self) -> &[i32] {
        match self {
            Scope::Everyone { except } => except,
            Scope::Driven { .. } => &[],
        }
    }

    /// The one tenant of a driven claim.
    pub(crate) fn tenant(&self) -> Option<i32> {
        match self {
            Scope::Everyone { .. } => None,
            Scope::Driven { tenant, .. } => Some(*tenant),
        }
    }

    /// The driven clock's time.
    pub(crate) fn now(&self) -> Option<Instant> {
        match self {
            Scope::Everyone { .. } => None,
            Scope::Driven { now, .. } => Some(*now),
        }
    }
}

/// JSON text that jsonb takes: it refuses U+0000, which a provider's answer may well hold.
pub(crate) fn storable(text: String) -> String {
    if text.contains("\\u0000") {
        text.replace("\\u0000", "\\ufffd")
    } else {
        text
    }
}
