//! The words of the language and of the engine: pure types, no I/O, no clock.

pub mod compare;
pub mod condition;
pub mod cron;
pub mod daytime;
pub mod execution;
pub mod ids;
pub mod lazy;
pub mod nearest;
pub mod operator;
pub mod path;
pub mod problem;
pub mod reads;
pub mod refusal;
pub mod retry;
pub mod schema;
pub mod scope;
pub mod span;
pub mod template;
pub mod transition;
pub mod window;
pub mod workflow;
pub mod zone;
