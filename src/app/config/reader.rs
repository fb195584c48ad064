//! Reads one variable after the other, says what is wrong with it, and remembers where each came from.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;

use super::{Database, Line, Origin, without_password};
use crate::{
    app::error::{AppError, AppResult},
    connect::{ConnectSettings, SmtpSettings},
};

/// What stands between us and Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooler {
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
pub(super) struct Seconds(pub(super) Duration);

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
pub(super) struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) lines: Vec<Line>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            env,
            lines: Vec::new(),
        }
    }

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

    pub(super) fn database(&mut self, flag: Option<String>) -> Database {
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

    pub(super) fn url(&mut self, name: &'static str) -> Option<String> {
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

    pub(super) fn text(
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

    pub(super) fn parsed<T>(&mut self, name: &'static str, default: T) -> AppResult<T>
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

    pub(super) fn between<T>(
        &mut self,
        name: &'static str,
        default: T,
        from: T,
        to: T,
    ) -> AppResult<T>
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

    pub(super) fn given<T: fmt::Display>(&mut self, name: &'static str, value: T) -> T {
        self.note(name, value.to_string(), Origin::Flag);
        value
    }

    pub(super) fn connect(&mut self) -> AppResult<ConnectSettings> {
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
