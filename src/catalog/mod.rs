//! The garden: one file and one line for each trigger and each action.

pub mod codes;
pub mod finding;
pub mod lines;
pub mod parse;
