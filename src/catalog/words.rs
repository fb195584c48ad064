//! Compiles the words of the language where they stand in a config, and says where they are wrong.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::{
    condition::{Condition, ConditionSpec},
    nearest::did_you_mean,
    problem::{Problem, join},
    span::Span,
    template::Template,
    workflow::{SpanSpec, Step},
};

/// Reads a step's config into its struct; an unknown field names the nearest known one.
///
/// # Errors
/// The problem's path starts with `config`.
pub fn config<T: DeserializeOwned>(step: &Step) -> Result<T, Vec<Problem>> {
    let empty = Value::Object(serde_json::Map::new());
    let value = if step.config.is_null() { &empty } else { &step.config };
    read(value, "config").map_err(|problem| vec![problem])
}

/// Reads JSON into a struct; the problem's path starts with `path`.
///
/// # Errors
/// The first thing that does not fit.
pub fn read<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let at = match error.path().to_string() {
            at if at == "." => path.to_owned(),
            at => join(path, &at),
        };
        from_serde(&error.into_inner().to_string(), &at)
    })
}

/// Turns serde's words about a field into a problem with a code of its own.
fn from_serde(text: &str, path: &str) -> Problem {
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let (code, at_field) = if text.starts_with("unknown field") {
        ("unknown_field", true)
    } else if text.starts_with("unknown variant") {
        ("unknown_value", false)
    } else if text.starts_with("missing field") {
        ("missing_field", true)
    } else {
        ("invalid_value", false)
    };
    let Some((first, known)) = quoted.split_first() else {
        return Problem::error(code, path, text);
    };
    let path = match path.rsplit_once('.') {
        Some((_, last)) if last == *first => path.to_owned(),
        _ if at_field => join(path, first),
        _ => path.to_owned(),
    };
    match code {
        "unknown_field" => {
            let near = did_you_mean(first, known.iter().copied());
            let hint = near.or_else(|| match known {
                [] => Some("it takes no settings".to_owned()),
                known => Some(format!("known here: {}", known.join(", "))),
            });
            Problem::error(code, path, format!("unknown field \"{first}\"")).maybe_hint(hint)
        }
        "unknown_value" => {
            let near = did_you_mean(first, known.iter().copied());
            let hint = near.or_else(|| Some(format!("one of: {}", known.join(", "))));
            Problem::error(code, path, format!("\"{first}\" is not known here")).maybe_hint(hint)
        }
        "missing_field" => Problem::error(code, path, format!("\"{first}\" is missing")),
        _ => Problem::error(code, path, text),
    }
}

/// Compiles a condition.
///
/// # Errors
/// All that is wrong in it, with paths that start with `path`.
pub fn condition(value: &Value, path: &str) -> Result<Condition, Vec<Problem>> {
    let spec: ConditionSpec = read(value, path).map_err(|problem| vec![problem])?;
    Condition::compile(&spec).map_err(|problems| within(problems, path))
}

/// Compiles a template.
///
/// # Errors
/// What is wrong in it, at `path`.
pub fn template(text: &str, path: &str) -> Result<Template, Problem> {
    Template::compile(text).map_err(|problem| problem.within(path))
}

/// Reads a span as a definition writes it.
///
/// # Errors
/// What is wrong with it, at `path`.
pub fn span(spec: &SpanSpec, path: &str) -> Result<Span, Problem> {
    let value = serde_json::json!({ "amount": spec.amount, "unit": spec.unit });
    Span::from_value(&value).map_err(|error| Problem::error("invalid_span", path, error.0))
}

/// Puts `prefix` before the paths of all problems.
#[must_use]
pub fn within(problems: Vec<Problem>, prefix: &str) -> Vec<Problem> {
    problems.into_iter().map(|problem| problem.within(prefix)).collect()
}

/// Collects the problems of several parts, so that the author sees all of them at once.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// The value, or none and its problems kept.
    pub fn take<T>(&mut self, result: Result<T, impl Into<Found>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(found) => {
                self.0.extend(found.into().0);
                None
            }
        }
    }
}

/// One problem or several.
#[derive(Debug)]
pub struct Found(Vec<Problem>);

impl From<Problem> for Found {
    fn from(problem: Problem) -> Self {
        Found(vec![problem])
    }
}

impl From<Vec<Problem>> for Found {
    fn from(problems: Vec<Problem>) -> Self {
        Found(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only reading is tested")]
    struct Sample {
        wait_type: String,
        #[serde(default)]
        inner: Option<Box<Sample>>,
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let table = [
            (r#"{"waitTyp": "x"}"#, "unknown_field", "config.waitTyp", Some("did you mean \"waitType\"?")),
            (r#"{}"#, "missing_field", "config.waitType", None),
            (r#"{"waitType": 3}"#, "invalid_value", "config.waitType", None),
            (r#"{"waitType": "a", "inner": {"waitType": "b", "zzz": 1}}"#, "unknown_field",
             "config.inner.zzz", Some("known here: waitType, inner")),
        ];
        for (text, code, path, hint) in table {
            let value: Value = serde_json::from_str(text).unwrap();
            let problem = read::<Sample>(&value, "config").unwrap_err();
            assert_eq!((problem.code, &*problem.path), (code, path), "{text}");
            if let Some(hint) = hint {
                assert_eq!(problem.hint.as_deref(), Some(hint), "{text}");
            }
        }
    }
}
