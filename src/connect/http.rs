//! `webhook`, `http_request` and `zapier`: one HTTP call, by a client that stays on its leash.
//!
//! No redirects, no proxy, no retries of its own, no address that the guard refuses. HTTP/1 only,
//! since there it can be known for certain whether a byte has left (see `gate.rs`).

use std::{error::Error as _, io, pin::pin, sync::Arc, time::Duration};

use chrono::Utc;
use ipnet::IpNet;
use reqwest::{
    Body, Client, Request, Response,
    header::{CONTENT_LENGTH, HeaderValue},
    redirect,
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    BoxFuture, ConnectError, Connector, Delivery, Found, Reply, Verdict,
    gate::{Closed, Gate, GatedBody},
    http_request::{Call, Flavour, compose, compose_lookup},
    http_response::{Answer, judge},
    secrets::Vault,
    ssrf::{Guard, GuardedResolver, Refused},
};

/// The most that is read of an answer's body, in bytes.
const READ_LIMIT: usize = 1024 * 1024;
/// The longest that connecting may take (name, TCP and TLS), within the call's timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: shorter than most servers keep theirs, for a request on a
/// connection that the other side is closing ends as `Unknown`.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The HTTP client behind the HTTP connectors; cheap to clone, connections are shared.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    guard: Guard,
}

impl HttpClient {
    /// A client that reaches public addresses and these networks.
    pub fn new(allow: &[IpNet], user_agent: &str) -> Result<Self, ConnectError> {
        let guard = Guard::new(allow);
        let client = Client::builder()
            .user_agent(user_agent)
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .dns_resolver(GuardedResolver::new(guard.clone()))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(|error| {
                ConnectError(format!("the HTTP client: {}", chain(&error).join(": ")))
            })?;
        Ok(Self { client, guard })
    }

    async fn call(&self, delivery: &Delivery<'_>, flavour: Flavour) -> Reply {
        let until = Instant::now() + delivery.timeout;
        let mut vault = Vault::new(delivery.secrets);
        let now = Utc::now().timestamp();
        let call = compose(
            delivery.request,
            flavour,
            delivery.outbox_id,
            now,
            &mut vault,
        );
        match call {
            Ok(call) => self.make(delivery, call, until, &mut vault).await,
            Err(refusal) => *refusal,
        }
    }

    /// Asks what became of an earlier call with the same key.
    async fn look_up(&self, delivery: &Delivery<'_>) -> Found {
        let until = Instant::now() + delivery.timeout;
        let mut vault = Vault::new(delivery.secrets);
        let now = Utc::now().timestamp();
        let call = compose_lookup(delivery.request, delivery.outbox_id, now, &mut vault);
        let reply = match call {
            Ok(call) => self.make(delivery, call, until, &mut vault).await,
            Err(refusal) => *refusal,
        };
        match (reply.verdict, reply.error.as_deref()) {
            (Verdict::Ok, _) => Found::Done(reply),
            (_, Some("http_404" | "http_410")) => Found::NotFound,
            // Whatever became of the question, of the call nothing is known.
            _ => Found::CannotTell(Reply {
                verdict: Verdict::Unknown,
                error: reply.error.map(|error| format!("lookup_{error}")),
                message: reply
                    .message
                    .map(|why| format!("asked what became of it: {why}")),
                ..reply
            }),
        }
    }

    /// Makes a composed call.
    async fn make(
        &self,
        delivery: &Delivery<'_>,
        call: Call,
        until: Instant,
        vault: &mut Vault<'_>,
    ) -> Reply {
        if let Err(refused) = self.guard.check_url(&call.url) {
            let message = vault.redact(refused.to_string());
            return Reply::rejected(refused.class(), message);
        }
        // Once here, for a request without a body; for one with a body again at the gate.
        if Instant::now() >= delivery.deadline {
            return Reply::too_late();
        }
        let host = name_host(&call.url, delivery.request, vault);
        let gate = Gate::new(delivery.deadline);
        let request = gated(call, &gate);
        // Kept alive beyond its end, since dropping it would move the gate.
        let mut sending = pin!(self.client.execute(request));
        let reply = match timeout_at(until, sending.as_mut()).await {
            Ok(Ok(response)) => {
                let answer = read(response, until).await;
                judge(&answer, &host, Utc::now(), vault)
            }
            Ok(Err(error)) => broken(&error.without_url(), &gate, &host),
            Err(_elapsed) if gate.close() => {
                let message = format!("could not connect to {host} in time; nothing was sent");
                Reply::not_sent("connect_timeout", message)
            }
            Err(_elapsed) => Reply::timed_out(delivery.timeout),
        };
        Reply {
            message: reply.message.map(|message| vault.redact(message)),
            ..reply
        }
    }
}

