//! What a connector answers: a verdict, and what is worth keeping in the history.

use std::time::Duration;

use serde_json::{Value, json};

/// The most a reply's response may take in the history, in bytes of JSON.
pub const RESPONSE_LIMIT: usize = 16 * 1024;

/// The most a reply's message may take, in bytes.
const MESSAGE_LIMIT: usize = 1024;

/// How an attempt ended, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted by the other side.
    Ok,
    /// Certain that nothing left: refused connection, unknown host, TLS before the first byte.
    NotSent,
    /// Certain refusal: the same request would be refused again.
    Rejected,
    /// By the provider's contract not executed; the same request may do later.
    Retryable,
    /// It may have been done: time ran out or the connection broke after bytes had left.
    Unknown,
}

/// A connector's answer to one attempt. Holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// How the attempt ended.
    pub verdict: Verdict,
    /// What the other side said, at most [`RESPONSE_LIMIT`] bytes; null when it said nothing.
    pub response: Value,
    /// The class of error: `http_503`, `timeout`, `connect`, `smtp_550`; none when `Ok`.
    pub error: Option<String>,
    /// The error for people: what is wrong, where, what would be right.
    pub message: Option<String>,
    /// How long the provider asks to wait before the next attempt; at most 24 hours.
    pub retry_after: Option<Duration>,
    /// A message that was kept instead of sent, for the finishing transaction to write.
    pub captured: Option<Captured>,
}

/// What the other side says of an earlier attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It was done; the reply is what it would have been then.
    Done(Reply),
    /// Certain that it was not done.
    NotFound,
    /// Nobody can say; the reply says why.
    CannotTell(Reply),
}

/// A message kept instead of sent.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Captured {
    /// `email`, `sms` and so on.
    pub channel: String,
    /// Whom it was for; several are joined by a comma.
    pub recipient: String,
    /// The subject, where the channel has one.
    pub subject: Option<String>,
    /// The text.
    pub body: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// The other fields of the request, such as `from` and `replyTo`: a JSON object.
    pub headers: Value,
}

impl Reply {
    /// Accepted, with what the other side said.
    pub fn ok(response: Value) -> Self {
        Self {
            verdict: Verdict::Ok,
            response,
            error: None,
            message: None,
            retry_after: None,
            captured: None,
        }
    }

    /// An attempt that did not succeed, with its class and the message for people.
    pub fn failed(verdict: Verdict, error: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            verdict,
            error: Some(error.into()),
            message: Some(message.into()),
            ..Self::ok(Value::Null)
        }
    }

    /// Certain that nothing left.
    pub fn not_sent(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::failed(Verdict::NotSent, error, message)
    }

    /// Certain refusal.
    pub fn rejected(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::failed(Verdict::Rejected, error, message)
    }

    /// Not executed, may do later.
    pub fn retryable(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::failed(Verdict::Retryable, error, message)
    }

    /// May have been done.
    pub fn unknown(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::failed(Verdict::Unknown, error, message)
    }

    /// The deadline passed before the first byte: nothing left.
    pub fn too_late() -> Self {
        Self::not_sent(
            "deadline",
            "the claim was too old to send under; nothing was sent",
        )
    }

    /// Time ran out after bytes may have left.
    pub(crate) fn timed_out(timeout: Duration) -> Self {
        let message = format!(
            "no answer within {} ms; it may have been done",
            timeout.as_millis()
        );
        Self::unknown("timeout", message)
    }

    /// The same reply with response and message cut to what the history keeps.
    pub(crate) fn bounded(mut self) -> Self {
        let mut text = self.response.to_string();
        if text.contains("\\u0000") {
            clean(&mut self.response);
            text = self.response.to_string();
        }
        if text.len() > RESPONSE_LIMIT {
            // Half, since escaping the text as a JSON string can double it and more is not promised.
            let kept = cut(&text, RESPONSE_LIMIT / 2);
            self.response = json!({ "truncated": true, "text": kept });
        }
        if let Some(captured) = &mut self.captured {
            clean(&mut captured.headers);
        }
        if let Some(message) = &mut self.message {
            let end = cut(message, MESSAGE_LIMIT).len();
            message.truncate(end);
            *message = message.replace('\0', "\u{fffd}");
        }
        self
    }
}

/// Replaces NUL characters in texts and keys: the database cannot hold them.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => {
            fields.values_mut().for_each(clean);
            if fields.keys().any(|key| key.contains('\0')) {
                let renamed = std::mem::take(fields).into_iter();
                fields.extend(renamed.map(|(key, value)| (key.replace('\0', "\u{fffd}"), value)));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The longest start of `text` that takes at most `limit` bytes and ends between characters.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
