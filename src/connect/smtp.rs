//! `send_email` by SMTP: one submission, followed command by command to know what a failure means.
//!
//! Until the final dot is on its way nothing has been sent, by the protocol's own rule: a server
//! must drop a message whose end it has not seen. After it, only the server's answer counts.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lettre::{
    message::Mailbox,
    transport::smtp::{
        self,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail as MailFrom, Rcpt, Rset},
        extension::{ClientId, Extension, MailParameter},
        response::{Code, Response},
    },
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    BoxFuture, ConnectError, Connector, Delivery, Reply, SmtpSettings, SmtpTls, Verdict,
    smtp_message::{Mail, compose},
};

/// The longest that connecting to one address of the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept for the next message.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How many idle connections are kept.
const IDLE_LIMIT: usize = 8;

/// Sends mail by one server.
pub struct Smtp {
    settings: SmtpSettings,
    from: Mailbox,
    tls: TlsParameters,
    idle: Mutex<Vec<(Instant, AsyncSmtpConnection)>>,
}

/// Where in the dialogue something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Connecting, greeting, STARTTLS, AUTH: about us, not about the message.
    Connect,
    /// MAIL, RCPT, DATA: about the message, none of it sent.
    Offer,
    /// The message itself, up to the answer to its final dot.
    Content,
}

impl Smtp {
    /// A sender by this server; nothing is connected to yet.
    pub fn new(settings: SmtpSettings) -> Result<Self, ConnectError> {
        let from = settings.from.parse().map_err(|_| {
            ConnectError(
                "the mail sender is no e-mail address: write Name <name@example.com>".into(),
            )
        })?;
        let tls = TlsParameters::new(settings.host.clone())
            .map_err(|error| ConnectError(format!("TLS to the mail server: {error}")))?;
        Ok(Self {
            settings,
            from,
            tls,
            idle: Mutex::default(),
        })
    }

    async fn submit(&self, delivery: &Delivery<'_>) -> Reply {
        let until = Instant::now() + delivery.timeout;
        let header = self.settings.idempotency_header.as_deref();
        let mail = match compose(delivery.request, &self.from, delivery.outbox_id, header) {
            Ok(mail) => mail,
            Err(refusal) => return *refusal,
        };
        let dotted = AtomicBool::new(false);
        // Dropping the dialogue drops its connection, so an unfinished message stays unfinished.
        match timeout_at(until, self.dialogue(&mail, delivery.deadline, &dotted)).await {
            Ok(Ok(response)) => Reply::ok(record(&response)),
            Ok(Err(reply)) => *reply,
            Err(_elapsed) if dotted.load(Ordering::Acquire) => Reply::timed_out(delivery.timeout),
            Err(_elapsed) => {
                Reply::not_sent("timeout", "the mail server was too slow; nothing was sent")
            }
        }
    }

