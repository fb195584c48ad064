//! The command line: one file a command.

mod backtest;
mod bench;
mod catalog;
mod completions;
mod config;
mod context;
mod db;
mod demo;
mod deploy;
mod emit;
mod enroll;
mod executions;
mod explain;
mod healthcheck;
mod in_flight;
mod migrate;
mod outbox;
mod output;
mod progress;
mod restore_guard;
mod serve;
mod signals;
mod simulate;
mod suppressions;
mod tenants;
mod undo;
mod validate;
mod verify;
mod worker;
mod workflows;

use std::{ffi::OsString, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};

use self::context::Context;
use crate::{
    app::{AppError, AppResult},
    telemetry::{self, LogFormat},
};

/// Durable workflows for customer journeys, on Postgres alone.
#[derive(Debug, Parser)]
#[command(
    name = "waypost",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Example: waypost validate examples/*.json\n\n\
                  Without DATABASE_URL a private Postgres in ./.waypost is used.\n\
                  Exit codes: 0 done, 1 the answer is no, 2 usage, 3 database unreachable."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Global {
    /// The database: postgres://user@host/name [env: DATABASE_URL, or PG*]
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Whose rows: the tenant's name [env: WAYPOST_TENANT] [default: default]
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<String>,
    /// JSON on standard output instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Say more on standard error; twice: still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident($args:ty),)*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$meta])* $name($args),)*
        }

        impl Command {
            async fn run(self, context: &Context) -> AppResult<()> {
                match self {
                    $(Self::$name(command) => command.run(context).await,)*
                }
            }
        }
    };
}

commands! {
    /// Bring the database to this version
    Migrate(migrate::Migrate),
    /// Serve HTTP: status, health, metrics
    Serve(serve::Serve),
    /// Run the background loops
    Worker(worker::Worker),
    /// Check workflow definitions, with file, line and what would be right
    Validate(validate::Validate),
    /// Put definitions into the database, and publish them
    Deploy(deploy::Deploy),
    /// List, show, compare, restore, pause, resume, archive
    Workflows(workflows::Workflows),
    /// Record an event, or a file of them
    Emit(emit::Emit),
    /// Put contacts into a workflow
    Enroll(enroll::Enroll),
    /// List, show, cancel, pause, resume, retry, move
    Executions(executions::Executions),
    /// Why a contact did or did not enrol
    Explain(explain::Explain),
    /// What was to happen outside; settle what is unknown
    Outbox(outbox::Outbox),
    /// The same machine on a virtual clock, without a database
    Simulate(simulate::Simulate),
    /// A definition over the events that really happened
    Backtest(backtest::Backtest),
    /// Audit every invariant over the live tables
    Verify(verify::Verify),
    /// After a restore: open sends that may have left become unknown
    RestoreGuard(restore_guard::RestoreGuard),
    /// Take a bulk command back
    Undo(undo::Undo),
    /// Every trigger, action, operator, wait and filter
    Catalog(catalog::Catalog),
    /// Suppression lists: who is kept out of workflows
    Suppressions(suppressions::Suppressions),
    /// Tenants: list them, create one
    Tenants(tenants::Tenants),
    /// A month of a shop in a minute, on the real engine, with figures
    Demo(demo::Demo),
    /// Measure the engine on the given database, in a tenant of its own
    Bench(bench::Bench),
    /// The private Postgres: its URL, a prompt, a dump, a fresh start
    Db(db::Db),
    /// Is the database there and migrated? (for containers)
    Healthcheck(healthcheck::Healthcheck),
    /// Effective settings, and where each came from
    Config(config::Config),
    /// Completions for your shell
    Completions(completions::Completions),
}

impl Command {
    /// A process that stays tells what it does; a one-shot command only warns.
    fn is_long_running(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Worker(_))
    }
}

/// Runs one command line, the program's name first, and answers with its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error.
            let _ = error.print();
            let shown = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return ExitCode::from(if shown { 0 } else { 2 });
        }
    };
    telemetry::init(LogFormat {
        verbosity: cli.global.verbose,
        long_running: cli.command.is_long_running(),
        json: cli.global.json && cli.command.is_long_running(),
    });
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let context = Context::new(cli.global);
    let done = runtime.block_on(cli.command.run(&context));
    // Whatever still blocks (a read of standard input) must not hold the process.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// An empty text means that the command has said it all itself.
fn complain(error: &AppError) {
    let text = error.to_string();
    if !text.is_empty() {
        eprintln!("error: {text}");
    }
}

/// The command line as a whole, for completions.
fn definition() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(command: &clap::Command, path: &str, look: &mut dyn FnMut(&str, &clap::Command)) {
        for inner in command.get_subcommands() {
            let path = format!("{path} {}", inner.get_name());
            look(&path, inner);
            each(inner, &path, look);
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        definition().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_and_a_line_about_it() {
        each(&definition(), "waypost", &mut |path, command| {
            assert!(
                command.get_about().is_some(),
                "{path} says nothing about itself"
            );
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains(&format!("Example: {path}")),
                "{path} has no example: {help:?}"
            );
        });
    }

    #[test]
    fn exit_codes_of_what_cannot_be_parsed() {
        for (args, code) in [
            (vec!["waypost", "--help"], 0),
            (vec!["waypost", "--version"], 0),
            (vec!["waypost", "migrat"], 2),
            (vec!["waypost", "migrate", "--nonsense"], 2),
            (vec!["waypost"], 2),
        ] {
            let got = run(args.iter().map(OsString::from));
            assert_eq!(
                format!("{got:?}"),
                format!("{:?}", ExitCode::from(code)),
                "{args:?}"
            );
        }
    }
}
