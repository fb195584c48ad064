//! Sets up what the process says of itself: log lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogFormat {
    /// How many `-v` were given: each shows one level more.
    pub verbosity: u8,
    /// A long-running process (`serve`, `worker`) tells what it does; a one-shot command only warns.
    pub long_running: bool,
    /// One JSON object a line, for machines that collect logs.
    pub json: bool,
}

/// Starts logging for this process. `RUST_LOG` wins over the levels asked for; `NO_COLOR` and a
/// redirected standard error turn colours off. A second call changes nothing.
///
/// Log lines carry ids and never contents: no field may hold a contact's data or a secret.
pub fn init(format: LogFormat) {
    let (filter, complaint) = filter(format, std::env::var("RUST_LOG").ok());
    let colours =
        stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(colours)
        .with_target(format.verbosity > 0 || format.json);
    // An error here means that somebody else set up logging before us, and theirs stands.
    let _ = if format.json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    if let Some(complaint) = complaint {
        tracing::warn!("RUST_LOG is ignored: {complaint}");
    }
}

/// The levels to show, and what is wrong with `RUST_LOG`.
fn filter(format: LogFormat, rust_log: Option<String>) -> (EnvFilter, Option<String>) {
    let defaults = default_levels(format);
    let quiet = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into());
    match rust_log.filter(|text| !text.trim().is_empty()) {
        None => (quiet.parse_lossy(defaults), None),
        Some(text) => match EnvFilter::builder().parse(&text) {
            Ok(filter) => (filter, None),
            Err(error) => (quiet.parse_lossy(defaults), Some(error.to_string())),
        },
    }
}

fn default_levels(format: LogFormat) -> &'static str {
    match (format.verbosity, format.long_running) {
        (0, false) => "warn",
        (0, true) | (1, false) => "warn,waypost=info",
        (1, true) | (2, false) => "info,waypost=debug",
        _ => "debug,waypost=trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_by_how_they_are_asked_for() {
        for (verbosity, long_running, rust_log, expected) in [
            (0, false, None, "warn"),
            (1, false, None, "warn,waypost=info"),
            (0, true, None, "warn,waypost=info"),
            (2, true, None, "debug,waypost=trace"),
            (9, false, None, "debug,waypost=trace"),
            (0, false, Some(""), "warn"),
            (0, false, Some("waypost=trace"), "waypost=trace"),
            (0, false, Some("waypost=loud"), "warn"),
        ] {
            let format = LogFormat {
                verbosity,
                long_running,
                json: false,
            };
            let (filter, complaint) = filter(format, rust_log.map(str::to_owned));
            let mut shown: Vec<String> = filter.to_string().split(',').map(str::to_owned).collect();
            let mut wanted: Vec<&str> = expected.split(',').collect();
            shown.sort();
            wanted.sort();
            assert_eq!(shown, wanted, "{verbosity} {long_running} {rust_log:?}");
            assert_eq!(complaint.is_some(), rust_log == Some("waypost=loud"));
        }
    }
}
