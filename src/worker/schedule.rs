//! The schedule loop: timed triggers that are due become events.

use sqlx::PgConnection;

use super::{Round, Shared, Work, turns::Turns};
use crate::{
    faults::{self, FailPoint},
    store::{Scope, StoreResult, TENANTS_A_TURN, timers},
};

/// Timers a round takes.
const BATCH: i32 = 1_000;

/// One statement, one commit; when that was not enough, one more for every tenant's turn.
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
    let full = taken >= BATCH.unsigned_abs().into();
    if let (true, Scope::Everyone { except }) = (full, scope) {
        fire_turns(&mut connection, except).await?;
    }
    shared.bells.tell(Work::MATCH);
    Ok(if full { Round::Full } else { Round::Worked })
}

/// The oldest timers of every tenant, a few of each.
async fn fire_turns(connection: &mut PgConnection, except: &[i32]) -> StoreResult<()> {
    let mut after = None;
    loop {
        let mut tenants = timers::tenants(connection, after, TENANTS_A_TURN).await?;
        after = tenants.last().copied();
        let more = i32::try_from(tenants.len()).is_ok_and(|n| n >= TENANTS_A_TURN);
        tenants.retain(|tenant| !except.contains(tenant));
        timers::fire_turn(connection, &tenants, Turns::EACH).await?;
        if !more {
            return Ok(());
        }
    }
}
