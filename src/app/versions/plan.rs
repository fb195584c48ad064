//! What moving to a version would do to the executions that run on others: counted, nothing changed.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Serialize;
use sqlx::PgConnection;

use super::{Compiled, compiled};
use crate::{
    app::error::{AppError, AppResult},
    engine::{
        migrate::{Answer, Migration, StepMap, Verdict, Version},
        program::Numbers,
    },
    model::execution::ParkKind,
    store::{
        tenants::Tenant,
        versions::{self, LivePlace},
    },
};

/// What becomes of those who stand on one step of one version. An execution with branches on two steps counts
/// on both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepPlan {
    /// Version they run on.
    pub version: i32,
    /// The step; none: they have not begun.
    pub step: Option<String>,
    /// How many stand there.
    pub executions: i64,
    /// Of these, keep their place.
    pub keep: i64,
    /// Keep their place, and wait until another time: what has passed counts.
    pub retimed: i64,
    /// Begin the step that the map names.
    pub renewed: i64,
    /// End, as the map says.
    pub ended: i64,
    /// Stay on their version, as the map says.
    pub pinned: i64,
    /// Nobody has said where they go: the step is gone, or of another type.
    pub unanswered: i64,
    /// Leave the step although something they sent outside is not settled.
    pub unsettled: i64,
}

/// Every step with running executions of other versions, by version and place in it.
///
/// # Errors
/// The map names a step that is nowhere; a version cannot be read; of the database.
pub(in crate::app) async fn plan(
    connection: &mut PgConnection,
    tenant: &Tenant,
    slug: &str,
    to: Version<'_>,
    map: &StepMap,
) -> AppResult<Vec<StepPlan>> {
    let workflow = to.program.numbers.workflow;
    let places = versions::live_places(connection, tenant.id, workflow).await?;
    let places: Vec<LivePlace> = places
        .into_iter()
        .filter(|place| place.version != to.program.numbers.version)
        .collect();
    let mut known: BTreeMap<i32, Compiled> = BTreeMap::new();
    for place in &places {
        let version = place.version;
        if let Entry::Vacant(place) = known.entry(version) {
            let numbers = Numbers { workflow, version };
            place.insert(compiled(connection, tenant, slug, numbers).await?);
        }
    }
    look_at_map(map, &known, to)?;
    let mut rows: BTreeMap<(i32, Option<u32>), StepPlan> = BTreeMap::new();
    for (version, from) in &known {
        let way = Migration::new(from.as_version(), to, map).map_err(AppError::usage)?;
        for place in places.iter().filter(|place| place.version == *version) {
            let row = rows.entry((*version, place.step)).or_default();
            row.version = *version;
            row.step = place.step.map(|step| way.id(step));
            add(row, &way, place);
        }
    }
    Ok(rows.into_values().collect())
}

fn add(row: &mut StepPlan, way: &Migration<'_>, place: &LivePlace) {
    let n = place.executions;
    row.executions += n;
    let Some(step) = place.step else {
        row.keep += n;
        return;
    };
    let verdict = way.verdict(step, place.park);
    *match verdict {
        Verdict::Keep => &mut row.keep,
        Verdict::Retime => &mut row.retimed,
        Verdict::Renew => &mut row.renewed,
        Verdict::Exit => &mut row.ended,
        Verdict::Pin => &mut row.pinned,
        Verdict::Ask => &mut row.unanswered,
    } += n;
    let leaves = matches!(verdict, Verdict::Renew | Verdict::Exit);
    if leaves && place.park == Some(ParkKind::Reply) {
        row.unsettled += n;
    }
}

/// An answer for a step that no version has is a slip of the pen, as is one that names no step.
fn look_at_map(map: &StepMap, from: &BTreeMap<i32, Compiled>, to: Version<'_>) -> AppResult<()> {
    for (old, answer) in map {
        let is_in = |version: Version<'_>| version.program.step_index(old).is_some();
        if !from.is_empty() && !is_in(to) && !from.values().any(|one| is_in(one.as_version())) {
            return Err(AppError::usage(format!(
                "--map {old}=...: no running version has a step {old:?}"
            )));
        }
        if let Answer::Step(new) = answer
            && to.program.step_index(new).is_none()
        {
            return Err(AppError::usage(format!(
                "--map {old}={new}: version {} has no step {new:?}; give one of its steps, exit or pin",
                to.program.numbers.version
            )));
        }
    }
    Ok(())
}

/// Why a migration cannot be done as it was asked, if it cannot.
#[must_use]
pub fn objections(workflow: &str, steps: &[StepPlan], force: bool) -> Option<String> {
    let mut lines = Vec::new();
    for row in steps {
        let step = row.step.as_deref().unwrap_or_default();
        let (n, version) = (row.unanswered, row.version);
        if n > 0 {
            lines.push(format!(
                "  {n} of version {version} stand on {step:?}, which is gone or of another type: say where they go with --map {step}=STEP, --map {step}=exit or --map {step}=pin"
            ));
        }
        let n = row.unsettled;
        if n > 0 && !force {
            lines.push(format!(
                "  unresolved_effect: {n} of version {version} would leave {step:?} while what they sent is not settled: wait for it, settle it with `waypost outbox resolve`, answer with --map {step}=pin, or say --force"
            ));
        }
    }
    (!lines.is_empty()).then(|| {
        format!(
            "the executions of {workflow:?} cannot be moved:\n{}",
            lines.join("\n")
        )
    })
}
