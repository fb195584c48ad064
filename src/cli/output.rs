//! Results on standard output: a table or lines for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, TableStyle};
use serde::Serialize;

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    /// JSON was asked for.
    pub(super) json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// One line for people; nothing where JSON was asked for.
    pub(super) fn line(self, text: impl AsRef<str>) {
        if !self.json {
            write(&harmless(text.as_ref()));
        }
    }

    /// One value on one line, where JSON was asked for.
    pub(super) fn value(self, value: &impl Serialize) {
        if self.json {
            write(&serde_json::to_string(value).expect("results are plain data"));
        }
    }

    /// JSON in many lines, whatever was asked for: documents such as a schema.
    pub(super) fn document(self, value: &impl Serialize) {
        write(&serde_json::to_string_pretty(value).expect("documents are plain data"));
    }

    /// A table for people; nothing where JSON was asked for.
    pub(super) fn table<const N: usize>(
        self,
        head: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        if self.json {
            return;
        }
        let mut table = Table::new();
        table
            .load_style(TableStyle::new())
            .set_header(head.map(str::to_uppercase));
        // In a file or a pipe a row is one line, however long.
        table.set_content_arrangement(if io::stdout().is_terminal() {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        for row in rows {
            table.add_row(row.map(|cell| one_line(&cell)));
        }
        for line in table.lines() {
            write(line.trim_end());
        }
    }
}

/// Nothing that is stored reaches the terminal's control codes; line breaks and tabs may be ours.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// No cell breaks the table or reaches the terminal's control codes.
fn one_line(cell: &str) -> String {
    cell.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A reader that has gone away (`| head`) ends us quietly.
fn write(text: &str) {
    if writeln!(io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// A time for people, to the second.
pub(super) fn time(at: Option<chrono::DateTime<chrono::Utc>>) -> String {
    at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}
