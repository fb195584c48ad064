//! YAML read into a JSON value and the places of its values in one pass.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use super::{Inside, LineMap, Place, json::Duplicate};

/// Values that a document may have once its aliases are resolved.
const MOST_VALUES: usize = 200_000;
/// Deepest nesting that is read at all.
const DEEPEST: usize = 200;

/// A YAML document as read.
#[derive(Debug)]
pub struct Yaml {
    /// Its value.
    pub value: Value,
    /// Places of its values.
    pub lines: LineMap,
    /// Keys that stand twice.
    pub duplicates: Vec<Duplicate>,
}

/// Why it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub place: Place,
    /// JSON path of a value that is nested too deep; else empty.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// True: it is no mistake of spelling, but more than is read.
    pub too_much: bool,
}

impl YamlError {
    fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            path: String::new(),
            message: message.into(),
            too_much: false,
        }
    }

    fn too_much(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            path: String::new(),
            message: message.into(),
            too_much: true,
        }
    }
}

/// Reads the one document of `text`.
///
/// # Errors
/// It does not parse, holds several documents, a key that is no text, a cyclic or unknown alias, or
/// more than is read.
pub fn read(text: &str) -> Result<Yaml, YamlError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        duplicates: Vec::new(),
        path: Vec::new(),
        values: 0,
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, span) => {
                return Err(YamlError::new(start(&span), "the document is empty"));
            }
            (event, span) => {
                let (value, lines, _) = reader.value(event, &span, None)?;
                reader.end()?;
                return Ok(Yaml {
                    value,
                    lines,
                    duplicates: reader.duplicates,
                });
            }
        }
    }
}

/// A value, its places, and how many values it holds.
type Read = (Value, LineMap, usize);

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, Read>,
    duplicates: Vec<Duplicate>,
    path: Vec<String>,
    values: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(YamlError::new(
                place(error.marker()),
                error.info().to_owned(),
            )),
            None => Err(YamlError::new(Place::START, "the document ends too early")),
        }
    }

    /// Only the end of the document may follow.
    fn end(&mut self) -> Result<(), YamlError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (_, span) => {
                    let message = "a second document begins here; one file holds one workflow";
                    return Err(YamlError::new(start(&span), message));
                }
            }
        }
    }

    fn value(
        &mut self,
        event: Event<'t>,
        span: &Span,
        key: Option<Place>,
    ) -> Result<Read, YamlError> {
        let place = key.unwrap_or_else(|| start(span));
        let before = self.values;
        self.count(1, place)?;
        if self.path.len() > DEEPEST {
            let path = self.path.concat();
            return Err(YamlError {
                path: path.strip_prefix('.').unwrap_or(&path).to_owned(),
                ..YamlError::too_much(place, "the document is nested too deep")
            });
        }
        let (anchor, value, inside) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let said_text = tag.is_some_and(|tag| tag.suffix == "str");
                let plain = style == ScalarStyle::Plain && !said_text;
                let value = if plain {
                    plain_scalar(&text)
                } else {
                    text.into_owned().into()
                };
                (anchor, value, Inside::Nothing)
            }
            Event::Alias(id) => {
                let Some((value, mut lines, size)) = self.anchors.get(&id).cloned() else {
                    return Err(YamlError::new(
                        place,
                        "the alias names something around itself",
                    ));
                };
                self.count(size, place)?;
                lines.place = place;
                return Ok((value, lines, size));
            }
            Event::SequenceStart(anchor, _) => {
                let (items, lines) = self.list()?;
                (anchor, Value::Array(items), Inside::List(lines))
            }
            Event::MappingStart(anchor, _) => {
                let (members, lines) = self.map()?;
                (anchor, Value::Object(members), Inside::map(lines))
            }
            _ => return Err(YamlError::new(place, "a value is missing here")),
        };
        let read = (value, LineMap { place, inside }, self.values - before);
        if anchor > 0 {
            self.anchors.insert(anchor, read.clone());
        }
        Ok(read)
    }

    fn list(&mut self) -> Result<(Vec<Value>, Vec<LineMap>), YamlError> {
        let (mut items, mut lines) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((items, lines));
            }
            self.path.push(format!("[{}]", items.len()));
            let (value, places, _) = self.value(event, &span, None)?;
            self.path.pop();
            items.push(value);
            lines.push(places);
        }
    }

    #[allow(clippy::type_complexity)] // the two halves of one object
    fn map(&mut self) -> Result<(Map<String, Value>, Vec<(Box<str>, LineMap)>), YamlError> {
        let (mut members, mut lines) = (Map::new(), Vec::new());
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let place = start(&span);
            let key = match event {
                Event::MappingEnd => return Ok((members, lines)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(YamlError::new(place, "a key must be plain text")),
            };
            self.path.push(format!(".{key}"));
            if !seen.insert(key.clone()) && self.duplicates.len() < 100 {
                let path = self.path.concat();
                let path = path.strip_prefix('.').unwrap_or(&path).to_owned();
                self.duplicates.push(Duplicate { path, place });
            }
            let (event, span) = self.next()?;
            let (value, places, _) = self.value(event, &span, Some(place))?;
            self.path.pop();
            lines.push((key.as_str().into(), places));
            members.insert(key, value);
        }
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), YamlError> {
        self.values = self.values.saturating_add(more);
        if self.values > MOST_VALUES {
            let message = format!("the document holds more than {MOST_VALUES} values");
            return Err(YamlError::too_much(place, message));
        }
        Ok(())
    }
}

