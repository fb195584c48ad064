//! Templates: `Hello {{ contact.firstName | default: "there" }}`, compiled once.
//!
//! Text without a tag is kept as it is; text with plain paths alone is put together without the
//! template engine; the rest is rewritten by `dialect` and runs on minijinja under limits.

use std::{borrow::Cow, fmt::Write as _};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::{path::Path, problem::Problem, reads::Reads, scope::Scope};

mod dialect;
mod engine;
mod escape;
mod filters;
mod lexer;
mod value;

pub use dialect::TAGS;
pub use escape::Escape;
pub use filters::{FILTERS, FilterRow};
pub use value::ValueTemplate;

/// The largest source, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;
/// The largest output, in bytes.
pub const MAX_OUTPUT: usize = 1024 * 1024;
/// How many instructions a rendering may take.
pub const MAX_FUEL: u64 = 200_000;

/// A compiled template. Cloning is cheap next to compiling; keep it with the version.
#[derive(Debug, Clone)]
pub struct Template {
    source: Box<str>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// No tag in it.
    Literal,
    /// Text and plain paths.
    Pieces(Box<[Piece]>),
    /// Filters or tags.
    Full(Box<engine::Program>),
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Box<str>),
    Path(Path),
}

/// Why a template failed while it was rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TemplateError {
    /// The line of the source, from 1.
    pub line: usize,
    /// What is wrong; never a value that was read.
    pub message: String,
}

impl Template {
    /// Compiles `source`. A problem's path is empty: the caller knows where the text stands.
    pub fn compile(source: &str) -> Result<Template, Problem> {
        let kind = if is_template(source) {
            Self::compile_tags(source).map_err(|error| error.into_problem())?
        } else {
            Kind::Literal
        };
        Ok(Template {
            source: source.into(),
            kind,
        })
    }

    fn compile_tags(source: &str) -> Result<Kind, dialect::Fault> {
        if source.len() > MAX_SOURCE {
            let kib = MAX_SOURCE / 1024;
            return Err(dialect::Fault::new(
                1,
                format!("the template is larger than {kib} KiB"),
            ));
        }
        let items = lexer::split(source)?;
        if let Some(pieces) = dialect::plain_pieces(&items)? {
            return Ok(Kind::Pieces(pieces));
        }
        let rewritten = dialect::rewrite(&items)?;
        Ok(Kind::Full(Box::new(engine::Program::compile(rewritten)?)))
    }

    /// The text that was compiled.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text itself, where there is no tag in it.
    pub fn literal(&self) -> Option<&str> {
        matches!(self.kind, Kind::Literal).then_some(&self.source)
    }

    /// The path, where the template is exactly `{{ path }}`.
    pub fn single_path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Pieces(pieces) => match &**pieces {
                [Piece::Path(path)] => Some(path),
                _ => None,
            },
            _ => None,
        }
    }

    /// Renders. What is missing is empty; values are escaped as asked, the source's own text is not.
    pub fn render(
        &self,
        scope: &dyn Scope,
        now: DateTime<Utc>,
        tz: Tz,
        escape: Escape,
    ) -> Result<String, TemplateError> {
        match &self.kind {
            Kind::Literal => Ok(self.source.to_string()),
            Kind::Pieces(pieces) => render_pieces(pieces, scope, escape),
            Kind::Full(program) => program.render(scope, now, tz, escape),
        }
    }

    /// The value: of a template that is exactly one expression its typed value, so that a number
    /// stays a number (null where missing); of any other the rendered text.
    pub fn eval_value<'s>(
        &'s self,
        scope: &'s dyn Scope,
        now: DateTime<Utc>,
        tz: Tz,
    ) -> Result<Cow<'s, Value>, TemplateError> {
        if let Some(path) = self.single_path() {
            return Ok(scope.get(path).unwrap_or(Cow::Owned(Value::Null)));
        }
        if let Kind::Full(program) = &self.kind
            && let Some(value) = program.eval(scope, now, tz)?
        {
            return Ok(Cow::Owned(value));
        }
        self.render(scope, now, tz, Escape::None)
            .map(|text| Cow::Owned(Value::String(text)))
    }

    /// Adds what it reads.
    pub fn reads(&self, reads: &mut Reads) {
        for path in self.paths() {
            reads.add(path);
        }
        if let Kind::Full(program) = &self.kind {
            reads.clock |= program.uses_clock();
        }
    }

    /// Every path that it reads, in order of appearance.
    pub fn paths(&self) -> Box<dyn Iterator<Item = &Path> + '_> {
        match &self.kind {
            Kind::Literal => Box::new(std::iter::empty()),
            Kind::Pieces(pieces) => Box::new(pieces.iter().filter_map(|piece| match piece {
                Piece::Path(path) => Some(path),
                Piece::Text(_) => None,
            })),
            Kind::Full(program) => Box::new(program.paths()),
        }
    }
}

/// Whether there is a tag in the text.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

fn render_pieces(
    pieces: &[Piece],
    scope: &dyn Scope,
    escape: Escape,
) -> Result<String, TemplateError> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Path(path) => {
                if let Some(value) = scope.get(path) {
                    push_value(&mut out, &value, escape);
                }
            }
        }
        if out.len() > MAX_OUTPUT {
            return Err(too_large());
        }
    }
    Ok(out)
}

/// Writes a value as text: null is empty, lists and objects are JSON.
fn push_value(out: &mut String, value: &Value, escape: Escape) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        // Writing into a string cannot fail.
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::String(text) => escape.push(out, text),
        // Under Escape::Json a list or an object stands for itself.
        _ if escape == Escape::Json => out.push_str(&value.to_string()),
        _ => escape.push(out, &value.to_string()),
    }
}

fn too_large() -> TemplateError {
    let mib = MAX_OUTPUT / (1024 * 1024);
    TemplateError {
        line: 1,
        message: format!("the output is larger than {mib} MiB"),
    }
}

#[cfg(test)]
mod tests;
