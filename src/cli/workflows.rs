//! `waypost workflows`: list, show, compare versions, publish an old one anew, pause, resume, archive.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    context::Context,
    in_flight::{self, InFlightArgs, Kind},
    output::time,
    progress::Count,
};
use crate::{
    app::{
        AppResult, Waypost,
        deploy::Deployed,
        versions::diff::{Change, Field, Kind as ChangeKind},
    },
    model::workflow::WorkflowStatus,
};

/// Workflows and their versions. A version never changes; running executions keep theirs.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost workflows list")]
pub(super) struct Workflows {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All of them, with how many executions run
    #[command(after_help = "Example: waypost workflows list --json")]
    List,
    /// One with its versions and its definition
    #[command(after_help = "Example: waypost workflows show abandoned-cart-recovery")]
    Show {
        /// Its id
        id: String,
    },
    /// Its versions, newest first
    #[command(after_help = "Example: waypost workflows versions abandoned-cart-recovery")]
    Versions {
        /// Its id
        id: String,
    },
    /// What differs between two versions
    #[command(
        after_help = "Example: waypost workflows diff abandoned-cart-recovery --from 1 --to 2"
    )]
    Diff {
        /// Its id
        id: String,
        /// The older version [default: the published one, or the one before]
        #[arg(long, value_name = "VERSION")]
        from: Option<i32>,
        /// The newer version [default: the latest]
        #[arg(long, value_name = "VERSION")]
        to: Option<i32>,
    },
    /// Publish the latest version
    #[command(after_help = "Example: waypost workflows publish abandoned-cart-recovery")]
    Publish {
        /// Its id
        id: String,
        #[command(flatten)]
        in_flight: InFlightArgs,
    },
    /// Publish a copy of an old version as a new one
    #[command(
        after_help = "Example: waypost workflows restore abandoned-cart-recovery --version 1"
    )]
    Restore {
        /// Its id
        id: String,
        /// The old version
        #[arg(long, value_name = "VERSION")]
        version: i32,
        #[command(flatten)]
        in_flight: InFlightArgs,
    },
    /// Hold its executions at their next step; none enrol
    #[command(after_help = "Example: waypost workflows pause abandoned-cart-recovery")]
    Pause {
        /// Its id
        id: String,
    },
    /// Let a paused or archived one run and enrol again
    #[command(after_help = "Example: waypost workflows resume abandoned-cart-recovery")]
    Resume {
        /// Its id
        id: String,
    },
    /// Let its executions finish; none enrol
    #[command(after_help = "Example: waypost workflows archive abandoned-cart-recovery")]
    Archive {
        /// Its id
        id: String,
    },
}

impl Workflows {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        match self.verb {
            Verb::List => list(cx, &waypost).await,
            Verb::Show { id } => show(cx, &waypost, &id).await,
            Verb::Versions { id } => versions(cx, &waypost, &id).await,
            Verb::Diff { id, from, to } => diff(cx, &waypost, &id, from, to).await,
            Verb::Publish { id, in_flight } => {
                in_flight.insist_on_use(false)?;
                let done = waypost.publish_latest(&id, &in_flight.read()?).await?;
                published(cx, &waypost, &done, &in_flight).await
            }
            Verb::Restore {
                id,
                version,
                in_flight,
            } => {
                in_flight.insist_on_use(false)?;
                let done = waypost.restore(&id, version, &in_flight.read()?).await?;
                published(cx, &waypost, &done, &in_flight).await
            }
            Verb::Pause { id } => status(cx, &waypost, &id, WorkflowStatus::Paused).await,
            Verb::Resume { id } => status(cx, &waypost, &id, WorkflowStatus::Active).await,
            Verb::Archive { id } => status(cx, &waypost, &id, WorkflowStatus::Archived).await,
        }
    }
}

async fn list(cx: &Context, waypost: &Waypost) -> AppResult<()> {
    let rows = waypost.workflows().await?;
    cx.out.value(&rows);
    let rows = rows.into_iter().map(|row| {
        let number = |n: Option<i32>| n.map(|n| n.to_string()).unwrap_or_default();
        [
            row.id,
            row.status,
            number(row.published),
            number(row.latest),
            row.live.to_string(),
            row.on_older.to_string(),
            time(Some(row.updated_at)),
        ]
    });
    cx.out.table(
        [
            "workflow",
            "status",
            "published",
            "latest",
            "running",
            "on other versions",
            "changed",
        ],
        rows,
    );
    Ok(())
}

