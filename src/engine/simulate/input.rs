//! The files of a simulation: contacts, events and results, one JSON object a line.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    engine::{contact::Contact, suppression},
    model::{
        execution::Instant,
        ids,
        path::builtin_contact_field,
        transition::{Event, ReplyOutcome},
        zone::parse_datetime,
    },
};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LineError {
    /// From 1.
    pub line: usize,
    /// For people.
    pub message: String,
}

/// A contact as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactLine {
    /// Its id as written.
    pub id: String,
    /// Itself.
    pub contact: Contact,
}

/// Something that happened, as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLine {
    /// Line in the file, from 1.
    pub line: usize,
    /// Id as given; none: derived.
    pub id: Option<String>,
    /// Dotted type.
    pub kind: String,
    /// Whose it is, as written; none: nobody's.
    pub contact_id: Option<String>,
    /// When.
    pub occurred_at: Instant,
    /// Payload.
    pub data: Value,
    /// The row before, of a change.
    pub old: Option<Value>,
    /// The row after, of a change.
    pub new: Option<Value>,
    /// Contact fields that change at that instant, before the event is matched.
    pub set: Map<String, Value>,
    /// What `set` changes is told by lines of their own: no event is made of it.
    pub told: bool,
}

impl EventLine {
    /// The event itself.
    #[must_use]
    pub fn event(&self, tenant: i32, seed: u64) -> Event {
        let contact = self.contact_id.as_deref().map(ids::contact_id);
        let bucket = contact.map_or_else(
            || ids::home_bucket(tenant),
            |contact| ids::bucket_of(tenant, contact),
        );
        let millis = self.occurred_at.timestamp_millis();
        let id = match &self.id {
            Some(id) => Uuid::try_parse(id).unwrap_or_else(|_| ids::derive(millis, bucket, &[id])),
            None => {
                let at = self.occurred_at.to_rfc3339();
                let line = self.line.to_string();
                let seed = if seed == 0 {
                    String::new()
                } else {
                    seed.to_string()
                };
                let whose = self.contact_id.as_deref().unwrap_or_default();
                ids::derive(millis, bucket, &[&self.kind, whose, &at, &line, &seed])
            }
        };
        Event {
            id,
            kind: self.kind.clone(),
            contact,
            occurred_at: self.occurred_at,
            data: self.data.clone(),
            old: self.old.clone(),
            new: self.new.clone(),
            trigger: None,
            cause: None,
        }
    }
}

/// How outside actions end; the first line that fits a send decides.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultLine {
    /// Only this workflow.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Only this step.
    #[serde(default)]
    pub step_id: Option<String>,
    /// Only this contact, as its file names it.
    #[serde(default)]
    pub contact_id: Option<String>,
    /// `sent`, `failed`, `unknown` or `suppressed`. Default `sent`. Of a `manual_review` that `step_id` names,
    /// `sent` approves and `failed` rejects; one that no line names stays open.
    #[serde(default = "sent")]
    pub outcome: ReplyOutcome,
    /// What the provider says.
    #[serde(default)]
    pub response: Value,
    /// Error class; for `suppressed` the reason.
    #[serde(default)]
    pub error: Option<String>,
    /// The error in words.
    #[serde(default)]
    pub message: Option<String>,
}

pub(super) fn sent() -> ReplyOutcome {
    ReplyOutcome::Sent
}

/// Reads contacts; empty lines are skipped.
///
/// # Errors
/// The first line that is no contact, or has an id that another line has.
pub fn contacts(text: &str) -> Result<Vec<ContactLine>, LineError> {
    let mut seen = std::collections::HashSet::new();
    lines(text)
        .map(|(line, text)| {
            let fields: Map<String, Value> = parse(line, text)?;
            let id = match fields.get("id") {
                Some(Value::String(id)) if !id.is_empty() => id.clone(),
                Some(Value::Number(id)) => id.to_string(),
                _ => return Err(wrong(line, "a contact needs an \"id\"")),
            };
            let uuid = ids::contact_id(&id);
            if !seen.insert(uuid) {
                return Err(wrong(line, "an earlier line has this id"));
            }
            let mut contact = Contact::unread(uuid);
            // As in the CRM, where the list may be empty but is always there.
            contact.set("tags", Value::Array(Vec::new()));
            for (name, value) in fields {
                if name == "tags" && !value.is_array() && !value.is_null() {
                    return Err(wrong(line, "\"tags\" is an array of texts"));
                }
                if name != "id" && !(name == "tags" && value.is_null()) {
                    contact.set(&name, value);
                }
            }
            contact.name_in_full();
            if Uuid::try_parse(&id).is_err() && !contact.fields.contains_key("external_id") {
                contact.set("external_id", Value::String(id.clone()));
            }
            Ok(ContactLine { id, contact })
        })
        .collect()
}

