//! Waypost: a durable-workflow engine for customer journeys, with Postgres as its only dependency.
//!
//! The floors, from the bottom; an import only ever points down (`tests/tidy.rs` says so):
//! `model <- catalog <- engine <- store <- worker <- app <- api <- cli`, `connect` beside `catalog`.

pub mod api;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod connect;
pub mod engine;
pub mod faults;
pub mod model;
pub mod private_pg;
pub mod store;
pub mod telemetry;
#[doc(hidden)]
pub mod testing;
pub mod worker;
