//! Connectors: the adapters that deliver an outbox row to the outside. One call, one verdict.
//!
//! A connector knows nothing of retries, leases, fences or time zones. It is handed one frozen
//! request, makes at most one attempt, and says how sure it is of what happened ([`Verdict`]). When
//! in doubt it answers [`Verdict::Unknown`]: a wrong `NotSent` sends twice, a wrong `Unknown` only
//! asks.

use std::{
    collections::BTreeMap, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use ipnet::IpNet;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

pub mod capture;
mod gate;
pub mod http;
mod http_request;
mod http_response;
pub mod memory;
mod reply;
mod secrets;
pub mod smtp;
mod smtp_message;
mod smtp_settings;
pub mod ssrf;

use self::{
    capture::Capture,
    http::{HttpClient, HttpRequest, Webhook},
    smtp::Smtp,
};
pub use self::{
    memory::Memory,
    reply::{Captured, Found, RESPONSE_LIMIT, Reply, Verdict},
    secrets::{NoSecrets, SecretSource},
    smtp_settings::{SmtpSettings, SmtpTls},
};

/// A boxed future, so that connectors can be kept in one table.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Delivers one action's requests to one kind of outside.
pub trait Connector: Send + Sync {
    /// Makes one attempt and says what became of it. Never panics on bad input, never retries,
    /// never takes much longer than `delivery.timeout`.
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply>;

    /// Asks the other side whether it has acted on this row's key. It is only called for requests that say how
    /// (`lookup`), some time after a delivery that may have been done. Keeps the promises of `deliver`.
    fn look_up<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Found> {
        let action = delivery.action;
        Box::pin(async move {
            let message = format!("the connector of `{action}` cannot ask");
            Found::CannotTell(Reply::unknown("no_lookup", message))
        })
    }

    /// True where a delivery calls nobody and answers at once: the dispatcher takes a whole batch of
    /// them in one go, without slots.
    fn is_local(&self) -> bool {
        false
    }
}

/// One attempt to deliver one outbox row.
pub struct Delivery<'a> {
    /// The outbox row's id: idempotency key, `Message-ID` and `webhook-id` of every attempt.
    pub outbox_id: Uuid,
    /// The tenant's name, for accounting; never sent.
    pub tenant: &'a str,
    /// The action type, `send_email` for one.
    pub action: &'a str,
    /// The rendered, frozen request; secrets stand in it as `{{secrets.name}}`.
    pub request: &'a Value,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// The longest the whole call may take, connecting included.
    pub timeout: Duration,
    /// The last instant at which the first byte may leave (the start of the claim plus lease, less
    /// timeout and margin). Looked at again right before the write; later it is `NotSent`.
    pub deadline: Instant,
    /// Where `{{secrets.name}}` is looked up at the send: the tenant's secrets.
    pub secrets: &'a dyn SecretSource,
}

/// What the connectors of a process are built from.
#[derive(Clone, Debug)]
pub struct ConnectSettings {
    /// The mail server; none: mail is kept or refused, as `capture` says.
    pub smtp: Option<SmtpSettings>,
    /// Networks that outbound calls may reach although private (`WAYPOST_OUTBOUND_ALLOW`).
    pub outbound_allow: Vec<IpNet>,
    /// Whether channels without a connection keep their messages instead of refusing them.
    pub capture: bool,
    /// The `User-Agent` of HTTP calls.
    pub user_agent: String,
}

