//! `waypost demo`: a shop's month in a minute, then its figures.

use std::{
    io::{IsTerminal, stderr},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;

use super::{context::Context, output::Output, progress::Line, signals::stop_on_signal};
use crate::{
    api,
    app::{
        AppError, AppResult, Schema, Waypost,
        demo::{
            self, MOST, Moment, Plan, Played, TENANT,
            results::{GoalRow, Report, StepRow, WorkflowRow},
            script,
        },
    },
};

/// Half hours between two plain lines: five virtual days.
const SAY_EVERY: u32 = 5 * script::SLOTS / script::DAYS;

/// Runs contacts through the three example workflows on an accelerated clock, and shows what became of them.
///
/// The clock of the tenant `demo` starts a month ago and ends now. Some buy, some do not, some cards are
/// refused; mails are captured, webhooks end in a sink in this process. What an earlier demo left is
/// removed first; other tenants are not touched.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost demo --contacts 500 --exit")]
pub(super) struct Demo {
    /// How many people
    #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    contacts: u32,
    /// Who they are and what they do follows from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Where the status page and the API are afterwards
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Stop when the results are printed
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let mut settings = cx.settings()?;
        if !settings.tenant_named {
            TENANT.clone_into(&mut settings.tenant);
        }
        self.announce(cx.out, &settings.tenant);
        let listener = if self.exit {
            None
        } else {
            Some(bind(self.listen).await?)
        };
        let waypost = cx.open_with(settings, Schema::Any).await?;
        {
            let line = Line::new();
            line.say(&format!(
                "bringing {} to this version",
                waypost.settings.database.shown()
            ));
            waypost.migrate(true, &|text| line.say(text)).await?;
        }
        let played = {
            let show = Show::new();
            let plan = Plan {
                contacts: self.contacts,
                seed: self.seed,
            };
            demo::play(&waypost, plan, &|moment| show.tell(&moment)).await?
        };
        print(cx.out, &played.report);
        cx.out.value(&played.report.summary);
        played.report.verdict()?;
        match listener {
            Some(listener) => stay(waypost, played, listener).await,
            None => Ok(()),
        }
    }

    /// What is about to be done, before anything slow is.
    fn announce(&self, out: Output, tenant: &str) {
        let text = format!(
            "waypost demo: {} contacts through three workflows, {} days in about a minute, in the tenant {tenant}",
            self.contacts,
            script::DAYS
        );
        if out.json {
            eprintln!("{text}")
        } else {
            out.line(text)
        }
    }
}

/// The address, taken before the demo: that it cannot be had is better known at once.
async fn bind(address: SocketAddr) -> AppResult<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        AppError::no(format!(
            "cannot listen on {address}: {error}; name another --listen, or stop after the results with --exit"
        ))
    })
}

/// Serves HTTP and keeps the tenant's clock going, until Ctrl-C or SIGTERM.
async fn stay(waypost: Waypost, mut played: Played, listener: TcpListener) -> AppResult<()> {
    if let Ok(address) = listener.local_addr() {
        eprintln!("serving http://{address}; the demo's tenant lives on until Ctrl-C");
    }
    let stop = stop_on_signal();
    let serving = async {
        let served = api::serve(Arc::new(waypost), listener, stop.clone().cancelled_owned()).await;
        stop.cancel();
        served
    };
    let living = async {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = seconds.tick() => {
                    // The next second tries again.
                    if let Err(error) = played.tick().await {
                        tracing::warn!(error = %error.class(), "the demo's clock was not moved");
                    }
                }
            }
        }
    };
    tokio::join!(serving, living).0
}

/// How it goes on: a bar on a terminal, else a line now and then.
struct Show {
    bar: Option<ProgressBar>,
    said: AtomicU32,
}

