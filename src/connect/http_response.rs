//! What an HTTP answer means, and what of it is kept.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
};
use serde_json::{Map, Value, json};

use super::{RESPONSE_LIMIT, Reply, Verdict, reply::cut, secrets::Vault};

/// The longest wait that a provider can ask for.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// What the body may take of the response: the rest is for status and headers.
const BODY_LIMIT: usize = RESPONSE_LIMIT - 6 * 1024;
/// The longest header value that is kept, in bytes.
const HEADER_LIMIT: usize = 256;

/// The headers that are kept: they help to follow a call up and carry no credentials.
const KEPT: &[&str] = &[
    "content-type",
    "date",
    "etag",
    "location",
    "retry-after",
    "server",
    "request-id",
    "x-request-id",
    "x-correlation-id",
    "idempotent-replayed",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
];

/// What was read of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body goes on, or broke off.
    pub(super) truncated: bool,
}

/// The reply to an answer that came. `host` is for the message.
pub(super) fn judge(answer: &Answer, host: &str, now: DateTime<Utc>, vault: &Vault<'_>) -> Reply {
    let wait = retry_after(&answer.headers, now);
    let status = answer.status;
    let verdict = verdict(status, wait.is_some());
    let response = record(answer, vault);
    if verdict == Verdict::Ok {
        return Reply::ok(response);
    }
    let meaning = match verdict {
        Verdict::Rejected if status.is_redirection() => "redirects are not followed",
        Verdict::Rejected => "the request was refused",
        Verdict::Retryable => "not now",
        _ => "it may have been done",
    };
    let message = format!("{host} answered {status}: {meaning}");
    Reply {
        response,
        retry_after: wait.filter(|_| verdict != Verdict::Rejected),
        ..Reply::failed(verdict, format!("http_{}", status.as_u16()), message)
    }
}

/// What a status says about whether the request was executed. 408, 425 and 429 say by definition
/// that it was not; 503 does when it names a time; any other 5xx says nothing.
fn verdict(status: StatusCode, names_a_time: bool) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Ok,
        408 | 425 | 429 => Verdict::Retryable,
        503 if names_a_time => Verdict::Retryable,
        300..=499 => Verdict::Rejected,
        _ => Verdict::Unknown,
    }
}

/// `Retry-After` in either form, at most 24 hours. A date counts from the answer's own `Date`, so
/// that a clock that differs from ours does no harm.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits too many for a number are a long time.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_LIMIT));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    let date = headers.get(DATE).and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    let since = date.map_or(now, |date| date.to_utc());
    let wait = (until.to_utc() - since).to_std().unwrap_or(Duration::ZERO);
    Some(wait.min(RETRY_AFTER_LIMIT))
}

/// Status, kept headers and body, as the history has them.
fn record(answer: &Answer, vault: &Vault<'_>) -> Value {
    let mut headers = Map::new();
    for name in KEPT {
        if let Some(value) = answer
            .headers
            .get(*name)
            .and_then(|value| value.to_str().ok())
        {
            // What follows a question mark may be a signature or a token.
            let value = vault.redact(value.split('?').next().unwrap_or_default().to_owned());
            headers.insert((*name).to_owned(), cut(&value, HEADER_LIMIT).into());
        }
    }
    let text = vault.redact(String::from_utf8_lossy(&answer.body).into_owned());
    let mut record = json!({ "status": answer.status.as_u16(), "headers": headers });
    let (body, cut_here) = body(&answer.headers, text);
    record["body"] = body;
    if answer.truncated || cut_here {
        record["truncated"] = true.into();
    }
    record
}

/// The body as JSON where it is JSON and fits, else as text; and whether some of it was left out.
fn body(headers: &HeaderMap, text: String) -> (Value, bool) {
    if text.is_empty() {
        return (Value::Null, false);
    }
    let kind = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let looks_like_json = kind.contains("json") || text.trim_start().starts_with(['{', '[']);
    if looks_like_json
        && let Ok(parsed) = serde_json::from_str::<Value>(&text)
        && parsed.to_string().len() <= BODY_LIMIT
    {
        return (parsed, false);
    }
    let mut kept = cut(&text, BODY_LIMIT);
    // Escapes can make the JSON of a text six times as long as the text.
    while Value::from(kept).to_string().len() > BODY_LIMIT {
        kept = cut(kept, kept.len() / 2);
    }
    (kept.into(), kept.len() < text.len())
}

#[cfg(test)]
#[path = "http_response_tests.rs"]
mod tests;
