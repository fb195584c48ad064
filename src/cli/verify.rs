//! `waypost verify`: the invariants, over the live tables.

use clap::Args;

use super::{context::Context, progress::Line};
use crate::app::{AppError, AppResult, verify};

/// Audits every invariant over the live tables: one line each, with the count of violations.
///
/// All tenants, or the one that is named. Exit code 1 when an invariant is broken.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost verify --tenant demo")]
pub(super) struct Verify {}

impl Verify {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        let tenant = waypost.named_tenant().await?;
        let mut connection = waypost.single().await?;
        let line = Line::new();
        let found = verify::verify(&mut connection, tenant, &|check| line.say(check.title)).await?;
        drop(line);
        cx.out.value(&found);
        for finding in &found {
            let mark = if finding.violations == 0 {
                "ok "
            } else {
                "BAD"
            };
            cx.out.line(format!(
                "{mark} {:>6}  {}",
                finding.violations, finding.title
            ));
        }
        match found.iter().map(|finding| finding.violations).sum::<i64>() {
            0 => Ok(()),
            total => Err(AppError::no(format!("{total} violations"))),
        }
    }
}
