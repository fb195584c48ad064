//! The words of the language and of the engine: pure types, no I/O, no clock.

pub mod execution;
pub mod ids;
pub mod transition;
pub mod workflow;
