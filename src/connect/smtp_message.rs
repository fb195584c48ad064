//! From the frozen request of `send_email` to an envelope and the bytes of a message.

use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Reply;

/// The most recipients of one message.
const RECIPIENTS_LIMIT: usize = 50;
/// The longest address with its display name, subject or header value, in bytes.
const FIELD_LIMIT: usize = 2_000;

/// The largest text or HTML part, in bytes.
const PART_LIMIT: usize = 5 * 1024 * 1024;

/// A message, ready to be sent.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

type Refusal = Box<Reply>;

fn refuse<T>(class: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Box::new(Reply::rejected(class, message)))
}

/// Composes the message: `to`, `cc`, `bcc` (a text or a list), `from`, `replyTo`, `subject`, `body`
/// or `text`, `html`, `listUnsubscribe` and `headers` (`List-*` and `X-*`). The outbox id is its
/// `Message-ID` and, where a name is given, the value of an idempotency header.
pub(super) fn compose(
    request: &Value,
    default_from: &Mailbox,
    outbox_id: Uuid,
    idempotency_header: Option<&str>,
) -> Result<Mail, Refusal> {
    let Some(request) = request.as_object() else {
        return refuse(
            "invalid_request",
            "the request must be an object with a `to`",
        );
    };
    let from = mailboxes(request, "from")?
        .into_iter()
        .next()
        .unwrap_or(default_from.clone());
    let to = mailboxes(request, "to")?;
    if to.is_empty() {
        return refuse(
            "invalid_address",
            "`to` is missing: the message has no recipient",
        );
    }
    let (cc, bcc) = (mailboxes(request, "cc")?, mailboxes(request, "bcc")?);
    let recipients: Vec<Address> = to
        .iter()
        .chain(&cc)
        .chain(&bcc)
        .map(|mailbox| mailbox.email.clone())
        .collect();
    if recipients.len() > RECIPIENTS_LIMIT {
        let message = format!(
            "{} recipients: at most {RECIPIENTS_LIMIT} a message",
            recipients.len()
        );
        return refuse("invalid_address", message);
    }
    // Told to the server alone, never in the message: bcc stays blind.
    let envelope = Envelope::new(Some(from.email.clone()), recipients)
        .or_else(|error| refuse("invalid_address", error.to_string()))?;

    let message_id = format!("<{outbox_id}@{}>", from.email.domain());
    let mut builder = Message::builder()
        .message_id(Some(message_id))
        .date_now()
        .from(from)
        .subject(text(request, "subject")?.unwrap_or_default())
        .envelope(envelope.clone());
    for mailbox in to {
        builder = builder.to(mailbox);
    }
    for mailbox in cc {
        builder = builder.cc(mailbox);
    }
    for mailbox in mailboxes(request, "replyTo")? {
        builder = builder.reply_to(mailbox);
    }
    for header in headers(request)? {
        builder = builder.raw_header(header);
    }
    if let Some(name) = idempotency_header {
        builder = builder.raw_header(header(name, &outbox_id.to_string())?);
    }
    let message = match (body(request, &["body", "text"])?, body(request, &["html"])?) {
        (Some(text), Some(html)) => {
            builder.multipart(MultiPart::alternative_plain_html(text, html))
        }
        (None, Some(html)) => builder.singlepart(SinglePart::html(html)),
        (Some(text), None) => builder.singlepart(SinglePart::plain(text)),
        (None, None) => {
            return refuse(
                "invalid_request",
                "the message has neither `body` nor `html`",
            );
        }
    };
    match message {
        Ok(message) => Ok(Mail {
            envelope,
            bytes: message.formatted(),
        }),
        Err(error) => refuse(
            "invalid_request",
            format!("no message can be made of it: {error}"),
        ),
    }
}

/// A text field of one line.
fn text(request: &Map<String, Value>, field: &str) -> Result<Option<String>, Refusal> {
    match request.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            one_line(field, text)?;
            Ok(Some(text.clone()))
        }
        Some(_) => refuse("invalid_request", format!("`{field}` must be a text")),
    }
}

/// Line breaks in a header are how headers are smuggled in; the error does not repeat the text.
fn one_line(field: &str, text: &str) -> Result<(), Refusal> {
    if text.contains(|character: char| character.is_control()) {
        let message = format!("`{field}` contains a line break or another control character");
        return refuse("invalid_header", message);
    }
    if text.len() > FIELD_LIMIT {
        let message = format!(
            "`{field}` is {} bytes long: at most {FIELD_LIMIT}",
            text.len()
        );
        return refuse("invalid_header", message);
    }
    Ok(())
}

