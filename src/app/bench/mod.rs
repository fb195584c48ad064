//! `waypost bench`: the real engine, measured from outside, case by case.
//!
//! Nothing is switched off for a figure: row security, uniqueness, a goal that reads the contact, history,
//! partitions. Each case stands on a database of its own on the given server, so that nothing of an earlier
//! run lies beside it. Cases take turns, run by run: what one machine's slow minute costs, it costs all.

use futures::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::Value;

use super::{AppResult, Waypost};

mod cases;
mod child;
mod figure;
mod flow;
mod ground;
mod machine;
mod relay;

pub use self::{
    cases::CASES,
    figure::{Figure, Goal, Measured, Sample, percentile},
};
use self::{ground::Server, machine::Machine};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names of [`CASES`]; none: `drain`, as the sizes say.
    pub cases: Vec<String>,
    /// How often each.
    pub runs: u32,
    /// Small sizes: they show that a case works, not how fast it is.
    pub quick: bool,
    /// In the given database, in a tenant of its own, which stays; else in databases that are made and dropped.
    pub here: bool,
    /// Sizes over the cases' own.
    pub sizes: Sizes,
}

/// Sizes over a case's own.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// Executions to enrol and drain.
    pub executions: Option<u32>,
    /// Pure steps of each.
    pub steps: Option<u32>,
    /// Outbox dispatches of each, of `drain`.
    pub effects: u32,
    /// Policy of those: `dedupe`, `hold`, `retry`.
    pub policy: String,
    /// Concurrent advance transactions.
    pub workers: Option<usize>,
    /// Executions that wait beside.
    pub waiting: Option<u32>,
    /// Triggers a second for the latency; 0 leaves it out of `drain`.
    pub latency_rate: Option<u32>,
    /// A commit for every step, of `drain`.
    pub no_fuse: bool,
}

/// One thing to measure.
trait Case {
    /// What it measures, in order.
    fn figures(&self) -> Vec<Figure>;

    /// Sizes that one must know to read the figures.
    fn sizes(&self) -> Value;

    /// One run.
    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>>;

    /// After the last run: what it kept between them goes.
    fn close<'a>(&'a mut self, _: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Where a case runs, and whom it tells.
struct Bench<'a> {
    plan: &'a Plan,
    server: Server<'a>,
    say: &'a (dyn Fn(&str) + Send + Sync),
}

impl Bench<'_> {
    /// A size: the flag's, else the case's own, much smaller in quick runs.
    fn size(&self, said: Option<u32>, full: u32, quick: u32) -> u32 {
        said.unwrap_or(if self.plan.quick { quick } else { full })
    }

    fn say(&self, text: &str) {
        (self.say)(text);
    }
}

/// The figures, in the shape that `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// This program's version.
    pub waypost: &'static str,
    /// Whose commit it was built from, where `WAYPOST_BENCH_COMMIT` says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// When it began.
    pub at: chrono::DateTime<chrono::Utc>,
    /// Where it ran.
    pub machine: Machine,
    /// Server version.
    pub postgres: String,
    /// The server's settings that matter.
    pub settings: Value,
    /// Small sizes, which say nothing about speed.
    pub quick: bool,
    /// The cases, in the order asked for.
    pub cases: Vec<Reported>,
}

/// The figures of one case.
#[derive(Debug, Serialize)]
pub struct Reported {
    /// Its name.
    pub case: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Sizes that one must know to read the figures.
    pub sizes: Value,
    /// What was measured.
    pub figures: Vec<Measured>,
}

/// Part of the floor that the same run reached.
const OF_FLOOR: &str = "of_the_floor";
/// What is compared with the floor.
const RATE: &str = "executions_per_s";

impl Waypost {
    /// Runs the cases. `say` is told what is being done.
    ///
    /// # Errors
    /// Of the database; a name that is no case.
    pub async fn bench(
        &self,
        plan: &Plan,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> AppResult<Report> {
        let bench = Bench {
            plan,
            server: Server::new(self, plan.here),
            say,
        };
        bench.server.sweep().await?;
        let facts = bench.server.facts().await?;
        let at = chrono::Utc::now();
        let machine = Machine::look();
        let mut chosen = Vec::new();
        for name in &plan.cases {
            chosen.push(cases::named(name, &bench)?);
        }
        // The floor goes first in every round, so that all others can be held against it.
        chosen.sort_by_key(|one| one.name != cases::FLOOR);
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); chosen.len()];
        for run in 1..=plan.runs {
            let mut floor = None;
            for (one, samples) in chosen.iter_mut().zip(&mut samples) {
                bench.say(&format!("{}, run {run} of {}", one.name, plan.runs));
                let mut sample = one.case.run(&bench).await?;
                match (sample.get(RATE), floor) {
                    (rate, _) if one.name == cases::FLOOR => floor = rate,
                    (Some(rate), Some(floor)) => sample = sample.with(OF_FLOOR, rate / floor),
                    _ => {}
                }
                samples.push(sample);
            }
        }
        let mut cases = Vec::new();
        for (mut one, samples) in chosen.into_iter().zip(samples) {
            one.case.close(&bench).await?;
            let figures = one.case.figures().into_iter();
            let figures = figures.filter_map(|figure| Measured::of(figure, &samples));
            cases.push(Reported {
                case: one.name,
                about: one.about,
                sizes: one.case.sizes(),
                figures: figures.collect(),
            });
        }
        Ok(Report {
            waypost: env!("CARGO_PKG_VERSION"),
            commit: std::env::var("WAYPOST_BENCH_COMMIT").ok(),
            at,
            machine,
            postgres: facts.version,
            settings: facts.settings,
            quick: plan.quick,
            cases,
        })
    }
}
