//! Integration tests, in one binary: the engine on a real Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

mod cancelled;
mod chaos;
mod checker;
mod cli;
mod cli_operate;
mod cli_serve;
mod definitions;
mod demo;
mod docs;
mod enrolment;
#[cfg(feature = "failpoints")]
mod faults;
mod fleet;
mod isolation;
mod journey;
mod locks;
mod outage;
mod parity;
mod plans;
mod private_pg;
mod queries;
mod refusals;
mod sql;
mod testing;
mod turns;
mod verify;
mod waits;
