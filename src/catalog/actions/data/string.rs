//! `string`: works on text, by characters.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::compute::{self, Operands, bounded, bounded_list, failure, range, text, too_large};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Failure, Resolve},
        words,
    },
    model::{problem::Problem, template::MAX_OUTPUT, workflow::Step},
};

/// Works on text. Positions and lengths count characters, not bytes.
///
/// The result is `steps.<id>.result.value`, and the variable that `name` names. Missing text is empty text.
/// The step fails with `too_large` where the result has more than 1 MiB, and with `not_a_number` where a
/// position is none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read for its form; the operands are filled in as one value"
)]
pub struct Text {
    /// What is done.
    operation: TextOperation,
    /// The text; a literal or a template.
    #[serde(default)]
    value: Option<Value>,
    /// The texts to put together (`concat`, `join`): a list, or a template that gives one.
    #[serde(default)]
    values: Option<Value>,
    /// Between the parts (`concat`, `join`, `split`).
    #[serde(default)]
    separator: Option<String>,
    /// The part that is looked for (`replace`, `contains`, `starts_with`, `ends_with`, `index_of`).
    #[serde(default)]
    search: Option<String>,
    /// A regular expression, written out (`replace_pattern`, `extract`, `extract_all`, `matches`); linear in time.
    #[serde(default)]
    pattern: Option<String>,
    /// What comes in its place; after a pattern `$1` and `${name}` stand for its groups.
    #[serde(default)]
    replacement: Option<String>,
    /// Group of the pattern that is wanted (`extract`, `extract_all`); default 1 where the pattern has one, else 0, the whole.
    #[serde(default)]
    group: Option<Value>,
    /// First character, from 0; a negative one counts from the end (`substring`).
    #[serde(default)]
    start: Option<Value>,
    /// How many characters (`substring`; default: to the end), or to which length (`pad_start`, `pad_end`).
    #[serde(default)]
    length: Option<Value>,
    /// What is filled up with (`pad_start`, `pad_end`); default a space.
    #[serde(default)]
    fill: Option<String>,
    /// Name of the variable that takes the result, read as `vars.<name>`.
    #[serde(default)]
    name: Option<String>,
}

/// What is done with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextOperation {
    /// `values` one after the other.
    Concat,
    /// `length` characters from `start`.
    Substring,
    /// Every `search` becomes `replacement`.
    Replace,
    /// Everything that fits `pattern` becomes `replacement`.
    ReplacePattern,
    /// In capitals.
    Upper,
    /// In small letters.
    Lower,
    /// The first letter of every word in capitals, the rest small.
    Title,
    /// The first letter in capitals, the rest small.
    Capitalize,
    /// Without white space at both ends.
    Trim,
    /// The parts between separators, as a list; without a separator the words.
    Split,
    /// `values` with `separator` between them.
    Join,
    /// How many characters.
    Length,
    /// Filled up at the start until it has `length` characters.
    PadStart,
    /// Filled up at the end until it has `length` characters.
    PadEnd,
    /// Small letters and digits with hyphens between them: fit for an address.
    Slug,
    /// What fits `pattern` first; missing where nothing does.
    Extract,
    /// Everything that fits `pattern`, as a list.
    ExtractAll,
    /// Whether anything fits `pattern`.
    Matches,
    /// Whether `search` is part of it.
    Contains,
    /// Whether it begins with `search`.
    StartsWith,
    /// Whether it ends with `search`.
    EndsWith,
    /// Position of the first `search`, from 0; -1 where there is none.
    IndexOf,
    /// The characters from the last to the first.
    Reverse,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "string",
    title: "Work on text",
    schema: || schemars::schema_for!(Text),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Text = words::config(step)?;
    compute::compile(step, row(config.operation), config.name.as_ref())
}

macro_rules! operation {
    ($needs:expr, $may:expr, $compute:expr) => {{
        const ROW: compute::Operation = compute::Operation::new(&$needs, &$may, $compute);
        &ROW
    }};
}

