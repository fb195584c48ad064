//! From the frozen request of `webhook` and `http_request` to the bytes of one HTTP call.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;

use super::{Reply, secrets::Vault};

/// The most that the headers of one request may take together, in bytes.
const HEADERS_LIMIT: usize = 16 * 1024;
/// The longest address, in bytes.
const URL_LIMIT: usize = 8 * 1024;

/// Headers that describe the connection or the framing: a request cannot set them.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-connection",
];

/// Whether a call carries the Standard Webhooks headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// `webhook`: `webhook-id` and `webhook-timestamp` always, a signature when there is a secret.
    Webhook,
    /// `http_request`: as written, and signed like a webhook only where `auth` says `hmac`.
    Plain,
}

/// One call, ready to be sent. Holds secrets: never logged, never kept.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

/// A refusal to compose a call: the reply to give.
pub(super) type Refusal = Box<Reply>;

fn refuse<T>(class: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Box::new(Reply::rejected(class, message)))
}

/// Composes the call. `timestamp` is the time of this attempt in seconds since 1970.
pub(super) fn compose(
    request: &Value,
    flavour: Flavour,
    outbox_id: Uuid,
    timestamp: i64,
    vault: &mut Vault<'_>,
) -> Result<Call, Refusal> {
    let Some(request) = request.as_object() else {
        return refuse(
            "invalid_request",
            "the request must be an object with a `url`",
        );
    };
    let url = url(request, vault)?;
    let method = method(request)?;
    let mut headers = headers(request, vault)?;
    let body = body(request.get("body"), &mut headers)?;
    let signing = authorise(request, &mut headers, vault)?;

    // Ours come last, so that no request can take another one's identity.
    let id = outbox_id.to_string();
    set(&mut headers, "idempotency-key", &id)?;
    if flavour == Flavour::Webhook || signing.is_some() {
        set(&mut headers, "webhook-id", &id)?;
        set(&mut headers, "webhook-timestamp", &timestamp.to_string())?;
        headers.remove("webhook-signature");
    }
    if let Some(secret) = signing {
        let signature = sign(&secret, &id, timestamp, body.as_deref().unwrap_or_default())?;
        set(&mut headers, "webhook-signature", &signature)?;
    }
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > HEADERS_LIMIT {
        let message = format!("the headers take {size} bytes: at most {HEADERS_LIMIT} are sent");
        return refuse("invalid_header", message);
    }
    Ok(Call {
        method,
        url,
        headers,
        body,
    })
}

/// Composes the question what became of the call with this key: a GET of `lookup.url`, with the call's headers and auth.
pub(super) fn compose_lookup(
    request: &Value,
    outbox_id: Uuid,
    timestamp: i64,
    vault: &mut Vault<'_>,
) -> Result<Call, Refusal> {
    let address = request.get("lookup").and_then(|lookup| lookup.get("url"));
    let Some(address) = address.and_then(Value::as_str) else {
        return refuse("no_lookup", "`lookup.url` is missing: nobody can be asked");
    };
    let mut question = Map::new();
    let address = address.replace("{key}", &outbox_id.to_string());
    question.insert("url".into(), address.into());
    question.insert("method".into(), "GET".into());
    for part in ["headers", "auth"] {
        if let Some(value) = request.get(part) {
            question.insert(part.into(), value.clone());
        }
    }
    let question = Value::Object(question);
    let mut call = compose(&question, Flavour::Plain, outbox_id, timestamp, vault)?;
    // It is not the call: a provider must not answer it from what it remembers of that one.
    call.headers.remove("idempotency-key");
    Ok(call)
}

fn url(request: &Map<String, Value>, vault: &mut Vault<'_>) -> Result<Url, Refusal> {
    let Some(text) = request.get("url").and_then(Value::as_str) else {
        return refuse(
            "invalid_url",
            "`url` is missing: it must be an http or https address",
        );
    };
    let text = vault.resolve(text)?;
    let text = text.trim();
    if text.len() > URL_LIMIT {
        return refuse(
            "invalid_url",
            format!("`url` is longer than {URL_LIMIT} bytes"),
        );
    }
    // The parser drops tabs and line breaks in silence; here they mean a template gone wrong.
    if text.contains(|character: char| character.is_ascii_control()) {
        return refuse(
            "invalid_url",
            "`url` contains a line break or another control character",
        );
    }
    Url::parse(text).or_else(|error| {
        refuse(
            "invalid_url",
            format!("`url` is no address ({error}): write https://host/path"),
        )
    })
}

