//! The engine under faults: processes of the built binary, steered from fail point to fail point.
//!
//! [`steering`] holds a process at a point; [`stage`] sets up a database, a provider and workers. Then the tests:
//! [`planted`] (defects that must be noticed), [`crashes`] (a death at every point) and [`windows`] (the README's
//! table, cell by cell).

mod crashes;
mod planted;
mod stage;
mod steering;
mod windows;
