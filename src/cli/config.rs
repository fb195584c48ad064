//! `waypost config`: effective settings.

use clap::Args;

use super::context::Context;
use crate::app::AppResult;

/// Effective settings and where each came from: flag, environment or default. Secrets are shown as ***.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost config")]
pub(super) struct Config {}

impl Config {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let settings = cx.settings()?;
        cx.out.value(&settings.lines);
        let rows = settings.lines.iter().map(|line| {
            let origin = format!("{:?}", line.origin).to_lowercase();
            [line.name.to_owned(), line.value.clone(), origin]
        });
        cx.out.table(["setting", "value", "from"], rows);
        Ok(())
    }
}
