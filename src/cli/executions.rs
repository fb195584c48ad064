//! `waypost executions`: list, show, and what an operator can tell them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{context::Context, output::time, progress::Count};
use crate::app::{
    AppError, AppResult,
    bulk::Bulk,
    executions::{Filter, Order, Status, status},
};

/// Executions: one contact's way through one workflow.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost executions list --status waiting")]
pub(super) struct Executions {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A page of them, newest first
    #[command(
        after_help = "Example: waypost executions list --workflow abandoned-cart --status failed"
    )]
    List(List),
    /// One with its state, its timeline and what it sent
    #[command(after_help = "Example: waypost executions show 0190b5a8-0000-8000-8000-000000000001")]
    Show {
        /// Its id
        id: Uuid,
    },
    /// End it, or all that a filter finds
    #[command(
        after_help = "Example: waypost executions cancel --workflow abandoned-cart --dry-run"
    )]
    Cancel {
        #[command(flatten)]
        which: Which,
        /// Kept as the reason
        #[arg(long, default_value = "cancelled")]
        reason: String,
    },
    /// Hold it until it is resumed
    #[command(after_help = "Example: waypost executions pause --workflow abandoned-cart")]
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Let a paused one go on
    #[command(after_help = "Example: waypost executions resume --workflow abandoned-cart")]
    Resume {
        #[command(flatten)]
        which: Which,
    },
    /// Try the failed step, or the one named, again
    #[command(
        after_help = "Example: waypost executions retry --workflow abandoned-cart --status failed"
    )]
    Retry {
        #[command(flatten)]
        which: Which,
        /// The step to try [default: the one that failed]
        #[arg(long, value_name = "STEP")]
        at: Option<String>,
        /// Although what the step sent earlier is not settled: it may be sent twice
        #[arg(long)]
        force: bool,
    },
    /// End its waits now
    #[command(
        after_help = "Example: waypost executions skip-wait 0190b5a8-0000-8000-8000-000000000001"
    )]
    SkipWait {
        #[command(flatten)]
        which: Which,
    },
    /// Approve or reject what its manual review asks
    #[command(
        after_help = "Example: waypost executions review 0190b5a8-0000-8000-8000-000000000001 --approve --note 'seen by Ida'"
    )]
    Review {
        #[command(flatten)]
        which: Which,
        /// The step that asks [default: every review of it that is open]
        #[arg(long, value_name = "STEP")]
        at: Option<String>,
        /// It may go on
        #[arg(long, required_unless_present = "reject", conflicts_with = "reject")]
        approve: bool,
        /// It may not
        #[arg(long)]
        reject: bool,
        /// Kept in the history
        #[arg(long)]
        note: Option<String>,
    },
    /// Make it stand on another step
    #[command(
        after_help = "Example: waypost executions move 0190b5a8-0000-8000-8000-000000000001 --to send-discount"
    )]
    Move {
        #[command(flatten)]
        which: Which,
        /// The step
        #[arg(long, value_name = "STEP")]
        to: String,
        /// Although what the step sent earlier is not settled: it may be sent twice
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    filter: Filters,
    /// Rows of the page, at most 1,000
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// `next` of the page before
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct Filters {
    /// Of this workflow
    #[arg(long)]
    workflow: Option<String>,
    /// In this status; several by commas
    #[arg(long, value_delimiter = ',', value_parser = status)]
    status: Vec<Status>,
    /// Of this contact
    #[arg(long, value_name = "ID")]
    contact: Option<Uuid>,
    /// Standing on this step
    #[arg(long)]
    step: Option<String>,
}

impl Filters {
    fn into_filter(self) -> Filter {
        Filter {
            workflow: self.workflow,
            statuses: self.status,
            contact: self.contact,
            step: self.step,
        }
    }

    fn is_empty(&self) -> bool {
        self.workflow.is_none()
            && self.status.is_empty()
            && self.contact.is_none()
            && self.step.is_none()
    }
}

/// One execution by its id, or all that a filter finds.
#[derive(Debug, Args)]
struct Which {
    /// Its id; leave it out and give a filter for many
    #[arg(conflicts_with_all = ["workflow", "status", "contact", "step", "dry_run"])]
    id: Option<Uuid>,
    #[command(flatten)]
    filter: Filters,
    /// Only count those that the filter finds
    #[arg(long)]
    dry_run: bool,
}

impl Executions {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        match self.verb {
            Verb::List(list) => list.run(cx).await,
            Verb::Show { id } => show(cx, id).await,
            Verb::Cancel { which, reason } => which.give(cx, Order::Cancel { reason }).await,
            Verb::Pause { which } => which.give(cx, Order::Pause).await,
            Verb::Resume { which } => which.give(cx, Order::Resume).await,
            Verb::SkipWait { which } => which.give(cx, Order::SkipWait).await,
            Verb::Retry { which, at, force } => {
                which.give(cx, Order::Retry { step: at, force }).await
            }
            Verb::Review {
                which,
                at,
                approve,
                reject: _,
                note,
            } => {
                let order = Order::Review {
                    step: at,
                    approve,
                    note,
                };
                which.give(cx, order).await
            }
            Verb::Move { which, to, force } => {
                which.give(cx, Order::Move { step: to, force }).await
            }
        }
    }
}

