//! `waypost migrate`: brings the database to this version.

use clap::Args;
use serde_json::json;

use super::{context::Context, progress::Line};
use crate::app::{AppResult, Schema};

/// Brings the database to this version: roles, tables, functions, views and the reference CRM.
///
/// Safe to run from many processes at once, and again.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost migrate --plan")]
pub(super) struct Migrate {
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
    /// Leave out the reference CRM (schema crm)
    #[arg(long)]
    no_crm: bool,
}

impl Migrate {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open_with(cx.settings()?, Schema::Any).await?;
        let report = if self.plan {
            waypost.migration_plan(!self.no_crm).await?
        } else {
            let line = Line::new();
            waypost
                .migrate(!self.no_crm, &|text| line.say(text))
                .await?
        };
        cx.out.value(&json!({
            "migrations": report.migrations,
            "objects": report.objects,
            "isolated": report.isolated,
            "applied": !self.plan,
        }));
        let verb = if self.plan { "would be" } else { "were" };
        for name in &report.migrations {
            cx.out.line(name);
        }
        if report.is_empty() {
            cx.out.line("the database is at this version");
        } else {
            cx.out.line(format!(
                "{} migrations and {} functions and views {verb} installed",
                report.migrations.len(),
                report.objects.len()
            ));
        }
        if !self.plan && !report.isolated {
            eprintln!(
                "warning: this login may neither create nor join the roles waypost_*, so row security does not keep tenants apart; \
                 run migrate first as a login with CREATEROLE, or have the login that made them grant them to this one"
            );
        }
        Ok(())
    }
}
