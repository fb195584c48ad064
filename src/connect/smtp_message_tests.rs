//! Composing mail: what is refused and why, and what the message looks like.

use serde_json::json;

use super::*;

const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0001);

fn composed(request: &Value) -> Result<Mail, Refusal> {
    let from = "Shop <shop@example.com>".parse().expect("an address");
    compose(request, &from, ID, Some("X-Key"))
}

fn text_of(request: &Value) -> (Mail, String) {
    let mail = composed(request).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let text = String::from_utf8(mail.bytes.clone()).expect("mail is ASCII");
    (mail, text)
}

#[test]
fn bad_requests_are_refused_and_say_what_would_be_right() {
    let giant = "x".repeat(5_000);
    let many = vec!["a@example.com"; 51];
    let to = "bob@example.com";
    for (request, class, part) in [
        (json!(null), "invalid_request", "object"),
        (json!({ "body": "x" }), "invalid_address", "`to` is missing"),
        (
            json!({ "to": null, "body": "x" }),
            "invalid_address",
            "`to` is missing",
        ),
        (
            json!({ "to": [], "body": "x" }),
            "invalid_address",
            "`to` is missing",
        ),
        (
            json!({ "to": "", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": "bob", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": "bob@", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": "a@[127.0.0.1]", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": ["ok@example.com", "A <a@[IPv6:::1]>"], "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": "a@b@c", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": "a b@example.com", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": "<a@example.com", "body": "x" }),
            "invalid_address",
            "name@example.com",
        ),
        (
            json!({ "to": ["ok@example.com", 5], "body": "x" }),
            "invalid_address",
            "a list",
        ),
        (
            json!({ "to": { "email": to }, "body": "x" }),
            "invalid_address",
            "a list",
        ),
        (
            json!({ "to": many, "body": "x" }),
            "invalid_address",
            "at most",
        ),
        (
            json!({ "to": giant, "body": "x" }),
            "invalid_header",
            "at most",
        ),
        (
            json!({ "to": "b@example.com\r\nBcc: c@example.com", "body": "x" }),
            "invalid_header",
            "line break",
        ),
        (
            json!({ "to": "B\n <b@example.com>", "body": "x" }),
            "invalid_header",
            "line break",
        ),
        (
            json!({ "to": to, "from": "x\r\ny", "body": "x" }),
            "invalid_header",
            "`from`",
        ),
        (
            json!({ "to": to, "replyTo": "nobody", "body": "x" }),
            "invalid_address",
            "`replyTo`",
        ),
        (
            json!({ "to": to, "subject": "a\r\nBcc: c@example.com", "body": "x" }),
            "invalid_header",
            "`subject`",
        ),
        (
            json!({ "to": to, "subject": 5, "body": "x" }),
            "invalid_request",
            "`subject`",
        ),
        (
            json!({ "to": to, "subject": giant, "body": "x" }),
            "invalid_header",
            "at most",
        ),
        (
            json!({ "to": to, "subject": "x" }),
            "invalid_request",
            "neither",
        ),
        (json!({ "to": to, "body": 5 }), "invalid_request", "`body`"),
        (
            json!({ "to": to, "html": "x".repeat(6 << 20) }),
            "invalid_request",
            "at most",
        ),
        (
            json!({ "to": to, "body": "x", "headers": [] }),
            "invalid_header",
            "name to value",
        ),
        (
            json!({ "to": to, "body": "x", "headers": { "Bcc": "c@example.com" } }),
            "invalid_header",
            "List-*",
        ),
        (
            json!({ "to": to, "body": "x", "headers": { "X-A\r\nBcc": "c" } }),
            "invalid_header",
            "no header name",
        ),
        (
            json!({ "to": to, "body": "x", "headers": { "X-ü": "c" } }),
            "invalid_header",
            "no header name",
        ),
        (
            json!({ "to": to, "body": "x", "headers": { "X-A": "b\r\nBcc: c" } }),
            "invalid_header",
            "line break",
        ),
        (
            json!({ "to": to, "body": "x", "listUnsubscribe": "https://a\r\nb" }),
            "invalid_header",
            "line break",
        ),
    ] {
        let shown: String = request.to_string().chars().take(90).collect();
        let refusal = composed(&request)
            .err()
            .unwrap_or_else(|| panic!("{shown} was composed"));
        assert_eq!(
            refusal.verdict,
            crate::connect::Verdict::Rejected,
            "{shown}"
        );
        assert_eq!(refusal.error.as_deref(), Some(class), "{shown}");
        let message = refusal.message.unwrap_or_default();
        assert!(message.contains(part), "{shown}: {message}");
        assert!(
            !message.contains("bob@") && !message.contains("c@example"),
            "{message}"
        );
    }
}

