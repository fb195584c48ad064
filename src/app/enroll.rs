//! Enrolling contacts: one, or those that a query finds.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{
    error::{AppError, AppResult},
    waypost::Waypost,
};
pub use crate::store::intake::{Enrolled, NewEnrollment};
use crate::{
    faults::{self, FailPoint},
    store::intake,
};

/// Contacts of one transaction, when there are many.
const BATCH: usize = 1_000;

/// What became of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Enrollments {
    /// Contacts looked at.
    pub contacts: u64,
    /// New executions.
    pub enrolled: u64,
    /// A live execution held the key already.
    pub duplicate: u64,
    /// Refused.
    pub blocked: u64,
    /// Refused, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Nothing was kept.
    pub dry_run: bool,
}

impl Enrollments {
    fn add(&mut self, rows: &[Enrolled]) {
        for row in rows {
            self.contacts += 1;
            match row.outcome.as_str() {
                "enrolled" => self.enrolled += 1,
                "duplicate" => self.duplicate += 1,
                _ => {
                    self.blocked += 1;
                    let reason = row.reason.clone().unwrap_or_default();
                    *self.reasons.entry(reason).or_default() += 1;
                }
            }
        }
    }
}

impl Waypost {
    /// Enrols one contact. With `dry_run` it is tried and taken back: the answer is what would be.
    ///
    /// # Errors
    /// Of the database. A refusal is no error: see the outcome.
    pub async fn enroll(
        &self,
        workflow: &str,
        who: NewEnrollment,
        priority: Option<i32>,
        dry_run: bool,
    ) -> AppResult<Enrolled> {
        let mut tx = self.begin().await?;
        intake::by_hand(&mut tx).await?;
        let rows = intake::enroll(&mut tx, workflow, &[who], priority).await?;
        if dry_run {
            tx.rollback().await?;
        } else {
            commit(tx).await?;
        }
        rows.into_iter()
            .next()
            .ok_or_else(|| AppError::no("the database gave no answer"))
    }

    /// Enrols the contacts whose ids are the first column of a query, in batches that commit one by one.
    ///
    /// # Errors
    /// The query's own; an id that is no UUID.
    pub async fn enroll_query(
        &self,
        workflow: &str,
        query: &str,
        priority: Option<i32>,
        dry_run: bool,
        progress: &dyn Fn(u64),
    ) -> AppResult<Enrollments> {
        let mut done = Enrollments {
            dry_run,
            ..Enrollments::default()
        };
        let mut reader = self.begin().await?;
        intake::contacts_of(&mut reader, query, BATCH, async |ids| {
            let who = ids.iter().map(contact).collect::<AppResult<Vec<_>>>()?;
            let mut tx = self.begin().await?;
            intake::by_hand(&mut tx).await?;
            let rows = intake::enroll(&mut tx, workflow, &who, priority).await?;
            if dry_run {
                tx.rollback().await?;
            } else {
                commit(tx).await?;
            }
            if rows
                .iter()
                .any(|row| row.reason.as_deref() == Some("unknown_workflow"))
            {
                return Err(unknown_workflow(workflow, self.tenant()));
            }
            done.add(&rows);
            progress(done.contacts);
            Ok::<(), AppError>(())
        })
        .await?;
        Ok(done)
    }
}

async fn commit(tx: Transaction<'_, Postgres>) -> AppResult<()> {
    faults::at(FailPoint::EnrollWritten)
        .await
        .map_err(sqlx::Error::from)?;
    tx.commit().await?;
    faults::at(FailPoint::EnrollCommitted)
        .await
        .map_err(sqlx::Error::from)?;
    Ok(())
}

/// There is no workflow of that id.
#[must_use]
pub fn unknown_workflow(workflow: &str, tenant: &str) -> AppError {
    AppError::no(format!(
        "the tenant {tenant:?} has no workflow {workflow:?}: deploy it first, or name another --tenant"
    ))
}

fn contact(id: &Option<String>) -> AppResult<NewEnrollment> {
    let text = id.as_deref().unwrap_or("null");
    let contact = text.parse::<Uuid>().map_err(|_| {
        let short: String = text.chars().take(60).collect();
        AppError::usage(format!(
            "the query's first column holds {short:?}, which is no contact id (a UUID); for keys of your own select waypost.contact_id(key)"
        ))
    })?;
    Ok(NewEnrollment {
        contact,
        key: None,
        data: no_data(),
    })
}

/// An enrolment without data.
#[must_use]
pub fn no_data() -> Value {
    json!({})
}
