//! The figures of each workflow that are kept added up: what a commit adds to them, and adding it up.

use std::collections::BTreeMap;

use sqlx::{
    PgConnection,
    postgres::{PgArguments, types::PgInterval},
    query::Query,
};

use super::{StoreResult, commit::Settled, sql};
use crate::model::{
    execution::Status,
    refusal::Refusal,
    transition::{EntryKind, Transition},
};

const DAY: i64 = 86_400_000_000;

/// What the executions of a commit add to the figures of their workflows.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<(i32, i32), Change>);

#[derive(Debug, Default, Clone, Copy)]
struct Change {
    completed: i64,
    exited: i64,
    cancelled: i64,
    failed: i64,
    goals: i64,
    /// Whole days, and the rest in microseconds: summed as Postgres sums intervals.
    took: (i32, i64),
}

impl Changes {
    /// Of executions that have ended: how, and the goals of their last burst.
    pub(super) fn of_ended(ended: &[&Settled]) -> Self {
        let mut changes = Self::of_going(ended);
        for one in ended {
            let reason = one.transition.reason.as_deref();
            if Refusal::at_start(reason) {
                continue;
            }
            let change = changes.of(one);
            match one.transition.status {
                Status::Completed => {
                    change.completed += 1;
                    let took = (one.now - one.execution.enrolled_at)
                        .num_microseconds()
                        .unwrap_or_default();
                    change.took.0 += i32::try_from(took / DAY).unwrap_or_default();
                    change.took.1 += took % DAY;
                }
                Status::Exited => change.exited += 1,
                Status::Cancelled => change.cancelled += 1,
                Status::Failed => change.failed += 1,
                _ => {}
            }
        }
        changes
    }

    /// Of executions that go on: the goals they have achieved.
    pub(super) fn of_going(going: &[&Settled]) -> Self {
        let mut changes = Self::default();
        for one in going {
            let goals = goals(&one.transition);
            if goals > 0 {
                changes.of(one).goals += goals;
            }
        }
        changes
    }

    fn of(&mut self, one: &Settled) -> &mut Change {
        let of = (one.execution.tenant, one.execution.workflow);
        self.0.entry(of).or_default()
    }

    fn column<T>(&self, get: impl Fn(&Change) -> T) -> Vec<T> {
        self.0.values().map(get).collect()
    }

    /// As the arrays that `insert_finished` ends with.
    pub(super) fn bind_ended<'q>(
        &self,
        query: Query<'q, sqlx::Postgres, PgArguments>,
    ) -> Query<'q, sqlx::Postgres, PgArguments> {
        query
            .bind(self.0.keys().map(|of| of.0).collect::<Vec<_>>())
            .bind(self.0.keys().map(|of| of.1).collect::<Vec<_>>())
            .bind(self.column(|c| c.completed))
            .bind(self.column(|c| c.exited))
            .bind(self.column(|c| c.cancelled))
            .bind(self.column(|c| c.failed))
            .bind(self.column(|c| c.goals))
            .bind(self.column(|c| PgInterval {
                months: 0,
                days: c.took.0,
                microseconds: c.took.1,
            }))
    }

    /// As the arrays that `insert_bursts` ends with.
    pub(super) fn bind_going<'q>(
        &self,
        query: Query<'q, sqlx::Postgres, PgArguments>,
    ) -> Query<'q, sqlx::Postgres, PgArguments> {
        query
            .bind(self.0.keys().map(|of| of.0).collect::<Vec<_>>())
            .bind(self.0.keys().map(|of| of.1).collect::<Vec<_>>())
            .bind(self.column(|c| c.goals))
    }
}

fn goals(transition: &Transition) -> i64 {
    let entries = transition.entries.iter();
    let achieved = entries.filter(|entry| entry.kind == EntryKind::GoalAchieved);
    i64::try_from(achieved.count()).unwrap_or_default()
}

/// Adds so many changes at most up into the figures; how many there were.
///
/// # Errors
/// Of the database.
pub async fn fold(connection: &mut PgConnection, most: i32) -> StoreResult<i64> {
    Ok(sqlx::query_scalar(sql!("fold_changes"))
        .bind(most)
        .fetch_one(connection)
        .await?)
}
