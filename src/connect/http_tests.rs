//! HTTP calls against the fake provider: what arrives, and what each way of failing is taken for.

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use uuid::Uuid;

use super::*;
use crate::connect::{NoSecrets, SecretSource, Verdict};

// By its path, since the testing room lies floors above this one.
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "shared with tests above, which use the rest"
)]
#[path = "../testing/fake_http.rs"]
mod fake_http;
use fake_http::{Answer, FakeHttp, Fault};

const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0001);
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(500);

fn client(allow: &[&str]) -> HttpClient {
    let allow: Vec<IpNet> = allow
        .iter()
        .map(|text| text.parse().expect("a network"))
        .collect();
    HttpClient::new(&allow, "waypost-test").expect("a client")
}

fn delivery<'a>(
    request: &'a Value,
    timeout: Duration,
    secrets: &'a dyn SecretSource,
) -> Delivery<'a> {
    let deadline = Instant::now() + LONG;
    let action = "webhook";
    Delivery {
        outbox_id: ID,
        tenant: "t",
        action,
        request,
        attempt: 1,
        timeout,
        deadline,
        secrets,
    }
}

async fn send(request: Value, timeout: Duration) -> Reply {
    let webhook = Webhook(client(&["127.0.0.0/8"]));
    webhook
        .deliver(&delivery(&request, timeout, &NoSecrets))
        .await
}

#[tokio::test]
async fn a_webhook_arrives_with_its_identity_and_its_answer_is_kept() {
    let fake = FakeHttp::start().await.expect("a provider");
    let reply = send(
        json!({ "url": fake.url("/hook?x=1"), "body": { "name": "ü" } }),
        LONG,
    )
    .await;
    assert_eq!(reply.verdict, Verdict::Ok, "{reply:?}");
    assert_eq!(reply.response["status"], 200);
    assert_eq!(reply.response["body"], json!({ "ok": true }));

    let [request] = &fake.received()[..] else {
        panic!("one request")
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/hook?x=1")
    );
    assert_eq!(request.key.as_deref(), Some(ID.to_string().as_str()));
    assert_eq!(request.header("webhook-id"), request.key.as_deref());
    assert!(request.header("webhook-timestamp").is_some());
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some("waypost-test"));
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(request.body, r#"{"name":"ü"}"#.as_bytes());
}

#[tokio::test]
async fn requests_without_a_body_say_so_as_their_method_wants() {
    let fake = FakeHttp::start().await.expect("a provider");
    for (method, length) in [
        ("GET", None),
        ("HEAD", None),
        ("DELETE", Some("0")),
        ("POST", Some("0")),
    ] {
        let count = fake.received().len();
        let reply = send(json!({ "url": fake.url("/"), "method": method }), LONG).await;
        let request = fake.received()[count].clone();
        assert_eq!(
            request.header("content-length"),
            length,
            "{method} {reply:?}"
        );
        assert_eq!(request.header("transfer-encoding"), None, "{method}");
    }
}

#[tokio::test]
async fn each_fault_has_its_verdict() {
    let redirect = Answer {
        status: 302,
        headers: vec![("Location".into(), "http://127.0.0.1:1/".into())],
        body: vec![],
        acts: false,
    };
    for (fault, method, verdict, error) in [
        (Fault::status(404), "POST", Verdict::Rejected, "http_404"),
        (
            Fault::Answer(redirect.clone()),
            "GET",
            Verdict::Rejected,
            "http_302",
        ),
        (
            Fault::Answer(redirect),
            "POST",
            Verdict::Rejected,
            "http_302",
        ),
        (Fault::too_many(7), "POST", Verdict::Retryable, "http_429"),
        (Fault::status(500), "POST", Verdict::Unknown, "http_500"),
        (
            Fault::failed_after_acting(),
            "POST",
            Verdict::Unknown,
            "http_500",
        ),
        (Fault::DropReply, "POST", Verdict::Unknown, "reset"),
        (Fault::DropReply, "GET", Verdict::Unknown, "reset"),
        (Fault::Reset, "POST", Verdict::Unknown, "reset"),
        (Fault::Reset, "GET", Verdict::Unknown, "reset"),
        (Fault::Hang, "POST", Verdict::Unknown, "timeout"),
        (Fault::Hang, "GET", Verdict::Unknown, "timeout"),
    ] {
        let fake = FakeHttp::start().await.expect("a provider");
        fake.next(fault.clone());
        let timeout = if fault == Fault::Hang { SHORT } else { LONG };
        let body = (method == "POST").then(|| json!({}));
        let reply = send(
            json!({ "url": fake.url("/"), "method": method, "body": body }),
            timeout,
        )
        .await;
        assert_eq!(reply.verdict, verdict, "{fault:?} {reply:?}");
        assert_eq!(reply.error.as_deref(), Some(error), "{fault:?} {reply:?}");
        assert_eq!(fake.received().len(), 1, "{fault:?}: one call, one attempt");
    }
}

