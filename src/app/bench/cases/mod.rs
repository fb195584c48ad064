//! The cases, one file each.

use super::{Bench, Case};
use crate::app::{AppError, AppResult};

mod beside;
mod drained;
mod enroll;
mod events;
mod fair;
mod floor;
mod idle;
mod latency;
mod memory;
mod simulate;
mod snapshot;
mod stats;
mod waiting;

/// A case by its name.
pub(super) struct Chosen {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) case: Box<dyn Case>,
}

/// What all others are held against.
pub(super) const FLOOR: &str = "floor";
/// What is run where no case is named.
const DRAIN: &str = "drain";

/// Every case: its name, and what it is.
pub const CASES: &[(&str, &str)] = &[
    (
        FLOOR,
        "the storage work alone, no engine: what can be had here at all",
    ),
    ("pure", "five pure steps, enrolled, then drained"),
    (
        "dispatch",
        "five steps and one dispatch (`dedupe`) to a sink in this process, to `sent`",
    ),
    ("hold", "as dispatch, with policy `hold`"),
    ("steps", "five pure steps, a commit for every step"),
    (
        "latency",
        "40 triggers a second: the time to the first step's commit",
    ),
    (
        "events",
        "enrolment from events in bulk: match, filter, uniqueness, enrol",
    ),
    (
        "waiting",
        "the drain and the latency beside 5 M waiting executions",
    ),
    (
        "snapshot",
        "the drain while a snapshot is held that keeps 600,000 dead rows",
    ),
    (
        "enroll",
        "single calls to enroll by 64 clients, against bare inserts of the same rows",
    ),
    (
        "fair",
        "1,000 small tenants beside one with 1 M due: when theirs start",
    ),
    (
        "idle",
        "processor and queries of a worker with nothing to do",
    ),
    (
        "memory",
        "memory of a worker at full load with 10,000 definitions",
    ),
    (
        "simulate",
        "25,000 contacts and 70,000 events over 18 virtual months",
    ),
    (
        "stats",
        "workflow_stats beside 10 M ended executions: when it answers",
    ),
    (DRAIN, "what --executions, --steps, --effects ... say"),
];

/// The case of this name.
pub(super) fn named(name: &str, bench: &Bench<'_>) -> AppResult<Chosen> {
    let known = CASES.iter().find(|(known, _)| *known == name);
    let (name, about) = *known.ok_or_else(|| AppError::usage(format!("{name:?} is no case")))?;
    let case: Box<dyn Case> = match name {
        FLOOR => Box::new(floor::Floor::new(bench)),
        "pure" => Box::new(drained::Drained::pure(bench)),
        "dispatch" => Box::new(drained::Drained::dispatch(bench, "dedupe")),
        "hold" => Box::new(drained::Drained::dispatch(bench, "hold")),
        "steps" => Box::new(drained::Drained::steps(bench)),
        "latency" => Box::new(latency::Latency::new(bench)),
        "events" => Box::new(events::Events::new(bench)),
        "waiting" => Box::new(waiting::Waiting::new(bench)),
        "snapshot" => Box::new(snapshot::Snapshot::new(bench)),
        "enroll" => Box::new(enroll::Enroll::new(bench)),
        "fair" => Box::new(fair::Fair::new(bench)),
        "idle" => Box::new(idle::Idle::new(bench)),
        "memory" => Box::new(memory::Memory::new(bench)),
        "simulate" => Box::new(simulate::Simulate::new(bench)),
        "stats" => Box::new(stats::Stats::new(bench)),
        _ => Box::new(drained::Drained::said(bench)),
    };
    Ok(Chosen { name, about, case })
}
