//! [`super::super::watermark`], on virtual time: a claim begins near where the last one ended.

use super::{database::Millis, sim::Sim};

/// Rows that are committed so long after they were due, or later, wait for a look from the beginning.
const RECENT: Millis = 10_000;
/// Longest time between two looks from the beginning, and the shortest while claims come back full.
const SELDOM: Millis = 10_000;
const OFTEN: Millis = 1_000;

/// Of one loop.
#[derive(Default)]
pub(super) struct Watermark {
    at: Millis,
    full: bool,
    looked: Millis,
    /// How long after a look from the beginning the next one comes: by what it cost, which the dice say.
    pause: Millis,
}

impl Watermark {
    /// Where the next claim begins.
    pub(super) fn from(&mut self, sim: &Sim) -> Millis {
        let now = sim.now();
        let pause = match self.full {
            true => self.pause.max(OFTEN),
            false => self.pause,
        };
        if now - self.looked > pause {
            self.at = Millis::MIN;
            self.looked = now;
            self.pause = sim.with(|world| world.dice.of(&[0, 100, 3_000, SELDOM]));
        }
        self.at
    }

    /// A claim has ended whose last row was due then; `full`: there may be more.
    pub(super) fn saw(&mut self, last: Option<Millis>, full: bool) {
        self.full = full;
        self.at = match last {
            Some(last) if full => last,
            Some(last) => self.at.max(last - RECENT),
            None => self.at,
        };
    }

    /// Rows before it were left where they are: the next claim begins at the beginning.
    pub(super) fn rewind(&mut self) {
        self.at = Millis::MIN;
        self.full = false;
    }
}