impl Show {
    fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {elapsed}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(u64::from(script::SLOTS)).with_style(style)
        });
        Self {
            bar,
            said: AtomicU32::new(0),
        }
    }

    fn tell(&self, moment: &Moment<'_>) {
        match (moment, &self.bar) {
            (Moment::Doing(text), Some(bar)) => bar.set_message((*text).to_owned()),
            (Moment::Doing(text), None) => eprintln!("{text}"),
            (Moment::Clock { at, slot }, Some(bar)) => {
                bar.set_position(u64::from(*slot));
                bar.set_message(at.format("%e %B, %H:%M").to_string());
            }
            (Moment::Clock { at, slot }, None) => {
                let now = slot / SAY_EVERY;
                if now > self.said.swap(now, Ordering::Relaxed) {
                    eprintln!("the clock shows {}", at.format("%Y-%m-%d"));
                }
            }
        }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn print(out: Output, report: &Report) {
    let summary = &report.summary;
    out.line("\nWorkflows (waypost.workflow_stats)");
    out.table(
        [
            "workflow",
            "enrolled",
            "completed",
            "exited",
            "failed",
            "refused",
            "goals",
            "average time",
        ],
        report.workflows.iter().map(workflow),
    );
    out.line("\nGoals (waypost.goal_stats)");
    out.table(
        [
            "workflow",
            "goal",
            "achieved",
            "contacts",
            "rate",
            "median time",
        ],
        report.goals.iter().map(goal),
    );
    out.line("\nSteps (waypost.step_funnel)");
    out.table(
        [
            "workflow",
            "step",
            "entered",
            "completed",
            "skipped",
            "share",
        ],
        report.funnel.iter().map(step),
    );
    out.line(format!(
        "\n{} contacts, {} executions: {} completed, {} exited, {} failed. {} mails captured (waypost.messages), {} webhooks, {} goals, {} s.",
        summary.contacts,
        summary.executions,
        summary.completed,
        summary.exited,
        summary.failed,
        summary.messages,
        report.webhooks,
        summary.goal_achievements,
        summary.seconds
    ));
}

fn workflow(row: &WorkflowRow) -> [String; 8] {
    [
        row.workflow.clone(),
        row.enrolled.to_string(),
        row.completed.to_string(),
        row.exited.to_string(),
        row.failed.to_string(),
        row.blocked.to_string(),
        row.goals.to_string(),
        span(row.average_seconds),
    ]
}

fn goal(row: &GoalRow) -> [String; 6] {
    [
        row.workflow.clone(),
        row.goal.clone(),
        row.achieved.to_string(),
        row.contacts.to_string(),
        percent(row.rate),
        span(row.median_seconds),
    ]
}

fn step(row: &StepRow) -> [String; 6] {
    [
        row.workflow.clone(),
        row.step.clone(),
        row.entered.to_string(),
        row.completed.to_string(),
        row.skipped.to_string(),
        percent(row.share),
    ]
}

fn percent(share: Option<f64>) -> String {
    share
        .map(|share| format!("{:.1} %", share * 100.0))
        .unwrap_or_default()
}

/// Virtual time in the two units that say most.
fn span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return String::new();
    };
    let minutes = (seconds / 60.0).round();
    let (days, rest) = ((minutes / 1440.0).floor(), minutes % 1440.0);
    let (hours, minutes) = ((rest / 60.0).floor(), rest % 60.0);
    match (days > 0.0, hours > 0.0) {
        (true, _) => format!("{days} d {hours} h"),
        (false, true) => format!("{hours} h {minutes} min"),
        (false, false) => format!("{minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_read_well() {
        for (seconds, text) in [
            (0.0, "0 min"),
            (29.0 * 60.0, "29 min"),
            (3_600.0, "1 h 0 min"),
            (90_000.0, "1 d 1 h"),
            (7.0 * 86_400.0, "7 d 0 h"),
        ] {
            assert_eq!(span(Some(seconds)), text, "{seconds}");
        }
        assert_eq!(span(None), "");
    }
}
