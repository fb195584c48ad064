//! The outbox as operators see it.

use serde_json::Value;
use uuid::Uuid;

use super::{
    error::{AppError, AppResult},
    executions::{read_cursor, write_cursor},
    waypost::Waypost,
};
use crate::{
    model::execution::Instant,
    store::{sends, session, tenants},
};

/// Rows of one transaction of the guard.
const SLICE: i64 = 1_000;
/// The statuses an outbox row can have, in the order of its life.
pub const STATUSES: [&str; 8] = [
    "pending",
    "claimed",
    "sending",
    "sent",
    "failed",
    "unknown",
    "suppressed",
    "cancelled",
];

/// A page of outbox rows.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OutboxPage {
    /// The rows as `waypost.outbox` shows them, newest first, without what was sent.
    pub outbox: Vec<Value>,
    /// Give this to get the next page; none: this is the last.
    pub next: Option<String>,
}

impl Waypost {
    /// A page of outbox rows, newest first.
    ///
    /// # Errors
    /// A cursor that is none of ours; of the database.
    pub async fn outbox(
        &self,
        status: Option<&str>,
        workflow: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> AppResult<OutboxPage> {
        let after = cursor.map(read_cursor).transpose()?;
        let limit = limit.clamp(1, super::executions::LARGEST_PAGE) as usize;
        let mut tx = self.begin().await?;
        let mut rows = sends::list(&mut tx, status, workflow, after, limit as i64 + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|(_, at, id)| write_cursor((*at, *id)));
        Ok(OutboxPage {
            outbox: rows.into_iter().map(|(row, ..)| row).collect(),
            next,
        })
    }

    /// One outbox row with its attempts.
    ///
    /// # Errors
    /// There is none; of the database.
    pub async fn outbox_row(&self, id: Uuid) -> AppResult<Value> {
        let mut tx = self.begin().await?;
        sends::show(&mut tx, id)
            .await?
            .ok_or_else(|| self.no_outbox_row(id))
    }

    /// Settles a row whose outcome is unknown. The execution's path does not change.
    ///
    /// # Errors
    /// There is none; its outcome is known; of the database.
    pub async fn resolve(&self, id: Uuid, sent: bool) -> AppResult<()> {
        let mut tx = self.begin().await?;
        let row = sends::show(&mut tx, id)
            .await?
            .ok_or_else(|| self.no_outbox_row(id))?;
        let status = row["status"].as_str().unwrap_or_default();
        if status != "unknown" {
            return Err(AppError::no(format!(
                "the outbox row {id} is {status}: only one whose outcome is unknown can be resolved"
            )));
        }
        sends::settle(&mut tx, id, sent).await?;
        tx.commit().await?;
        Ok(())
    }

    /// After a restore, before any worker starts: every open `hold` row that may have been sent ends as
    /// unknown, and what executions that began before `lost_until` (none: now) ask for later is born in doubt.
    /// For one tenant where it was named, else for all. Answers how many rows ended.
    ///
    /// # Errors
    /// Of the database.
    pub async fn guard_restore(
        &self,
        lost_until: Option<Instant>,
        progress: &dyn Fn(u64),
    ) -> AppResult<u64> {
        let mut moved = 0;
        for name in self.guarded().await? {
            let mut tx = session::begin(self.owner(), &name).await?;
            sends::begin_guard(&mut tx, lost_until).await?;
            tx.commit().await?;
            loop {
                let mut tx = session::begin(self.owner(), &name).await?;
                let slice = sends::guard_restore(&mut tx, SLICE).await?;
                tx.commit().await?;
                moved += u64::try_from(slice).unwrap_or(0);
                progress(moved);
                if slice < SLICE {
                    break;
                }
            }
        }
        Ok(moved)
    }

    /// From here on nothing is born in doubt. For one tenant where it was named, else for all. Answers how many
    /// guards there were.
    ///
    /// # Errors
    /// Of the database.
    pub async fn lift_guard(&self) -> AppResult<u64> {
        let mut lifted = 0;
        for name in self.guarded().await? {
            let mut tx = session::begin(self.owner(), &name).await?;
            lifted += sends::lift_guard(&mut tx).await?;
            tx.commit().await?;
        }
        Ok(lifted)
    }

    /// Whose sends a guard is for: the tenant that was named, else all.
    async fn guarded(&self) -> AppResult<Vec<String>> {
        if self.settings.tenant_named {
            return Ok(vec![self.tenant().to_owned()]);
        }
        let mut tx = self.begin_as_owner().await?;
        let all = tenants::list(&mut tx).await?;
        Ok(all.into_iter().map(|row| row.name).collect())
    }

    fn no_outbox_row(&self, id: Uuid) -> AppError {
        AppError::no(format!(
            "the tenant {:?} has no outbox row {id}",
            self.tenant()
        ))
    }
}
