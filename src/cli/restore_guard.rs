//! `waypost restore-guard`: after a restore, before workers start.

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::{context::Context, progress::Count};
use crate::app::AppResult;

/// After a restore and before any worker starts: what may have left already is not sent again.
///
/// Open sends under `hold` that may have left become `unknown`; what executions that were enrolled before the end of the
/// lost time ask for from now on is born in doubt, until the guard is lifted: `hold` ends as `unknown` without being sent,
/// `reconcile` asks first. `waypost outbox resolve` settles what is unknown.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost restore-guard\n         waypost restore-guard --lost-until 2024-03-01T09:00:00Z\n         waypost restore-guard --lift"
)]
pub(super) struct RestoreGuard {
    /// When the lost database did its last work; executions enrolled later are in no doubt. Default: now
    #[arg(long, value_name = "TIME")]
    lost_until: Option<DateTime<Utc>>,
    /// The lost time has been caught up with: sends are in doubt no more
    #[arg(long, conflicts_with = "lost_until")]
    lift: bool,
}

impl RestoreGuard {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        if self.lift {
            let lifted = waypost.lift_guard().await?;
            cx.out.value(&json!({ "lifted": lifted }));
            cx.out.line(format!("{lifted} guards are lifted"));
            return Ok(());
        }
        let count = Count::new("sends", None);
        let moved = waypost
            .guard_restore(self.lost_until, &|n| count.at(n))
            .await?;
        drop(count);
        cx.out.value(&json!({ "unknown": moved }));
        cx.out.line(format!("{moved} open sends are now unknown"));
        Ok(())
    }
}
