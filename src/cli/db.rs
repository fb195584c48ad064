//! `waypost db`: the database at hand: its URL, a prompt, a dump, a fresh start.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::Context;
use crate::app::{AppError, AppResult, Schema, Waypost, database};

/// How long the private Postgres stays up after `db url`, for whoever reads the URL.
const KEEP: Duration = Duration::from_secs(600);

/// The database at hand: the private Postgres, or the one that is named.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost db psql")]
pub(super) struct Db {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print its URL (the private one then stays up for ten minutes)
    #[command(after_help = "Example: waypost db url")]
    Url,
    /// A psql prompt, or whatever psql does with these arguments
    #[command(after_help = "Example: waypost db psql -c 'select * from waypost.workflow_stats'")]
    Psql {
        /// Passed to psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// A dump by pg_dump on standard output, or whatever it does with these arguments
    #[command(after_help = "Example: waypost db dump > backup.sql")]
    Dump {
        /// Passed to pg_dump
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Remove the private Postgres with all its data
    #[command(after_help = "Example: waypost db reset --yes")]
    Reset {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Db {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        match self.verb {
            Verb::Url => {
                let waypost = cx.open_with(cx.settings()?, Schema::Any).await?;
                if let Some(private) = waypost.private() {
                    private.keep_for(KEEP)?;
                }
                cx.out.value(&json!({ "url": waypost.url() }));
                cx.out.line(waypost.url());
                Ok(())
            }
            Verb::Psql { args } => client(cx, "psql", &args).await,
            Verb::Dump { args } => client(cx, "pg_dump", &args).await,
            Verb::Reset { yes } => reset(cx, yes),
        }
    }
}

/// Runs a client program of Postgres on the database.
async fn client(cx: &Context, program: &str, args: &[String]) -> AppResult<()> {
    let waypost = cx.open_with(cx.settings()?, Schema::Any).await?;
    let mut command = Command::new(path_of(&waypost, program));
    if program == "pg_dump" && waypost.sees_every_tenant().await? {
        // Row security is forced even for the owner. Where it hides nothing pg_dump may go by it; where it
        // would, pg_dump refuses by itself instead of leaving rows out.
        command.arg("--enable-row-security");
    }
    // The password goes by the environment: command lines are everybody's to read.
    let (url, password) = split_password(waypost.url());
    command
        .arg("--dbname")
        .arg(url)
        .args(args)
        .stdin(Stdio::inherit());
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let ran = tokio::task::block_in_place(|| command.status()).map_err(|error| {
        AppError::usage(format!(
            "{program} cannot be run ({error}): install the Postgres client, e.g. `apt-get install postgresql-client`"
        ))
    })?;
    if ran.success() {
        Ok(())
    } else {
        Err(AppError::no(format!("{program}: {ran}")))
    }
}

/// The server's own client fits its version best; a fetched server has none.
fn path_of(waypost: &Waypost, program: &str) -> PathBuf {
    let own = waypost
        .private()
        .map(|private| private.bin_dir().join(program));
    own.filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(program))
}

fn split_password(text: &str) -> (String, Option<String>) {
    let Ok(mut url) = url::Url::parse(text) else {
        return (text.to_owned(), None);
    };
    let Some(password) = url.password().map(str::to_owned) else {
        return (text.to_owned(), None);
    };
    if url.set_password(None).is_err() {
        return (text.to_owned(), None);
    }
    // Undoes the percent-encoding, since the environment takes the plain word.
    let plain =
        url::form_urlencoded::parse(format!("p={}", password.replace('+', "%2B")).as_bytes())
            .next()
            .map(|(_, value)| value.into_owned());
    (url.into(), plain)
}

fn reset(cx: &Context, yes: bool) -> AppResult<()> {
    let settings = cx.settings()?;
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(AppError::usage(
                "reset removes all data of the private Postgres: say --yes",
            ));
        }
        eprint!(
            "Remove {} with all its data? [y/N] ",
            settings.database.shown()
        );
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if read.is_err() || !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(AppError::no("nothing was removed"));
        }
    }
    database::reset(&settings)?;
    cx.out.value(&json!({ "removed": true }));
    cx.out
        .line("the private Postgres is gone; the next command starts a fresh one");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::split_password;

    #[test]
    fn a_password_is_kept_from_the_command_line() {
        for (url, bare, password) in [
            (
                "postgres://a:p%40s+x@h/d",
                "postgres://a@h/d",
                Some("p@s+x"),
            ),
            ("postgres://a@h/d", "postgres://a@h/d", None),
            ("postgres://", "postgres://", None),
        ] {
            assert_eq!(
                split_password(url),
                (bare.to_owned(), password.map(str::to_owned)),
                "{url}"
            );
        }
    }
}
