//! `waypost undo`: takes a batch back.

use clap::Args;
use uuid::Uuid;

use super::{context::Context, executions::print_bulk, progress::Count};
use crate::app::AppResult;

/// Takes back what a bulk command did, where that can be: pause, resume, and executions moved to a version.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost undo 0190b5a8-0000-8000-8000-000000000001")]
pub(super) struct Undo {
    /// The batch id that the bulk command printed
    batch: Uuid,
}

impl Undo {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        let count = Count::new("executions", None);
        let done = waypost.undo(self.batch, &|n| count.at(n)).await?;
        drop(count);
        print_bulk(cx, "undo", &done);
        Ok(())
    }
}
