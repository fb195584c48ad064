//! The engine under faults: processes of the built binary, steered from fail point to fail point.
//!
//! [`steering`] holds a process at a point; [`stage`] sets up a database, a provider and workers. Then the tests:
//! [`planted`] (defects that must be noticed), [`crashes`] (a death at every point) and [`windows`] (the README's
//! table, cell by cell). The faults that have a figure ([`figure`]) are named for what they do to the engine.
//! [`reconcile`]: who can be asked, and how much a claim takes. [`callbacks`]: who tells by himself. [`answers`]: what is
//! noted of each. [`moot`]: answers that nobody waits for.

mod answers;
mod callbacks;
mod clocks;
mod crashes;
mod crowded;
mod disk_full;
mod events;
mod figure;
mod first_bursts;
mod flaps;
mod joins;
mod kills;
mod lines;
mod moot;
mod pauses;
mod planted;
mod promotion;
mod providers;
mod reconcile;
mod releases;
mod server_crash;
mod snapshot;
mod soak;
mod stage;
mod steering;
mod windows;
