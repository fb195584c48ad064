//! Schedules by the thousand, and the plants that they catch.
//!
//! `bin/schedules [COUNT] [SEED]` plays more of them. A schedule that breaks a rule prints its seed, and the shortest
//! one that breaks the same rule.

use std::time::Instant;

use super::{
    plan::{Bounds, Plan},
    stage::{Played, play},
};
use crate::faults::{Plant, plant_here};

/// Where the schedules of `bin/test` begin.
const SEED: u64 = 20_260_601;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Plays these seeds; the first that breaks a rule is shrunk, and fails.
fn all_hold(seeds: impl Iterator<Item = u64>) -> usize {
    let mut steps = 0;
    for seed in seeds {
        let played = play(&Plan::drawn(seed, Bounds::WIDE), false);
        steps += played.steps;
        if let Some((rule, what)) = played.broken.first() {
            panic!(
                "seed {seed} breaks `{rule}`: {what}\n{}",
                shrunk(rule, seed)
            );
        }
    }
    steps
}

/// The shortest schedule that breaks a rule: fewer workers, starts and faults, a family of seeds each.
fn shrunk(rule: &'static str, seed: u64) -> String {
    let breaks = |plan: &Plan| {
        play(plan, false)
            .broken
            .iter()
            .any(|broken| broken.0 == rule)
    };
    let (mut best, mut bounds) = (Plan::drawn(seed, Bounds::WIDE), Bounds::WIDE);
    let mut least = play(&best, false).steps;
    loop {
        let smaller = [
            Bounds {
                workers: bounds.workers.saturating_sub(1),
                ..bounds
            },
            Bounds {
                starts: bounds.starts.saturating_sub(1),
                ..bounds
            },
            Bounds {
                others: bounds.others.saturating_sub(1),
                ..bounds
            },
            Bounds {
                faults: bounds.faults.saturating_sub(2),
                ..bounds
            },
        ];
        let smaller = smaller
            .into_iter()
            .filter(|b| *b != bounds && b.workers > 0 && b.starts > 0);
        let found = smaller.into_iter().find_map(|bounds| {
            let plans = (0..200).map(|n| Plan::drawn(seed.wrapping_add(n), bounds));
            let fits = plans
                .filter(breaks)
                .map(|plan| (play(&plan, false).steps, plan));
            fits.min_by_key(|one| one.0)
                .map(|(steps, plan)| (steps, plan, bounds))
        });
        let Some((steps, plan, smaller)) = found else {
            break;
        };
        bounds = smaller;
        if steps < least {
            (least, best) = (steps, plan);
        }
    }
    let Played { trace, broken, .. } = play(&best, true);
    let from = trace.len().saturating_sub(120);
    format!(
        "the shortest found, {best:?}\n{}\n{broken:?}",
        trace[from..].join("\n")
    )
}

/// A part of the 20,000 schedules; two parts, for two cores.
fn part(part: u64) {
    let seed = setting("WAYPOST_SCHEDULES_SEED").unwrap_or(SEED);
    let count = setting("WAYPOST_SCHEDULES").unwrap_or(20_000) / 2;
    let begun = Instant::now();
    let from = seed.wrapping_add(part * count);
    let steps = all_hold((0..count).map(|n| from.wrapping_add(n)));
    println!(
        "{count} schedules from seed {from}: every rule holds, {steps} steps, {:?}",
        begun.elapsed()
    );
}

#[test]
fn schedules_first_half() {
    part(0);
}

#[test]
fn schedules_second_half() {
    part(1);
}

/// The same seed is the same schedule.
#[test]
fn a_seed_repeats_itself() {
    for seed in SEED..SEED + 20 {
        let plan = Plan::drawn(seed, Bounds::WIDE);
        let (one, two) = (play(&plan, true), play(&plan, true));
        assert_eq!(one.trace, two.trace, "seed {seed}");
    }
}

/// Most schedules that it may take to notice a plant.
const SOON: u64 = 4_000;

/// What is planted, and the rule that it breaks.
#[test]
fn every_plant_breaks_a_rule() {
    let table = [
        (Plant::NoFence, "not sent"),
        (Plant::FenceIsAttempt, "hold"),
        (Plant::NoBarrier, "hold"),
        (Plant::BarrierWithoutLease, "doubt has a cause"),
        (Plant::NoUnique, "same send"),
        (Plant::ResultNotIdempotent, "recorded once"),
        (Plant::NotifyOnly, "rest"),
        (Plant::NoLookBack, "event missed"),
        (Plant::TimerWithoutUnique, "timer once"),
        (Plant::LeaseByWorkerClock, "lease kept"),
        (Plant::WindowIgnored, "dedupe"),
        (Plant::NoRowFallback, "rest"),
    ];
    for (plant, name, _) in Plant::ALL {
        assert!(
            table.iter().any(|row| row.0 == *plant),
            "nothing catches {name}"
        );
    }
    for (plant, rule) in table {
        plant_here(Some(plant));
        let caught = (0..SOON).find(|n| {
            let played = play(&Plan::drawn(SEED + n, Bounds::WIDE), false);
            played.broken.iter().any(|broken| broken.0 == rule)
        });
        plant_here(None);
        let (_, name, _) = Plant::ALL
            .iter()
            .find(|row| row.0 == plant)
            .expect("a plant");
        let n =
            caught.unwrap_or_else(|| panic!("{name} breaks `{rule}` in none of {SOON} schedules"));
        println!("| {name} | {rule} | schedule {} |", n + 1);
    }
}

/// Shrinking finds a schedule that is shorter and breaks the same rule.
#[test]
fn what_breaks_a_rule_is_shrunk() {
    plant_here(Some(Plant::NoLookBack));
    let told = shrunk("event missed", SEED);
    plant_here(None);
    assert!(told.contains("BROKEN event missed"), "{told}");
}

#[test]
fn zz_debug() {
    let count = setting("WAYPOST_SCHEDULES").unwrap_or(1000);
    for plant in std::iter::once(None).chain(Plant::ALL.iter().map(|p| Some(p.0))) {
        if matches!(plant, Some(Plant::NotifyOnly | Plant::NoRowFallback)) {
            continue;
        }
        plant_here(plant);
        let mut seen: std::collections::BTreeMap<&str, (usize, u64)> = Default::default();
        let begun = Instant::now();
        let mut steps = 0;
        for seed in SEED..SEED + count {
            let played = play(&Plan::drawn(seed, Bounds::WIDE), false);
            steps += played.steps;
            for rule in played
                .broken
                .iter()
                .map(|b| b.0)
                .collect::<std::collections::BTreeSet<_>>()
            {
                seen.entry(rule).or_insert((0, seed)).0 += 1;
            }
        }
        println!("{plant:?}: {steps} {:?} {seen:?}", begun.elapsed());
        if plant.is_none() {
            for (rule, (_, seed)) in seen {
                println!("=== {rule} seed {seed}\n{}", shrunk(rule, seed));
            }
        }
        plant_here(None);
    }
}
