//! The garden: one file and one line for each trigger and each action.

pub mod action;
pub mod actions;
pub mod codes;
pub mod config;
pub mod describe;
pub mod event_scope;
pub mod finding;
pub mod lines;
pub mod parse;
pub mod schema;
pub mod trigger;
pub mod triggers;
pub mod words;

pub use describe::describe;