#[test]
fn a_message_carries_its_identity_and_its_headers() {
    let (mail, text) = text_of(&json!({
        "to": "Bob Müller <bob@example.org>",
        "cc": ["carol@example.org"],
        "bcc": "dora@example.org",
        "replyTo": "help@example.com",
        "subject": "Grüße",
        "body": "Hello\n.\nü",
        "html": "<p>Hello</p>",
        "listUnsubscribe": "https://example.com/u/1",
        "headers": { "X-Campaign": "spring", "List-Id": "<spring.example.com>" },
    }));
    for line in [
        format!("Message-ID: <{ID}@example.com>"),
        format!("X-Key: {ID}"),
        "From: Shop <shop@example.com>".into(),
        "Reply-To: help@example.com".into(),
        "Cc: carol@example.org".into(),
        "List-Unsubscribe: <https://example.com/u/1>".into(),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click".into(),
        "X-Campaign: spring".into(),
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=".into(),
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    assert!(text.contains("multipart/alternative"), "{text}");
    assert!(text.is_ascii() && !text.contains("dora@"), "{text}");
    let recipients: Vec<String> = mail.envelope.to().iter().map(ToString::to_string).collect();
    assert_eq!(
        recipients,
        ["bob@example.org", "carol@example.org", "dora@example.org"]
    );
}

#[test]
fn one_part_is_enough_and_the_sender_of_the_request_wins() {
    for (request, kind, domain) in [
        (
            json!({ "to": "b@example.org", "body": "" }),
            "text/plain",
            "example.com",
        ),
        (
            json!({ "to": "b@example.org", "text": "x" }),
            "text/plain",
            "example.com",
        ),
        (
            json!({ "to": "b@example.org", "html": "x", "from": "a@other.net" }),
            "text/html",
            "other.net",
        ),
    ] {
        let (mail, text) = text_of(&request);
        assert!(text.contains(kind) && !text.contains("multipart"), "{text}");
        assert!(
            text.contains(&format!("Message-ID: <{ID}@{domain}>")),
            "{text}"
        );
        assert_eq!(mail.envelope.from().map(|from| from.domain()), Some(domain));
    }
}

#[test]
fn domains_go_by_their_ascii_form() {
    let (mail, text) =
        text_of(&json!({ "to": "bob@bücher.example", "from": "ä@bücher.example", "body": "x" }));
    assert_eq!(
        mail.envelope.to()[0].to_string(),
        "bob@xn--bcher-kva.example"
    );
    assert!(
        text.contains(&format!("Message-ID: <{ID}@xn--bcher-kva.example>")),
        "{text}"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_composing_panic_or_smuggles_a_header(
        to in "\\PC{0,40}|[a-z\"<>@., \\r\\n\\\\()]{0,40}(@example\\.com)?",
        subject in "(?s).{0,60}",
        body in "(?s).{0,200}",
    ) {
        let request = json!({ "to": to, "replyTo": to, "subject": subject, "body": body });
        if let Ok(mail) = composed(&request) {
            let text = String::from_utf8(mail.bytes).expect("mail is ASCII");
            let (head, _) = text.split_once("\r\n\r\n").expect("a head");
            // Every line begins a header of ours or goes on with one.
            for line in head.split("\r\n") {
                let ours = ["Message-ID", "Date", "From", "Subject", "To", "Reply-To", "X-Key",
                    "MIME-Version", "Content-Type", "Content-Transfer-Encoding"];
                let known = ours.iter().any(|name| line.starts_with(&format!("{name}: ")));
                proptest::prop_assert!(known || line.starts_with(' '), "{line:?} in {head}");
            }
        }
    }
}
