//! Mail against a fake server: each point at which the dialogue can fail, and what it is taken for.

use uuid::Uuid;

use super::*;
use crate::connect::NoSecrets;

#[path = "fake_smtp.rs"]
mod fake_smtp;
use fake_smtp::{Act, FakeSmtp};

const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0001);
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(500);

fn smtp(port: u16, extra: &str) -> Smtp {
    let url = format!("smtp://127.0.0.1:{port}{extra}");
    Smtp::new(SmtpSettings::from_url(&url, "shop@example.com").expect("settings")).expect("smtp")
}

async fn send(smtp: &Smtp, request: &Value, timeout: Duration, deadline: Instant) -> Reply {
    let delivery = Delivery {
        outbox_id: ID,
        tenant: "t",
        action: "send_email",
        request,
        attempt: 1,
        timeout,
        deadline,
        secrets: &NoSecrets,
    };
    smtp.deliver(&delivery).await
}

fn mail() -> Value {
    json!({ "to": "bob@example.org", "subject": "Hi", "body": "Hello\n.hidden dot\nbye" })
}

fn far() -> Instant {
    Instant::now() + LONG
}

#[tokio::test]
async fn each_failure_has_its_verdict_and_only_the_dot_makes_it_doubtful() {
    use Act::{Drop, Hang, Say};
    use Verdict::{NotSent, Rejected, Retryable, Unknown};
    for (at, act, verdict, error) in [
        ("", Say("554 go away"), NotSent, "smtp_554"),
        ("", Say("421 busy"), NotSent, "smtp_421"),
        ("", Say("HTTP/1.1 400 Bad Request"), NotSent, "connect"),
        ("", Drop, NotSent, "connect"),
        ("", Hang, NotSent, "timeout"),
        ("EHLO", Say("502 what"), NotSent, "smtp_502"),
        ("EHLO", Drop, NotSent, "connect"),
        ("MAIL", Say("550 not you"), Rejected, "smtp_550"),
        ("MAIL", Say("451 later"), Retryable, "smtp_451"),
        ("MAIL", Hang, NotSent, "timeout"),
        (
            "RCPT",
            Say("550 no such user bob@example.org"),
            Rejected,
            "smtp_550",
        ),
        ("RCPT", Say("450 greylisted"), Retryable, "smtp_450"),
        ("RCPT", Drop, NotSent, "connect"),
        ("DATA", Say("554 no"), Rejected, "smtp_554"),
        ("DATA", Say("421 closing"), Retryable, "smtp_421"),
        ("DATA", Drop, NotSent, "connect"),
        (".", Say("554 spam"), Rejected, "smtp_554"),
        (".", Say("451 later"), Retryable, "smtp_451"),
        (".", Say("nonsense"), Unknown, "connection_lost"),
        (".", Drop, Unknown, "connection_lost"),
        (".", Hang, Unknown, "timeout"),
    ] {
        let fake = FakeSmtp::start(at, Some(act)).await;
        let timeout = if act == Hang { SHORT } else { LONG };
        let reply = send(&smtp(fake.address.port(), ""), &mail(), timeout, far()).await;
        assert_eq!(reply.verdict, verdict, "{at} {act:?} {reply:?}");
        assert_eq!(
            reply.error.as_deref(),
            Some(error),
            "{at} {act:?} {reply:?}"
        );
        let message = reply.message.unwrap_or_default();
        assert!(!message.contains("bob@"), "{message}");
        let whole = fake.seen().messages.len();
        assert_eq!(
            whole,
            usize::from(at == "."),
            "{at} {act:?}: one try, no more"
        );
    }
}

#[tokio::test]
async fn a_message_that_ends_before_its_dot_was_not_sent() {
    let mut request = mail();
    request["body"] = "line of a text\n".repeat(300_000).into();
    for (act, error) in [(Act::Drop, "connect"), (Act::Hang, "timeout")] {
        let fake = FakeSmtp::start("content", Some(act)).await;
        let timeout = if act == Act::Hang { 2 * SHORT } else { LONG };
        let reply = send(&smtp(fake.address.port(), ""), &request, timeout, far()).await;
        assert_eq!(reply.verdict, Verdict::NotSent, "{act:?} {reply:?}");
        assert_eq!(reply.error.as_deref(), Some(error), "{act:?} {reply:?}");
        assert!(
            fake.seen().commands.iter().any(|line| line == "DATA"),
            "{act:?}"
        );
        assert!(fake.seen().messages.is_empty(), "{act:?}");
    }
}

