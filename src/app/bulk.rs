//! One order to many executions, and taking it back.

use serde::Serialize;
use sqlx::Connection;
use uuid::Uuid;

use super::{
    error::{AppError, AppResult},
    executions::{Filter, Order, Status},
    waypost::Waypost,
};
use crate::store::operate;

/// Executions of one transaction.
const SLICE: i64 = 200;
/// Refusals that are told one by one.
const MOST_REFUSALS: usize = 20;

/// What became of an order to many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bulk {
    /// What `waypost undo` takes, where something was changed.
    pub batch: Option<Uuid>,
    /// Executions that the filter found.
    pub matched: u64,
    /// Executions that took the order.
    pub changed: u64,
    /// Executions that refused it.
    pub refused: u64,
    /// The first refusals, in words.
    pub refusals: Vec<String>,
    /// Nothing was changed.
    pub dry_run: bool,
}

impl Order {
    /// The statuses that can take it: what a filter without a status means.
    #[must_use]
    pub fn applies_to(&self) -> Vec<Status> {
        match self {
            Self::Cancel { .. } | Self::Move { .. } => {
                vec![
                    Status::Ready,
                    Status::Waiting,
                    Status::Dispatching,
                    Status::Paused,
                ]
            }
            Self::Pause => vec![Status::Ready, Status::Waiting, Status::Dispatching],
            Self::Resume => vec![Status::Paused],
            Self::SkipWait => vec![Status::Waiting],
            Self::Review { .. } => vec![Status::Waiting, Status::Dispatching],
            Self::Retry { .. } => vec![Status::Failed],
        }
    }

    /// What takes it back, where anything does.
    #[must_use]
    pub fn inverse(verb: &str) -> Option<Self> {
        match verb {
            "pause" => Some(Self::Resume),
            "resume" => Some(Self::Pause),
            _ => None,
        }
    }
}

impl Waypost {
    /// Gives an order to every execution that the filter finds, in slices that commit one by one. One
    /// execution's refusal stops that one only. Without a status in the filter: those that can take it.
    ///
    /// # Errors
    /// Of the database.
    pub async fn order_many(
        &self,
        filter: &Filter,
        order: &Order,
        dry_run: bool,
        progress: &dyn Fn(u64),
    ) -> AppResult<Bulk> {
        let mut filter = filter.clone();
        if filter.statuses.is_empty() {
            filter.statuses = order.applies_to();
        }
        let mut done = Bulk {
            dry_run,
            ..Bulk::default()
        };
        let mut after = None;
        loop {
            let mut tx = self.begin().await?;
            // The page is read by start and id, which no order changes, so none is met twice or left out.
            let page = operate::list(&mut tx, &filter, after, SLICE).await?;
            let Some(last) = page.last() else {
                return Ok(done);
            };
            after = Some((last.started_at, last.id));
            done.matched += page.len() as u64;
            if !dry_run {
                let ids: Vec<Uuid> = page.iter().map(|row| row.id).collect();
                let changed = order_slice(&mut tx, &ids, order, &mut done).await?;
                if !changed.is_empty() {
                    let batch = match done.batch {
                        Some(batch) => batch,
                        None => operate::begin_batch(&mut tx, order.verb()).await?,
                    };
                    operate::add_to_batch(&mut tx, batch, &changed).await?;
                    done.batch = Some(batch);
                }
                tx.commit().await?;
            }
            progress(done.matched);
        }
    }

    /// Takes a batch back, where that can be: what was paused goes on, what was resumed is held again, what was
    /// moved to another version and has made no step since is moved back.
    ///
    /// # Errors
    /// No such batch; it was undone; it cannot be undone.
    pub async fn undo(&self, batch: Uuid, progress: &dyn Fn(u64)) -> AppResult<Bulk> {
        let mut first = self.begin().await?;
        let (verb, undone) = operate::find_batch(&mut first, batch)
            .await?
            .ok_or_else(|| {
                AppError::no(format!(
                    "the tenant {:?} has no batch {batch}",
                    self.tenant()
                ))
            })?;
        if undone {
            return Err(AppError::no(format!(
                "the batch {batch} was undone already"
            )));
        }
        if verb == "migrate" {
            drop(first);
            return self.undo_moves(batch, progress).await;
        }
        let order = Order::inverse(&verb).ok_or_else(|| {
            AppError::no(format!(
                "{verb} cannot be undone: only pause, resume and a migration can; `waypost executions retry` or `move` bring an execution back"
            ))
        })?;
        operate::mark_undone(&mut first, batch).await?;
        first.commit().await?;

        let mut done = Bulk::default();
        let mut after = None;
        loop {
            let mut tx = self.begin().await?;
            let page = operate::batch_members(&mut tx, batch, after, SLICE).await?;
            let Some(last) = page.last() else {
                return Ok(done);
            };
            after = Some(*last);
            done.matched += page.len() as u64;
            order_slice(&mut tx, &page, &order, &mut done).await?;
            tx.commit().await?;
            progress(done.matched);
        }
    }
}

/// Orders to the executions of one transaction, each behind a savepoint; answers who took it.
async fn order_slice(
    tx: &mut sqlx::PgConnection,
    ids: &[Uuid],
    order: &Order,
    done: &mut Bulk,
) -> AppResult<Vec<Uuid>> {
    let mut ids = ids.to_vec();
    // By bucket, then id: the one order in which everybody locks executions.
    ids.sort_by_key(|id| (crate::model::ids::bucket_in(*id), *id));
    let mut changed = Vec::new();
    for id in ids {
        let mut point = tx.begin().await?;
        match operate::order(&mut point, id, order)
            .await
            .map_err(AppError::from)
        {
            Ok(_) => {
                point.commit().await?;
                done.changed += 1;
                changed.push(id);
            }
            Err(AppError::No(why)) => {
                point.rollback().await?;
                done.refused += 1;
                if done.refusals.len() < MOST_REFUSALS {
                    done.refusals.push(why);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_taken_back_has_an_inverse() {
        for (verb, wanted) in [
            ("pause", Some(Order::Resume)),
            ("resume", Some(Order::Pause)),
            ("cancel", None),
            ("move", None),
            ("skip-wait", None),
            ("retry", None),
        ] {
            assert_eq!(Order::inverse(verb), wanted, "{verb}");
        }
    }
}
