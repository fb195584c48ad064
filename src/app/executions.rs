//! Executions: lists, one in full, orders to one of them, and why a contact is where it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    enroll::unknown_workflow,
    error::{AppError, AppResult},
    waypost::Waypost,
};
use crate::store::operate::{self, After};
pub use crate::{
    model::execution::Status,
    store::operate::{ExecutionRow, ExplainRow, Filter, Order},
};

/// Most rows of one page.
pub const LARGEST_PAGE: u32 = 1_000;

/// A page of executions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// The rows, newest first.
    pub executions: Vec<ExecutionRow>,
    /// Give this to get the next page; none: this is the last.
    pub next: Option<String>,
}

impl Waypost {
    /// A page of executions, newest first.
    ///
    /// # Errors
    /// A cursor that is none of ours; of the database.
    pub async fn executions(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: u32,
    ) -> AppResult<Page> {
        let after = cursor.map(read_cursor).transpose()?;
        let limit = limit.clamp(1, LARGEST_PAGE) as usize;
        let mut tx = self.begin().await?;
        // One more than asked for tells whether there is a next page.
        let mut rows = operate::list(&mut tx, filter, after, limit as i64 + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|row| write_cursor((row.started_at, row.id)));
        Ok(Page {
            executions: rows,
            next,
        })
    }

    /// One execution with state, timeline and outbox.
    ///
    /// # Errors
    /// There is none; of the database.
    pub async fn execution(&self, id: Uuid) -> AppResult<Value> {
        let mut tx = self.begin().await?;
        operate::show(&mut tx, id).await?.ok_or_else(|| {
            AppError::no(format!(
                "the tenant {:?} has no execution {id}",
                self.tenant()
            ))
        })
    }

    /// Gives one execution an order; answers its status, which changes when a worker takes the order.
    ///
    /// # Errors
    /// It is refused, with the reason; of the database.
    pub async fn order(&self, id: Uuid, order: &Order) -> AppResult<String> {
        let mut tx = self.begin().await?;
        let status = operate::order(&mut tx, id, order).await?;
        tx.commit().await?;
        Ok(status)
    }

    /// Why a contact did or did not enrol in a workflow, and every decision since.
    ///
    /// # Errors
    /// There is no such workflow; of the database.
    pub async fn explain(&self, contact: Uuid, workflow: &str) -> AppResult<Vec<ExplainRow>> {
        let mut tx = self.begin().await?;
        let rows = operate::explain(&mut tx, contact, workflow).await?;
        if rows
            .iter()
            .any(|row| row.reason.as_deref() == Some("unknown_workflow"))
        {
            return Err(unknown_workflow(workflow, self.tenant()));
        }
        Ok(rows)
    }
}

/// The status of this name.
///
/// # Errors
/// There is none; the error names all of them.
pub fn status(name: &str) -> Result<Status, String> {
    let found = Status::ALL
        .into_iter()
        .find(|status| status.as_str() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("no status; they are {}", names.join(", "))
    })
}

pub(super) fn write_cursor((at, id): After) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{id}", at.timestamp_micros()))
}

pub(super) fn read_cursor(text: &str) -> AppResult<After> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (micros, id) = text.split_once(':')?;
        Some((
            DateTime::from_timestamp_micros(micros.parse().ok()?)?,
            id.parse().ok()?,
        ))
    };
    read().ok_or_else(|| {
        AppError::usage("the cursor is none: take it from `next` of the page before, as it is")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let at = DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("a time");
        let id = Uuid::from_u128(7);
        assert_eq!(
            read_cursor(&write_cursor((at, id))).expect("ours"),
            (at, id)
        );
        for text in ["", "x", "!!", "MTIz", "MTp4"] {
            assert_eq!(read_cursor(text).expect_err(text).exit_code(), 2, "{text}");
        }
    }

    #[test]
    fn statuses_by_name() {
        assert_eq!(status("waiting"), Ok(Status::Waiting));
        assert!(status("asleep").expect_err("none").contains("dispatching"));
    }
}
