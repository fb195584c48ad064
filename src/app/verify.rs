//! Auditing the invariants over the live tables.

use serde::Serialize;

use super::{error::AppResult, waypost::Waypost};
use crate::store::{audit::CHECKS, session};

/// What one invariant's look-up found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Name of the check.
    pub check: &'static str,
    /// What must hold.
    pub title: &'static str,
    /// Rows for which it does not.
    pub violations: i64,
}

impl Waypost {
    /// Looks at every invariant, of the tenant where one was named, else of all. Each check is handed to
    /// `told` as soon as it is done. Checks read whole tables and change nothing.
    ///
    /// # Errors
    /// Of the database.
    pub async fn verify(&self, told: &mut dyn FnMut(&Verdict)) -> AppResult<i64> {
        let tenant = if self.settings.tenant_named {
            let mut tx = self.begin_as_owner().await?;
            Some(self.find_tenant(&mut tx).await?.id)
        } else {
            None
        };
        let mut total = 0;
        // One snapshot over all, so that what moves meanwhile is no violation.
        let mut tx = session::snapshot(self.owner()).await?;
        for check in CHECKS {
            let violations = check.violations(&mut tx, tenant).await?;
            total += violations;
            told(&Verdict {
                check: check.short_name(),
                title: check.title(),
                violations,
            });
        }
        Ok(total)
    }
}
