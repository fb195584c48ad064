//! Tenants take turns: while there is more to do than one round takes, each tenant's oldest come first, a few of
//! each, so that one with a million due rows does not keep the others waiting (I-8).

use std::time::{Duration, Instant};

/// Whose turn it is. As long as rounds by time come back short, nobody waits and nobody takes turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// There was more than a round takes.
    pub(super) crowded: bool,
    /// The tenant that had the last turn; none: they begin anew.
    after: Option<i32>,
    /// Tenants that had a turn since they began anew.
    seen: usize,
    /// There are several that wait.
    several: bool,
    /// When several were last met, and how long rounds stay short after that.
    met: Option<Instant>,
    remembers: Duration,
    /// What a row of the last rounds took, in seconds.
    row: f64,
    /// When one tenant was found to have everything.
    alone: Option<Instant>,
}

impl Turns {
    /// A tenant's turn.
    pub(super) const EACH: i32 = 50;
    /// A round while several tenants wait lasts about so long: they wait for this one and for their own.
    const ROUND: Duration = Duration::from_millis(150);
    /// The fewest rows of such a round: below, its fixed cost shows.
    const FEWEST: f64 = 50.0;
    /// How long after a lap that met one tenant alone nobody looks for others: they wait for this as well.
    const ALONE: Duration = Duration::from_millis(100);

    /// Rounds stay short for a while after several were met: small tenants come one by one, and a lap between two of
    /// them meets one tenant alone; whoever comes next would wait for the thousand rows that it takes.
    pub(super) fn remembering() -> Self {
        Self {
            remembers: Duration::from_secs(5),
            ..Self::default()
        }
    }

    /// Whether the next round looks for tenants that wait.
    pub(super) fn due(&self) -> bool {
        let resting = self.alone.is_some_and(|at| at.elapsed() < Self::ALONE);
        self.crowded && !resting
    }

    /// Where the next turn begins, and how much of it is each tenant's.
    pub(super) fn next(&self) -> (Option<i32>, i32) {
        (self.after, Self::EACH)
    }

    /// So many tenants had their turn, the last of them `after`; none: everybody had.
    pub(super) fn had(&mut self, tenants: usize, after: Option<i32>) {
        self.seen += tenants;
        self.several |= self.seen > 1;
        if self.several {
            self.met = Some(Instant::now());
        }
        if after.is_none() {
            self.several = self.seen > 1;
            self.seen = 0;
            self.alone = (!self.several).then(Instant::now);
        }
        self.after = after;
    }

    /// Whether more than one tenant waits.
    pub(super) fn several(&self) -> bool {
        self.several
    }

    /// Rows that a round takes: all it may, or while several wait only as many as go quickly.
    pub(super) fn rows(&self, most: i32) -> i32 {
        let met = self.met.is_some_and(|at| at.elapsed() < self.remembers);
        if !(self.crowded && (self.several || met) && self.row > 0.0) {
            return most;
        }
        let quick = (Self::ROUND.as_secs_f64() / self.row).max(Self::FEWEST);
        if quick < f64::from(most) {
            quick as i32
        } else {
            most
        }
    }

    /// A round of so many rows took so long; smoothed, since one may have waited for the disk.
    pub(super) fn took(&mut self, rows: usize, time: Duration) {
        if rows > 0 {
            let row = time.as_secs_f64() / rows as f64;
            self.row = if self.row > 0.0 {
                (self.row * 3.0 + row) / 4.0
            } else {
                row
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Turns;

    #[test]
    fn a_lap_between_two_small_tenants_makes_no_long_round() {
        let rows = |mut turns: Turns| {
            turns.crowded = true;
            turns.took(1_000, Duration::from_secs(1));
            turns.had(2, None);
            assert_eq!(turns.rows(1_000), 150);
            turns.had(1, None);
            assert!(!turns.several());
            turns.rows(1_000)
        };
        assert_eq!(rows(Turns::remembering()), 150);
        assert_eq!(rows(Turns::default()), 1_000);
    }

    #[test]
    fn only_a_crowd_of_several_makes_rounds_short() {
        let mut turns = Turns::default();
        turns.took(1_000, Duration::from_secs(1));
        assert_eq!(turns.rows(1_000), 1_000);
        turns.crowded = true;
        assert_eq!(turns.rows(1_000), 1_000);
        turns.had(1, None);
        assert_eq!(turns.rows(1_000), 1_000);
        // Cut off in the middle: the first tenant alone, then the others.
        turns.had(1, Some(1));
        turns.had(1, Some(2));
        assert_eq!(turns.rows(1_000), 150);
        turns.had(1, None);
        assert_eq!(turns.rows(1_000), 150);
        turns.took(10, Duration::from_secs(10));
        assert_eq!(turns.rows(1_000), 50);
        assert_eq!(turns.rows(20), 20);
    }
}
