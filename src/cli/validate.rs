//! `waypost validate`: schema and meaning of definition files.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::app::{AppError, AppResult, definitions};

/// Checks workflow definitions (JSON or YAML), each finding with file, line and what would be right.
///
/// No database is needed. Exit code 1 when a file has an error; warnings alone are fine.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost validate examples/abandoned-cart.json")]
pub(super) struct Validate {
    /// Files to check; `-` is standard input
    #[arg(required_unless_present = "schema", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the JSON Schema of definitions instead
    #[arg(long, conflicts_with = "files")]
    schema: bool,
}

impl Validate {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        if self.schema {
            cx.out.document(&definitions::json_schema());
            return Ok(());
        }
        let checked = definitions::check_files(&self.files)?;
        for file in &checked {
            cx.out.value(&json!({
                "file": file.file,
                "workflow": file.source.as_ref().map(|source| &source.definition.id),
                "valid": file.is_valid(),
                "findings": file.findings.list,
                "more": file.findings.more,
            }));
            print_findings(cx, file);
            if file.is_valid() {
                cx.out.line(format!("{}: ok", file.file));
            }
        }
        let bad = checked.iter().filter(|file| !file.is_valid()).count();
        match bad {
            0 => Ok(()),
            _ => Err(AppError::no(format!(
                "{bad} of {} files cannot be deployed",
                checked.len()
            ))),
        }
    }
}

/// Findings of a file, one a line, for people.
fn print_findings(cx: &Context, file: &definitions::Checked) {
    for finding in &file.findings.list {
        cx.out.line(finding.to_string());
    }
    if file.findings.more > 0 {
        cx.out
            .line(format!("{}: and {} more", file.file, file.findings.more));
    }
}
