//! The engine under faults: processes of the built binary, steered from fail point to fail point.
//!
//! [`steering`] holds a process at a point; [`stage`] sets up a database, a provider and workers. Then the tests:
//! [`planted`] (defects that must be noticed), [`crashes`] (a death at every point) and [`windows`] (the README's
//! table, cell by cell). The faults that have a figure ([`figure`]): [`providers`], [`events`], and [`lines`] between
//! workers and the database. [`reconcile`]: who can be asked, and how much a claim takes.

mod crashes;
mod events;
mod figure;
mod lines;
mod planted;
mod providers;
mod reconcile;
mod stage;
mod steering;
mod windows;
