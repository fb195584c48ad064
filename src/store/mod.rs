//! The only room that knows SQL.

mod embedded;
pub mod install;
