//! `waypost outbox`: what was to happen outside.

use clap::{Args, Subcommand, ValueEnum, builder::PossibleValuesParser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::context::Context;
use crate::app::{AppResult, outbox::STATUSES};

/// The outbox: what was to happen outside, open and ended.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost outbox list --status unknown")]
pub(super) struct Outbox {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A page of rows, newest first
    #[command(after_help = "Example: waypost outbox list --status unknown --limit 20")]
    List {
        /// In this status
        #[arg(long, value_parser = PossibleValuesParser::new(STATUSES))]
        status: Option<String>,
        /// Of this workflow
        #[arg(long)]
        workflow: Option<String>,
        /// Rows of the page, at most 1,000
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// `next` of the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// One row with its request and its attempts
    #[command(after_help = "Example: waypost outbox show 0190b5a8-0000-8000-8000-000000000001")]
    Show {
        /// Its id
        id: Uuid,
    },
    /// Settle a row whose outcome is unknown
    #[command(
        after_help = "Example: waypost outbox resolve 0190b5a8-0000-8000-8000-000000000001 --as sent"
    )]
    Resolve {
        /// Its id
        id: Uuid,
        /// What became of it, as you found out
        #[arg(long = "as", value_name = "OUTCOME")]
        outcome: Outcome,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Outcome {
    /// It happened
    Sent,
    /// It did not
    Failed,
}

impl Outbox {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.verb {
            Verb::List {
                status,
                workflow,
                limit,
                cursor,
            } => {
                let page = waypost
                    .outbox(
                        status.as_deref(),
                        workflow.as_deref(),
                        cursor.as_deref(),
                        limit,
                    )
                    .await?;
                cx.out.value(&page);
                let fields = [
                    "id", "workflow", "step_id", "action", "policy", "status", "attempts", "error",
                ];
                cx.out.table(
                    fields,
                    page.outbox.iter().map(|row| fields.map(|f| text(&row[f]))),
                );
                if let Some(next) = page.next {
                    cx.out.line(format!("more: --cursor {next}"));
                }
            }
            Verb::Show { id } => {
                let row = waypost.outbox_row(id).await?;
                cx.out.value(&row);
                for (field, value) in row.as_object().into_iter().flatten() {
                    if field != "attempt_log" {
                        cx.out.line(format!("{field:<17} {}", text(value)));
                    }
                }
                let fields = ["fence", "claimed_at", "at", "verdict", "error"];
                let attempts = row["attempt_log"].as_array().cloned().unwrap_or_default();
                cx.out.table(
                    fields,
                    attempts.iter().map(|row| fields.map(|f| text(&row[f]))),
                );
            }
            Verb::Resolve { id, outcome } => {
                waypost.resolve(id, outcome == Outcome::Sent).await?;
                let word = if outcome == Outcome::Sent {
                    "sent"
                } else {
                    "failed"
                };
                cx.out.value(&json!({ "id": id, "status": word }));
                cx.out.line(word);
            }
        }
        Ok(())
    }
}