fn start(span: &Span) -> Place {
    place(&span.start)
}

fn place(marker: &Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        line: number(marker.line().max(1)),
        column: number(marker.col() + 1),
    }
}

/// YAML 1.2 core schema: null, booleans, numbers; all else is text (dates too).
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(number) = text.parse::<i64>()
    {
        return number.into();
    }
    let float = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match text
        .parse::<f64>()
        .ok()
        .filter(|_| float)
        .and_then(Number::from_f64)
    {
        Some(number) => Value::Number(number),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_typed_and_quoted_ones_are_text() {
        let read =
            read("[1, -2.5, 1e3, true, ~, 2024-05-01, \"7\", 0x1f, yes, .5, '', !!str 7]").unwrap();
        let want = serde_json::json!([
            1,
            -2.5,
            1000.0,
            true,
            null,
            "2024-05-01",
            "7",
            "0x1f",
            "yes",
            0.5,
            "",
            "7"
        ]);
        assert_eq!(read.value, want);
    }

    #[test]
    fn aliases_are_resolved_and_bombs_defused() {
        let read = super::read("a: &x {k: 1}\nb: *x\n").unwrap();
        assert_eq!(
            read.value,
            serde_json::json!({"a": {"k": 1}, "b": {"k": 1}})
        );
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..30 {
            let alias = format!("*a{}", i - 1);
            bomb += &format!("a{i}: &a{i} [{}]\n", [alias.as_str(); 9].join(", "));
        }
        assert!(super::read(&bomb).unwrap_err().too_much);
        assert!(super::read("a: &a [*a]").is_err());
    }

    #[test]
    fn duplicates_and_syntax_errors_have_places() {
        let read = super::read("a:\n  b: 1\n  b: 2\n").unwrap();
        assert_eq!(read.duplicates[0].path, "a.b");
        assert_eq!(read.duplicates[0].place.line, 3);
        let many = super::read(&"k: 1\n".repeat(500)).unwrap();
        assert_eq!(many.duplicates.len(), 100, "a hundred are told");
        let deep = format!("a: {}", "[".repeat(DEEPEST + 20));
        let error = super::read(&deep).unwrap_err();
        assert!(
            error.too_much && error.path.starts_with("a[0][0]"),
            "{error:?}"
        );
        let error = super::read("a: [1, 2\nb: 3\n").unwrap_err();
        assert!(error.place.line >= 2, "{error:?}");
        assert!(
            super::read("a: 1\n---\nb: 2\n")
                .unwrap_err()
                .message
                .contains("second document")
        );
    }
}
