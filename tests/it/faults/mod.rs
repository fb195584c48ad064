//! The engine under faults: processes of the built binary, steered from fail point to fail point.
//!
//! [`steering`] holds a process at a point; [`stage`] sets up a database, a provider and workers. Then the tests:
//! [`planted`] (defects that must be noticed), [`crashes`] (a death at every point) and [`windows`] (the README's
//! table, cell by cell). The others are named for what they do to the engine; each prints its figure, and `bin/chaos`
//! runs their long forms.

mod clocks;
mod crashes;
mod crowded;
mod disk_full;
mod joins;
mod kills;
mod pauses;
mod planted;
mod promotion;
mod releases;
mod server_crash;
mod stage;
mod steering;
mod windows;
