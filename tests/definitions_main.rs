//! Runs the tests of definitions by themselves until `tests/it/main.rs` gathers them.

#[path = "it/definitions.rs"]
mod definitions;
