//! A problem with its place in the file: what `validate` and `deploy` print.

use std::fmt;

use serde::Serialize;

use super::lines::{LineMap, Place};
use crate::model::problem::{Problem, Severity};

/// Findings beyond this number are counted, not kept.
pub const MOST_FINDINGS: usize = 100;
/// Longest JSON path that is printed, in characters.
const LONGEST_PATH: usize = 200;

/// One finding about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Kind of finding; `docs/findings.md` lists them.
    pub code: &'static str,
    /// Whether it refuses the definition.
    pub severity: Severity,
    /// File as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON path, e.g. `actions[2].config.duration.unit`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// A problem at a place.
    #[must_use]
    pub fn new(problem: Problem, file: &str, place: Place) -> Self {
        let Problem {
            code,
            severity,
            path,
            message,
            hint,
        } = problem;
        let path = match path.char_indices().nth(LONGEST_PATH) {
            Some((end, _)) => format!("{}...", &path[..end]),
            None => path,
        };
        let (line, column) = (place.line, place.column);
        Self {
            code,
            severity,
            file: file.to_owned(),
            line,
            column,
            path,
            message,
            hint,
        }
    }

    /// Whether it refuses the definition.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}: {severity}[{}] ", self.file, self.line, self.code)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// All findings about one file, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The first [`MOST_FINDINGS`]; errors are kept before warnings.
    pub list: Vec<Finding>,
    /// How many more there were.
    pub more: usize,
}

impl Findings {
    /// Problems of one file, placed by its line map. The same problem twice is one finding.
    #[must_use]
    pub fn place(problems: Vec<Problem>, file: &str, lines: &LineMap) -> Self {
        Self::of(Self::placed(problems, file, lines).collect())
    }

    /// Each problem as a finding, one by one.
    pub fn placed<'a>(
        problems: Vec<Problem>,
        file: &'a str,
        lines: &'a LineMap,
    ) -> impl Iterator<Item = Finding> + use<'a> {
        problems.into_iter().map(move |problem| {
            let place = lines.find(&problem.path);
            Finding::new(problem, file, place)
        })
    }

    /// Sorts, takes duplicates out and cuts.
    #[must_use]
    pub fn of(mut list: Vec<Finding>) -> Self {
        list.sort_by(|a, b| {
            (a.line, a.column, &a.path, a.code).cmp(&(b.line, b.column, &b.path, b.code))
        });
        list.dedup();
        let more = list.len().saturating_sub(MOST_FINDINGS);
        if more > 0 {
            list.sort_by_key(|finding| finding.severity);
            list.truncate(MOST_FINDINGS);
            list.sort_by_key(|finding| (finding.line, finding.column));
        }
        Self { list, more }
    }

    /// One finding alone.
    #[must_use]
    pub fn one(problem: Problem, file: &str, place: Place) -> Self {
        Self {
            list: vec![Finding::new(problem, file, place)],
            more: 0,
        }
    }

    /// Whether any of them refuses the definition.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Finding::is_error)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.list {
            writeln!(f, "{finding}")?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

impl std::error::Error for Findings {}

/// Text of a definition as it is quoted in a message: cut, and on one line.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}
