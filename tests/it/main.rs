//! Integration tests, in one binary: the engine on a real Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

mod backtest;
mod bench;
mod branching;
mod cancelled;
mod chaos;
mod checker;
mod clean;
mod cli;
mod cli_operate;
mod cli_serve;
mod definitions;
mod demo;
mod docs;
mod doubts;
mod enrolment;
#[cfg(feature = "failpoints")]
mod faults;
mod figure;
mod figures;
mod fleet;
mod fuzz;
mod inlined;
mod isolation;
mod journey;
mod limits;
mod locks;
mod moved;
mod others;
mod outage;
mod own_server;
mod parity;
mod plans;
mod plans_crm;
mod plans_held;
mod population;
mod private_pg;
mod proxy;
mod queries;
mod refusals;
mod retention;
mod security;
mod sql;
mod testing;
mod turns;
mod verify;
mod versions;
mod waits;
