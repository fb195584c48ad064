//! Waypost: a durable-workflow engine for customer journeys, with Postgres as its only dependency.
//!
//! The floors, from the bottom; an import only ever points down (`tests/tidy.rs` says so):
//! `model <- catalog <- engine <- store <- worker <- app <- api <- cli`, `connect` beside `catalog`.
//! `model`, `catalog` and `engine` build alone, with the feature `core`; `full` is all of it.

#[cfg(feature = "full")]
pub mod api;
#[cfg(feature = "full")]
pub mod app;
pub mod catalog;
#[cfg(feature = "full")]
pub mod cli;
#[cfg(feature = "full")]
pub mod connect;
pub mod engine;
#[cfg(feature = "full")]
pub mod faults;
pub mod model;
#[cfg(feature = "full")]
pub mod private_pg;
#[cfg(feature = "full")]
pub mod store;
#[cfg(feature = "full")]
pub mod telemetry;
#[cfg(feature = "full")]
#[doc(hidden)]
pub mod testing;
#[cfg(feature = "full")]
pub mod worker;
