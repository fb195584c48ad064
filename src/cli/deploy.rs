//! `waypost deploy`: definitions into the database.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use crate::app::{AppError, AppResult, definitions, deploy::Deployed};

/// Creates or updates workflows by their id, all files or none.
///
/// A new version is made only where a definition differs. Running executions stay on their version.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost deploy examples/*.json --publish")]
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
    /// What becomes of running executions
    #[arg(long, value_enum, default_value_t = InFlight::Pin, value_name = "WHAT")]
    in_flight: InFlight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InFlight {
    /// They finish on the version they began with
    Pin,
    /// They move to the new version
    Migrate,
    /// The old version enrols no more; the new one begins once it is empty
    Drain,
}

impl Deploy {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        if self.in_flight != InFlight::Pin {
            return Err(AppError::usage(
                "running executions can only stay on their version so far: leave --in-flight out, or say pin",
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
        let done = if self.plan {
            waypost.deploy_plan(&checked, self.publish).await?
        } else {
            waypost.deploy(&checked, self.publish).await?
        };
        cx.out.value(&done);
        for one in &done {
            cx.out.line(sentence(one, self.plan));
            for live in one.pinned.iter().filter(|live| live.version != one.version) {
                let step = if live.step.is_empty() {
                    "(not begun)"
                } else {
                    &live.step
                };
                let (n, version) = (live.executions, live.version);
                cx.out.line(format!(
                    "  {n} executions stay on version {version} at {step}"
                ));
            }
        }
        Ok(())
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
