//! `waypost tenants`: list and create.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{context::Context, output::time};
use crate::app::AppResult;

/// Tenants: every row belongs to one.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost tenants list")]
pub(super) struct Tenants {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every tenant
    #[command(after_help = "Example: waypost tenants list --json")]
    List,
    /// A new one (needs the login that owns the schema)
    #[command(after_help = "Example: waypost tenants create acme --timezone Europe/Berlin")]
    Create {
        /// Letters, digits, `-`, `_` and `.`
        name: String,
        /// Where its days begin
        #[arg(long, default_value = "UTC", value_name = "ZONE")]
        timezone: String,
    },
}

impl Tenants {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        match self.verb {
            Verb::List => {
                let rows = waypost.tenants().await?;
                cx.out.value(&rows);
                let rows = rows.into_iter().map(|row| {
                    [
                        row.name,
                        row.timezone,
                        time(row.clock),
                        time(Some(row.created_at)),
                    ]
                });
                cx.out.table(["name", "timezone", "clock", "created"], rows);
            }
            Verb::Create { name, timezone } => {
                waypost.create_tenant(&name, &timezone).await?;
                cx.out.value(&json!({ "name": name, "timezone": timezone }));
                cx.out.line(format!("created the tenant {name}"));
            }
        }
        Ok(())
    }
}
