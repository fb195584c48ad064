//! What is wrong with a definition, where, and what would be right.

use std::fmt;

use serde::Serialize;

/// How much a problem weighs: an error refuses the definition, a warning never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Refuses the definition.
    Error,
    /// Is reported and lets the definition pass.
    Warning,
}

/// One finding about a definition, written for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable name of the kind of finding, lower snake case.
    pub code: &'static str,
    /// Whether it refuses.
    pub severity: Severity,
    /// Where: a JSON path such as `actions[2].config.duration`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// An error at `path`.
    pub fn error(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        Self {
            code,
            severity: Severity::Error,
            path,
            message,
            hint: None,
        }
    }

    /// A warning at `path`.
    pub fn warning(
        code: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, path, message)
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint where there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// The same seen from outside: `prefix` is put before its path.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.path = join(prefix, &self.path);
        self
    }

    /// Whether it refuses the definition.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Joins two JSON paths: `a` and `b.c` to `a.b.c`, `a` and `[0]` to `a[0]`.
pub fn join(prefix: &str, rest: &str) -> String {
    match (prefix.is_empty(), rest.is_empty()) {
        (true, _) => rest.to_owned(),
        (_, true) => prefix.to_owned(),
        _ if rest.starts_with('[') => format!("{prefix}{rest}"),
        _ => format!("{prefix}.{rest}"),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_sentence() {
        let problem = Problem::error(
            "unknown_operator",
            "conditions[1].operator",
            "no such operator",
        )
        .hint("did you mean \"equals\"?")
        .within("actions[2].executeIf");
        assert_eq!(
            problem.to_string(),
            "actions[2].executeIf.conditions[1].operator: no such operator (did you mean \"equals\"?)"
        );
        assert!(problem.is_error() && !Problem::warning("w", "", "x").is_error());
        assert_eq!(join("a", "[0].b"), "a[0].b");
    }
}
