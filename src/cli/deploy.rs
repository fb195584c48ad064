//! `waypost deploy`: definitions into the database.

use std::path::PathBuf;

use clap::Args;

use super::{
    context::Context,
    in_flight::{self, InFlightArgs, Kind},
};
use crate::{
    app::{AppError, AppResult, Waypost, definitions, definitions::Checked, versions::plan},
    model::workflow::WorkflowStatus,
};

/// Creates or updates workflows by their id, all files or none.
///
/// A new version is made only where a definition differs. Running executions stay on their version unless
/// they are told to move.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost deploy examples/*.json --publish\n\
                  Example: waypost deploy w.json --publish --in-flight migrate --map old-wait=new-wait --plan")]
pub(super) struct Deploy {
    /// Definitions (JSON or YAML); `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Make the versions the published ones: from now on they enrol
    #[arg(long)]
    publish: bool,
    /// Say what would happen to running executions and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    in_flight: InFlightArgs,
    /// With drain: nobody enrols until the older versions are empty; only then is the new one published
    #[arg(long)]
    after_drain: bool,
}

impl Deploy {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let in_flight = self.in_flight.read()?;
        self.in_flight.insist_on_use(self.plan)?;
        let drain = self.in_flight.is(Kind::Drain);
        if (drain || self.in_flight.is(Kind::Migrate)) && !self.publish {
            return Err(AppError::usage(
                "--in-flight migrate and drain belong to a version that is published: say --publish too",
            ));
        }
        if self.after_drain && !drain {
            return Err(AppError::usage(
                "--after-drain belongs to --in-flight drain",
            ));
        }
        let checked = definitions::check_files(&self.files)?;
        for file in &checked {
            for finding in &file.findings.list {
                eprintln!("{finding}");
            }
        }
        if checked.iter().any(|file| !file.is_valid()) {
            return Err(AppError::no("nothing was deployed"));
        }
        let waypost = cx.open().await?;
        for finding in waypost.doubts(&checked).await? {
            eprintln!("{finding}");
        }
        if self.plan {
            return self.plan(cx, &waypost, &checked).await;
        }
        if self.after_drain {
            empty_first(cx, &waypost, &checked).await?;
        }
        let done = waypost
            .deploy_in_flight(&checked, self.publish, &in_flight)
            .await?;
        cx.out.value(&done);
        for one in &done {
            in_flight::print(cx, one, false);
        }
        if drain && !self.after_drain {
            let ids: Vec<&str> = done.iter().map(|one| one.workflow.as_str()).collect();
            in_flight::drained(cx, &waypost, &ids).await?;
        }
        Ok(())
    }

    async fn plan(&self, cx: &Context, waypost: &Waypost, checked: &[Checked]) -> AppResult<()> {
        let map = self.in_flight.step_map()?;
        let planned = waypost.deploy_plan(checked, self.publish, &map).await?;
        cx.out.value(&planned);
        let force = self.in_flight.forced();
        let mut no = Vec::new();
        for one in &planned {
            in_flight::print(cx, one, true);
            if self.in_flight.is(Kind::Migrate) {
                no.extend(plan::objections(&one.workflow, &one.running, force));
            }
        }
        match no.is_empty() {
            true => Ok(()),
            false => Err(AppError::no(no.join("\n"))),
        }
    }
}

/// The versions are stored, nobody enrols any more, and all that runs comes to its end. Interrupted, the
/// workflows are archived: the same command again goes on from there.
async fn empty_first(cx: &Context, waypost: &Waypost, checked: &[Checked]) -> AppResult<()> {
    let stored = waypost.deploy(checked, false).await?;
    for one in &stored {
        let running: i64 = one.pinned.iter().map(|live| live.executions).sum();
        if running == 0 {
            continue;
        }
        if one.status == "active" {
            let archived = WorkflowStatus::Archived;
            waypost
                .set_workflow_status(&one.workflow, archived, &|_| ())
                .await?;
        }
        in_flight::emptied(cx, waypost, &one.workflow).await?;
    }
    Ok(())
}
