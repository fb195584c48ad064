//! The garden: one file and one line for each trigger and each action.

pub mod action;
