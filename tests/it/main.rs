//! Integration tests, in one binary: the engine on a real Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

mod cli;
mod definitions;
mod demo;
mod enrolment;
mod journey;
mod parity;
mod queries;
mod verify;