#[tokio::test]
async fn a_lost_answer_sent_again_under_the_same_key_acts_once() {
    let fake = FakeHttp::start().await.expect("a provider");
    fake.next(Fault::DropReply);
    let request = json!({ "url": fake.url("/pay"), "body": {} });
    assert_eq!(send(request.clone(), LONG).await.verdict, Verdict::Unknown);
    assert_eq!(send(request.clone(), LONG).await.verdict, Verdict::Ok);
    assert_eq!((fake.received().len(), fake.acts(&ID.to_string())), (2, 1));

    fake.next(Fault::AcceptTwice);
    assert_eq!(send(request, LONG).await.verdict, Verdict::Ok);
    assert_eq!(
        fake.acts(&ID.to_string()),
        2,
        "the fake can show a provider without keys"
    );
}

#[tokio::test]
async fn what_fails_before_the_first_byte_is_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let free = closed.local_addr().expect("an address");
    drop(closed);
    // Accepts in the kernel and never speaks: TLS waits for ever.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = (silent.local_addr().expect("an address"), silent);
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let plain_address = plain.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"220 this is no TLS\r\n").await;
        }
    });
    for (url, timeout, error) in [
        (format!("http://{free}/"), LONG, "connect"),
        (format!("https://{}/", silent.0), SHORT, "connect_timeout"),
        (format!("https://{plain_address}/"), LONG, "tls"),
        ("http://nobody.invalid/".to_owned(), LONG, "dns"),
    ] {
        for method in ["POST", "GET"] {
            let body = (method == "POST").then(|| json!({}));
            let reply = send(
                json!({ "url": url, "method": method, "body": body }),
                timeout,
            )
            .await;
            assert_eq!(reply.verdict, Verdict::NotSent, "{method} {url} {reply:?}");
            assert_eq!(
                reply.error.as_deref(),
                Some(error),
                "{method} {url} {reply:?}"
            );
        }
    }
}

#[tokio::test]
async fn after_the_deadline_nothing_leaves() {
    let fake = FakeHttp::start().await.expect("a provider");
    let webhook = Webhook(client(&["127.0.0.0/8"]));
    for body in [json!({}), json!(null)] {
        let request = json!({ "url": fake.url("/"), "body": body });
        let late = Delivery {
            deadline: Instant::now(),
            ..delivery(&request, LONG, &NoSecrets)
        };
        let reply = webhook.deliver(&late).await;
        assert_eq!(
            (reply.verdict, reply.error.as_deref()),
            (Verdict::NotSent, Some("deadline"))
        );
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_as_literals_and_as_names() {
    let fake = FakeHttp::start().await.expect("a provider");
    let port = fake.address().port();
    let webhook = Webhook(client(&[]));
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
        let request = json!({ "url": format!("http://{host}:{port}/"), "body": {} });
        let reply = webhook.deliver(&delivery(&request, LONG, &NoSecrets)).await;
        assert_eq!(reply.verdict, Verdict::Rejected, "{host} {reply:?}");
        assert_eq!(
            reply.error.as_deref(),
            Some("address_not_allowed"),
            "{host}"
        );
        let message = reply.message.unwrap_or_default();
        assert!(
            message.contains("WAYPOST_OUTBOUND_ALLOW"),
            "{host}: {message}"
        );
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn a_secret_reaches_the_provider_and_nobody_else() {
    let fake = FakeHttp::start().await.expect("a provider");
    let base = fake.url("/hooks/T0P5ECRET");
    let secrets = move |name: &str| match name {
        "hook" => Some(base.clone()),
        "token" => Some("t0k3n".to_owned()),
        _ => None,
    };
    let request = json!({
        "url": "{{secrets.hook}}",
        "auth": { "type": "bearer", "token": "{{secrets.token}}" },
        "body": { "text": "{{secrets.token}}" },
    });
    let echo = b"called /hooks/T0P5ECRET with Bearer t0k3n".to_vec();
    for status in [200, 500] {
        fake.next(Fault::Answer(Answer {
            status,
            headers: vec![],
            body: echo.clone(),
            acts: true,
        }));
        let reply = client(&["127.0.0.0/8"]);
        let reply = Webhook(reply)
            .deliver(&delivery(&request, LONG, &secrets))
            .await;
        let shown = format!("{reply:?}");
        assert!(
            !shown.contains("t0k3n") && !shown.contains("T0P5ECRET"),
            "{shown}"
        );
        assert!(!shown.contains("127.0.0.1"), "{shown}");
        assert!(shown.contains("[secret]"), "{shown}");
    }
    let request = &fake.received()[0];
    assert_eq!(request.header("authorization"), Some("Bearer t0k3n"));
    assert_eq!(request.path, "/hooks/T0P5ECRET");
    assert_eq!(
        request.body, br#"{"text":"{{secrets.token}}"}"#,
        "bodies take no secrets"
    );
}

#[tokio::test]
async fn a_giant_answer_is_read_in_part_and_still_an_answer() {
    let fake = FakeHttp::start().await.expect("a provider");
    let body = vec![b'x'; 3 << 20];
    fake.next(Fault::Answer(Answer {
        status: 200,
        headers: vec![],
        body,
        acts: true,
    }));
    let reply = send(json!({ "url": fake.url("/"), "body": {} }), LONG).await;
    assert_eq!(reply.verdict, Verdict::Ok, "{reply:?}");
    assert_eq!(reply.response["truncated"], true);
    assert!(reply.response.to_string().len() <= crate::connect::RESPONSE_LIMIT);
}