/// How messages name the host. One that came out of a secret stays there, as does the rest of such
/// an address: its path is the secret of many hooks.
fn name_host(url: &Url, request: &Value, vault: &mut Vault<'_>) -> String {
    let host = url.host_str().unwrap_or_default();
    let written = request
        .get("url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if written.contains("{{") {
        vault.hide(url.path().to_owned());
        vault.hide(url.query().unwrap_or_default().to_owned());
    }
    if written.to_ascii_lowercase().contains(host) || !written.contains("{{") {
        host.to_owned()
    } else {
        "the host".to_owned()
    }
}

/// The client's request, with its body behind the gate.
fn gated(call: Call, gate: &Arc<Gate>) -> Request {
    let mut request = Request::new(call.method, call.url);
    let length = call.body.as_ref().map_or(0, Vec::len);
    *request.headers_mut() = call.headers;
    // Said by hand, since the gated body is a stream: without it, it would be sent in chunks.
    if length > 0 || request.method().as_str() != "GET" && request.method().as_str() != "HEAD" {
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *request.body_mut() = Some(Body::wrap_stream(GatedBody::new(gate.clone(), call.body)));
    request
}

/// Reads an answer up to the limit. What broke off is kept: the status has been given by then.
async fn read(mut response: Response, until: Instant) -> Answer {
    let mut body = Vec::new();
    let truncated = loop {
        match timeout_at(until, response.chunk()).await {
            Ok(Ok(None)) => break false,
            Ok(Ok(Some(chunk))) => {
                let room = READ_LIMIT - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break true;
                }
            }
            Ok(Err(_)) | Err(_) => break true,
        }
    };
    let headers = std::mem::take(response.headers_mut());
    Answer {
        status: response.status(),
        headers,
        body,
        truncated,
    }
}

/// The reply to a call that ended without an answer.
fn broken(error: &reqwest::Error, gate: &Gate, host: &str) -> Reply {
    if let Some(refused) = find::<Refused>(error) {
        return Reply::rejected(refused.class(), refused.to_string());
    }
    let words = chain(error);
    let why = words.last().map(String::as_str).unwrap_or_default();
    if error.is_builder() {
        return Reply::rejected(
            "invalid_url",
            format!("the address cannot be called: {why}"),
        );
    }
    if find::<Closed>(error).is_some() {
        return Reply::too_late();
    }
    let says = |part: &str| words.iter().any(|text| text.contains(part));
    if error.is_connect() || gate.close() {
        let class = match () {
            () if error.is_timeout() => "connect_timeout",
            () if says("dns error") => "dns",
            () if says("certificate") || says("tls") || says("corrupt message") => "tls",
            () => "connect",
        };
        let message = format!("could not connect to {host}: {why}; nothing was sent");
        return Reply::not_sent(class, message);
    }
    let class = match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => "timeout",
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "reset",
        _ if says("before message completed") => "reset",
        _ => "bad_answer",
    };
    Reply::unknown(
        class,
        format!("{host} gave no answer ({why}); it may have been done"),
    )
}

/// The first error of this type in the chain of sources.
fn find<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(error) = source {
        // An I/O error hides what it wraps from `source` and shows that one's source instead.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let wrapped = wrapped.and_then(|inner| inner.downcast_ref());
        if let Some(found) = error.downcast_ref().or(wrapped) {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// What went wrong, from the top to the bottom.
fn chain(error: &reqwest::Error) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        words.push(error.to_string());
        source = error.source();
    }
    words
}

/// `webhook`: an HTTP call with the Standard Webhooks headers.
pub struct Webhook(pub HttpClient);

/// `http_request` and `zapier`: an HTTP call as written.
pub struct HttpRequest(pub HttpClient);

impl Connector for Webhook {
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.0.call(delivery, Flavour::Webhook))
    }

    fn look_up<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Found> {
        Box::pin(self.0.look_up(delivery))
    }
}

impl Connector for HttpRequest {
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.0.call(delivery, Flavour::Plain))
    }

    fn look_up<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Found> {
        Box::pin(self.0.look_up(delivery))
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
