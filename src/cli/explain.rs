//! `waypost explain`: why a contact did or did not enrol.

use clap::Args;
use uuid::Uuid;

use super::{context::Context, output::time};
use crate::app::AppResult;

/// Why a contact did or did not enrol in a workflow, and every decision since.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost explain --contact 0190b5a8-0000-7000-8000-000000000001 --workflow abandoned-cart"
)]
pub(super) struct Explain {
    /// Who
    #[arg(long, value_name = "ID")]
    contact: Uuid,
    /// The workflow's id
    #[arg(long, value_name = "WORKFLOW")]
    workflow: String,
}

impl Explain {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let rows = cx
            .open()
            .await?
            .explain(self.contact, &self.workflow)
            .await?;
        cx.out.value(&rows);
        if rows.is_empty() {
            cx.out
                .line("nothing is known: no event of this contact was looked at by this workflow");
            return Ok(());
        }
        let rows = rows.into_iter().map(|row| {
            let detail = row.detail.filter(|detail| !detail.is_null());
            [
                time(row.at),
                row.stage,
                row.outcome.unwrap_or_default(),
                row.reason.unwrap_or_default(),
                detail.map(|detail| detail.to_string()).unwrap_or_default(),
            ]
        });
        cx.out
            .table(["at", "stage", "outcome", "reason", "detail"], rows);
        Ok(())
    }
}
