//! Schedules by the thousand, and the plants that they notice.
//!
//! `bin/schedules [COUNT] [SEED]` plays more of them. A schedule that breaks a rule prints its seed, and the shortest
//! one found that breaks the same rule.

use std::time::Instant;

use super::{
    plan::{Bounds, Plan},
    shrink::{shortest, told},
    stage::play,
};
use crate::faults::{Plant, plant_here};

/// Where the schedules of `bin/test` begin.
const SEED: u64 = 20_260_601;
/// How many they are.
const COUNT: u64 = 20_000;
/// In so many parts, for as many cores.
const PARTS: u64 = 4;
/// Schedules between two words of progress.
const WORD: u64 = 25_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Plays every fourth schedule; the first that breaks a rule is made short, and fails.
fn plays(part: u64) {
    let from = setting("WAYPOST_SCHEDULES_SEED").unwrap_or(SEED);
    let count = setting("WAYPOST_SCHEDULES").unwrap_or(COUNT);
    let (mut steps, begun) = (0, Instant::now());
    let own = (part..count).step_by(PARTS as usize);
    for (n, seed) in (1_u64..).zip(own.clone().map(|n| from.wrapping_add(n))) {
        let played = play(&Plan::drawn(seed, Bounds::WIDE), false);
        steps += played.steps;
        if let Some((rule, what)) = played.broken.first() {
            let shortest = told(&shortest(rule, seed));
            panic!("seed {seed} breaks `{rule}`: {what}\nthe shortest found, {shortest}");
        }
        if n % WORD == 0 {
            println!("part {part}: {n} schedules, {:.0?}", begun.elapsed());
        }
    }
    let (count, took) = (own.count(), begun.elapsed());
    println!(
        "part {part}: {count} schedules from seed {from}, {steps} steps, every rule holds, {took:.1?}"
    );
}

macro_rules! parts {
    ($($name:ident: $part:literal;)*) => {
        $(#[test]
        fn $name() {
            plays($part);
        })*
    };
}

parts! {
    schedules_of_the_first_part: 0;
    schedules_of_the_second_part: 1;
    schedules_of_the_third_part: 2;
    schedules_of_the_fourth_part: 3;
}

/// A schedule that once broke a rule: a T3 gave up on a row that stayed held, its COMMIT was lost, and the next one got
/// the row, so that the answer stood twice.
#[test]
fn an_answer_that_was_given_up_for_nothing_stands_once() {
    let played = play(&Plan::drawn(20_366_733, Bounds::WIDE), false);
    assert_eq!(played.broken, []);
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

/// Most schedules that it may take to notice a plant. The same ones hold where nothing is planted: they are the first
/// of those above.
const SOON: u64 = 4_000;

/// The first schedule in which a plant breaks this rule.
fn notices(plant: Plant, rule: &str) {
    let (_, name, breaks) = Plant::ALL
        .iter()
        .find(|row| row.0 == plant)
        .expect("a plant");
    plant_here(Some(plant));
    let noticed = (0..SOON).find(|n| {
        let played = play(&Plan::drawn(SEED + n, Bounds::WIDE), false);
        played.broken.iter().any(|broken| broken.0 == rule)
    });
    plant_here(None);
    let n = noticed
        .unwrap_or_else(|| panic!("{name} ({breaks}) breaks `{rule}` in none of {SOON} schedules"));
    println!("| {name} | {rule} | schedule {} |", n + 1);
}

/// Left to the scripts of `tests/it/faults/planted.rs`: nobody runs `restore-guard` in a rehearsal.
const LEFT: &[Plant] = &[Plant::NoRestoreDoubt];

macro_rules! plants {
    ($($test:ident: $plant:ident breaks $rule:literal;)*) => {
        $(#[test]
        fn $test() {
            notices(Plant::$plant, $rule);
        })*

        #[test]
        fn every_plant_breaks_a_rule() {
            let noticed = [$(Plant::$plant),*];
            for (plant, name, _) in Plant::ALL {
                let known = noticed.contains(plant) || LEFT.contains(plant);
                assert!(known, "no rule notices {name}");
            }
        }
    };
}

plants! {
    a_missing_fence_is_noticed: NoFence breaks "recorded once";
    a_fence_that_is_the_attempt_is_noticed: FenceIsAttempt breaks "recorded once";
    a_missing_barrier_is_noticed: NoBarrier breaks "hold";
    a_barrier_without_the_lease_is_noticed: BarrierWithoutLease breaks "doubt has a cause";
    a_send_that_is_drawn_is_noticed: NoUnique breaks "same send";
    an_answer_that_counts_twice_is_noticed: ResultNotIdempotent breaks "recorded once";
    a_loop_that_never_polls_is_noticed: NotifyOnly breaks "rest";
    an_event_that_passes_by_is_noticed: NoLookBack breaks "event missed";
    a_timer_that_fires_again_is_noticed: TimerWithoutUnique breaks "timer once";
    a_lease_by_the_workers_clock_is_noticed: LeaseByWorkerClock breaks "lease kept";
    a_key_that_was_forgotten_is_noticed: WindowIgnored breaks "dedupe";
    a_batch_that_is_refused_for_ever_is_noticed: NoRowFallback breaks "rest";
}

/// What breaks a rule is made shorter, and breaks the same rule.
#[test]
fn what_breaks_a_rule_is_made_short() {
    const RULE: &str = "timer once";
    plant_here(Some(Plant::TimerWithoutUnique));
    let breaks = |plan: &Plan| {
        let played = play(plan, false);
        let broken = played.broken.iter().any(|broken| broken.0 == RULE);
        broken.then_some(played.steps)
    };
    let seeds = SEED..SEED + SOON;
    let (seed, steps) = seeds
        .into_iter()
        .find_map(|seed| Some((seed, breaks(&Plan::drawn(seed, Bounds::WIDE))?)))
        .expect("a schedule that breaks it");
    let short = shortest(RULE, seed);
    let (fewer, text) = (breaks(&short), told(&short));
    plant_here(None);
    assert!(
        fewer.is_some_and(|fewer| fewer < steps / 2),
        "{fewer:?} of {steps} steps"
    );
    assert!(text.contains("BROKEN timer once"), "{text}");
}
