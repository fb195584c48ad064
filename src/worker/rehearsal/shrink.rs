//! A schedule that breaks a rule, made short enough to be read.

use super::{
    plan::{Bounds, Plan},
    stage::{Played, play},
};

/// Seeds that are tried at each size.
const FAMILY: u64 = 200;
/// Lines of a schedule that are shown: what breaks stands at the end.
const SHOWN: usize = 120;

/// The shortest schedule found that breaks this rule, beginning with one that does: fewer workers, starts and faults,
/// a family of seeds each.
pub(super) fn shortest(rule: &'static str, seed: u64) -> Plan {
    let mut bounds = Bounds::WIDE;
    let mut best = Plan::drawn(seed, bounds);
    let mut least = play(&best, false).steps;
    while let Some((steps, plan, smaller)) = bounds
        .smaller()
        .find_map(|bounds| of_family(rule, seed, bounds))
    {
        bounds = smaller;
        if steps < least {
            (least, best) = (steps, plan);
        }
    }
    best
}

/// The shortest of a family within these bounds.
fn of_family(rule: &'static str, seed: u64, bounds: Bounds) -> Option<(usize, Plan, Bounds)> {
    let plans = (0..FAMILY).map(|n| Plan::drawn(seed.wrapping_add(n), bounds));
    let broken = plans.filter_map(|plan| {
        let played = play(&plan, false);
        let breaks = played.broken.iter().any(|broken| broken.0 == rule);
        breaks.then_some((played.steps, plan))
    });
    let (steps, plan) = broken.min_by_key(|one| one.0)?;
    Some((steps, plan, bounds))
}

/// A schedule's last lines, for a reader.
pub(super) fn told(plan: &Plan) -> String {
    let Played { trace, broken, .. } = play(plan, true);
    let from = trace.len().saturating_sub(SHOWN);
    format!("{plan:?}\n{}\n{broken:?}", trace[from..].join("\n"))
}
