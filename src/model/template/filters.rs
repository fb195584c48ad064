//! The filters of templates: the table, and where each is installed.

use std::borrow::Cow;

use minijinja::{
    Environment, Error, ErrorKind,
    value::{Value, ValueKind},
};

use super::{MAX_OUTPUT, engine::to_json};

mod dates;
mod lists;
mod numbers;
mod texts;

/// A filter's row for the catalog.
#[derive(Debug, Clone, Copy)]
pub struct FilterRow {
    /// Its name.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// What it does, one sentence.
    pub doc: &'static str,
}

const fn row(name: &'static str, aliases: &'static [&'static str], doc: &'static str) -> FilterRow {
    FilterRow { name, aliases, doc }
}

/// Every filter, by subject.
#[rustfmt::skip]
pub const FILTERS: [FilterRow; 57] = [
    row("default", &["d"], "The argument, where the value is missing or empty: {{ contact.firstName | default: \"there\" }}."),
    row("upper", &["upcase"], "In capitals."),
    row("lower", &["downcase"], "In small letters."),
    row("capitalize", &[], "The first letter in capitals, the rest small."),
    row("title", &[], "The first letter of every word in capitals."),
    row("trim", &["strip"], "Without white space at both ends."),
    row("lstrip", &[], "Without white space at the start."),
    row("rstrip", &[], "Without white space at the end."),
    row("strip_newlines", &[], "Without line breaks."),
    row("strip_html", &[], "Without HTML tags."),
    row("newline_to_br", &[], "With <br /> before every line break."),
    row("replace", &[], "Every occurrence of the first argument becomes the second."),
    row("replace_first", &[], "The first occurrence of the first argument becomes the second."),
    row("remove", &[], "Without any occurrence of the argument."),
    row("remove_first", &[], "Without the first occurrence of the argument."),
    row("append", &[], "With the argument after it."),
    row("prepend", &[], "With the argument before it."),
    row("truncate", &[], "Cut to that many characters (50), an ellipsis or the second argument included."),
    row("truncatewords", &[], "Cut to that many words (15), an ellipsis or the second argument after it."),
    row("url_encode", &["urlencode"], "Fit for a part of a URL."),
    row("url_decode", &[], "The opposite of url_encode."),
    row("escape", &["e"], "Fit for HTML, whatever the surroundings."),
    row("safe", &["raw"], "As it is: not escaped for its surroundings."),
    row("json", &["tojson"], "As JSON, with quotes where it is text."),
    row("string", &[], "As text."),
    row("date", &[], "A date by a strftime format (%Y-%m-%d), in the zone that applies or the one named second; \"now\" is the present."),
    row("round", &[], "Rounded to that many digits (0), half away from zero."),
    row("number", &[], "With that many digits (0) and groups of thousands: 1,234.50; the signs for thousands and decimals may follow."),
    row("money", &[], "With two digits and groups of thousands, the argument in front: {{ 1234.5 | money: \"€\" }} is €1,234.50."),
    row("int", &[], "The whole number, cut towards zero; 0 where it is none."),
    row("float", &[], "The number; 0 where it is none."),
    row("abs", &[], "Without its sign."),
    row("ceil", &[], "The next whole number upwards."),
    row("floor", &[], "The next whole number downwards."),
    row("plus", &[], "The sum, exact in decimals."),
    row("minus", &[], "The difference, exact in decimals."),
    row("times", &[], "The product, exact in decimals."),
    row("divided_by", &[], "The quotient; of two whole numbers the whole part."),
    row("quotient", &[], "The quotient, with its fraction."),
    row("floor_div", &[], "The quotient, rounded down."),
    row("modulo", &[], "The rest of a division."),
    row("at_least", &[], "The argument, where the number is smaller."),
    row("at_most", &[], "The argument, where the number is larger."),
    row("join", &[], "The elements of a list with the argument between them."),
    row("split", &[], "The parts of a text between occurrences of the argument."),
    row("first", &[], "The first element, or character."),
    row("last", &[], "The last element, or character."),
    row("length", &["size", "count"], "How many elements or characters."),
    row("reverse", &[], "The elements in reverse."),
    row("sort", &[], "The elements in order, by the key that the argument names."),
    row("uniq", &["unique"], "Every element once."),
    row("compact", &[], "Without missing elements."),
    row("map", &[], "Of every element what the argument names."),
    row("where", &[], "The elements whose first argument equals the second, or is true."),
    row("slice", &[], "From that position, that many (1) elements or characters; a negative position counts from the end."),
    row("sum", &[], "The sum of the elements, or of what the argument names in them."),
    row("items", &[], "The pairs of key and value of an object."),
];

/// Whether there is a filter of that name.
pub(super) fn is_filter(name: &str) -> bool {
    names().any(|known| known == name)
}

/// Every name, aliases included.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILTERS
        .iter()
        .flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
}

/// Whether a text means the present to `date`.
pub(super) fn is_now(text: &str) -> bool {
    matches!(text, "now" | "today")
}

/// Puts every filter, alias and test in place.
pub(super) fn install(environment: &mut Environment<'static>) {
    texts::install(environment);
    numbers::install(environment);
    lists::install(environment);
    dates::install(environment);
    environment.add_filter("bounded", bounded_value);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("json", json);
    environment.add_filter("tojson", json);
    environment.add_filter("string", |value: &Value| text(value).map(Cow::into_owned));
    environment.add_filter("safe", safe);
    environment.add_filter("raw", safe);

    use minijinja::tests;
    environment.add_test("missing", |value: &Value| is_missing(value));
    environment.add_test("present", |value: &Value| !is_missing(value));
    environment.add_test("blank", |value: &Value| is_blank(value));
    environment.add_test("containing", lists::is_containing);
    environment.add_test("string", tests::is_string);
    environment.add_test("number", tests::is_number);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("even", tests::is_even);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("startingwith", |value: &Value, part: &Value| {
        Ok::<bool, Error>(text(value)?.starts_with(&*text(part)?))
    });
    environment.add_test("endingwith", |value: &Value, part: &Value| {
        Ok::<bool, Error>(text(value)?.ends_with(&*text(part)?))
    });
}

fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// Missing, empty, or nothing but white space.
fn is_blank(value: &Value) -> bool {
    match value.as_str() {
        Some(text) => text.trim().is_empty(),
        None => is_missing(value) || value.len() == Some(0),
    }
}

/// A value as text: missing is empty, lists and objects are JSON.
pub(super) fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Cow::Borrowed(""),
        ValueKind::Bool => Cow::Borrowed(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => Cow::Owned(value.to_string()),
        _ => Cow::Owned(to_json(value)?.to_string()),
    })
}

/// A text that may be kept: one past the limit is an error, so that no loop can double it for ever.
fn bounded(text: String) -> Result<Value, Error> {
    if text.len() > MAX_OUTPUT {
        Err(too_large())
    } else {
        Ok(Value::from(text))
    }
}

fn too_large() -> Error {
    invalid("a value grows too large")
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn bounded_value(value: Value) -> Result<Value, Error> {
    let limit = if value.as_str().is_some() {
        MAX_OUTPUT
    } else {
        lists::MAX_LIST
    };
    let size = value.as_str().map(str::len).or_else(|| value.len());
    if size.is_some_and(|size| size > limit) {
        Err(too_large())
    } else {
        Ok(value)
    }
}

fn default(value: Value, other: Option<Value>) -> Value {
    let empty = is_missing(&value) || value.len() == Some(0);
    if empty {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value
    }
}

fn json(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_safe_string(to_json(value)?.to_string()))
}

fn safe(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_safe_string(text(value)?.into_owned()))
}
