//! `waypost emit`: events.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{context::Context, progress::Count};
use crate::app::{AppError, AppResult, events::NewEvent};

/// Records an event, or a file of them: what triggers, waits and goals go by.
///
/// A file has one object a line: {"type", "contact_id", "occurred_at", "data", "dedupe_key"}; all but the
/// type may be left out. It is read in batches that commit one by one.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost emit custom.event --contact 0190b5a8-0000-7000-8000-000000000001 --data '{\"name\": \"demo\"}'"
)]
pub(super) struct Emit {
    /// Event type, e.g. form.submitted
    #[arg(required_unless_present = "file", value_name = "TYPE")]
    kind: Option<String>,
    /// Whose event; none: the tenant's own
    #[arg(long, value_name = "ID")]
    contact: Option<Uuid>,
    /// The payload
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_value)]
    data: Value,
    /// The same key is recorded once for a contact
    #[arg(long, value_name = "KEY")]
    dedupe_key: Option<String>,
    /// When it happened (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<DateTime<Utc>>,
    /// Events to record, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "contact", "dedupe_key", "occurred_at"])]
    file: Option<PathBuf>,
}

/// Reads an argument that is JSON.
pub(super) fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))
}

impl Emit {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        if let Some(file) = &self.file {
            let count = Count::new("events recorded", None);
            let recorded = waypost.emit_file(file, &|n| count.at(n)).await?;
            drop(count);
            cx.out.value(&json!({ "events": recorded }));
            cx.out.line(format!("{recorded} events recorded"));
            return Ok(());
        }
        let kind = self.kind.filter(|kind| !kind.is_empty());
        let kind =
            kind.ok_or_else(|| AppError::usage("an event needs a type, e.g. custom.event"))?;
        let event = NewEvent {
            kind,
            contact: self.contact,
            data: self.data,
            dedupe_key: self.dedupe_key,
            occurred_at: self.occurred_at,
        };
        let id = waypost.emit(event).await?;
        cx.out.value(&json!({ "id": id }));
        cx.out.line(id.to_string());
        Ok(())
    }
}
