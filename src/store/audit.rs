//! The invariants that tables can show: one statement of `sql/queries/verify/` each, answering violations.

use sqlx::PgConnection;

use super::{StoreResult, sql};

/// One invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Its name, and its file's.
    pub name: &'static str,
    sql: &'static str,
}

macro_rules! checks {
    ($($name:literal,)*) => {
        &[$(Check { name: $name, sql: sql!($name) },)*]
    };
}

/// Every invariant, in the order in which they are told.
pub const CHECKS: &[Check] = checks! {
    "verify/final_entry",
    "verify/finished_once",
    "verify/live_or_finished",
    "verify/burst_sequence",
    "verify/execution_sequence",
    "verify/live_keys",
    "verify/nobody_forgotten",
    "verify/reply_will_come",
    "verify/sends_were_asked_for",
    "verify/one_send_a_visit",
    "verify/attempt_before_send",
    "verify/leases_are_reaped",
    "verify/wakes_are_taken",
    "verify/events_once",
    "verify/ledger_starts",
    "verify/buckets",
    "verify/ids_carry_buckets",
};

impl Check {
    /// What must hold, in words: the file's `title` line.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.sql
            .lines()
            .find_map(|line| line.strip_prefix("-- title: "))
            .unwrap_or(self.name)
    }

    /// The name alone.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// How many violations there are, of one tenant or of all.
    ///
    /// # Errors
    /// Of the database.
    pub async fn violations(
        &self,
        connection: &mut PgConnection,
        tenant: Option<i32>,
    ) -> StoreResult<i64> {
        Ok(sqlx::query_scalar(self.sql)
            .bind(tenant)
            .fetch_one(connection)
            .await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_says_what_must_hold() {
        for check in CHECKS {
            assert!(check.title().len() > check.name.len(), "{}", check.name);
        }
    }

    #[test]
    fn every_file_is_a_check() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/queries/verify");
        let files = std::fs::read_dir(dir).expect("the folder is there").count();
        assert_eq!(files, CHECKS.len());
    }
}
