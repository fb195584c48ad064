//! The figures of the fault tests: one line each, in the shape that `bin/chaos` gathers into its table.

use std::{env, fmt::Display, time::Duration};

/// What one fault test set out to reach.
pub struct Figure {
    /// `F1` to `F20`.
    pub id: &'static str,
    /// What is done to the engine.
    pub fault: &'static str,
    /// What it has to reach all the same.
    pub target: &'static str,
}

impl Figure {
    /// Prints the line. Where the figure is not reached, the long form fails; the short form, which runs beside
    /// everything else on whatever machine there is, only says so: how fast something is shows on a quiet one.
    /// What must never happen is asserted by the test itself, in both forms.
    pub fn reached(&self, ok: bool, measured: impl Display) {
        let word = if ok { "ok" } else { "MISSED" };
        let Figure { id, fault, target } = self;
        println!("\n{id} | {fault} | {target} | {measured} | {word}");
        assert!(
            ok || !long(),
            "{id}: {target} is not reached; measured: {measured}"
        );
    }
}

/// Whether the long forms are asked for (`WAYPOST_FAULTS=long`).
pub fn long() -> bool {
    env::var("WAYPOST_FAULTS").is_ok_and(|word| word == "long")
}

/// The short form's number, or the long form's.
pub fn form<T>(short: T, of_long: T) -> T {
    if long() { of_long } else { short }
}

/// The value below which this share (0 to 1) of the times lies; zero of none.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let at = (times.len() as f64 * share).ceil() as usize;
    times
        .get(at.saturating_sub(1).min(last))
        .copied()
        .unwrap_or_default()
}

/// A repeatable row of numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// Begun with `WAYPOST_CHAOS_SEED`, else with the process's id; printed, so that a run can be repeated.
    pub fn thrown() -> Dice {
        let given = env::var("WAYPOST_CHAOS_SEED").ok();
        let seed = given.map_or(u64::from(std::process::id()), |text| text.parse().unwrap());
        println!("WAYPOST_CHAOS_SEED={seed}");
        Dice(seed)
    }

    /// A number from `from` up to, not including, `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + (x ^ (x >> 31)) % (to - from)
    }
}
