//! `waypost backtest`: a definition over the events that really happened.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;

use super::context::Context;
use crate::app::{
    AppResult,
    backtest::{Outcome, Past},
    definitions, simulate,
};

/// Runs a workflow, or a new definition of it, over the stored event log: nothing is sent or changed.
///
/// With --json one object a line in time order, and a last line {"summary": ..., "lacking": [...],
/// "approximated": [...]}.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost backtest abandoned-cart-recovery --from 2026-03-01T00:00:00Z --until 2026-04-01T00:00:00Z --compare"
)]
pub(super) struct Backtest {
    /// The workflow's id
    workflow: String,
    /// Start of the window (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: DateTime<Utc>,
    /// End of the window, itself not in it (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: DateTime<Utc>,
    /// Another definition of the workflow [default: the published one]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How outside actions end [default: well and empty]
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Hold it against what really happened
    #[arg(long)]
    compare: bool,
}

impl Backtest {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let file = match &self.file {
            Some(file) => definitions::check_files(std::slice::from_ref(file))?.pop(),
            None => None,
        };
        for finding in file.iter().flat_map(|file| &file.findings.list) {
            eprintln!("{finding}");
        }
        let past = Past {
            workflow: self.workflow,
            file,
            from: self.from,
            until: self.until,
            results: simulate::read_results(self.results.as_deref())?,
            compare: self.compare,
        };
        let out = cx.out;
        let waypost = cx.open().await?;
        let done = waypost
            .backtest(past, |row| {
                out.value(&row);
                let step = row.step_id.as_deref().unwrap_or("-");
                let (at, contact, event) = (&row.at, &row.contact_id, row.event);
                out.line(format!("{at} {contact} {event} {step}"));
            })
            .await?;
        out.value(&done);
        if !out.json {
            for_people(cx, &done);
        }
        Ok(())
    }
}

fn for_people(cx: &Context, done: &Outcome) {
    let out = cx.out;
    out.line("");
    if let Ok(serde_json::Value::Object(figures)) = serde_json::to_value(&done.summary) {
        let rows = figures
            .iter()
            .map(|(name, n)| [name.clone(), n.to_string()]);
        out.table(["", ""], rows);
    }
    out.line(format!(
        "{} events of {} contacts",
        done.events, done.contacts
    ));
    if !done.lacking.is_empty() {
        let lacking = done.lacking.join(", ");
        out.line(format!("the log has none of: {lacking}"));
    }
    for line in &done.approximated {
        out.line(format!("approximated: {line}"));
    }
    if let Some(found) = &done.comparison {
        out.line(format!(
            "really: {} the same way, {} another way, {} not in the backtest, {} only in it",
            found.same, found.different, found.only_real, found.only_backtest
        ));
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let rows = found.examples.iter().map(|one| {
            let id = one.execution_id.to_string();
            [
                id,
                one.contact_id.to_string(),
                or(&one.real),
                or(&one.backtest),
            ]
        });
        if !found.examples.is_empty() {
            out.table(["execution", "contact", "really", "backtest"], rows);
        }
    }
}
