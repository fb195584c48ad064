//! The use cases: what the API, the CLI and an embedding program call.

pub mod backtest;
pub mod bench;
pub mod bulk;
pub mod config;
pub mod database;
pub mod definitions;
pub mod demo;
pub mod deploy;
pub mod doubts;
pub mod enroll;
pub mod error;
pub mod events;
pub mod executions;
pub mod outbox;
pub mod overview;
pub mod simulate;
pub mod suppressions;
pub mod tenants;
pub mod verify;
pub mod versions;
pub mod waypost;
pub mod worker;

pub use config::{Flags, Settings};
pub use error::{AppError, AppResult};
pub use waypost::{Readiness, Schema, Waypost};
