//! `waypost worker`: the background loops.

use clap::Args;

use super::{context::Context, signals::stop_on_signal};
use crate::app::{AppResult, Schema, Settings, worker::Role};

/// Runs the background loops until SIGTERM or Ctrl-C, then drains. Any number of processes may.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost worker --roles match,run --concurrency 10")]
pub(super) struct Worker {
    /// What this process does
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "match,run,dispatch,schedule,janitor"
    )]
    roles: Vec<Role>,
    /// Concurrent sends of one dispatcher [env: WAYPOST_CONCURRENCY]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: Option<u16>,
}

impl Worker {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let mut flags = cx.flags();
        flags.concurrency = self.concurrency.map(usize::from);
        let waypost = cx
            .open_with(Settings::read(&flags)?, Schema::Current)
            .await?;
        let stop = stop_on_signal();
        let worker = waypost.start_worker(&self.roles)?;
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        eprintln!("working: {}", roles.join(", "));
        stop.cancelled().await;
        worker.stop().await;
        Ok(())
    }
}
