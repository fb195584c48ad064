//! The cleaner: dead rows of the hot tables, while these are small.
//!
//! An execution's life leaves dead rows in the tables that every claim walks. Autovacuum looks once a minute by
//! default, at all of them in one go: until then they pile up. A small table is cleaned in milliseconds, so this is done
//! as soon as there is something to clean, one table at a time. A large one is autovacuum's, which takes its time.

use std::collections::HashMap;

use sqlx::PgConnection;
use tokio::time::{Duration, Instant};

use super::{Round, Shared};
use crate::store::{
    StoreResult,
    dead_rows::{self, HotTable},
};

/// Dead rows of all hot tables together from which on one of them is cleaned.
const ENOUGH: i64 = 2_000;
/// Rows, dead or not, above which a table is not cleaned here.
const LARGE: i64 = 200_000;
/// A table is not worth a walk through its indexes for less than one dead row among so many that live.
const LIVE_PER_DEAD: i64 = 10;
/// The cleaner rests so many times as long as it worked.
const REST: u32 = 20;
/// Longest time between two looks.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// Cleans; with a connection of its own, since it is the login's and no role of ours.
#[derive(Debug)]
pub(super) struct Cleaner {
    shared: Shared,
    connection: Option<PgConnection>,
    /// Dead rows that a table kept when it was cleaned: somebody may still see them.
    kept: HashMap<String, i64>,
    rests_until: Instant,
}

impl Cleaner {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            connection: None,
            kept: HashMap::new(),
            rests_until: Instant::now(),
        }
    }

    /// Cleans the table that needs it most, if there is enough to clean.
    ///
    /// # Errors
    /// Of the database; the next round connects anew.
    pub(super) async fn run_once(&mut self) -> StoreResult<Round> {
        if Instant::now() < self.rests_until {
            return Ok(Round::Idle);
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut fresh = self.shared.pool.acquire().await?.detach();
                dead_rows::as_login(&mut fresh).await?;
                fresh
            }
        };
        let tables = dead_rows::hot_tables(&mut connection).await?;
        let chosen = choose(&tables, &mut self.kept);
        if let Some(table) = chosen {
            let begun = Instant::now();
            dead_rows::vacuum(&mut connection, table).await?;
            self.rests_until = Instant::now() + begun.elapsed() * REST;
            let after = dead_rows::hot_tables(&mut connection).await?;
            let left = after.into_iter().find(|one| one.name == table.name);
            self.kept
                .insert(table.name.clone(), left.map_or(0, |left| left.dead));
        }
        let round = chosen.map_or(Round::Idle, |_| Round::Worked);
        self.connection = Some(connection);
        Ok(round)
    }
}

/// The table with the most dead rows, where all together have enough of them. One that kept some has to double first:
/// while a snapshot is held nothing goes, and looking again costs more each time.
fn choose<'a>(tables: &'a [HotTable], kept: &mut HashMap<String, i64>) -> Option<&'a HotTable> {
    let worth = |table: &&HotTable| {
        let kept = kept.entry(table.name.clone()).or_default();
        *kept = table.dead.min(*kept);
        table.dead + table.live <= LARGE
            && table.dead >= 2 * *kept
            && table.dead * LIVE_PER_DEAD >= table.live
    };
    let worth: Vec<&HotTable> = tables.iter().filter(worth).collect();
    let dead: i64 = worth.iter().map(|table| table.dead).sum();
    worth
        .into_iter()
        .max_by_key(|table| table.dead)
        .filter(|_| dead >= ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(tables: &[(&str, i64, i64)], kept: &mut HashMap<String, i64>) -> Option<String> {
        let tables: Vec<HotTable> = tables
            .iter()
            .map(|&(name, dead, live)| HotTable {
                name: name.to_owned(),
                dead,
                live,
            })
            .collect();
        choose(&tables, kept).map(|table| table.name.clone())
    }

    #[test]
    fn together_they_must_have_enough_and_the_worst_is_chosen() {
        let kept = &mut HashMap::new();
        assert_eq!(chosen(&[("runs", 900, 0), ("sends", 1_000, 0)], kept), None);
        let both = [("runs", 900, 0), ("sends", 1_100, 0)];
        assert_eq!(chosen(&both, kept).as_deref(), Some("sends"));
    }

    #[test]
    fn a_large_table_is_left_to_autovacuum() {
        let kept = &mut HashMap::new();
        let rows = [("runs", 150_000, 50_001), ("sends", 1_999, 0)];
        assert_eq!(chosen(&rows, kept), None);
        let rows = [("runs", 150_000, 50_000), ("sends", 1_999, 0)];
        assert_eq!(chosen(&rows, kept).as_deref(), Some("runs"));
    }

    #[test]
    fn few_dead_rows_among_many_that_live_are_not_worth_it() {
        let kept = &mut HashMap::new();
        assert_eq!(chosen(&[("runs", 4_999, 50_000)], kept), None);
        assert!(chosen(&[("runs", 5_000, 50_000)], kept).is_some());
    }

    #[test]
    fn what_a_snapshot_keeps_is_looked_at_again_when_it_has_doubled() {
        let kept = &mut HashMap::from([("runs".to_owned(), 3_000)]);
        assert_eq!(chosen(&[("runs", 5_999, 0)], kept), None);
        assert!(chosen(&[("runs", 6_000, 0)], kept).is_some());
        // Somebody else cleaned it: it kept nothing.
        assert_eq!(chosen(&[("runs", 10, 0)], kept), None);
        assert!(chosen(&[("runs", 2_000, 0)], kept).is_some());
    }
}