#[tokio::test]
async fn a_message_arrives_whole_and_the_connection_is_used_again() {
    let fake = FakeSmtp::start("", None).await;
    let smtp = smtp(fake.address.port(), "");
    for _ in 0..3 {
        let reply = send(&smtp, &mail(), LONG, far()).await;
        assert_eq!(reply.verdict, Verdict::Ok, "{reply:?}");
        assert_eq!(
            reply.response,
            json!({ "code": 250, "text": "queued as 42" })
        );
    }
    let seen = fake.seen();
    assert_eq!((seen.connections, seen.messages.len()), (1, 3));
    assert!(seen.messages[0].contains(&format!("Message-ID: <{ID}@example.com>")));
    assert!(
        seen.messages[0].contains("\r\n..hidden dot\r\n"),
        "{}",
        seen.messages[0]
    );
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_is_replaced() {
    let fake = FakeSmtp::start("RSET", Some(Act::Drop)).await;
    let smtp = smtp(fake.address.port(), "");
    for _ in 0..2 {
        assert_eq!(send(&smtp, &mail(), LONG, far()).await.verdict, Verdict::Ok);
    }
    assert_eq!(fake.seen().connections, 2);
}

#[tokio::test]
async fn nothing_is_offered_to_a_server_that_is_not_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let reply = send(&smtp(port, ""), &mail(), LONG, far()).await;
    assert_eq!(
        (reply.verdict, reply.error.as_deref()),
        (Verdict::NotSent, Some("connect"))
    );
}

#[tokio::test]
async fn after_the_deadline_no_message_leaves() {
    let fake = FakeSmtp::start("", None).await;
    let reply = send(
        &smtp(fake.address.port(), ""),
        &mail(),
        LONG,
        Instant::now(),
    )
    .await;
    assert_eq!(
        (reply.verdict, reply.error.as_deref()),
        (Verdict::NotSent, Some("deadline"))
    );
    assert!(fake.seen().messages.is_empty());
}

#[tokio::test]
async fn a_password_is_never_sent_in_the_clear_unless_told_to() {
    let fake = FakeSmtp::start("", None).await;
    let port = fake.address.port();
    let with = |extra: &str| {
        let url = format!("smtp://user:word@127.0.0.1:{port}{extra}");
        Smtp::new(SmtpSettings::from_url(&url, "shop@example.com").expect("settings"))
            .expect("smtp")
    };
    let reply = send(&with(""), &mail(), LONG, far()).await;
    assert_eq!(reply.verdict, Verdict::NotSent, "{reply:?}");
    assert!(
        !fake
            .seen()
            .commands
            .iter()
            .any(|line| line.starts_with("AUTH"))
    );

    let reply = send(&with("?tls=none"), &mail(), LONG, far()).await;
    assert_eq!(reply.verdict, Verdict::Ok, "{reply:?}");
    assert!(
        fake.seen()
            .commands
            .iter()
            .any(|line| line.starts_with("AUTH PLAIN"))
    );
}

#[tokio::test]
async fn a_wrong_password_is_no_fault_of_the_message() {
    let fake = FakeSmtp::start("AUTH", Some(Act::Say("535 wrong"))).await;
    let url = format!("smtp://user:word@{}?tls=none", fake.address);
    let settings = SmtpSettings::from_url(&url, "shop@example.com").expect("settings");
    let reply = send(&Smtp::new(settings).expect("smtp"), &mail(), LONG, far()).await;
    assert_eq!(
        (reply.verdict, reply.error.as_deref()),
        (Verdict::NotSent, Some("smtp_535"))
    );
}

#[tokio::test]
async fn bad_requests_never_reach_the_server() {
    let fake = FakeSmtp::start("", None).await;
    let request = json!({ "to": "bob@example.org\r\nRCPT TO:<eve@example.org>", "body": "x" });
    let reply = send(&smtp(fake.address.port(), ""), &request, LONG, far()).await;
    assert_eq!(reply.verdict, Verdict::Rejected);
    assert_eq!(fake.seen().connections, 0);
}