async fn show(cx: &Context, waypost: &Waypost, id: &str) -> AppResult<()> {
    let shown = waypost.workflow(id).await?;
    cx.out.value(&shown);
    let summary = &shown.summary;
    cx.out.line(format!(
        "{}: {}, {} executions run",
        summary.id, summary.status, summary.live
    ));
    if summary.on_older > 0 {
        cx.out.line(format!(
            "{} of them on other versions than the published one",
            summary.on_older
        ));
    }
    version_table(cx, &shown.versions);
    if let (Some(definition), false) = (&shown.definition, cx.out.json) {
        cx.out.document(definition);
    }
    Ok(())
}

async fn versions(cx: &Context, waypost: &Waypost, id: &str) -> AppResult<()> {
    let shown = waypost.workflow(id).await?;
    cx.out.value(&shown.versions);
    version_table(cx, &shown.versions);
    Ok(())
}

fn version_table(cx: &Context, rows: &[crate::app::versions::VersionSummary]) {
    let rows = rows.iter().map(|row| {
        let state = match (row.published, row.published_at) {
            (true, _) => "published",
            (false, Some(_)) => "was published",
            (false, None) => "draft",
        };
        [
            row.version.to_string(),
            state.to_owned(),
            row.steps.to_string(),
            row.live.to_string(),
            time(Some(row.created_at)),
            time(row.published_at),
        ]
    });
    cx.out.table(
        [
            "version",
            "state",
            "steps",
            "running",
            "deployed",
            "published",
        ],
        rows,
    );
}

async fn diff(
    cx: &Context,
    waypost: &Waypost,
    id: &str,
    from: Option<i32>,
    to: Option<i32>,
) -> AppResult<()> {
    let diff = waypost.diff_versions(id, from, to).await?;
    cx.out.value(&diff);
    cx.out
        .line(format!("{id}: version {} to {}", diff.from, diff.to));
    if diff.changes.is_empty() {
        cx.out.line("  nothing differs");
    }
    for change in &diff.changes {
        for line in told(change) {
            cx.out.line(format!("  {line}"));
        }
    }
    Ok(())
}

/// One difference in words.
fn told(change: &Change) -> Vec<String> {
    let Change {
        what, id, fields, ..
    } = change;
    match change.change {
        ChangeKind::Added if fields.is_empty() => vec![format!("{what} {id} added")],
        ChangeKind::Removed if fields.is_empty() => vec![format!("{what} {id} removed")],
        ChangeKind::Moved => vec![format!("{what} {id} moved")],
        _ if *what == "setting" => fields
            .iter()
            .map(|field| format!("{what} {}", side_by_side(field)))
            .collect(),
        _ => {
            let mut lines = vec![format!("{what} {id} changed")];
            let fields = fields.iter();
            lines.extend(fields.map(|field| format!("  {}", side_by_side(field))));
            lines
        }
    }
}

fn side_by_side(field: &Field) -> String {
    let short = |value: &Option<Value>| match value {
        Some(value) => value.to_string(),
        None => "(none)".to_owned(),
    };
    format!(
        "{}: {} \u{2192} {}",
        field.path,
        short(&field.old),
        short(&field.new)
    )
}

async fn published(
    cx: &Context,
    waypost: &Waypost,
    done: &Deployed,
    args: &InFlightArgs,
) -> AppResult<()> {
    cx.out.value(done);
    in_flight::print(cx, done, false);
    if args.is(Kind::Drain) {
        in_flight::drained(cx, waypost, &[&done.workflow]).await?;
    }
    Ok(())
}

async fn status(
    cx: &Context,
    waypost: &Waypost,
    id: &str,
    status: WorkflowStatus,
) -> AppResult<()> {
    let count = Count::new("executions let go", None);
    let done = waypost
        .set_workflow_status(id, status, &|n| count.at(n))
        .await?;
    drop(count);
    cx.out.value(&done);
    let (before, now) = (done.before, done.status);
    cx.out.line(match before == now {
        true => format!("{id}: {now} already"),
        false => format!("{id}: {now} (it was {before})"),
    });
    if done.released > 0 {
        cx.out.line(format!("  {} executions go on", done.released));
    }
    Ok(())
}
