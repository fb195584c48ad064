//! Reading and checking definition files: what `validate` says and `deploy` insists on.

use std::path::Path;

use chrono::Utc;
use serde_json::Value;

use super::error::{AppError, AppResult};
use crate::{
    catalog::{
        finding::Findings,
        parse::{self, MAX_BYTES, Source},
        schema,
    },
    engine::check::{
        self, Known, codes,
        overlap::{self, Messaging},
    },
    model::problem::Problem,
};

/// One file, read and checked.
#[derive(Debug)]
pub struct Checked {
    /// As it was named.
    pub file: String,
    /// The definition, where it could be read.
    pub source: Option<Source>,
    /// Everything wrong or doubtful.
    pub findings: Findings,
}

impl Checked {
    /// Whether it may be deployed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.source.is_some() && !self.findings.has_errors()
    }
}

/// Reads and checks files; `-` is standard input. Two files with the same workflow id are an error.
///
/// # Errors
/// A file that cannot be opened.
pub fn check_files<P: AsRef<Path>>(files: &[P]) -> AppResult<Vec<Checked>> {
    let read = files.iter().map(|file| check_file(file.as_ref()));
    let mut checked = read.collect::<AppResult<Vec<_>>>()?;
    beside_each_other(&mut checked);
    Ok(checked)
}

/// What several files say together: one id twice, and workflows that overlap.
fn beside_each_other(checked: &mut [Checked]) {
    let mut earlier: Vec<(String, String, Messaging)> = Vec::new();
    for file in checked {
        let Some(source) = &file.source else { continue };
        let definition = &source.definition;
        let mut more = overlap::against(source, earlier.iter().map(|(.., one)| one));
        if let Some((_, twin, _)) = earlier.iter().find(|(id, ..)| *id == definition.id) {
            let message = format!("{twin} defines a workflow of this id, too");
            let problem = Problem::error(codes::DUPLICATE_ID, "id", message);
            more.extend(source.findings(vec![problem]).list);
        }
        let own = Messaging::of(definition);
        earlier.push((definition.id.clone(), file.file.clone(), own));
        if !more.is_empty() {
            more.append(&mut file.findings.list);
            let counted = file.findings.more;
            file.findings = Findings::of(more);
            file.findings.more += counted;
        }
    }
}

fn check_file(path: &Path) -> AppResult<Checked> {
    let file = path.display().to_string();
    let unreadable = |error: std::io::Error| AppError::usage(format!("{file}: {error}"));
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        // One byte more than is read tells that it is too much, whatever comes after.
        std::io::Read::read_to_end(
            &mut std::io::Read::take(std::io::stdin(), MAX_BYTES as u64 + 1),
            &mut bytes,
        )
        .map_err(unreadable)?;
        bytes
    } else {
        std::fs::read(path).map_err(unreadable)?
    };
    let text = String::from_utf8(bytes)
        .map_err(|error| AppError::no(format!("{file}: no UTF-8 text ({})", error.utf8_error())))?;
    Ok(check_text(&text, &file))
}

/// Reads and checks the text of a definition.
#[must_use]
pub fn check_text(text: &str, file: &str) -> Checked {
    match parse::read(text, file) {
        Ok(source) => {
            let known = Known {
                now: Some(Utc::now()),
                ..Known::default()
            };
            let findings = check::check_for(&source, &known);
            Checked {
                file: file.to_owned(),
                source: Some(source),
                findings,
            }
        }
        Err(findings) => Checked {
            file: file.to_owned(),
            source: None,
            findings,
        },
    }
}

/// The published JSON Schema of definitions.
#[must_use]
pub fn json_schema() -> Value {
    schema::schema()
}

/// Every trigger, action, operator, wait type and filter, with docs and schemas.
#[must_use]
pub fn catalog() -> Value {
    crate::catalog::describe()
}