    async fn dialogue(
        &self,
        mail: &Mail,
        deadline: Instant,
        dotted: &AtomicBool,
    ) -> Result<Response, Box<Reply>> {
        let failed = |stage, error| Box::new(judge(stage, &error, dotted.load(Ordering::Acquire)));
        let mut connection = match self.reuse().await {
            Some(connection) => connection,
            None => self
                .connect()
                .await
                .map_err(|error| failed(Stage::Connect, error))?,
        };
        let mut parameters = Vec::new();
        let addresses = mail.envelope.from().into_iter().chain(mail.envelope.to());
        if !addresses.map(AsRef::<str>::as_ref).all(str::is_ascii) {
            if !connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                let message = "an address has other than ASCII characters, \
                               which this mail server does not take (no SMTPUTF8)";
                return Err(Box::new(Reply::rejected("invalid_address", message)));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = MailFrom::new(mail.envelope.from().cloned(), parameters);
        connection
            .command(sender)
            .await
            .map_err(|error| failed(Stage::Offer, error))?;
        for recipient in mail.envelope.to() {
            // One refused recipient refuses the message: half a message is none of the verdicts.
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            connection
                .command(recipient)
                .await
                .map_err(|error| failed(Stage::Offer, error))?;
        }
        connection
            .command(Data)
            .await
            .map_err(|error| failed(Stage::Offer, error))?;
        if Instant::now() >= deadline {
            return Err(Box::new(Reply::too_late()));
        }
        // The dot is written once the parts have run out.
        let end = std::iter::from_fn(|| {
            dotted.store(true, Ordering::Release);
            None
        });
        let parts = std::iter::once(mail.bytes.as_slice()).chain(end);
        let response = connection.message_iter(parts).await;
        let response = response.map_err(|error| failed(Stage::Content, error))?;
        self.keep(connection);
        Ok(response)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let SmtpSettings {
            host,
            port,
            tls,
            credentials,
            ..
        } = &self.settings;
        let hello = ClientId::default();
        let at_once = (*tls == SmtpTls::Implicit).then(|| self.tls.clone());
        let server = (host.as_str(), *port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            server,
            Some(CONNECT_TIMEOUT),
            &hello,
            at_once,
            None,
        )
        .await?;
        let upgrade = match tls {
            SmtpTls::Required => true,
            SmtpTls::Opportunistic => connection.can_starttls(),
            SmtpTls::Implicit | SmtpTls::None => false,
        };
        if upgrade {
            connection.starttls(self.tls.clone(), &hello).await?;
        }
        if let Some((user, password)) = credentials {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await?;
        }
        Ok(connection)
    }

    /// An idle connection that the server still keeps, ready for a new message.
    async fn reuse(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (since, mut connection) = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()?;
            if since.elapsed() < IDLE_TIMEOUT && connection.command(Rset).await.is_ok() {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < IDLE_TIMEOUT);
        if idle.len() < IDLE_LIMIT {
            idle.push((Instant::now(), connection));
        }
    }
}

impl Connector for Smtp {
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.submit(delivery))
    }
}

/// What a failure means. `dotted`: the final dot may be on its way.
fn judge(stage: Stage, error: &smtp::Error, dotted: bool) -> Reply {
    let Some(code) = error.status() else {
        return lost(error, dotted);
    };
    let (verdict, meaning) = match stage {
        // A wrong password may be mended, and is no property of the message.
        Stage::Connect => (Verdict::NotSent, "nothing was sent"),
        Stage::Offer | Stage::Content if error.is_permanent() => (Verdict::Rejected, "refused"),
        Stage::Offer | Stage::Content => (Verdict::Retryable, "not now"),
    };
    let what = match stage {
        Stage::Connect => "the connection",
        Stage::Offer => "sender or recipient",
        Stage::Content => "the message",
    };
    // What the server says often repeats the address: it stays in the response, out of the message.
    let response = json!({ "code": number(code), "text": said(error) });
    let message = format!("the mail server answered {code} to {what}: {meaning}");
    Reply {
        response,
        ..Reply::failed(verdict, format!("smtp_{code}"), message)
    }
}

/// A dialogue that ended without an answer.
fn lost(error: &smtp::Error, dotted: bool) -> Reply {
    if dotted {
        let message = "the mail server took the message and gave no answer; it may have been sent";
        return Reply::unknown("connection_lost", message);
    }
    let class = match () {
        () if error.is_tls() => "tls",
        () if error.is_timeout() => "timeout",
        () if error.is_client() => "smtp",
        () => "connect",
    };
    Reply::not_sent(
        class,
        format!("no message could be handed over ({error}); nothing was sent"),
    )
}

fn number(code: Code) -> u16 {
    code.into()
}

fn said(error: &smtp::Error) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

fn record(response: &Response) -> Value {
    let text: Vec<&str> = response.message().collect();
    json!({ "code": number(response.code()), "text": text.join("\n") })
}

#[cfg(test)]
#[path = "smtp_tests.rs"]
mod tests;
