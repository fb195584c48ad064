//! The outbox as operators see it.

use serde_json::Value;
use uuid::Uuid;

use super::{
    error::{AppError, AppResult},
    executions::{read_cursor, write_cursor},
    waypost::Waypost,
};
use crate::store::{sends, session, tenants};

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
        if sends::resolve(&mut tx, id, sent).await? {
            tx.commit().await?;
            return Ok(());
        }
        let row = sends::show(&mut tx, id)
            .await?
            .ok_or_else(|| self.no_outbox_row(id))?;
        let status = row["status"].as_str().unwrap_or_default();
        Err(AppError::no(format!(
            "the outbox row {id} is {status}: only one whose outcome is unknown can be resolved"
        )))
    }

    /// After a restore, before any worker starts: every open `hold` row that may have been sent ends as
    /// unknown. For one tenant where it was named, else for all. Answers how many.
    ///
    /// # Errors
    /// Of the database.
    pub async fn guard_restore(&self, progress: &dyn Fn(u64)) -> AppResult<u64> {
        let names = if self.settings.tenant_named {
            vec![self.tenant().to_owned()]
        } else {
            let mut tx = self.begin_as_owner().await?;
            tenants::list(&mut tx)
                .await?
                .into_iter()
                .map(|row| row.name)
                .collect()
        };
        let mut moved = 0;
        for name in names {
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

    fn no_outbox_row(&self, id: Uuid) -> AppError {
        AppError::no(format!(
            "the tenant {:?} has no outbox row {id}",
            self.tenant()
        ))
    }
}
