//! Fail points and planted defects: how the tests break this program in the places that matter.
//!
//! All of it is compiled in by the feature `failpoints` alone, which `bin/test` builds with and a release never
//! has; without it [`at`] does nothing and [`planted`] is the constant `false`.
//!
//! A process under test is steered from outside: `WAYPOST_FAULTS` says what happens at which point
//! (`src/faults/steering.rs`), `WAYPOST_PLANT` which rule is broken from its start on (`src/faults/plants.rs`).

mod plants;
mod points;
#[cfg(feature = "failpoints")]
mod steering;

pub use plants::Plant;
#[cfg(all(test, feature = "failpoints"))]
pub(crate) use plants::plant_here;
#[cfg(feature = "failpoints")]
pub use plants::{clock_error, sown};
pub use points::{FailPoint, POINTS};

/// A fail point: nothing happens here, unless a test says so.
///
/// # Errors
/// The one that a test asks for; it stands for a lost connection.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[allow(clippy::unused_async, reason = "a test build waits here")]
pub async fn at(_point: FailPoint) -> std::io::Result<()> {
    Ok(())
}

/// A fail point: what `WAYPOST_FAULTS` says happens here.
///
/// # Errors
/// The one that is asked for; it stands for a lost connection.
#[cfg(feature = "failpoints")]
pub async fn at(point: FailPoint) -> std::io::Result<()> {
    steering::at(point).await
}

/// Whether this defect was planted.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[must_use]
pub const fn planted(_plant: Plant) -> bool {
    false
}

/// Whether this defect was planted at the start of the process.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn planted(plant: Plant) -> bool {
    plants::planted() == Some(plant)
}
