//! A rewritten template on minijinja: filled in from a scope, under limits.

use std::{fmt, io, sync::Arc, sync::LazyLock};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{
    Environment, Error, ErrorKind, Output, State, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Object, Serde, Value, ValueKind},
};

use super::{
    Escape, MAX_FUEL, MAX_OUTPUT, TemplateError,
    dialect::{Fault, Rewritten},
    filters, too_large,
};
use crate::model::{path::Path, scope::Scope};

/// A compiled program.
#[derive(Clone)]
pub(super) struct Program {
    environment: Environment<'static>,
    paths: Arc<[Path]>,
    lines: Arc<[(usize, usize)]>,
    is_expression: bool,
    uses_clock: bool,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

/// The names of the two templates of an environment: the text, and the value of an expression.
const TEXT: &str = "text";
const VALUE: &str = "value";

/// Filters, tests and limits, built once; a clone shares them.
static BASE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut base = Environment::empty();
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    base.set_syntax(syntax.expect("the standard delimiters are valid"));
    base.set_undefined_behavior(UndefinedBehavior::Chainable);
    base.set_fuel(Some(MAX_FUEL));
    base.set_debug(false);
    base.set_recursion_limit(100);
    base.set_formatter(format_value);
    base.add_function("range", minijinja::functions::range);
    base.add_function("namespace", minijinja::functions::namespace);
    filters::install(&mut base);
    base
});

impl Program {
    pub(super) fn compile(rewritten: Rewritten) -> Result<Program, Fault> {
        let mut program = Program {
            environment: BASE.clone(),
            paths: rewritten.paths.into(),
            lines: rewritten.lines.into(),
            is_expression: rewritten.expression.is_some(),
            uses_clock: rewritten.uses_clock,
        };
        let fault = |program: &Program, error: &Error| Fault::from(program.error(error));
        if let Err(error) = program
            .environment
            .add_template_owned(TEXT, rewritten.source)
        {
            return Err(fault(&program, &error));
        }
        if let Some(expression) = rewritten.expression {
            let source = format!("{{% set value = ({expression}) %}}");
            if let Err(error) = program.environment.add_template_owned(VALUE, source) {
                return Err(fault(&program, &error));
            }
        }
        Ok(program)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter()
    }

    pub(super) fn uses_clock(&self) -> bool {
        self.uses_clock
    }

    pub(super) fn render(
        &self,
        scope: &dyn Scope,
        now: DateTime<Utc>,
        tz: Tz,
        escape: Escape,
    ) -> Result<String, TemplateError> {
        let mut out = Bounded {
            bytes: Vec::new(),
            full: false,
        };
        let context = self.context(scope, now, tz, escape);
        let rendered = self
            .environment
            .get_template(TEXT)
            .and_then(|template| template.render_captured_to(context, &mut out).map(drop));
        if out.full {
            return Err(too_large());
        }
        rendered.map_err(|error| self.error(&error))?;
        // Only whole texts are ever written.
        Ok(String::from_utf8(out.bytes).unwrap_or_default())
    }

    /// The value, where the template is one expression.
    pub(super) fn eval(
        &self,
        scope: &dyn Scope,
        now: DateTime<Utc>,
        tz: Tz,
    ) -> Result<Option<serde_json::Value>, TemplateError> {
        if !self.is_expression {
            return Ok(None);
        }
        let context = self.context(scope, now, tz, Escape::None);
        let value = self
            .environment
            .get_template(VALUE)
            .and_then(|template| template.render_captured(context))
            .map_err(|error| self.error(&error))?
            .state()
            .lookup("value")
            .unwrap_or_default();
        to_json(&value)
            .map(Some)
            .map_err(|error| self.error(&error))
    }

    fn context(&self, scope: &dyn Scope, now: DateTime<Utc>, tz: Tz, escape: Escape) -> Value {
        let fill = |path: &Path| match scope.get(path) {
            Some(value) => Value::from(Serde(value.as_ref())),
            None => Value::UNDEFINED,
        };
        let values = self.paths.iter().map(fill).collect();
        Value::from_object(Context {
            values,
            clock: Arc::new(Clock { now, tz }),
            escape,
        })
    }

    /// In the template's own lines, without a value that was read.
    fn error(&self, error: &Error) -> TemplateError {
        let at = error.line().unwrap_or(1);
        let line = self.lines.partition_point(|(out, _)| *out <= at);
        let line = line
            .checked_sub(1)
            .and_then(|i| self.lines.get(i))
            .map_or(1, |pair| pair.1);
        let message = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => {
                format!("the template takes more than {MAX_FUEL} instructions")
            }
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        let short: String = message.chars().take(300).collect();
        TemplateError {
            line,
            message: short,
        }
    }
}

/// A value as JSON; undefined is null, and so is a number that JSON has no word for.
pub(super) fn to_json(value: &Value) -> Result<serde_json::Value, Error> {
    if value.is_undefined() {
        return Ok(serde_json::Value::Null);
    }
    serde_json::to_value(value)
        .map_err(|_| Error::new(ErrorKind::BadSerialization, "the value has no form in JSON"))
}

/// What a running template sees: its paths' values, and what filters and the formatter ask for.
#[derive(Debug)]
struct Context {
    values: Vec<Value>,
    clock: Arc<Clock>,
    escape: Escape,
}

/// Now and the zone, for filters.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) now: DateTime<Utc>,
    pub(super) tz: Tz,
}

impl Object for Clock {}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "_clock" => Some(Value::from_dyn_object(self.clock.clone())),
            "_escape" => Some(Value::from(self.escape as u8)),
            path => self
                .values
                .get(path.strip_prefix('p')?.parse::<usize>().ok()?)
                .cloned(),
        }
    }
}

/// The clock of the running template.
pub(super) fn with_clock<T>(state: &State, read: impl FnOnce(&Clock) -> T) -> Result<T, Error> {
    let clock = state.lookup("_clock").unwrap_or_default();
    clock
        .downcast_object_ref::<Clock>()
        .map(read)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "there is no clock here"))
}

fn format_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let escape = match state.lookup("_escape").and_then(|escape| escape.as_usize()) {
        Some(1) => Escape::Html,
        Some(2) => Escape::Url,
        Some(3) => Escape::Json,
        _ => Escape::None,
    };
    let structured = matches!(
        value.kind(),
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable
    );
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = filters::text(value)?;
    if value.is_safe() || (structured && escape == Escape::Json) {
        return Ok(out.write_str(&text)?);
    }
    let mut escaped = String::with_capacity(text.len());
    escape.push(&mut escaped, &text);
    Ok(out.write_str(&escaped)?)
}

/// A buffer that refuses to grow past the limit.
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + buf.len() > MAX_OUTPUT {
            self.full = true;
            return Err(io::Error::other("the output is too large"));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