fn row(operation: TextOperation) -> &'static compute::Operation {
    use TextOperation as T;
    match operation {
        T::Concat | T::Join => operation!(["values"], ["separator"], |o| {
            joined(&o.list("values")?, &o.text("separator"))
        }),
        T::Substring => operation!(["value", "start"], ["length"], |o| {
            let whole = o.text("value");
            let start = o.whole_needed("start")?;
            let cut = range(whole.chars().count(), start, o.whole("length")?);
            let part = whole.chars().skip(cut.start).take(cut.len());
            bounded(part.collect())
        }),
        T::Replace => operation!(["value", "search"], ["replacement"], |o| {
            let (whole, search, new) = (o.text("value"), o.text("search"), o.text("replacement"));
            if search.is_empty() {
                return bounded(whole.into_owned());
            }
            // Counted first: the size of the result is known before it is made.
            let count = whole.matches(&*search).count();
            let grown = (whole.len() - count * search.len())
                .saturating_add(count.saturating_mul(new.len()));
            match grown > MAX_OUTPUT {
                true => Err(too_large()),
                false => bounded(whole.replace(&*search, &new)),
            }
        }),
        T::ReplacePattern => operation!(["value", "pattern"], ["replacement"], replace_pattern),
        T::Upper => operation!(["value"], [], |o| bounded(o.text("value").to_uppercase())),
        T::Lower => operation!(["value"], [], |o| bounded(o.text("value").to_lowercase())),
        T::Title => operation!(["value"], [], |o| bounded(title(&o.text("value")))),
        T::Capitalize => operation!(["value"], [], |o| {
            let whole = o.text("value");
            let mut letters = whole.chars();
            let first: String = letters
                .by_ref()
                .take(1)
                .flat_map(char::to_uppercase)
                .collect();
            bounded(first + &letters.as_str().to_lowercase())
        }),
        T::Trim => operation!(["value"], [], |o| bounded(
            o.text("value").trim().to_owned()
        )),
        T::Split => operation!(["value"], ["separator"], |o| {
            let (whole, separator) = (o.text("value"), o.text("separator"));
            let parts: Vec<Value> = match (o.get("separator"), &*separator) {
                _ if whole.is_empty() => Vec::new(),
                (None, _) => whole.split_whitespace().map(Value::from).collect(),
                (_, "") => whole.chars().map(|c| Value::from(c.to_string())).collect(),
                (_, separator) => whole.split(separator).map(Value::from).collect(),
            };
            bounded_list(parts)
        }),
        T::Length => operation!(["value"], [], |o| Ok(Value::from(
            o.text("value").chars().count()
        ))),
        T::PadStart => operation!(["value", "length"], ["fill"], |o| {
            let (whole, fill) = (o.text("value"), filling(o)?);
            bounded(fill + &whole)
        }),
        T::PadEnd => operation!(["value", "length"], ["fill"], |o| {
            let (whole, fill) = (o.text("value"), filling(o)?);
            bounded(whole.into_owned() + &fill)
        }),
        T::Slug => operation!(["value"], [], |o| bounded(slug(&o.text("value")))),
        T::Extract => operation!(["value", "pattern"], ["group"], |o| {
            let whole = o.text("value");
            let group = group(o)?;
            let found = o
                .pattern()?
                .captures(&whole)
                .and_then(|found| found.get(group));
            found.map_or(Ok(Value::Null), |part| bounded(part.as_str().to_owned()))
        }),
        T::ExtractAll => operation!(["value", "pattern"], ["group"], |o| {
            let whole = o.text("value");
            let group = group(o)?;
            let found = o
                .pattern()?
                .captures_iter(&whole)
                .take(compute::MAX_LIST + 1);
            let parts = found.filter_map(|found| Some(Value::from(found.get(group)?.as_str())));
            bounded_list(parts.collect())
        }),
        T::Matches => operation!(["value", "pattern"], [], |o| {
            Ok(Value::from(o.pattern()?.is_match(&o.text("value"))))
        }),
        T::Contains => operation!(["value", "search"], [], |o| {
            Ok(Value::from(o.text("value").contains(&*o.text("search"))))
        }),
        T::StartsWith => operation!(["value", "search"], [], |o| {
            Ok(Value::from(o.text("value").starts_with(&*o.text("search"))))
        }),
        T::EndsWith => operation!(["value", "search"], [], |o| {
            Ok(Value::from(o.text("value").ends_with(&*o.text("search"))))
        }),
        T::IndexOf => operation!(["value", "search"], [], |o| {
            let whole = o.text("value");
            let found = whole.find(&*o.text("search"));
            Ok(found.map_or(Value::from(-1), |at| {
                Value::from(whole[..at].chars().count())
            }))
        }),
        T::Reverse => operation!(["value"], [], |o| bounded(
            o.text("value").chars().rev().collect()
        )),
    }
}

pub(super) fn joined(values: &[Value], separator: &str) -> Result<Value, Failure> {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(&text(value));
        if out.len() > MAX_OUTPUT {
            return Err(too_large());
        }
    }
    bounded(out)
}

fn replace_pattern(o: &Operands<'_>) -> Result<Value, Failure> {
    let (whole, new) = (o.text("value"), o.text("replacement"));
    let (mut out, mut end) = (String::new(), 0);
    for found in o.pattern()?.captures_iter(&whole) {
        let Some(part) = found.get(0) else { continue };
        out.push_str(&whole[end..part.start()]);
        found.expand(&new, &mut out);
        end = part.end();
        if out.len() > MAX_OUTPUT {
            return Err(too_large());
        }
    }
    out.push_str(&whole[end..]);
    bounded(out)
}

/// What fills the value up to the length that is asked for.
fn filling(o: &Operands<'_>) -> Result<String, Failure> {
    let wanted = usize::try_from(o.whole_needed("length")?).unwrap_or(0);
    if wanted > MAX_OUTPUT {
        return Err(too_large());
    }
    let missing = wanted.saturating_sub(o.text("value").chars().count());
    let fill = o.text("fill");
    let fill = if fill.is_empty() { " " } else { &fill };
    Ok(fill.chars().cycle().take(missing).collect())
}

fn group(o: &Operands<'_>) -> Result<usize, Failure> {
    let groups = o.pattern()?.captures_len();
    let group = match o.whole("group")? {
        Some(group) => usize::try_from(group).unwrap_or(usize::MAX),
        None => 1.min(groups - 1),
    };
    match group < groups {
        true => Ok(group),
        false => Err(failure("invalid_operand", "the pattern has no such group")),
    }
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphanumeric() || (inside && matches!(c, '\'' | '\u{2019}'));
    }
    out
}

fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !matches!(c, '\'' | '\u{2019}') && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}
