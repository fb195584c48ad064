//! `waypost catalog`: what workflows are made of.

use clap::Args;
use serde_json::Value;

use super::context::Context;
use crate::app::{AppResult, definitions};

/// Every trigger, action, operator, wait type and template filter.
///
/// With --json also their documentation and the JSON Schema of their config.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost catalog --json")]
pub(super) struct Catalog {}

impl Catalog {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let catalog = definitions::catalog();
        cx.out.value(&catalog);
        for part in ["triggers", "actions", "operators", "waits", "filters"] {
            let rows = catalog[part].as_array().into_iter().flatten().map(|row| {
                let name = row["type"]
                    .as_str()
                    .or(row["name"].as_str())
                    .unwrap_or_default();
                [name.to_owned(), about(row)]
            });
            cx.out.table([part, ""], rows);
            cx.out.line("");
        }
        Ok(())
    }
}

/// The title, or the first line of the documentation.
fn about(row: &Value) -> String {
    let text = row["title"]
        .as_str()
        .or(row["docs"].as_str())
        .unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
