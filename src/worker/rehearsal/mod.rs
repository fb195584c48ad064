//! A rehearsal: many virtual workers over a database in memory, one schedule after the other, each from its seed.
//!
//! The loops, their statements and what the outside does are played here; the machine ([`crate::engine`]) and what a
//! verdict means ([`super::settle`]) are the real ones. Every statement, message and wait is a step, and at every step
//! the dice say whose turn it is and what befalls whom: a worker dies, stands still past its lease or restarts; a
//! connection breaks before a COMMIT or after it; a lock is not to be had; a notification is lost; a provider is slow,
//! refuses, acts and is not heard, or acts late; a day passes; a backup is restored.
//!
//! When all has come to rest, [`rules`] holds the books against each other. That the rules would notice is shown by
//! the planted defects of [`crate::faults`]: each breaks one within some schedules.
//!
//! What is left out: several tenants and their turns, limits and ledgers, sub-workflows, pauses, moves.

mod advance;
mod apps;
mod contacts;
mod database;
mod deliveries;
mod dice;
mod dispatcher;
mod enrol;
mod fate;
mod finish;
mod history;
mod line;
mod matcher;
mod plan;
mod provider;
mod queue;
mod rules;
mod runner;
mod runs;
mod sends;
mod shrink;
mod sim;
mod stage;
mod table;
mod tests;
mod timers;
mod wakes;
mod watermark;
mod worker;
mod world;

/// A rule and what broke it.
type Broken = (&'static str, String);
