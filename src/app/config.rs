//! Settings: flags over environment over defaults, each with where it came from.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;

use super::error::{AppError, AppResult};
use crate::{
    connect::{ConnectSettings, SecretSource, SmtpSettings},
    worker::WorkerSettings,
};

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
        let mut reader = Reader {
            env,
            lines: Vec::new(),
        };
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
        let seconds = |d: Duration| Seconds(d);
        let worker = WorkerSettings {
            batch: reader.between("WAYPOST_BATCH", defaults.batch, 1, 10_000)?,
            runners: reader.between("WAYPOST_RUNNERS", defaults.runners, 1, 64)?,
            matchers: reader.between("WAYPOST_MATCHERS", defaults.matchers, 1, 64)?,
            dispatchers: reader.between("WAYPOST_DISPATCHERS", defaults.dispatchers, 1, 64)?,
            concurrency: match flags.concurrency {
                Some(given) => reader.given("WAYPOST_CONCURRENCY", given),
                None => reader.between("WAYPOST_CONCURRENCY", defaults.concurrency, 1, 1_000)?,
            },
            lease: reader.parsed("WAYPOST_LEASE", seconds(defaults.lease))?.0,
            max_steps: reader.between("WAYPOST_MAX_STEPS", defaults.max_steps, 1, 10_000)?,
            idle: reader.parsed("WAYPOST_IDLE", seconds(defaults.idle))?.0,
            drain: reader.parsed("WAYPOST_DRAIN", seconds(defaults.drain))?.0,
            listen: pooler == Pooler::None || listen_url.is_some(),
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
    let Ok(mut parsed) = url::Url::parse(url) else {
        return "(no URL)".to_owned();
    };
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

/// What stands between us and Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooler {
    None,
    Transaction,
}

impl FromStr for Pooler {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" | "none" | "session" => Ok(Self::None),
            "transaction" => Ok(Self::Transaction),
            _ => Err("`transaction` or `none`"),
        }
    }
}

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::None {
            "none"
        } else {
            "transaction"
        })
    }
}

/// A duration in seconds, fractions allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: f64 = text
            .trim_end_matches('s')
            .trim()
            .parse()
            .map_err(|_| "seconds, e.g. 60")?;
        if (0.001..=86_400.0).contains(&number) {
            Ok(Self(Duration::from_secs_f64(number)))
        } else {
            Err("seconds, above 0 and at most a day")
        }
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

/// `true` or `false`, in the words people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct YesNo(bool);

impl FromStr for YesNo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(Self(true)),
            "0" | "false" | "no" | "off" => Ok(Self(false)),
            _ => Err("true or false"),
        }
    }
}

impl fmt::Display for YesNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads one variable after the other and remembers where each came from.
struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    lines: Vec<Line>,
}

