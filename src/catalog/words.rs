//! Compiles the words of the language where they stand in a config, and says where they are wrong.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    action::{Failure, Resolve, StepContext},
    config,
};
use crate::model::{
    condition::{Condition, ConditionSpec},
    problem::Problem,
    span::Span,
    template::{Escape, Template, TemplateError, ValueTemplate},
    workflow::{SpanSpec, Step},
};

/// Reads a step's config into its struct; an unknown field names the nearest known one.
///
/// # Errors
/// Problems whose paths start with `config`.
pub fn config<T: DeserializeOwned + JsonSchema>(step: &Step) -> Result<T, Vec<Problem>> {
    config::read(&step.config, "config")
}

/// Compiles a condition.
///
/// # Errors
/// All that is wrong in it, with paths that start with `path`.
pub fn condition(value: &Value, path: &str) -> Result<Condition, Vec<Problem>> {
    Condition::compile(&ConditionSpec(value.clone())).map_err(|problems| within(problems, path))
}

/// Compiles a list of conditions all of which must hold.
///
/// # Errors
/// All that is wrong in them, with paths that start with `path`.
pub fn conditions(values: &[Value], path: &str) -> Result<Condition, Vec<Problem>> {
    let specs: Vec<ConditionSpec> = values.iter().cloned().map(ConditionSpec).collect();
    Condition::compile_all(&specs).map_err(|problems| within(problems, path))
}

/// Compiles a template.
///
/// # Errors
/// What is wrong in it, at `path`.
pub fn template(text: &str, path: &str) -> Result<Template, Problem> {
    Template::compile(text).map_err(|problem| problem.within(path))
}

/// Compiles a JSON value whose strings may be templates.
///
/// # Errors
/// All that is wrong in it, with paths that start with `path`.
pub fn value(value: &Value, path: &str) -> Result<ValueTemplate, Vec<Problem>> {
    ValueTemplate::compile(value).map_err(|problems| within(problems, path))
}

/// Reads a span as a definition writes it.
///
/// # Errors
/// What is wrong with it, at `path`.
pub fn span(spec: &SpanSpec, path: &str) -> Result<Span, Problem> {
    let value = serde_json::json!({ "amount": spec.amount, "unit": spec.unit });
    Span::from_value(&value).map_err(|error| Problem::error("invalid_span", path, error.0))
}

/// A field that must be there.
///
/// # Errors
/// It is not.
pub fn required<T>(value: Option<T>, path: &str) -> Result<T, Problem> {
    value.ok_or_else(|| {
        let name = path.rsplit('.').next().unwrap_or(path);
        Problem::error("missing_field", path, format!("\"{name}\" is missing"))
    })
}

/// Puts `prefix` before the paths of all problems.
#[must_use]
pub fn within(problems: Vec<Problem>, prefix: &str) -> Vec<Problem> {
    problems
        .into_iter()
        .map(|problem| problem.within(prefix))
        .collect()
}

/// Renders a template as plain text.
///
/// # Errors
/// The step's failure, `template_error`.
pub fn text(template: &Template, cx: &StepContext<'_>) -> Result<String, Failure> {
    rendered(template, cx, Escape::None)
}

/// Renders a template into its surroundings.
///
/// # Errors
/// The step's failure, `template_error`.
pub fn rendered(
    template: &Template,
    cx: &StepContext<'_>,
    escape: Escape,
) -> Result<String, Failure> {
    template
        .render(cx.scope, cx.now, cx.tz, escape)
        .map_err(template_failure)
}

/// Fills in a value's templates.
///
/// # Errors
/// The step's failure, `template_error`.
pub fn filled(value: &ValueTemplate, cx: &StepContext<'_>) -> Result<Value, Failure> {
    let filled = value
        .eval(cx.scope, cx.now, cx.tz)
        .map_err(template_failure)?;
    Ok(filled.into_owned())
}

/// A template that failed, as a step's failure.
#[must_use]
pub fn template_failure(error: TemplateError) -> Failure {
    Failure {
        error: "template_error".into(),
        message: error.to_string(),
    }
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

    /// Resolves a list of step ids that stands at `path`.
    pub fn steps(&mut self, ids: &[String], path: &str, resolve: &dyn Resolve) -> Vec<u32> {
        let each = ids.iter().enumerate();
        each.filter_map(|(i, id)| self.take(resolve.step(id, &format!("{path}[{i}]"))))
            .collect()
    }

    /// The value, if there were no problems.
    ///
    /// # Errors
    /// The problems.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
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
