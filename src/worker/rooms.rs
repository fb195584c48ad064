//! Room in whole workflows: first bursts take the rows of their limits, and write back what they took.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    engine::program::Program,
    model::{execution::Instant, refusal::Refusal, transition::Admission},
    store::{
        StoreResult,
        commit::Settled,
        executions::Claimed,
        limits::{self, Taken, Wanted},
        programs::Version,
    },
};

/// The limit of a workflow within one transaction.
pub(super) struct Room {
    wanted: Wanted,
    now: Instant,
    /// Its row is ours; false: somebody else has it, and first bursts wait.
    pub(super) taken: bool,
    /// Starts that count, those of this transaction included.
    pub(super) used: i64,
    oldest: Option<Instant>,
}

impl Room {
    /// The numbers of a refusal; none: there is room.
    pub(super) fn full(&self, program: &Program) -> Option<Value> {
        let limit = program.rules().workflow_limit?;
        let used = u64::try_from(self.used).unwrap_or_default();
        (used >= u64::from(limit.count)).then(|| {
            // Those of this transaction are the oldest where there are no others.
            let oldest = self.oldest.or(Some(self.now));
            limit.numbers(used, oldest, program.tenant.timezone)
        })
    }
}

/// Takes the limits that unstarted executions among these need, workflow by workflow.
pub(super) async fn take(
    connection: &mut PgConnection,
    programs: &HashMap<Version, Arc<Program>>,
    rooms: &mut HashMap<i32, Room>,
    claimed: impl Iterator<Item = &Claimed>,
) -> StoreResult<()> {
    let mut fresh: Vec<(Version, i32, Instant)> = claimed
        .filter(|c| !c.execution.state.started)
        .map(|c| {
            let ex = &c.execution;
            ((ex.workflow, ex.version), ex.tenant, c.now)
        })
        .filter(|(version, ..)| {
            let program = programs.get(version);
            program.is_some_and(|program| program.rules().workflow_limit.is_some())
        })
        .collect();
    // Of several versions the latest says what the window is.
    fresh.sort_unstable_by(|a, b| b.cmp(a));
    fresh.dedup_by_key(|(version, ..)| version.0);
    for (version, tenant, now) in fresh {
        let program = &programs[&version];
        let zone = program.tenant.timezone;
        let limit = program.rules().workflow_limit;
        let wanted = Wanted {
            tenant,
            workflow: version.0,
            since: limit.and_then(|limit| limit.since(now, zone)),
        };
        let taken = limits::take(connection, wanted).await?;
        let Taken { used, oldest } = taken.unwrap_or(Taken {
            used: 0,
            oldest: None,
        });
        let taken = taken.is_some();
        rooms.insert(
            version.0,
            Room {
                wanted,
                now,
                taken,
                used,
                oldest,
            },
        );
    }
    Ok(())
}

/// Whom a limit refused for a start that will not be written, since its contact is `busy`: they wait with it.
pub(super) fn refused_for_nothing(
    rooms: &HashMap<i32, Room>,
    settled: &[Settled],
    busy: &HashSet<(i32, Uuid)>,
) -> Vec<(i32, Uuid)> {
    if rooms.is_empty() || busy.is_empty() {
        return Vec::new();
    }
    let person = |one: &Settled| (one.execution.tenant, one.execution.contact);
    let lost: HashSet<i32> = settled
        .iter()
        .filter(|one| started(one) && busy.contains(&person(one)))
        .map(|one| one.execution.workflow)
        .collect();
    let refused = settled.iter().filter(|one| {
        let by_limit = matches!(
            one.transition.admission,
            Some(Admission::Refused {
                reason: Refusal::WorkflowLimit,
                ..
            })
        );
        by_limit && lost.contains(&one.execution.workflow)
    });
    refused.map(person).collect()
}

/// Writes back how many starts count now.
pub(super) async fn write(
    connection: &mut PgConnection,
    rooms: &HashMap<i32, Room>,
    settled: &[Settled],
) -> StoreResult<()> {
    for (workflow, room) in rooms {
        if !room.taken {
            continue;
        }
        let new = settled
            .iter()
            .filter(|one| one.execution.workflow == *workflow && started(one));
        let new = i32::try_from(new.count()).unwrap_or(i32::MAX);
        limits::count(connection, room.wanted, new, room.now).await?;
    }
    Ok(())
}

fn started(one: &Settled) -> bool {
    one.transition.admission == Some(Admission::Started)
}
