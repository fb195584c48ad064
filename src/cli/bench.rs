//! `waypost bench`: figures of the real engine on the given server.

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser},
};

use super::{context::Context, progress::Line};
use crate::app::{
    AppResult, Schema,
    bench::{CASES, Goal, Measured, Plan, Report, Sizes},
};

/// Measures the engine, case by case, each in a database of its own that is dropped afterwards.
///
/// Everything a user would have on is on: row security, uniqueness, a goal that reads the contact, history,
/// partitions. With several cases and runs they take turns; with `floor` among them each is held against it.
/// A figure that is not reached is told, and the exit code is 0 all the same.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost bench floor pure dispatch --runs 5\n\
                  Without a case: what --executions, --steps, --effects ... say, then the latency.")]
pub(super) struct Bench {
    /// What to measure; `all` for every case
    #[arg(value_name = "CASE", value_parser = cases())]
    cases: Vec<String>,
    /// How often each; the median is told
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Small sizes: they show that a case works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// In the given database, in a new tenant that stays, instead of databases of the cases' own
    #[arg(long)]
    here: bool,
    /// Executions (or events) of each run [default: the case's own]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    executions: Option<u32>,
    /// Pure steps of each [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=400))]
    steps: Option<u32>,
    /// Outbox dispatches of each, to a sink in this process (without a case)
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    effects: u32,
    /// Policy of the dispatches (without a case)
    #[arg(long, default_value = "dedupe", value_parser = ["dedupe", "hold", "retry"])]
    policy: String,
    /// Concurrent advance transactions [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
    /// Parked executions that stand beside [default: the case's own]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=20_000_000))]
    waiting: Option<u32>,
    /// Triggers a second for the latency [default: 40]; 0 leaves it out
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    latency_rate: Option<u32>,
    /// A commit for every step (without a case)
    #[arg(long)]
    no_fuse: bool,
}

fn cases() -> PossibleValuesParser {
    let known = CASES
        .iter()
        .map(|(name, about)| PossibleValue::new(*name).help(*about));
    PossibleValuesParser::new(known.chain([PossibleValue::new("all").help("every case")]))
}

impl Bench {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let line = Line::new();
        let waypost = cx.open_with(cx.settings()?, Schema::Any).await?;
        if self.here {
            waypost.migrate(true, &|text| line.say(text)).await?;
        }
        let report = waypost.bench(&self.plan(), &|text| line.say(text)).await?;
        drop(line);
        print(cx, &report);
        Ok(())
    }

    fn plan(self) -> Plan {
        let every = || CASES.iter().map(|(name, _)| (*name).to_owned());
        let cases = match &self.cases[..] {
            [] if self.latency_rate == Some(0) => vec!["drain".to_owned()],
            [] => vec!["drain".to_owned(), "latency".to_owned()],
            all if all.iter().any(|name| name == "all") => {
                every().filter(|name| name != "drain").collect()
            }
            // Each once, in the order in which they are listed.
            some => every().filter(|name| some.contains(name)).collect(),
        };
        Plan {
            cases,
            runs: self.runs,
            quick: self.quick,
            here: self.here,
            sizes: Sizes {
                executions: self.executions,
                steps: self.steps,
                effects: self.effects,
                policy: self.policy,
                workers: self.workers.map(usize::from),
                waiting: self.waiting,
                latency_rate: self.latency_rate,
                no_fuse: self.no_fuse,
            },
        }
    }
}

fn print(cx: &Context, report: &Report) {
    cx.out.value(report);
    let rows = report.cases.iter().flat_map(|one| {
        let line = |(n, figure)| row(if n == 0 { one.case } else { "" }, figure);
        one.figures.iter().enumerate().map(line)
    });
    let head = ["case", "figure", "median", "least", "most", "to reach", ""];
    cx.out.table(head, rows);
    let machine = &report.machine;
    cx.out.line("");
    cx.out.line(format!(
        "waypost {}{}, PostgreSQL {}, {} cores{}, load before {}",
        report.waypost,
        report
            .commit
            .as_ref()
            .map_or(String::new(), |commit| format!(" ({commit})")),
        report.postgres,
        machine.cores,
        machine
            .cpu
            .as_ref()
            .map_or(String::new(), |cpu| format!(" ({cpu})")),
        machine
            .load
            .map_or("unknown".to_owned(), |load| load.to_string()),
    ));
    if let Some(settings) = report.settings.as_object() {
        let told = settings
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
        cx.out.line(told.collect::<Vec<_>>().join(" "));
    }
    if report.quick {
        cx.out
            .line("Quick sizes: these figures say nothing about speed.");
    }
}

fn row(case: &str, figure: &Measured) -> [String; 7] {
    let unit = match figure.unit {
        "" => String::new(),
        "/s" => "/s".to_owned(),
        unit => format!(" {unit}"),
    };
    let goal = match figure.goal {
        None => String::new(),
        Some(Goal::AtLeast(least)) => format!("at least {least}"),
        Some(Goal::AtMost(most)) => format!("at most {most}"),
    };
    let reached = match figure.reached {
        None => "",
        Some(true) => "reached",
        Some(false) => "NOT REACHED",
    };
    [
        case.to_owned(),
        figure.figure.replace('_', " "),
        format!("{}{unit}", figure.median),
        figure.min.to_string(),
        figure.max.to_string(),
        goal,
        reached.to_owned(),
    ]
}
