//! The table of connectors, and the promises it keeps for connectors that do not.

use serde_json::json;

use super::*;

const ID: Uuid = Uuid::from_u128(7);

fn delivery<'a>(action: &'a str, request: &'a Value, timeout: Duration) -> Delivery<'a> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let (tenant, secrets) = ("t", &NoSecrets);
    Delivery {
        outbox_id: ID,
        tenant,
        action,
        request,
        attempt: 1,
        timeout,
        deadline,
        secrets,
    }
}

/// A connector that keeps none of its promises.
enum Bad {
    PanicsAtOnce,
    PanicsLater,
    Hangs,
    Babbles,
}

impl Connector for Bad {
    fn deliver<'a>(&'a self, _: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        match self {
            Self::PanicsAtOnce => panic!("on purpose"),
            Self::PanicsLater => Box::pin(async { panic!("on purpose") }),
            Self::Hangs => Box::pin(std::future::pending()),
            Self::Babbles => Box::pin(async {
                let response = json!({ "\0": ["\0".repeat(100_000)] });
                Reply {
                    response,
                    ..Reply::rejected("x", "y\0".repeat(100_000))
                }
            }),
        }
    }
}

fn connectors(smtp: bool, capture: bool) -> Connectors {
    let smtp = smtp.then(|| SmtpSettings::from_url("smtp://127.0.0.1:1", "a@example.com"));
    let smtp = smtp.transpose().expect("settings");
    Connectors::new(&ConnectSettings {
        smtp,
        capture,
        ..Default::default()
    })
    .expect("connectors")
}

#[test]
fn what_is_connected_follows_from_the_settings() {
    for (smtp, capture, action, connected) in [
        (false, true, "send_email", true),
        (false, true, "send_sms", true),
        (false, false, "send_email", false),
        (false, false, "send_sms", false),
        (true, false, "send_email", true),
        (true, false, "send_sms", false),
        (false, false, "webhook", true),
        (false, false, "http_request", true),
        (false, false, "zapier", true),
        (true, true, "add_tag", false),
        (true, true, "", false),
    ] {
        let found = connectors(smtp, capture).get(action).is_some();
        assert_eq!(found, connected, "smtp {smtp}, capture {capture}, {action}");
    }
    let actions: Vec<String> = connectors(false, true)
        .actions()
        .map(str::to_owned)
        .collect();
    assert!(actions.is_sorted() && actions.len() == 13, "{actions:?}");
}

#[tokio::test]
async fn a_channel_without_a_connection_keeps_its_messages_or_says_what_is_missing() {
    let request = json!({ "to": "bob@example.com", "subject": "Hi", "body": "Hello" });
    let sent = delivery("send_email", &request, Duration::from_secs(1));
    let reply = connectors(false, true).deliver(&sent).await;
    assert_eq!(reply.verdict, Verdict::Ok);
    let captured = reply.captured.expect("kept");
    assert_eq!(
        (captured.channel.as_str(), captured.recipient.as_str()),
        ("email", "bob@example.com")
    );

    let reply = connectors(false, false).deliver(&sent).await;
    assert_eq!(
        (reply.verdict, reply.error.as_deref()),
        (Verdict::Rejected, Some("no_connection"))
    );
    assert!(
        reply
            .message
            .is_some_and(|message| message.contains("`send_email`"))
    );
}

#[tokio::test]
async fn connectors_that_panic_hang_or_babble_are_contained() {
    for (bad, verdict, error) in [
        (Bad::PanicsAtOnce, Verdict::Unknown, "panic"),
        (Bad::PanicsLater, Verdict::Unknown, "panic"),
        (Bad::Hangs, Verdict::Unknown, "timeout"),
        (Bad::Babbles, Verdict::Rejected, "x"),
    ] {
        let connectors = Connectors::default().with("custom", Arc::new(bad));
        let reply = connectors
            .deliver(&delivery("custom", &json!({}), Duration::ZERO))
            .await;
        assert_eq!(
            (reply.verdict, reply.error.as_deref()),
            (verdict, Some(error))
        );
        let response = reply.response.to_string();
        assert!(
            response.len() <= RESPONSE_LIMIT && !response.contains("\\u0000"),
            "{error}"
        );
        let message = reply.message.unwrap_or_default();
        assert!(message.len() <= 4096 && !message.contains('\0'), "{error}");
    }
}

#[tokio::test]
async fn after_the_deadline_no_connector_is_called() {
    let memory = Arc::new(Memory::new());
    let connectors = Connectors::default().with("send_sms", memory.clone());
    let request = json!({});
    let sent = delivery("send_sms", &request, Duration::from_secs(1));
    let reply = connectors
        .deliver(&Delivery {
            deadline: Instant::now(),
            ..sent
        })
        .await;
    assert_eq!((reply.verdict, memory.count()), (Verdict::NotSent, 0));
}

#[tokio::test]
async fn the_memory_answers_as_told_and_counts() {
    let memory = Arc::new(Memory::new());
    memory.next(Reply::unknown("reset", "lost"));
    memory.otherwise(Reply::retryable("busy", "later"));
    let connectors = Connectors::default().with("send_sms", memory.clone());
    let request = json!({ "to": "+49" });
    for verdict in [Verdict::Unknown, Verdict::Retryable, Verdict::Retryable] {
        let sent = delivery("send_sms", &request, Duration::from_secs(1));
        assert_eq!(connectors.deliver(&sent).await.verdict, verdict);
    }
    memory.arrived(3).await;
    assert_eq!(
        (memory.count(), memory.calls(ID), memory.kept().len()),
        (3, 3, 3)
    );
    assert_eq!(memory.kept()[0].request, request);

    let counting = Memory::counting();
    let sent = delivery("send_sms", &request, Duration::from_secs(1));
    assert_eq!(counting.deliver(&sent).await.verdict, Verdict::Ok);
    assert_eq!((counting.count(), counting.kept().len()), (1, 0));
}
