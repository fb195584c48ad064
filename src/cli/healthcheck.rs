//! `waypost healthcheck`: for containers and scripts.

use clap::Args;

use super::context::Context;
use crate::app::{AppError, AppResult, Schema};

/// Is the database there and migrated? Exit code 0: yes, 1: not migrated, 3: unreachable.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost healthcheck")]
pub(super) struct Healthcheck {}

impl Healthcheck {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open_with(cx.settings()?, Schema::Any).await?;
        let readiness = waypost.readiness().await;
        cx.out.value(&readiness);
        if let Some(problem) = readiness.problem {
            return Err(AppError::Unreachable(problem));
        }
        if !readiness.migrated {
            return Err(AppError::no(format!(
                "schema version {}, this binary needs {}: run `waypost migrate`",
                readiness.version, readiness.expected
            )));
        }
        cx.out.line(if readiness.isolated {
            "ok"
        } else {
            "ok, but tenants are not isolated"
        });
        Ok(())
    }
}
