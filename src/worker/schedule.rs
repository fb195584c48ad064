//! The schedule loop: timed triggers that are due become events.

use super::{Round, Shared};
use crate::{
    faults::{self, FailPoint},
    store::{Scope, StoreResult, timers},
};

/// Timers a round takes.
const BATCH: i32 = 1_000;

/// One statement, one commit.
///
/// # Errors
/// Of the database.
pub async fn run_once(shared: &Shared, scope: &Scope) -> StoreResult<Round> {
    let mut connection = shared.pool.acquire().await?;
    faults::at(FailPoint::ScheduleBegun).await?;
    let taken = timers::fire(&mut connection, scope, BATCH).await?;
    if taken == 0 {
        return Ok(Round::Idle);
    }
    faults::at(FailPoint::ScheduleFired).await?;
    shared.bells.matching.notify_one();
    shared.bells.outside.notify_one();
    Ok(if taken >= BATCH.unsigned_abs().into() {
        Round::Full
    } else {
        Round::Worked
    })
}
