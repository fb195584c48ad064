//! `waypost bench`: figures of the real engine on the given database.

use std::time::Duration;

use clap::Args;

use super::{context::Context, progress::Line};
use crate::app::{
    AppResult, Schema,
    bench::{Figures, Plan},
};

/// Enrols executions with no worker running, drains them, then measures the latency from trigger to first step.
///
/// Everything a user would have on is on: row security, uniqueness, a goal that reads the contact, history,
/// partitions. The tenant is a new one each time. WAL is counted from the first enrolment to the last drain.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost bench --executions 60000 --steps 5 --json")]
pub(super) struct Bench {
    /// Executions to enrol and drain
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    executions: u32,
    /// Pure steps of each
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=400))]
    steps: u32,
    /// Outbox dispatches of each, to a sink in this process
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    effects: u32,
    /// Policy of the dispatches
    #[arg(long, default_value = "dedupe", value_parser = ["dedupe", "hold", "retry"])]
    policy: String,
    /// Concurrent advance transactions
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Parked executions that stand beside
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=20_000_000))]
    waiting: u32,
    /// Triggers a second for the latency; 0 leaves it out
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    latency_rate: u32,
    /// A commit for every step
    #[arg(long)]
    no_fuse: bool,
}

impl Bench {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let mut settings = cx.settings()?;
        if !settings.tenant_named {
            settings.tenant = format!("bench-{}", uuid::Uuid::new_v4().simple());
        }
        let line = Line::new();
        let waypost = cx.open_with(settings, Schema::Any).await?;
        waypost.migrate(true, &|text| line.say(text)).await?;
        let plan = Plan {
            executions: self.executions,
            steps: self.steps,
            effects: self.effects,
            policy: self.policy,
            workers: self.workers,
            waiting: self.waiting,
            latency_rate: self.latency_rate,
            latency_for: Duration::from_secs(10),
            no_fuse: self.no_fuse,
        };
        let figures = waypost.bench(&plan, &|text| line.say(text)).await?;
        drop(line);
        cx.out.table(["what", "figure"], rows(&figures));
        cx.out.value(&figures);
        Ok(())
    }
}

fn rows(figures: &Figures) -> Vec<[String; 2]> {
    let mut rows = vec![
        [
            "enrolled a second".to_owned(),
            format!("{:.0}", figures.enroll_per_s),
        ],
        [
            "executions a second".to_owned(),
            format!("{:.0}", figures.executions_per_s),
        ],
        [
            "steps a second".to_owned(),
            format!("{:.0}", figures.steps_per_s),
        ],
        [
            "dispatches a second".to_owned(),
            format!("{:.0}", figures.dispatches_per_s),
        ],
        [
            "WAL an execution".to_owned(),
            format!("{:.0} bytes", figures.wal_bytes_per_execution),
        ],
        [
            "write transactions an execution".to_owned(),
            format!("{:.4}", figures.transactions_per_execution),
        ],
    ];
    if let Some(latency) = &figures.latency_ms {
        rows.push([
            "trigger to first step, p50 / p95 / p99".into(),
            format!("{} / {} / {} ms", latency.p50, latency.p95, latency.p99),
        ]);
    }
    rows.push(["PostgreSQL".into(), figures.postgres.clone()]);
    rows
}
