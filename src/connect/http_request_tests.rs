//! Composing calls: what is refused and why, what is sent, and the published signature example.

use serde_json::json;

use super::*;

const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0001);

fn secrets(name: &str) -> Option<String> {
    match name {
        "token" => Some("t0k3n".into()),
        "broken" => Some("line\r\nbreak".into()),
        "signing" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
        _ => None,
    }
}

fn composed(request: &Value, flavour: Flavour) -> Result<Call, Refusal> {
    compose(
        request,
        flavour,
        ID,
        1_614_265_330,
        &mut Vault::new(&secrets),
    )
}

#[test]
fn bad_requests_are_refused_and_say_what_would_be_right() {
    let giant = "x".repeat(20_000);
    let url = "https://example.com/";
    for (request, class, part) in [
        (json!("text"), "invalid_request", "object"),
        (json!({}), "invalid_url", "missing"),
        (json!({ "url": 5 }), "invalid_url", "missing"),
        (json!({ "url": "" }), "invalid_url", "https://host/path"),
        (
            json!({ "url": "example.com/x" }),
            "invalid_url",
            "https://host/path",
        ),
        (
            json!({ "url": "https://" }),
            "invalid_url",
            "https://host/path",
        ),
        (
            json!({ "url": "https://exa mple.com/" }),
            "invalid_url",
            "https://host/path",
        ),
        (
            json!({ "url": "https://example.com:99999/" }),
            "invalid_url",
            "port",
        ),
        (
            json!({ "url": "https://[::1/" }),
            "invalid_url",
            "https://host/path",
        ),
        (
            json!({ "url": "https://example.com/a\r\nb" }),
            "invalid_url",
            "line break",
        ),
        (
            json!({ "url": format!("https://example.com/{giant}") }),
            "invalid_url",
            "longer",
        ),
        (
            json!({ "url": "https://{{secrets.nobody}}/" }),
            "secret_missing",
            "`nobody`",
        ),
        (
            json!({ "url": url, "method": 1 }),
            "invalid_request",
            "POST",
        ),
        (
            json!({ "url": url, "method": "GET\r\nX: y" }),
            "invalid_request",
            "use GET",
        ),
        (
            json!({ "url": url, "method": "CONNECT" }),
            "invalid_request",
            "use GET",
        ),
        (
            json!({ "url": url, "method": "" }),
            "invalid_request",
            "use GET",
        ),
        (
            json!({ "url": url, "headers": [] }),
            "invalid_header",
            "name to value",
        ),
        (
            json!({ "url": url, "headers": { "a": {} } }),
            "invalid_header",
            "`a`",
        ),
        (
            json!({ "url": url, "headers": { "": "x" } }),
            "invalid_header",
            "letters",
        ),
        (
            json!({ "url": url, "headers": { "a b": "x" } }),
            "invalid_header",
            "letters",
        ),
        (
            json!({ "url": url, "headers": { "a\r\nb": "x" } }),
            "invalid_header",
            "letters",
        ),
        (
            json!({ "url": url, "headers": { "a": "x\r\ny: z" } }),
            "invalid_header",
            "line break",
        ),
        (
            json!({ "url": url, "headers": { "a": "{{secrets.broken}}" } }),
            "invalid_header",
            "`a`",
        ),
        (
            json!({ "url": url, "headers": { "Host": "x" } }),
            "invalid_header",
            "connection",
        ),
        (
            json!({ "url": url, "headers": { "content-length": 3 } }),
            "invalid_header",
            "connection",
        ),
        (
            json!({ "url": url, "headers": { "a": giant } }),
            "invalid_header",
            "at most",
        ),
        (json!({ "url": url, "auth": "x" }), "invalid_auth", "object"),
        (
            json!({ "url": url, "auth": {} }),
            "invalid_auth",
            "none, basic, bearer or hmac",
        ),
        (
            json!({ "url": url, "auth": { "type": "basic" } }),
            "invalid_auth",
            "`auth.username`",
        ),
        (
            json!({ "url": url, "auth": { "type": "bearer" } }),
            "invalid_auth",
            "`auth.token`",
        ),
        (
            json!({ "url": url, "auth": { "type": "hmac", "secret": "" } }),
            "invalid_auth",
            "empty",
        ),
        (
            json!({ "url": url, "auth": { "type": "hmac", "secret": "whsec_!" } }),
            "invalid_auth",
            "base64",
        ),
    ] {
        let shown: String = request.to_string().chars().take(80).collect();
        let Err(refusal) = composed(&request, Flavour::Webhook) else {
            panic!("{shown} was composed");
        };
        assert_eq!(
            refusal.verdict,
            crate::connect::Verdict::Rejected,
            "{shown}"
        );
        assert_eq!(refusal.error.as_deref(), Some(class), "{shown}");
        let message = refusal.message.unwrap_or_default();
        assert!(message.contains(part), "{shown}: {message}");
    }
}