/// Reads events, in the order of the file; empty lines are skipped.
///
/// # Errors
/// The first line that is no event.
pub fn events(text: &str) -> Result<Vec<EventLine>, LineError> {
    lines(text)
        .map(|(line, text)| {
            let raw: RawEvent = parse(line, text)?;
            let occurred_at =
                parse_datetime(&raw.occurred_at, chrono_tz::UTC).ok_or_else(|| {
                    wrong(
                        line,
                        "\"occurred_at\" is no date-time such as 2026-03-01T09:00:00Z",
                    )
                })?;
            if raw.kind.trim().is_empty() {
                return Err(wrong(line, "\"type\" is empty"));
            }
            let set = raw.set.into_iter().map(|(name, value)| {
                let column = builtin_contact_field(&name).map(|(_, column)| column.to_owned());
                let name = column.unwrap_or(name);
                let value = match value {
                    Value::Null if name == "tags" => Value::Array(Vec::new()),
                    value => value,
                };
                (name, value)
            });
            let set: Map<String, Value> = set.collect();
            if set.contains_key("id") {
                return Err(wrong(line, "a contact's \"id\" cannot be set"));
            }
            if !set.is_empty() && raw.contact_id.is_none() {
                return Err(wrong(line, "\"set\" needs a \"contact_id\""));
            }
            Ok(EventLine {
                line,
                id: raw.id,
                kind: raw.kind,
                contact_id: raw.contact_id,
                occurred_at,
                data: if raw.data.is_null() {
                    Value::Object(Map::new())
                } else {
                    raw.data
                },
                old: raw.old,
                new: raw.new,
                set,
                told: false,
            })
        })
        .collect()
}

/// Reads results of outside actions; empty lines are skipped.
///
/// # Errors
/// The first line that is none.
pub fn results(text: &str) -> Result<Vec<ResultLine>, LineError> {
    lines(text).map(|(line, text)| parse(line, text)).collect()
}

/// Reads entries of suppression lists; empty lines are skipped.
///
/// # Errors
/// The first line that is none.
pub fn suppressions(text: &str) -> Result<Vec<suppression::Entry>, LineError> {
    lines(text)
        .map(|(line, text)| {
            let entry: suppression::Entry = parse(line, text)?;
            if suppression::plain(entry.kind, &entry.value).is_none() {
                let kind = entry.kind.name();
                return Err(wrong(line, &format!("\"value\" can be no {kind}")));
            }
            Ok(entry)
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    #[serde(default, deserialize_with = "text_or_number")]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "text_or_number")]
    contact_id: Option<String>,
    occurred_at: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    old: Option<Value>,
    #[serde(default)]
    new: Option<Value>,
    #[serde(default)]
    set: Map<String, Value>,
}

fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Null => None,
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => return Err(serde::de::Error::custom("an id is a text")),
    })
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    lines
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
}

fn parse<T: DeserializeOwned>(line: usize, text: &str) -> Result<T, LineError> {
    serde_json::from_str(text).map_err(|error| {
        // The position within the line follows its number; serde counts lines of its own.
        let message = error.to_string();
        let message = match message.rsplit_once(" at line 1 column ") {
            Some((what, column)) => format!("{what} (column {column})"),
            None => message,
        };
        LineError { line, message }
    })
}

fn wrong(line: usize, message: &str) -> LineError {
    LineError {
        line,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_read() {
        let read = contacts("{\"id\":\"a\",\"lastName\":\"Ida\",\"tags\":[\"x\"],\"score\":3}\n\n")
            .unwrap();
        let fields = Value::Object(read[0].contact.fields.clone());
        assert_eq!(
            fields,
            json!({"last_name": "Ida", "full_name": "Ida", "tags": ["x"], "score": 3, "external_id": "a"})
        );
        let read = events(
            "{\"type\":\"t\",\"contact_id\":\"a\",\"occurred_at\":\"2026-01-01\",\"set\":{\"lastPurchaseDate\":1}}",
        );
        let read = read.unwrap();
        assert_eq!(
            (
                read[0].set["last_purchase_date"].clone(),
                read[0].data.clone()
            ),
            (json!(1), json!({}))
        );
        assert_eq!(read[0].event(1, 0).id, read[0].event(1, 0).id);
        assert_ne!(read[0].event(1, 0).id, read[0].event(1, 9).id);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let table = [
            (
                contacts("{\"id\":\"a\"}\n{\"name\":1}").unwrap_err(),
                2,
                "needs an \"id\"",
            ),
            (
                contacts("{\"id\":\"a\"}\n{\"id\":\"a\"}").unwrap_err(),
                2,
                "earlier line",
            ),
            (contacts("\n{").unwrap_err(), 2, "(column 1)"),
            (
                contacts("{\"id\":1,\"tags\":\"x\"}").unwrap_err(),
                1,
                "array",
            ),
            (
                events("{\"type\":\"t\",\"occured_at\":\"x\"}").unwrap_err(),
                1,
                "unknown field `occured_at`",
            ),
            (
                events("{\"type\":\"t\",\"occurred_at\":\"soon\"}").unwrap_err(),
                1,
                "no date-time",
            ),
            (
                events("{\"type\":\"t\",\"occurred_at\":\"2026-01-01\",\"set\":{\"a\":1}}")
                    .unwrap_err(),
                1,
                "contact_id",
            ),
            (
                results("{\"outcome\":\"maybe\"}").unwrap_err(),
                1,
                "unknown variant",
            ),
        ];
        for (error, line, part) in table {
            assert_eq!(error.line, line, "{error}");
            assert!(error.message.contains(part), "{error}");
        }
    }
}
