//! What the tests of chaos and faults reckon with: repeatable dice, and quantiles of times.

use std::{env, time::Duration};

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
pub struct Dice(pub u64);

impl Dice {
    /// Begun with `WAYPOST_CHAOS_SEED`, else with the process's id; printed, so that a run can be repeated.
    pub fn thrown() -> Dice {
        let given = env::var("WAYPOST_CHAOS_SEED").ok();
        let seed = given.map_or(u64::from(std::process::id()), |text| text.parse().unwrap());
        println!("WAYPOST_CHAOS_SEED={seed}");
        Dice(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.between(0, limit as u64) as usize
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
