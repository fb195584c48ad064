//! The guard's table: addresses in the many notations that they can be written in.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Addresses that must not be called while nothing is allowed.
const DENIED: &[&str] = &[
    // loopback in every notation
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.0.1.:8080/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0x7f.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127.0.0.1%2e/",
    "http://%31%32%37.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    // IPv4 in IPv6: mapped, compatible, SIIT, NAT64, 6to4, Teredo, ISATAP
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::10.1.2.3]/",
    "http://[64:ff9b:1::8.8.8.8]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[2606:4700::5efe:10.0.0.1]/",
    // private, link-local, shared, and the metadata services in them
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://2852039166/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    // documentation, benchmarking, multicast, reserved, broadcast, discard
    "http://192.0.2.1/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
];

/// Addresses that may be called by anyone.
const ALLOWED: &[&str] = &[
    "http://8.8.8.8/",
    "https://1.1.1.1:8443/",
    "http://134744072/",
    "http://172.32.0.1/",
    "http://100.128.0.1/",
    "http://[2606:4700:4700::1111]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[64:ff9b::8.8.8.8]/",
    "http://[2002:808:808::1]/",
    // names are judged by the resolver
    "https://example.com/",
    "http://localhost/",
    "http://localhost./",
];

fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts
        .iter()
        .map(|text| text.parse().expect("a network"))
        .collect()
}

#[test]
fn no_notation_gets_a_private_address_through() {
    let guard = Guard::default();
    for text in DENIED {
        match guard.check_url(&url(text)) {
            Err(refused) => assert_eq!(refused.class(), "address_not_allowed", "{text}"),
            Ok(()) => panic!("{text} got through"),
        }
    }
}

#[test]
fn public_addresses_and_names_pass() {
    let guard = Guard::default();
    for text in ALLOWED {
        assert_eq!(guard.check_url(&url(text)), Ok(()), "{text}");
    }
}

#[test]
fn what_the_setting_allows_passes_and_nothing_beside_it() {
    let guard = Guard::new(&networks(&["127.0.0.0/8", "10.1.0.0/16", "fd00::/64"]));
    for (text, passes) in [
        ("http://127.0.0.1/", true),
        ("http://2130706433/", true),
        ("http://[::ffff:127.0.0.1]/", true),
        ("http://10.1.2.3/", true),
        ("http://[fd00::5]/", true),
        ("http://10.2.0.1/", false),
        ("http://[::1]/", false),
        ("http://[fd00:0:0:1::5]/", false),
        ("http://169.254.169.254/", false),
    ] {
        assert_eq!(guard.check_url(&url(text)).is_ok(), passes, "{text}");
    }
}

#[test]
fn an_ipv6_network_that_covers_everything_does_not_open_what_is_wrapped_in_it() {
    let guard = Guard::new(&networks(&["::/0"]));
    assert!(guard.allows("::1".parse().expect("an address")));
    assert!(!guard.allows("::ffff:127.0.0.1".parse().expect("an address")));
}

#[test]
fn the_message_says_what_is_wrong_and_what_would_be_right() {
    let guard = Guard::default();
    for (text, part) in [
        ("ftp://example.com/", "use http or https"),
        ("file:///etc/passwd", "use http or https"),
        ("gopher://example.com/", "use http or https"),
        ("http://user@example.com/", "put them into `auth`"),
        ("http://user:pass@example.com/", "put them into `auth`"),
        ("http://10.0.0.1/", "WAYPOST_OUTBOUND_ALLOW"),
    ] {
        let refused = guard.check_url(&url(text)).expect_err(text).to_string();
        assert!(refused.contains(part), "{text}: {refused}");
        assert!(!refused.contains("pass@"), "{refused}");
    }
}

#[test]
fn a_name_keeps_its_public_addresses_and_loses_the_others() {
    let guard = Guard::default();
    let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
    let mixed = [at("10.0.0.1"), at("8.8.8.8"), at("::1")];
    assert_eq!(
        filter(&guard, mixed.into_iter(), "mixed"),
        Ok(vec![at("8.8.8.8")])
    );
    let inside = filter(&guard, [at("10.0.0.1")].into_iter(), "db.internal");
    assert_eq!(inside, Err(Refused::Private("db.internal".into())));
    assert_eq!(filter(&guard, std::iter::empty(), "nobody"), Ok(vec![]));
}

#[tokio::test]
async fn the_resolver_refuses_a_name_of_this_host() {
    let resolver = GuardedResolver::new(Guard::default());
    let name: Name = "localhost".parse().expect("a name");
    let refused = resolver.resolve(name).await.err().expect("refused");
    assert!(
        matches!(refused.downcast_ref(), Some(Refused::Private(_))),
        "{refused}"
    );
}

#[tokio::test]
async fn a_name_that_answers_differently_later_is_called_where_it_was_looked_at() {
    // Answers the provider first, whom the guard allows, then a neighbour, whom it does not.
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let names: Names = |_| {
        let host = 1 + ASKED.fetch_add(1, Ordering::SeqCst).min(1) as u8;
        Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, host], 0))]) })
    };
    let provider = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = provider.local_addr().expect("an address").port();
    let inside = TcpListener::bind(("127.0.0.2", port))
        .await
        .expect("the same port");
    let guard = Guard::new(&networks(&["127.0.0.1/32"]));
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(GuardedResolver { guard, names })
        .build()
        .expect("a client");
    let url = format!("http://rebound.example:{port}/");

    let answered = tokio::spawn(async move {
        let (mut stream, _) = provider.accept().await.expect("a call");
        let mut asked = [0; 1024];
        assert!(stream.read(&mut asked).await.expect("a question") > 0);
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            .await
            .expect("it is answered");
    });
    assert_eq!(
        client.get(&url).send().await.expect("an answer").status(),
        204
    );
    assert_eq!(
        ASKED.load(Ordering::SeqCst),
        1,
        "looked at once, and called there"
    );
    answered.await.expect("it was called");

    let refused = client.get(&url).send().await.expect_err("refused");
    let refused = format!("{refused:?}");
    assert!(
        refused.contains("Private(\"rebound.example\")"),
        "{refused}"
    );
    let called = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
    assert!(called.is_err(), "the neighbour was called");
}
