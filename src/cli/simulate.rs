//! `waypost simulate`: the same machine on a virtual clock.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::app::{
    AppResult, definitions,
    simulate::{World, simulate},
};

/// Runs a definition over contacts and events from files: no database, a virtual clock, nothing is sent.
///
/// With --json one object a line in time order, and a last line {"summary": ...}.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost simulate examples/abandoned-cart.json --contacts contacts.jsonl --events events.jsonl --json"
)]
pub(super) struct Simulate {
    /// The definition (JSON or YAML)
    file: PathBuf,
    /// More definitions: those that it enrols into, or that hear the same events
    #[arg(long, value_name = "FILE", num_args = 1..)]
    with: Vec<PathBuf>,
    /// One contact a line: {"id": "...", ...fields}
    #[arg(long, value_name = "FILE")]
    contacts: PathBuf,
    /// One event a line: {"type", "contact_id", "occurred_at", "data", "set"}
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// How outside actions end [default: well and empty]
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Who is on a suppression list: {"kind", "value", "list"}
    #[arg(long, value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// Start of the window (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime<Utc>>,
    /// End of the window, itself not in it (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// Other random choices; 0: those of production
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

impl Simulate {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let mut files = vec![self.file];
        files.extend(self.with);
        let all = definitions::check_files(&files)?;
        let Some((checked, with)) = all.split_first() else {
            return Ok(());
        };
        for finding in all.iter().flat_map(|checked| &checked.findings.list) {
            eprintln!("{finding}");
        }
        let world = World {
            contacts: self.contacts,
            events: self.events,
            results: self.results,
            suppressions: self.suppressions,
            from: self.from,
            until: self.until,
            seed: self.seed,
            tenant: cx.settings()?.tenant,
        };
        let out = cx.out;
        let summary = tokio::task::block_in_place(|| {
            simulate(checked, with, &world, |row| {
                out.value(&row);
                let step = row.step_id.as_deref().unwrap_or("-");
                out.line(format!(
                    "{} {} {} {step}",
                    row.at, row.contact_id, row.event
                ));
            })
        })?;
        out.value(&json!({ "summary": summary }));
        if let Ok(serde_json::Value::Object(figures)) = serde_json::to_value(&summary) {
            out.line("");
            out.table(
                ["", ""],
                figures
                    .iter()
                    .map(|(name, n)| [name.clone(), n.to_string()]),
            );
        }
        Ok(())
    }
}
