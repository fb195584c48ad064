//! `waypost suppressions`: who is kept out of workflows.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{context::Context, output::time, progress::Count};
use crate::app::{AppError, AppResult, suppressions::About};

/// Suppression lists: who is on one does not enrol in the workflows that look at it.
///
/// A workflow looks at the lists that its suppressionLists name, by default at `global`. A value is a contact's
/// id, an address, a domain or a telephone number. What runs already goes on.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost suppressions add ada@example.com --reason \"asked to\"")]
pub(super) struct Suppressions {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Put values on a list
    #[command(after_help = "Example: waypost suppressions add rival.example --list competitors")]
    Add {
        /// Contact ids, addresses, domains or telephone numbers
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
        #[command(flatten)]
        entry: Entry,
    },
    /// Take a value off a list
    #[command(after_help = "Example: waypost suppressions remove ada@example.com --all")]
    Remove {
        /// As it was put on
        value: String,
        /// What the value is [default: what it looks like]
        #[arg(long)]
        kind: Option<Kind>,
        /// The list
        #[arg(long, default_value = "global", value_name = "NAME")]
        list: String,
        /// Off every list
        #[arg(long, conflicts_with = "list")]
        all: bool,
    },
    /// Every entry
    #[command(after_help = "Example: waypost suppressions list --list global --json")]
    List {
        /// Only this list
        #[arg(long, value_name = "NAME")]
        list: Option<String>,
    },
    /// Put the values of a file on a list, one a line
    #[command(after_help = "Example: waypost suppressions import bounced.txt --reason bounced")]
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
        #[command(flatten)]
        entry: Entry,
    },
}

#[derive(Debug, Args)]
struct Entry {
    /// What the values are [default: what each looks like]
    #[arg(long)]
    kind: Option<Kind>,
    /// The list
    #[arg(long, default_value = "global", value_name = "NAME")]
    list: String,
    /// For people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Holds before this time (RFC 3339) [default: for ever]
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A contact's id
    Contact,
    /// A whole address
    Email,
    /// What stands behind the @ of an address
    Domain,
    /// A telephone number
    Phone,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Email => "email",
            Self::Domain => "domain",
            Self::Phone => "phone",
        }
    }
}

impl From<Entry> for About {
    fn from(entry: Entry) -> Self {
        Self {
            kind: entry.kind.map(|kind| kind.name().to_owned()),
            list: entry.list,
            reason: entry.reason,
            expires_at: entry.until,
        }
    }
}

impl Suppressions {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        match self.verb {
            Verb::Add { values, entry } => {
                let new = waypost.suppress(&values, &entry.into()).await?;
                cx.out.value(&json!({ "values": values.len(), "new": new }));
                cx.out.line(format!("{new} of {} are new", values.len()));
            }
            Verb::Remove {
                value,
                kind,
                list,
                all,
            } => {
                let list = (!all).then_some(list);
                let kind = kind.map(Kind::name);
                let gone = waypost.unsuppress(&value, kind, list.as_deref()).await?;
                if gone == 0 {
                    return Err(AppError::no("the value is on no such list"));
                }
                cx.out.value(&json!({ "lists": gone }));
                cx.out.line(format!("taken off {gone} lists"));
            }
            Verb::List { list } => {
                let mut count = 0;
                waypost
                    .suppressions(list.as_deref(), &mut |rows| {
                        count += rows.len();
                        for row in &rows {
                            cx.out.value(row);
                        }
                        let cells = rows.into_iter().map(|row| {
                            [
                                row.list,
                                row.kind,
                                row.value,
                                row.reason.unwrap_or_default(),
                                time(row.expires_at),
                            ]
                        });
                        cx.out
                            .table(["list", "kind", "value", "reason", "until"], cells);
                    })
                    .await?;
                cx.out.line(format!("{count} entries"));
            }
            Verb::Import { file, entry } => {
                let count = Count::new("values read", None);
                let about = entry.into();
                let done = waypost
                    .suppress_file(&file, &about, &|n| count.at(n))
                    .await?;
                drop(count);
                cx.out.value(&done);
                cx.out
                    .line(format!("{} of {} are new", done.new, done.values));
            }
        }
        Ok(())
    }
}
