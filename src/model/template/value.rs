//! Templates inside a JSON value: every string in it may be one.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{Template, TemplateError, is_template};
use crate::model::{problem::Problem, reads::Reads, scope::Scope};

/// How deep a value with templates may be nested.
const MAX_DEPTH: usize = 64;

/// A JSON value whose strings may be templates, compiled once.
#[derive(Debug, Clone)]
pub struct ValueTemplate(Shape);

#[derive(Debug, Clone)]
enum Shape {
    Literal(Value),
    Template(Template),
    List(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

impl ValueTemplate {
    /// Compiles every string in `value` that is a template. Problems carry their path inside it.
    pub fn compile(value: &Value) -> Result<ValueTemplate, Vec<Problem>> {
        let mut problems = Vec::new();
        let shape = compile(value, "", 0, &mut problems);
        if problems.is_empty() {
            Ok(ValueTemplate(shape))
        } else {
            Err(problems)
        }
    }

    /// The value itself, where there is no template in it.
    pub fn literal(&self) -> Option<&Value> {
        match &self.0 {
            Shape::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The value with its templates filled in; `{{ path }}` alone keeps its type.
    pub fn eval<'s>(
        &'s self,
        scope: &'s dyn Scope,
        now: DateTime<Utc>,
        tz: Tz,
    ) -> Result<Cow<'s, Value>, TemplateError> {
        eval(&self.0, scope, now, tz)
    }

    /// Adds what its templates read.
    pub fn reads(&self, reads: &mut Reads) {
        visit(&self.0, &mut |template| template.reads(reads));
    }
}

fn compile(value: &Value, at: &str, depth: usize, problems: &mut Vec<Problem>) -> Shape {
    if depth > MAX_DEPTH {
        let message = format!("the value is nested deeper than {MAX_DEPTH} levels");
        problems.push(Problem::error("too_deep", at, message));
        return Shape::Literal(Value::Null);
    }
    match value {
        Value::String(text) if is_template(text) => match Template::compile(text) {
            Ok(template) => Shape::Template(template),
            Err(problem) => {
                problems.push(problem.within(at));
                Shape::Literal(Value::Null)
            }
        },
        Value::Array(items) => {
            let shapes: Vec<Shape> = items
                .iter()
                .enumerate()
                .map(|(i, item)| compile(item, &format!("{at}[{i}]"), depth + 1, problems))
                .collect();
            if shapes
                .iter()
                .all(|shape| matches!(shape, Shape::Literal(_)))
            {
                return Shape::Literal(value.clone());
            }
            Shape::List(shapes)
        }
        Value::Object(map) => {
            let shapes: Vec<(String, Shape)> = map
                .iter()
                .map(|(key, item)| {
                    let at = if at.is_empty() {
                        key.clone()
                    } else {
                        format!("{at}.{key}")
                    };
                    (key.clone(), compile(item, &at, depth + 1, problems))
                })
                .collect();
            if shapes
                .iter()
                .all(|(_, shape)| matches!(shape, Shape::Literal(_)))
            {
                return Shape::Literal(value.clone());
            }
            Shape::Object(shapes)
        }
        _ => Shape::Literal(value.clone()),
    }
}

fn eval<'s>(
    shape: &'s Shape,
    scope: &'s dyn Scope,
    now: DateTime<Utc>,
    tz: Tz,
) -> Result<Cow<'s, Value>, TemplateError> {
    Ok(match shape {
        Shape::Literal(value) => Cow::Borrowed(value),
        Shape::Template(template) => template.eval_value(scope, now, tz)?,
        Shape::List(items) => {
            let items = items
                .iter()
                .map(|item| Ok(eval(item, scope, now, tz)?.into_owned()));
            Cow::Owned(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Shape::Object(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, item) in entries {
                map.insert(key.clone(), eval(item, scope, now, tz)?.into_owned());
            }
            Cow::Owned(Value::Object(map))
        }
    })
}

fn visit(shape: &Shape, see: &mut dyn FnMut(&Template)) {
    match shape {
        Shape::Literal(_) => {}
        Shape::Template(template) => see(template),
        Shape::List(items) => items.iter().for_each(|item| visit(item, see)),
        Shape::Object(entries) => entries.iter().for_each(|(_, item)| visit(item, see)),
    }
}