#[test]
fn many_headers_are_refused_without_a_panic() {
    let headers: Map<String, Value> = (0..70_000).map(|n| (format!("h{n}"), json!("x"))).collect();
    let request = json!({ "url": "https://example.com/", "headers": headers });
    let refusal = composed(&request, Flavour::Plain).err().expect("refused");
    assert_eq!(refusal.error.as_deref(), Some("invalid_header"));
}

#[test]
fn bodies_are_json_unless_the_content_type_says_otherwise() {
    for (content_type, body, sent) in [
        (None, json!({ "a": 1 }), Some(r#"{"a":1}"#)),
        (None, json!("text"), Some(r#""text""#)),
        (None, json!([1, 2]), Some("[1,2]")),
        (None, json!(false), Some("false")),
        (None, json!(null), None),
        (
            Some("application/vnd.x+json; v=1"),
            json!("text"),
            Some(r#""text""#),
        ),
        (Some("text/plain"), json!("text"), Some("text")),
        (Some("text/plain"), json!(5), Some("5")),
        (
            Some("application/x-www-form-urlencoded"),
            json!({ "a": "x&y", "n": 1, "none": null }),
            Some("a=x%26y&n=1"),
        ),
    ] {
        let headers = json!({ "Content-Type": content_type });
        let request = json!({ "url": "https://example.com/", "headers": headers, "body": body });
        let call = composed(&request, Flavour::Plain).expect("composed");
        let bytes = call
            .body
            .map(|bytes| String::from_utf8(bytes).expect("text"));
        assert_eq!(bytes.as_deref(), sent, "{body}");
        let kind = call
            .headers
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().expect("text"));
        let expected = content_type.or(sent.map(|_| "application/json"));
        assert_eq!(kind, expected, "{body}");
    }
}

#[test]
fn each_kind_of_auth_sets_its_header() {
    for (auth, expected) in [
        (json!(null), None),
        (json!({ "type": "none" }), None),
        (
            json!({ "type": "bearer", "token": "{{secrets.token}}" }),
            Some("Bearer t0k3n"),
        ),
        (
            json!({ "type": "basic", "username": "u", "password": "{{secrets.token}}" }),
            Some("Basic dTp0MGszbg=="),
        ),
    ] {
        let request = json!({ "url": "https://example.com/", "auth": auth });
        let call = composed(&request, Flavour::Plain).expect("composed");
        let value = call
            .headers
            .get(AUTHORIZATION)
            .map(|value| value.to_str().expect("text"));
        assert_eq!(value, expected, "{auth}");
        assert!(call.headers.get("webhook-id").is_none());
    }
}

#[test]
fn the_identity_of_a_call_cannot_be_overwritten() {
    let request = json!({
        "url": "https://example.com/",
        "headers": { "Idempotency-Key": "mine", "Webhook-Id": "mine", "webhook-signature": "mine" },
    });
    let call = composed(&request, Flavour::Webhook).expect("composed");
    assert_eq!(call.headers["idempotency-key"], ID.to_string());
    assert_eq!(call.headers["webhook-id"], ID.to_string());
    assert_eq!(call.headers["webhook-timestamp"], "1614265330");
    assert!(call.headers.get("webhook-signature").is_none());
}

#[test]
fn signatures_are_those_of_standard_webhooks() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = br#"{"test": 2432232314}"#;
    let signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
    assert_eq!(
        signature.as_deref(),
        Ok("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    );

    for flavour in [Flavour::Webhook, Flavour::Plain] {
        let auth = json!({ "type": "hmac", "secret": "{{secrets.signing}}" });
        let request = json!({ "url": "https://example.com/", "auth": auth, "body": { "a": 1 } });
        let call = composed(&request, flavour).expect("composed");
        let expected = sign(secret, &ID.to_string(), 1_614_265_330, br#"{"a":1}"#);
        let signature = call.headers["webhook-signature"].to_str().expect("text");
        assert_eq!(expected.as_deref(), Ok(signature), "{flavour:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_composing_panic(
        url in "(https?://)?(?s).{0,60}",
        method in "\\PC{0,8}",
        name in "(?s).{0,12}",
        value in "(?s).{0,40}",
        kind in "none|basic|bearer|hmac|.{0,4}",
    ) {
        let auth = json!({ "type": kind, "token": value, "secret": value, "username": name, "password": value });
        let request = json!({
            "url": url, "method": method, "headers": { name: value }, "auth": auth, "body": value,
        });
        for flavour in [Flavour::Webhook, Flavour::Plain] {
            if let Ok(call) = composed(&request, flavour) {
                proptest::prop_assert_eq!(&call.headers["idempotency-key"], &ID.to_string());
            }
        }
    }
}
