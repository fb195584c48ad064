//! `waypost restore-guard`: after a restore, before workers start.

use clap::Args;
use serde_json::json;

use super::{context::Context, progress::Count};
use crate::app::AppResult;

/// After a restore and before any worker starts: open sends that may have left already become `unknown`.
///
/// Concerns the policy `hold`, where a duplicate is worse than a miss. `waypost outbox resolve` settles them.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost restore-guard")]
pub(super) struct RestoreGuard {}

impl RestoreGuard {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        let count = Count::new("sends", None);
        let moved = waypost.guard_restore(&|n| count.at(n)).await?;
        drop(count);
        cx.out.value(&json!({ "unknown": moved }));
        cx.out.line(format!("{moved} open sends are now unknown"));
        Ok(())
    }
}
