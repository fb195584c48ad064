//! Recording events: one, or a file of them.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use sqlx::{Postgres, Transaction};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use uuid::Uuid;

use super::{
    error::{AppError, AppResult},
    waypost::Waypost,
};
pub use crate::store::intake::NewEvent;
use crate::{
    faults::{self, FailPoint},
    model::execution::Instant,
    store::intake,
};

/// Events of one transaction, when there are many.
const BATCH: usize = 1_000;
/// Longest line of a file of events, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// One line of a file of events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    contact_id: Option<Uuid>,
    #[serde(default)]
    occurred_at: Option<Instant>,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    dedupe_key: Option<String>,
}

impl Waypost {
    /// Records one event and wakes the workers; answers its id.
    ///
    /// # Errors
    /// Of the database.
    pub async fn emit(&self, event: NewEvent) -> AppResult<Uuid> {
        let mut tx = self.begin().await?;
        let ids = intake::emit(&mut tx, &[event], true).await?;
        commit(tx).await?;
        ids.first()
            .copied()
            .ok_or_else(|| AppError::no("the event was not recorded"))
    }

    /// Records the events of a jsonl file (`-`: standard input), in batches that commit one by one;
    /// answers how many. `progress` gets the count so far.
    ///
    /// # Errors
    /// A line that cannot be read, by its number, with how many events were recorded before it.
    pub async fn emit_file(&self, file: &Path, progress: &dyn Fn(u64)) -> AppResult<u64> {
        if file.as_os_str() == "-" {
            return self
                .emit_lines(BufReader::new(tokio::io::stdin()), "-", progress)
                .await;
        }
        let name = file.display().to_string();
        let opened = tokio::fs::File::open(file)
            .await
            .map_err(|error| AppError::usage(format!("{name}: {error}")))?;
        self.emit_lines(BufReader::new(opened), &name, progress)
            .await
    }

    async fn emit_lines(
        &self,
        mut lines: impl AsyncBufRead + Unpin,
        file: &str,
        progress: &dyn Fn(u64),
    ) -> AppResult<u64> {
        let (mut count, mut number) = (0_u64, 0_u64);
        let mut batch = Vec::with_capacity(BATCH);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line).await;
            let read = read.map_err(|error| AppError::usage(format!("{file}: {error}")))?;
            number += 1;
            if read > 0 && !line.trim_ascii().is_empty() {
                let event = event_line(&line).map_err(|why| {
                    AppError::usage(format!(
                        "{file}:{number}: {why}; {count} events were recorded before this batch"
                    ))
                })?;
                batch.push(event);
            }
            if batch.len() >= BATCH || (read == 0 && !batch.is_empty()) {
                let mut tx = self.begin().await?;
                intake::emit(&mut tx, &batch, read == 0).await?;
                commit(tx).await?;
                count += batch.len() as u64;
                batch.clear();
                progress(count);
            }
            if read == 0 {
                return Ok(count);
            }
        }
    }
}

async fn commit(tx: Transaction<'_, Postgres>) -> AppResult<()> {
    faults::at(FailPoint::EmitWritten)
        .await
        .map_err(sqlx::Error::from)?;
    tx.commit().await?;
    faults::at(FailPoint::EmitCommitted)
        .await
        .map_err(sqlx::Error::from)?;
    Ok(())
}

fn event_line(line: &[u8]) -> Result<NewEvent, String> {
    if line.len() > LONGEST_LINE {
        return Err(format!(
            "the line has {} bytes; {LONGEST_LINE} are read",
            line.len()
        ));
    }
    let line: EventLine = serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        format!("no event ({what}); write {{\"type\": \"form.submitted\", \"contact_id\": \"...\", \"data\": {{}}}}")
    })?;
    if line.kind.is_empty() {
        return Err("the event has an empty type".to_owned());
    }
    Ok(NewEvent {
        kind: line.kind,
        contact: line.contact_id,
        data: line
            .data
            .unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        dedupe_key: line.dedupe_key,
        occurred_at: line.occurred_at,
    })
}

#[cfg(test)]
mod tests {
    use super::event_line;

    #[test]
    fn lines_that_are_no_events_say_why() {
        for (line, part) in [
            ("", "no event"),
            ("[]", "no event"),
            (r#"{"type": ""}"#, "empty type"),
            (r#"{"contact_id": null}"#, "missing field `type`"),
            (
                r#"{"type": "a.b", "contact": "x"}"#,
                "unknown field `contact`",
            ),
            (r#"{"type": "a.b", "contact_id": "x"}"#, "no event"),
            (r#"{"type": "a.b", "occurred_at": "soon"}"#, "no event"),
        ] {
            let error = event_line(line.as_bytes()).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
        let event =
            event_line(br#"{"type": "a.b", "data": {"n": 1}, "dedupe_key": "k"}"#).expect("ok");
        assert_eq!(
            (event.kind.as_str(), event.dedupe_key.as_deref()),
            ("a.b", Some("k"))
        );
    }
}