impl Default for ConnectSettings {
    fn default() -> Self {
        Self {
            smtp: None,
            outbound_allow: Vec::new(),
            capture: true,
            user_agent: concat!("waypost/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Connectors that could not be built from their settings.
#[derive(Debug, thiserror::Error)]
#[error("connectors: {0}")]
pub struct ConnectError(pub String);

/// The table of connectors: action type to connector.
#[derive(Clone, Default)]
pub struct Connectors {
    table: BTreeMap<String, Arc<dyn Connector>>,
}

impl Connectors {
    /// The built-in connectors for these settings.
    pub fn new(settings: &ConnectSettings) -> Result<Self, ConnectError> {
        let http = HttpClient::new(&settings.outbound_allow, &settings.user_agent)?;
        let email = match &settings.smtp {
            Some(smtp) => Some(Arc::new(Smtp::new(smtp.clone())?) as Arc<dyn Connector>),
            None => None,
        };
        // A channel without a connection keeps its messages, or has no connector at all.
        let kept = |channel| {
            settings
                .capture
                .then(|| Arc::new(Capture::new(channel)) as Arc<dyn Connector>)
        };
        let table: [(&str, Option<Arc<dyn Connector>>); 13] = [
            ("drop_voicemail", kept("voicemail")),
            ("http_request", Some(Arc::new(HttpRequest(http.clone())))),
            ("make_call", kept("call")),
            ("notify_internal", kept("internal")),
            (
                "remind_appointment",
                email.clone().or_else(|| kept("email")),
            ),
            ("send_email", email.or_else(|| kept("email"))),
            ("send_rcs", kept("rcs")),
            ("send_slack", kept("slack")),
            ("send_sms", kept("sms")),
            ("send_teams", kept("teams")),
            ("send_whatsapp", kept("whatsapp")),
            ("webhook", Some(Arc::new(Webhook(http.clone())))),
            ("zapier", Some(Arc::new(HttpRequest(http)))),
        ];
        let table = table.into_iter();
        let table = table
            .filter_map(|(action, found)| Some((action.to_owned(), found?)))
            .collect();
        Ok(Self { table })
    }

    /// Adds a connector, or replaces the one that served this action type.
    #[must_use]
    pub fn with(mut self, action: impl Into<String>, connector: Arc<dyn Connector>) -> Self {
        self.table.insert(action.into(), connector);
        self
    }

    /// The connector that serves this action type.
    pub fn get(&self, action: &str) -> Option<&Arc<dyn Connector>> {
        self.table.get(action)
    }

    /// The action types that have a connector, in order.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    /// Delivers by the action's connector, with the promises of [`Connector`] enforced: the answer
    /// comes in time, a panic is an `Unknown`, and the response is cut to [`RESPONSE_LIMIT`].
    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Reply {
        let Some(connector) = self.get(delivery.action) else {
            let action = delivery.action;
            let message = format!("nothing is connected that serves `{action}`: configure it");
            return Reply::rejected("no_connection", message);
        };
        if Instant::now() >= delivery.deadline {
            return Reply::too_late();
        }
        // Called inside the future, so that a panic before the first await is caught as well.
        let call = async { connector.deliver(delivery).await };
        kept(delivery, call)
            .await
            .unwrap_or_else(|reply| reply)
            .bounded()
    }

    /// Asks by the action's connector, with the same promises. No answer is `CannotTell`.
    pub async fn look_up(&self, delivery: &Delivery<'_>) -> Found {
        let Some(connector) = self.get(delivery.action) else {
            let action = delivery.action;
            let message = format!("nothing is connected that serves `{action}`: configure it");
            return Found::CannotTell(Reply::unknown("no_connection", message));
        };
        let call = async { connector.look_up(delivery).await };
        let found = kept(delivery, call).await;
        match found.unwrap_or_else(Found::CannotTell) {
            Found::Done(reply) => Found::Done(reply.bounded()),
            Found::NotFound => Found::NotFound,
            Found::CannotTell(reply) => Found::CannotTell(reply.bounded()),
        }
    }
}

/// A connector's promise kept for it: in time, and without a panic.
async fn kept<T>(delivery: &Delivery<'_>, call: impl Future<Output = T>) -> Result<T, Reply> {
    let call = AssertUnwindSafe(call).catch_unwind();
    // A connector keeps its own time; the grace leaves it the chance to say more than we can.
    match tokio::time::timeout(delivery.timeout + GRACE, call).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(_panic)) => Err(Reply::unknown("panic", "the connector failed in mid-call")),
        Err(_elapsed) => Err(Reply::timed_out(delivery.timeout)),
    }
}

/// How much longer than its timeout a connector may take to say how its call ended.
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