impl List {
    async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        let filter = self.filter.into_filter();
        let page = waypost
            .executions(&filter, self.cursor.as_deref(), self.limit)
            .await?;
        cx.out.value(&page);
        let rows = page.executions.into_iter().map(|row| {
            let status = match row.reason {
                Some(reason) => format!("{} ({reason})", row.status),
                None => row.status,
            };
            [
                row.id.to_string(),
                format!("{}:{}", row.workflow, row.version),
                row.contact_id.to_string(),
                status,
                row.step.unwrap_or_default(),
                time(Some(row.started_at)),
                time(row.ended_at.or(row.due_at)),
            ]
        });
        cx.out.table(
            [
                "id",
                "workflow",
                "contact",
                "status",
                "step",
                "started",
                "ended or due",
            ],
            rows,
        );
        if let Some(next) = page.next {
            cx.out.line(format!("more: --cursor {next}"));
        }
        Ok(())
    }
}

async fn show(cx: &Context, id: Uuid) -> AppResult<()> {
    let execution = cx.open().await?.execution(id).await?;
    cx.out.value(&execution);
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for field in [
        "id",
        "workflow",
        "version",
        "contact_id",
        "key",
        "status",
        "reason",
    ] {
        cx.out
            .line(format!("{field:<12} {}", text(&execution[field])));
    }
    for field in ["started_at", "due_at", "ended_at", "state", "context"] {
        cx.out
            .line(format!("{field:<12} {}", text(&execution[field])));
    }
    cx.out.line("");
    let rows = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let timeline = rows(&execution["timeline"]).into_iter().map(|row| {
        let step = if row["step_id"].is_null() {
            &row["goal_id"]
        } else {
            &row["step_id"]
        };
        [
            text(&row["seq"]),
            text(&row["at"]),
            text(&row["event"]),
            text(step),
            text(&row["result"]),
        ]
    });
    cx.out
        .table(["seq", "at", "event", "step", "result"], timeline);
    let sends = rows(&execution["outbox"]);
    if !sends.is_empty() {
        cx.out.line("");
        let sends = sends.into_iter().map(|row| {
            [
                "seq", "id", "action", "policy", "status", "attempts", "error",
            ]
            .map(|f| text(&row[f]))
        });
        cx.out.table(
            [
                "seq",
                "outbox id",
                "action",
                "policy",
                "status",
                "attempts",
                "error",
            ],
            sends,
        );
    }
    Ok(())
}

impl Which {
    async fn give(self, cx: &Context, order: Order) -> AppResult<()> {
        if let Some(id) = self.id {
            let status = cx.open().await?.order(id, &order).await?;
            cx.out.value(&json!({ "id": id, "status": status }));
            cx.out.line(status);
            return Ok(());
        }
        if self.filter.is_empty() {
            return Err(AppError::usage(
                "say which: an execution's id, or a filter such as --workflow or --status",
            ));
        }
        let waypost = cx.open().await?;
        let count = Count::new("executions", None);
        let filter = self.filter.into_filter();
        let done = waypost
            .order_many(&filter, &order, self.dry_run, &|n| count.at(n))
            .await?;
        drop(count);
        print_bulk(cx, order.verb(), &done);
        Ok(())
    }
}

/// What became of an order to many.
pub(super) fn print_bulk(cx: &Context, verb: &str, done: &Bulk) {
    cx.out.value(done);
    if done.dry_run {
        cx.out
            .line(format!("{verb} would reach {} executions", done.matched));
        return;
    }
    cx.out.line(format!(
        "{verb}: {} of {} executions, {} refused",
        done.changed, done.matched, done.refused
    ));
    for why in &done.refusals {
        cx.out.line(format!("  {why}"));
    }
    if let Some(batch) = done.batch {
        cx.out.line(format!("batch {batch}"));
    }
}
