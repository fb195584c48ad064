//! Settings: flags over environment over defaults, each with where it came from.

use std::{fmt, path::PathBuf};

use self::reader::{Pooler, Reader, Seconds};
use super::error::{AppError, AppResult};
use crate::{
    connect::{ConnectSettings, SecretSource},
    worker::WorkerSettings,
};

mod reader;

/// What the command line may say over the environment.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--database-url`.
    pub database_url: Option<String>,
    /// `--tenant`.
    pub tenant: Option<String>,
    /// `--concurrency`.
    pub concurrency: Option<usize>,
}

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// One that was named.
    Url(String),
    /// The private one of this directory.
    Private(PathBuf),
}

impl fmt::Debug for Database {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Database {
    /// For people: without the password.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Url(url) => without_password(url),
            Self::Private(dir) => format!("private Postgres in {}", dir.display()),
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// Nothing was said.
    Default,
}

/// One line of `waypost config`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// The variable.
    pub name: &'static str,
    /// Its value as it may be shown: secrets are `***`.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The effective settings of this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which database.
    pub database: Database,
    /// A direct way to it for LISTEN, when the main one goes through a transaction pooler.
    pub listen_url: Option<String>,
    /// The tenant that commands speak for.
    pub tenant: String,
    /// Whether somebody named the tenant.
    pub tenant_named: bool,
    /// What connectors are built from.
    pub connect: ConnectSettings,
    /// How the loops work.
    pub worker: WorkerSettings,
    /// All of them, for `waypost config`.
    pub lines: Vec<Line>,
}

impl Settings {
    /// Reads flags and the process's environment.
    ///
    /// # Errors
    /// A value that cannot be read, by the name of its variable.
    pub fn read(flags: &Flags) -> AppResult<Self> {
        Self::from(flags, &|name| std::env::var(name).ok())
    }

    /// Reads flags and an environment that is given.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn from(flags: &Flags, env: &dyn Fn(&str) -> Option<String>) -> AppResult<Self> {
        let mut reader = Reader::new(env);
        let database = reader.database(flags.database_url.clone());
        let listen_url = reader.url("WAYPOST_LISTEN_URL");
        let (tenant, from) = reader.text("WAYPOST_TENANT", flags.tenant.clone(), "default");
        let tenant_named = from != Origin::Default;
        if !tenant_name_is_valid(&tenant) {
            return Err(AppError::usage(format!(
                "the tenant {tenant:?} cannot be: letters, digits, `-`, `_` and `.`, at most 63, beginning with a letter or digit"
            )));
        }
        let defaults = WorkerSettings::default();
        let pooler = reader.parsed("WAYPOST_POOLER", Pooler::None)?;
        let worker = WorkerSettings {
            batch: reader.between("WAYPOST_BATCH", defaults.batch, 1, 10_000)?,
            runners: reader.between("WAYPOST_RUNNERS", defaults.runners, 1, 64)?,
            matchers: reader.between("WAYPOST_MATCHERS", defaults.matchers, 1, 64)?,
            dispatchers: reader.between("WAYPOST_DISPATCHERS", defaults.dispatchers, 1, 64)?,
            concurrency: match flags.concurrency {
                Some(given) => reader.given("WAYPOST_CONCURRENCY", given),
                None => reader.between("WAYPOST_CONCURRENCY", defaults.concurrency, 1, 1_000)?,
            },
            lease: reader.parsed("WAYPOST_LEASE", Seconds(defaults.lease))?.0,
            max_steps: reader.between("WAYPOST_MAX_STEPS", defaults.max_steps, 1, 10_000)?,
            idle: reader.parsed("WAYPOST_IDLE", Seconds(defaults.idle))?.0,
            drain: reader.parsed("WAYPOST_DRAIN", Seconds(defaults.drain))?.0,
            listen: pooler == Pooler::None || listen_url.is_some(),
            keep_history: reader.between(
                "WAYPOST_KEEP_HISTORY",
                defaults.keep_history,
                0,
                36_500,
            )?,
            keep_events: reader.between("WAYPOST_KEEP_EVENTS", defaults.keep_events, 0, 36_500)?,
        };
        let connect = reader.connect()?;
        Ok(Self {
            database,
            listen_url,
            tenant,
            tenant_named,
            connect,
            worker,
            lines: reader.lines,
        })
    }
}

/// Secrets of definitions, for now from the environment: `{{secrets.api-key}}` is `WAYPOST_SECRET_API_KEY`.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvSecrets;

impl SecretSource for EnvSecrets {
    fn secret(&self, name: &str) -> Option<String> {
        std::env::var(secret_variable(name))
            .ok()
            .filter(|value| !value.is_empty())
    }
}

/// The variable that holds a secret.
#[must_use]
pub fn secret_variable(name: &str) -> String {
    let upper = name.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    });
    format!("WAYPOST_SECRET_{}", upper.collect::<String>())
}

/// Whether a tenant may be called so; the table says the same.
#[must_use]
pub fn tenant_name_is_valid(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// An address without its password, wherever it stands.
#[must_use]
pub fn without_password(url: &str) -> String {
    let each = crate::store::hosts::each(url);
    if each.len() > 1 {
        let shown: Vec<String> = each.iter().map(|url| without_password(url)).collect();
        return shown.join(" or ");
    }
    let Ok(mut parsed) = url::Url::parse(url) else {
        return "(no URL)".to_owned();
    };
    // Without its slashes nothing in it is told apart, and anything may be the password.
    if parsed.cannot_be_a_base() {
        return "(no URL)".to_owned();
    }
    if parsed.password().is_some() {
        let _ = parsed.set_password(Some("***"));
    }
    let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
    if pairs.iter().any(|(name, _)| name == "password") {
        let mut query = parsed.query_pairs_mut();
        query.clear();
        for (name, value) in &pairs {
            query.append_pair(name, if name == "password" { "***" } else { value });
        }
    }
    parsed.into()
}

#[cfg(test)]
mod tests;
