//! Reads a definition from JSON or YAML: syntax, limits, names, shape, with every problem collected.

pub mod names;
pub mod shape;

use serde_json::Value;

use super::codes;
use super::finding::{Finding, Findings};
use super::lines::{LineMap, Place, json, yaml};
use crate::model::{
    problem::{Problem, join},
    workflow::Definition,
};

/// Longest text of a definition, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Most steps of a workflow.
pub const MAX_STEPS: usize = 500;
/// Deepest nesting of lists and objects.
pub const MAX_DEPTH: usize = 64;

/// A definition that was read, and where everything in it stands.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file as it was named.
    pub file: String,
    /// The definition.
    pub definition: Definition,
    /// The same as JSON, names normalised: what `deploy` stores.
    pub value: Value,
    /// Places of its values.
    pub lines: LineMap,
}

impl Source {
    /// A definition that comes from no file (the database, the API): everything stands in line 1.
    ///
    /// # Errors
    /// Its shape is wrong.
    pub fn from_value(value: Value, name: &str) -> Result<Self, Findings> {
        understand(value, LineMap::leaf(Place::START), name, Vec::new())
    }

    /// Puts problems of this definition in their places.
    #[must_use]
    pub fn findings(&self, problems: Vec<Problem>) -> Findings {
        Findings::place(problems, &self.file, &self.lines)
    }
}

/// Reads a definition. JSON or YAML by the file's extension, else by the first character.
///
/// # Errors
/// Every problem of syntax, size, names and shape that was found; none of them is a warning.
pub fn read(text: &str, file: &str) -> Result<Source, Findings> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; {MAX_BYTES} are read", text.len());
        return Err(Findings::one(
            Problem::error(codes::TOO_LARGE, "", message),
            file,
            Place::START,
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (value, lines, duplicates) = if is_json(text, file) {
        read_json(text, file)?
    } else {
        read_yaml(text, file)?
    };
    let twice = duplicates.into_iter().map(|duplicate| {
        let message = "the key stands a second time in the same object";
        let problem = Problem::error(codes::DUPLICATE_KEY, duplicate.path, message)
            .hint("keep one of the two");
        Finding::new(problem, file, duplicate.place)
    });
    understand(value, lines, file, twice.collect())
}

fn is_json(text: &str, file: &str) -> bool {
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "json" => true,
        "yaml" | "yml" => false,
        _ => text.trim_start().starts_with(['{', '[']),
    }
}

type Text = (Value, LineMap, Vec<json::Duplicate>);

fn read_json(text: &str, file: &str) -> Result<Text, Findings> {
    let value = serde_json::from_str(text).map_err(|error| {
        let number = |n: usize| u32::try_from(n.max(1)).unwrap_or(u32::MAX);
        let place = Place {
            line: number(error.line()),
            column: number(error.column()),
        };
        let full = error.to_string();
        let message = full.split(" at line ").next().unwrap_or(&full);
        if message == "recursion limit exceeded" {
            let deep = json::scan(text).0.deeper_than(MAX_DEPTH);
            let (path, place) = deep.unwrap_or_else(|| (String::new(), place));
            return Findings::one(too_deep(path), file, place);
        }
        let problem = Problem::error(codes::SYNTAX, "", format!("no JSON: {message}"));
        Findings::one(problem, file, place)
    })?;
    let (lines, duplicates) = json::scan(text);
    Ok((value, lines, duplicates))
}

fn read_yaml(text: &str, file: &str) -> Result<Text, Findings> {
    let read = yaml::read(text).map_err(|error| {
        let code = if error.too_much {
            codes::TOO_DEEP
        } else {
            codes::SYNTAX
        };
        let problem = Problem::error(code, error.path, format!("no YAML: {}", error.message));
        Findings::one(problem, file, error.place)
    })?;
    Ok((read.value, read.lines, read.duplicates))
}

fn too_deep(path: String) -> Problem {
    let message = format!("the definition is nested deeper than {MAX_DEPTH} levels");
    Problem::error(codes::TOO_DEEP, path, message)
}

/// From a JSON value to a definition.
fn understand(
    mut value: Value,
    lines: LineMap,
    file: &str,
    mut found: Vec<Finding>,
) -> Result<Source, Findings> {
    if let Some(path) = deeper_than(&value, MAX_DEPTH) {
        let place = lines.find(&path);
        found.push(Finding::new(too_deep(path), file, place));
        return Err(Findings::of(found));
    }
    names::normalise(&mut value);
    let mut problems = shape::check(&value);
    let steps = value
        .get("actions")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if steps > MAX_STEPS {
        let message = format!("the workflow has {steps} steps; {MAX_STEPS} are the most");
        problems.push(Problem::error(codes::TOO_MANY_STEPS, "actions", message));
    }
    let read = serde_path_to_error::deserialize::<_, Definition>(&value);
    let definition = match read {
        Ok(definition) => Some(definition),
        Err(error) => {
            // The shapes name every problem and where it is; what slips through them is named here.
            if problems.is_empty() {
                let path = Some(error.path().to_string()).filter(|path| path != ".");
                let message = error.inner().to_string();
                problems.push(Problem::error(
                    codes::INVALID_VALUE,
                    path.unwrap_or_default(),
                    message,
                ));
            }
            None
        }
    };
    found.extend(Findings::placed(problems, file, &lines));
    match definition {
        Some(definition) if found.is_empty() => Ok(Source {
            file: file.to_owned(),
            definition,
            value,
            lines,
        }),
        _ => Err(Findings::of(found)),
    }
}

/// The path of the first list or object that nests deeper than `levels`.
fn deeper_than(value: &Value, levels: usize) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => Some(String::new()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let rest = deeper_than(item, levels - 1)?;
            Some(join(&format!("[{index}]"), &rest))
        }),
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let rest = deeper_than(value, levels - 1)?;
            Some(join(key, &rest))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