fn method(request: &Map<String, Value>) -> Result<Method, Refusal> {
    let name = match request.get("method") {
        None | Some(Value::Null) => return Ok(Method::POST),
        Some(Value::String(name)) => name.trim().to_ascii_uppercase(),
        Some(_) => {
            return refuse(
                "invalid_request",
                "`method` must be a text such as \"POST\"",
            );
        }
    };
    match Method::from_bytes(name.as_bytes()) {
        Ok(method) if method != Method::CONNECT && method != Method::TRACE => Ok(method),
        _ => refuse(
            "invalid_request",
            "`method` is none that is sent: use GET, POST, PUT, ...",
        ),
    }
}

fn headers(request: &Map<String, Value>, vault: &mut Vault<'_>) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
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
        let text = match value {
            Value::Null => continue,
            Value::String(text) => vault.resolve(text)?,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return refuse("invalid_header", format!("header `{name}` must be a text"));
            }
        };
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("header `{name}` belongs to the connection and cannot be set");
            return refuse("invalid_header", message);
        }
        set(&mut headers, name, &text)?;
    }
    Ok(headers)
}

/// Sets a header; the error names it and never shows its value, which may be a secret.
fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Refusal> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        let message = format!("{name:?} is no header name: use letters, digits and hyphens");
        return refuse("invalid_header", message);
    };
    let Ok(mut value) = HeaderValue::from_str(value) else {
        let message = format!("header `{name}` contains a line break or a control character");
        return refuse("invalid_header", message);
    };
    value.set_sensitive(true);
    match headers.try_insert(parsed, value) {
        Ok(_) => Ok(()),
        Err(_) => refuse("invalid_header", "there are too many headers"),
    }
}

/// The bytes of the body: JSON, unless the content type asks for a form or for plain text.
fn body(body: Option<&Value>, headers: &mut HeaderMap) -> Result<Option<Vec<u8>>, Refusal> {
    let body = match body {
        None | Some(Value::Null) => return Ok(None),
        Some(body) => body,
    };
    let written = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = written
        .and_then(|text| text.split(';').next())
        .unwrap_or("application/json");
    let essence = essence.trim().to_ascii_lowercase();
    let is_json = essence == "application/json" || essence.ends_with("+json");
    let bytes = match body {
        Value::Object(fields) if essence == "application/x-www-form-urlencoded" => form(fields),
        Value::String(text) if !is_json => text.clone().into_bytes(),
        _ => body.to_string().into_bytes(),
    };
    if written.is_none() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Some(bytes))
}

fn form(fields: &Map<String, Value>) -> Vec<u8> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::String(text) => {
                form.append_pair(name, text);
            }
            other => {
                form.append_pair(name, &other.to_string());
            }
        }
    }
    form.finish().into_bytes()
}

/// Sets `Authorization`, or answers the secret to sign with.
fn authorise(
    request: &Map<String, Value>,
    headers: &mut HeaderMap,
    vault: &mut Vault<'_>,
) -> Result<Option<String>, Refusal> {
    let auth = match request.get("auth") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(auth)) => auth,
        Some(_) => return refuse("invalid_auth", "`auth` must be an object with a `type`"),
    };
    let mut field = |name: &str| match auth.get(name).and_then(Value::as_str) {
        Some(text) => vault.resolve(text),
        None => refuse(
            "invalid_auth",
            format!("`auth.{name}` is missing or no text"),
        ),
    };
    let value = match auth.get("type").and_then(Value::as_str) {
        Some("none") => return Ok(None),
        Some("hmac") => return field("secret").map(Some),
        Some("bearer") => format!("Bearer {}", field("token")?),
        Some("basic") => {
            let pair = BASE64.encode(format!("{}:{}", field("username")?, field("password")?));
            vault.hide(pair.clone());
            format!("Basic {pair}")
        }
        _ => {
            return refuse(
                "invalid_auth",
                "`auth.type` must be none, basic, bearer or hmac",
            );
        }
    };
    set(headers, AUTHORIZATION.as_str(), &value)?;
    Ok(None)
}

/// The Standard Webhooks signature of a message.
fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String, Refusal> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => match BASE64.decode(encoded) {
            Ok(key) => key,
            Err(_) => return refuse("invalid_auth", "a secret after `whsec_` must be base64"),
        },
        None => secret.as_bytes().to_vec(),
    };
    if key.is_empty() {
        return refuse(
            "invalid_auth",
            "`auth.secret` is empty: nothing can be signed with it",
        );
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
#[path = "http_request_tests.rs"]
mod tests;
