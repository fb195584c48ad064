//! What becomes of running executions: the options of `deploy` and `workflows restore`, and how it is told.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{context::Context, progress::Count};
use crate::app::{
    AppError, AppResult, Waypost,
    deploy::Deployed,
    versions::{
        WorkflowSummary,
        migrate::{Answer, InFlight, Moves, StepMap},
        plan::StepPlan,
    },
};

/// How often a drain looks again.
const LOOK: Duration = Duration::from_millis(500);

/// What becomes of running executions.
#[derive(Debug, Args)]
pub(super) struct InFlightArgs {
    /// What becomes of running executions
    #[arg(long, value_enum, default_value_t = Kind::Pin, value_name = "WHAT")]
    in_flight: Kind,
    /// Where those go that stand on a step which is gone: another step, exit (they end) or pin (they stay)
    #[arg(long, value_name = "OLD=NEW")]
    map: Vec<String>,
    /// Although what a step sent is not settled: its answer moves nothing any more
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// They finish on the version they began with
    Pin,
    /// They move to the new version, all or none
    Migrate,
    /// As pin; the command stays and tells how many are left, until none is
    Drain,
}

impl InFlightArgs {
    /// As the use cases take it.
    pub(super) fn read(&self) -> AppResult<InFlight> {
        let map = self.step_map()?;
        if self.in_flight == Kind::Migrate {
            let force = self.force;
            return Ok(InFlight::Migrate { map, force });
        }
        if self.force {
            return Err(AppError::usage("--force belongs to --in-flight migrate"));
        }
        Ok(InFlight::Pin)
    }

    /// The answers, also for a plan that asks what a migration would do.
    pub(super) fn step_map(&self) -> AppResult<StepMap> {
        let mut map = StepMap::new();
        for text in &self.map {
            let (old, new) = text
                .split_once('=')
                .filter(|(old, new)| !old.is_empty() && !new.is_empty())
                .ok_or_else(|| {
                    AppError::usage(format!(
                        "--map {text}: write OLD=NEW, where NEW is a step, exit or pin"
                    ))
                })?;
            if map.insert(old.to_owned(), Answer::read(new)).is_some() {
                return Err(AppError::usage(format!("--map {old}=... is given twice")));
            }
        }
        Ok(map)
    }

    pub(super) fn is(&self, kind: Kind) -> bool {
        self.in_flight == kind
    }

    /// `--force` was said.
    pub(super) fn forced(&self) -> bool {
        self.force
    }

    /// `--map` says nothing to those that stay where they are.
    pub(super) fn insist_on_use(&self, plan: bool) -> AppResult<()> {
        if !self.map.is_empty() && !plan && self.in_flight != Kind::Migrate {
            return Err(AppError::usage("--map belongs to --in-flight migrate"));
        }
        Ok(())
    }
}

/// Tells what became of a definition and its executions.
pub(super) fn print(cx: &Context, one: &Deployed, plan: bool) {
    cx.out.line(sentence(one, plan));
    if let Some(moves) = &one.moves {
        for line in moved(one, moves) {
            cx.out.line(line);
        }
    } else if plan && !one.running.is_empty() {
        table(cx, one);
    } else {
        for live in one.pinned.iter().filter(|live| live.version != one.version) {
            let step = match live.step.as_str() {
                "" => "(on no step)",
                step => step,
            };
            let (n, version) = (live.executions, live.version);
            cx.out.line(format!(
                "  {n} executions stay on version {version} at {step}"
            ));
        }
    }
}

fn sentence(one: &Deployed, plan: bool) -> String {
    let would = if plan { "would be " } else { "" };
    let Deployed {
        workflow,
        version,
        change,
        status,
        ..
    } = one;
    let published = if one.published {
        "published"
    } else {
        "not published"
    };
    format!("{workflow}: version {version} {would}{change}, {published}, {status}")
}

fn moved(one: &Deployed, moves: &Moves) -> Vec<String> {
    let (n, version, seconds) = (moves.moved, one.version, moves.seconds);
    let mut lines = vec![format!(
        "  {n} executions moved to version {version} in {seconds:.1} s"
    )];
    if moves.ended > 0 {
        lines.push(format!("  {} ended, as --map says", moves.ended));
    }
    if moves.stayed > 0 {
        lines.push(format!("  {} stay on their version", moves.stayed));
    }
    if let Some(batch) = moves.batch {
        lines.push(format!(
            "  back, for those that have made no step since: waypost undo {batch}"
        ));
    }
    lines
}

/// What moving would do, one row a step.
fn table(cx: &Context, one: &Deployed) {
    cx.out.line(format!(
        "running executions, if they moved to version {} (--in-flight migrate):",
        one.version
    ));
    let rows = one.running.iter().map(|row| {
        let answered = |row: &StepPlan| {
            let mut parts = Vec::new();
            for (n, word) in [
                (row.renewed, "begin another step"),
                (row.ended, "end"),
                (row.pinned, "stay"),
                (row.unanswered, "NEED AN ANSWER"),
                (row.unsettled, "have sent what is not settled"),
            ] {
                if n > 0 {
                    parts.push(format!("{n} {word}"));
                }
            }
            parts.join(", ")
        };
        [
            row.version.to_string(),
            row.step
                .clone()
                .unwrap_or_else(|| "(on no step)".to_owned()),
            row.executions.to_string(),
            row.keep.to_string(),
            row.retimed.to_string(),
            answered(row),
        ]
    });
    cx.out.table(
        [
            "version",
            "step",
            "executions",
            "keep",
            "re-timed",
            "others",
        ],
        rows,
    );
}

/// Waits until no execution of these workflows runs on an older version, and tells how many are left.
/// Interrupted, it leaves everything as it is.
pub(super) async fn drained(cx: &Context, waypost: &Waypost, workflows: &[&str]) -> AppResult<()> {
    for workflow in workflows {
        wait_for_none(waypost, workflow, |summary| summary.on_older).await?;
        cx.out.line(format!("{workflow}: drained"));
    }
    Ok(())
}

/// As [`drained`], for all executions of a workflow that enrols nobody.
pub(super) async fn emptied(cx: &Context, waypost: &Waypost, workflow: &str) -> AppResult<()> {
    wait_for_none(waypost, workflow, |summary| summary.live).await?;
    cx.out.line(format!("{workflow}: drained"));
    Ok(())
}

async fn wait_for_none(
    waypost: &Waypost,
    workflow: &str,
    of: impl Fn(&WorkflowSummary) -> i64,
) -> AppResult<()> {
    let count = Count::new("executions left", None);
    loop {
        let summary = waypost.workflow(workflow).await?.summary;
        let left = u64::try_from(of(&summary)).unwrap_or(0);
        count.at(left);
        if left == 0 {
            return Ok(());
        }
        if summary.status == "paused" {
            return Err(AppError::no(format!(
                "{workflow} is paused, so its {left} executions go nowhere: `waypost workflows resume {workflow}` lets them go on"
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}