/// The first of these fields that is there, as text of any number of lines. Line ends are made those
/// of mail here: the library inserts them one by one, which takes minutes for a text of megabytes.
fn body(request: &Map<String, Value>, fields: &[&str]) -> Result<Option<String>, Refusal> {
    for field in fields {
        match request.get(*field) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.len() > PART_LIMIT => {
                let message = format!("`{field}` is {} bytes: at most {PART_LIMIT}", text.len());
                return refuse("invalid_request", message);
            }
            Some(Value::String(text)) => {
                return Ok(Some(text.replace("\r\n", "\n").replace('\n', "\r\n")));
            }
            Some(_) => return refuse("invalid_request", format!("`{field}` must be a text")),
        }
    }
    Ok(None)
}

/// The addresses of a field: `bob@example.com`, `Bob <bob@example.com>`, or a list of such.
fn mailboxes(request: &Map<String, Value>, field: &str) -> Result<Vec<Mailbox>, Refusal> {
    let written = match request.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    written.iter().map(|item| mailbox(field, item)).collect()
}

fn mailbox(field: &str, written: &Value) -> Result<Mailbox, Refusal> {
    let Some(text) = written.as_str() else {
        return refuse(
            "invalid_address",
            format!("`{field}` must be an e-mail address or a list"),
        );
    };
    one_line(field, text)?;
    match text
        .trim()
        .parse::<Mailbox>()
        .ok()
        .and_then(with_ascii_domain)
    {
        Some(mailbox) => Ok(mailbox),
        // An address is personal data: the field is named, what stands in it is not.
        None => refuse(
            "invalid_address",
            format!(
                "`{field}` is no e-mail address: write name@example.com or Name <name@example.com>"
            ),
        ),
    }
}

/// Domains go by their ASCII form (`xn--...`), which every server takes. An address literal (`ann@[10.0.0.1]`) is none:
/// the mail server would be made to call whatever host a contact's address names.
fn with_ascii_domain(mailbox: Mailbox) -> Option<Mailbox> {
    if mailbox.email.domain().starts_with('[') {
        return None;
    }
    if mailbox.email.domain().is_ascii() {
        return Some(mailbox);
    }
    let url::Host::Domain(domain) = url::Host::parse(mailbox.email.domain()).ok()? else {
        return None;
    };
    let email = Address::new(mailbox.email.user(), domain).ok()?;
    Some(Mailbox { email, ..mailbox })
}

fn headers(request: &Map<String, Value>) -> Result<Vec<HeaderValue>, Refusal> {
    let mut headers = Vec::new();
    if let Some(target) = text(request, "listUnsubscribe")? {
        let target = target.trim();
        let bracketed = target.starts_with('<').then(|| target.to_owned());
        headers.push(header(
            "List-Unsubscribe",
            &bracketed.unwrap_or(format!("<{target}>")),
        )?);
        if target.contains("https:") {
            headers.push(header(
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click",
            )?);
        }
    }
    let written = match request.get("headers") {
        None | Some(Value::Null) => return Ok(headers),
        Some(Value::Object(written)) => written,
        Some(_) => {
            return refuse(
                "invalid_header",
                "`headers` must be an object: name to value",
            );
        }
    };
    for (name, value) in written {
        let lower = name.to_ascii_lowercase();
        if !lower.starts_with("list-") && !lower.starts_with("x-") {
            let message = format!("header {name:?} cannot be set: only List-* and X-* can");
            return refuse("invalid_header", message);
        }
        match value {
            Value::Null => {}
            Value::String(text) => headers.push(header(name, text)?),
            other => headers.push(header(name, &other.to_string())?),
        }
    }
    Ok(headers)
}

fn header(name: &str, value: &str) -> Result<HeaderValue, Refusal> {
    one_line(name, value)?;
    // Stricter than the library, which lets through any ASCII but colon and space.
    let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match HeaderName::new_from_ascii(name.to_owned()) {
        Ok(parsed) if name.bytes().all(well_formed) => {
            Ok(HeaderValue::new(parsed, value.to_owned()))
        }
        _ => refuse("invalid_header", format!("{name:?} is no header name")),
    }
}

#[cfg(test)]
#[path = "smtp_message_tests.rs"]
mod tests;
