//! `waypost verify`: the invariants, over the live tables.

use clap::Args;

use super::context::Context;
use crate::app::{AppError, AppResult};

/// Audits every invariant over the live tables: one line each, with the count of violations.
///
/// All tenants, or the one that is named. Exit code 1 when an invariant is broken.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost verify --tenant demo")]
pub(super) struct Verify {}

impl Verify {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        let total = waypost
            .verify(&mut |verdict| {
                cx.out.value(verdict);
                let mark = if verdict.violations == 0 {
                    "ok "
                } else {
                    "BAD"
                };
                cx.out.line(format!(
                    "{mark} {:>6}  {}",
                    verdict.violations, verdict.title
                ));
            })
            .await?;
        if total > 0 {
            return Err(AppError::no(format!("{total} violations")));
        }
        Ok(())
    }
}
