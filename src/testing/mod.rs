//! What the integration tests share: a database of its own for each test.
//!
//! Panics here are a test's failures, with a text that says what was wrong.

pub mod fake_http;
pub mod pg_proxy;
mod server;
mod template;
mod test_db;

pub use test_db::TestDb;
