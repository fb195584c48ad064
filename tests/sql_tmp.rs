//! Runs the SQL tests by themselves.
#[path = "sql/mod.rs"]
mod sql;
