//! Pure decisions: given a definition, a state and the time, what happens.

pub mod advance;
mod branches;
mod burst;
pub mod check;
mod commands;
mod compile;
pub mod contact;
pub mod eligibility;
mod failing;
mod goals;
mod graph;
pub mod interests;
pub mod limits;
pub mod matching;
pub mod migrate;
pub mod others;
pub mod pauses;
pub mod program;
mod replies;
pub mod rules;
pub mod scope;
pub mod simulate;
mod steps;
pub mod suppression;
mod waking;

#[cfg(test)]
mod tests;
