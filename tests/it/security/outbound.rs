//! Calls that would reach inside: every way to write such an address, and every way to be led there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};
use uuid::Uuid;
use waypost::{
    connect::{ConnectSettings, Connectors, Delivery, NoSecrets, Reply, Verdict},
    testing::fake_http::{Answer, FakeHttp, Fault},
};

/// Connectors that may reach these networks beside the public ones.
fn connectors(allow: &[&str]) -> Connectors {
    Connectors::new(&ConnectSettings {
        outbound_allow: allow
            .iter()
            .map(|net| net.parse().expect("a network"))
            .collect(),
        ..ConnectSettings::default()
    })
    .expect("connectors")
}

async fn call(connectors: &Connectors, request: Value) -> Reply {
    connectors
        .deliver(&Delivery {
            outbox_id: Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0001),
            tenant: "t",
            action: "http_request",
            request: &request,
            attempt: 1,
            timeout: Duration::from_secs(5),
            deadline: Instant::now() + Duration::from_secs(60),
            secrets: &NoSecrets,
        })
        .await
}

/// A listener that counts who connects.
async fn listening(at: &str) -> Option<(u16, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind(at).await.ok()?;
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    Some((port, count))
}

/// Ways to write this machine, its network and the metadata service; `PORT` is that of a listener on every address.
const INSIDE: &[&str] = &[
    // decimal, octal, hexadecimal, short, mixed, with zeros, with a dot at the end
    "http://127.0.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://017700000001:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7F.0x0.0x0.0x1:PORT/",
    "http://0177.0.0.01:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0x0:PORT/",
    "http://127.255.255.254:PORT/",
    // IPv6: loopback, unspecified, mapped, compatible, SIIT, NAT64, 6to4, Teredo, ISATAP
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[0000:0000::0001]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b::a9fe:a9fe]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2002:a9fe:a9fe::]:PORT/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]:PORT/",
    "http://[2606:4700::5efe:7f00:1]:PORT/",
    // digits and dots of other scripts, soft hyphens, percent signs
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://１２７.０.０.１:PORT/",
    "http://127。0。0。1:PORT/",
    "http://127．0．0．1:PORT/",
    "http://127｡0｡0｡1:PORT/",
    "http://12\u{ad}7.0.0.1:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127.0.0.1%2e:PORT/",
    "http://𝟏𝟐𝟕.0.0.1:PORT/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
    "http://LOCALHOST:PORT/",
    // the slashes and ports that parsers differ about
    "http:127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT\\",
    "http://127.0.0.1:PORT#@example.com/",
    "http://127.0.0.1:PORT?@example.com/",
    "http://127.0.0.1:PORT\\@example.com/",
    " http://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    // what lies beside us: private networks, link-local, clouds' metadata
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://3232235521/",
    "http://0300.0250.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
];

/// What is no address of a web server at all.
const ODD: &[&str] = &[
    // zones, users, other schemes, no host, and what only looks like one
    "http://[fe80::1%25lo]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://[::ffff:127.0.0.1%lo]:PORT/",
    "http://user@127.0.0.1:PORT/",
    "http://example.com@127.0.0.1:PORT/",
    "http://example.com:80@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@example.com/",
    "http://:x@127.0.0.1:PORT/",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_x",
    "dict://127.0.0.1:PORT/x",
    "ldap://127.0.0.1:PORT/",
    "ws://127.0.0.1:PORT/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "jar:http://127.0.0.1:PORT/!/x",
    "data:text/plain,x",
    "javascript:1",
    "//127.0.0.1:PORT/",
    "/relative",
    "127.0.0.1:PORT",
    "",
    "http://",
    "http:///",
    "http://127.0.0.1:PORT\r\nHost: example.com/",
    "http://127.0.0.1\t:PORT/",
    "http://127.0.0.1\0:PORT/",
    "http://127.0.0.1:99999/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://0x100000000/",
    "http://xn--/",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_way_to_write_it_reaches_inside() {
    let (port, v4) = listening("0.0.0.0:0").await.expect("a port");
    // The same port on IPv6, where the machine has it.
    let v6 = listening(&format!("[::]:{port}"))
        .await
        .map(|(_, count)| count);
    let connectors = connectors(&[]);
    for (urls, classes) in [
        (INSIDE, ["address_not_allowed"].as_slice()),
        (ODD, &["invalid_url", "address_not_allowed"]),
    ] {
        for url in urls {
            let url = url.replace("PORT", &port.to_string());
            for request in [
                json!({ "url": url, "body": {} }),
                json!({ "url": url, "method": "GET", "headers": { "X-Forwarded-Host": "example.com" } }),
            ] {
                let reply = call(&connectors, request).await;
                assert_eq!(reply.verdict, Verdict::Rejected, "{url}: {reply:?}");
                let class = reply.error.as_deref().unwrap_or_default();
                assert!(classes.contains(&class), "{url}: {reply:?}");
            }
        }
    }
    assert_eq!(v4.load(Ordering::SeqCst), 0, "somebody got through");
    assert_eq!(
        v6.map_or(0, |count| count.load(Ordering::SeqCst)),
        0,
        "somebody got through"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_allowed_leads_nowhere_else() {
    let provider = FakeHttp::start().await.expect("a provider");
    let (port, inside) = listening("127.0.0.2:0").await.expect("a port");
    let connectors = connectors(&["127.0.0.1/32"]);
    for status in [301, 302, 303, 307, 308] {
        for target in [
            format!("http://127.0.0.2:{port}/"),
            "http://169.254.169.254/".into(),
            "file:///etc/passwd".into(),
            "//127.0.0.2/".into(),
        ] {
            provider.next(Fault::Answer(Answer {
                status,
                headers: vec![
                    ("Location".into(), target),
                    ("Refresh".into(), format!("0; url=http://127.0.0.2:{port}/")),
                ],
                body: vec![],
                acts: false,
            }));
            for method in ["GET", "POST"] {
                let reply = call(
                    &connectors,
                    json!({ "url": provider.url("/"), "method": method, "body": null }),
                )
                .await;
                if method == "GET" {
                    assert_eq!(
                        (reply.verdict, reply.error),
                        (Verdict::Rejected, Some(format!("http_{status}")))
                    );
                }
            }
        }
    }
    assert_eq!(inside.load(Ordering::SeqCst), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_after_a_doubt_goes_by_the_same_guard() {
    let (port, inside) = listening("127.0.0.2:0").await.expect("a port");
    let connectors = connectors(&["127.0.0.1/32"]);
    let request = json!({
        "url": "https://example.com/", "lookup": { "url": format!("http://127.0.0.2:{port}/{{key}}") },
    });
    let found = connectors
        .look_up(&Delivery {
            outbox_id: Uuid::from_u128(1),
            tenant: "t",
            action: "http_request",
            request: &request,
            attempt: 1,
            timeout: Duration::from_secs(5),
            deadline: Instant::now() + Duration::from_secs(60),
            secrets: &NoSecrets,
        })
        .await;
    assert!(
        format!("{found:?}").contains("address_not_allowed"),
        "{found:?}"
    );
    assert_eq!(inside.load(Ordering::SeqCst), 0);
}
