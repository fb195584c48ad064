//! Seeded dice: the same seed makes the same world.

use serde_json::{Value, json};

/// A generator of small numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A span of whole hours or days.
    pub fn span(&mut self) -> Value {
        let table = [
            (1, "hours"),
            (2, "hours"),
            (5, "hours"),
            (60, "minutes"),
            (0, "hours"),
            (1, "days"),
            (2, "days"),
            (1, "weeks"),
        ];
        let (amount, unit) = *self.of(&table);
        json!({ "amount": amount, "unit": unit })
    }
}