impl Reader<'_> {
    fn env(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.trim().is_empty())
    }

    fn note(&mut self, name: &'static str, value: impl Into<String>, origin: Origin) {
        self.lines.push(Line {
            name,
            value: value.into(),
            origin,
        });
    }

    fn database(&mut self, flag: Option<String>) -> Database {
        let (database, origin) = if let Some(url) = flag.filter(|url| !url.is_empty()) {
            (Database::Url(url), Origin::Flag)
        } else if let Some(url) = self.env("DATABASE_URL") {
            (Database::Url(url), Origin::Environment)
        } else if self.env("PGHOST").or(self.env("PGDATABASE")).is_some() {
            // The driver fills in the rest from PG*.
            (Database::Url("postgres://".to_owned()), Origin::Environment)
        } else {
            (
                Database::Private(PathBuf::from(".waypost")),
                Origin::Default,
            )
        };
        self.note("DATABASE_URL", database.shown(), origin);
        database
    }

    fn url(&mut self, name: &'static str) -> Option<String> {
        let found = self.env(name);
        let origin = if found.is_some() {
            Origin::Environment
        } else {
            Origin::Default
        };
        self.note(
            name,
            found.as_deref().map(without_password).unwrap_or_default(),
            origin,
        );
        found
    }

    fn text(
        &mut self,
        name: &'static str,
        flag: Option<String>,
        default: &str,
    ) -> (String, Origin) {
        let (value, origin) = match (flag, self.env(name)) {
            (Some(value), _) => (value, Origin::Flag),
            (None, Some(value)) => (value, Origin::Environment),
            (None, None) => (default.to_owned(), Origin::Default),
        };
        self.note(name, &*value, origin);
        (value, origin)
    }

    fn parsed<T>(&mut self, name: &'static str, default: T) -> AppResult<T>
    where
        T: FromStr + fmt::Display,
        T::Err: fmt::Display,
    {
        let Some(text) = self.env(name) else {
            self.note(name, default.to_string(), Origin::Default);
            return Ok(default);
        };
        let value = text.trim().parse::<T>().map_err(|expected| {
            AppError::usage(format!("{name} is {text:?}; it takes {expected}"))
        })?;
        self.note(name, value.to_string(), Origin::Environment);
        Ok(value)
    }

    fn between<T>(&mut self, name: &'static str, default: T, from: T, to: T) -> AppResult<T>
    where
        T: FromStr + fmt::Display + PartialOrd + Copy,
    {
        let text = self.env(name);
        let value = match &text {
            None => Some(default),
            Some(text) => text
                .trim()
                .parse::<T>()
                .ok()
                .filter(|v| *v >= from && *v <= to),
        };
        let Some(value) = value else {
            let text = text.unwrap_or_default();
            return Err(AppError::usage(format!(
                "{name} is {text:?}; it takes a whole number from {from} to {to}"
            )));
        };
        let origin = if text.is_some() {
            Origin::Environment
        } else {
            Origin::Default
        };
        self.note(name, value.to_string(), origin);
        Ok(value)
    }

    fn given<T: fmt::Display>(&mut self, name: &'static str, value: T) -> T {
        self.note(name, value.to_string(), Origin::Flag);
        value
    }

    fn connect(&mut self) -> AppResult<ConnectSettings> {
        let defaults = ConnectSettings::default();
        let allow = self.env("WAYPOST_OUTBOUND_ALLOW");
        let mut outbound_allow = Vec::new();
        for part in allow.iter().flat_map(|list| list.split(',')).map(str::trim) {
            if part.is_empty() {
                continue;
            }
            let net = part
                .parse::<IpNet>()
                .or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            outbound_allow.push(net.map_err(|_| {
                AppError::usage(format!(
                    "WAYPOST_OUTBOUND_ALLOW holds {part:?}; it takes networks such as 127.0.0.0/8, separated by commas"
                ))
            })?);
        }
        let origin = if allow.is_some() {
            Origin::Environment
        } else {
            Origin::Default
        };
        self.note("WAYPOST_OUTBOUND_ALLOW", allow.unwrap_or_default(), origin);
        let smtp = match self.url("WAYPOST_SMTP_URL") {
            None => None,
            Some(url) => Some(smtp_settings(&url)?),
        };
        let capture = self.parsed("WAYPOST_CAPTURE", YesNo(defaults.capture))?.0;
        Ok(ConnectSettings {
            smtp,
            outbound_allow,
            capture,
            ..defaults
        })
    }
}

/// `smtp://user:password@host:port?from=...`; the sender stands in the query.
fn smtp_settings(text: &str) -> AppResult<SmtpSettings> {
    let from = url::Url::parse(text).ok().and_then(|url| {
        url.query_pairs()
            .find(|(name, _)| name == "from")
            .map(|(_, value)| value.into_owned())
    });
    let Some(from) = from.filter(|from| from.contains('@')) else {
        return Err(AppError::usage(
            "WAYPOST_SMTP_URL names no sender: end it with ?from=shop@example.com",
        ));
    };
    SmtpSettings::from_url(text, &from)
        .map_err(|error| AppError::usage(format!("WAYPOST_SMTP_URL: {error}")))
}

#[cfg(test)]
mod tests;
