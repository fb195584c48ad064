//! Answers: the table of statuses, the forms of `Retry-After`, and what is kept of a body.

use reqwest::header::HeaderValue;

use super::*;
use crate::connect::NoSecrets;

const NOW: &str = "2026-11-24T12:00:00Z";

fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).expect("a value"));
    }
    let status = StatusCode::from_u16(status).expect("a status");
    Answer {
        status,
        headers: map,
        body: body.to_vec(),
        truncated: false,
    }
}

fn judged(answer: &Answer) -> Reply {
    let now = NOW.parse().expect("a time");
    judge(answer, "example.com", now, &Vault::new(&NoSecrets)).bounded()
}

#[test]
fn every_status_has_its_verdict() {
    use Verdict::*;
    for (status, retry_after, verdict) in [
        (200, None, Ok),
        (201, None, Ok),
        (204, None, Ok),
        (301, None, Rejected),
        (302, None, Rejected),
        (307, None, Rejected),
        (400, None, Rejected),
        (401, None, Rejected),
        (404, Some("5"), Rejected),
        (409, None, Rejected),
        (410, None, Rejected),
        (422, None, Rejected),
        (408, None, Retryable),
        (425, None, Retryable),
        (429, None, Retryable),
        (429, Some("5"), Retryable),
        (503, Some("5"), Retryable),
        (503, None, Unknown),
        (503, Some("soon"), Unknown),
        (500, None, Unknown),
        (500, Some("5"), Unknown),
        (502, None, Unknown),
        (504, None, Unknown),
        (599, None, Unknown),
    ] {
        let headers: Vec<_> = retry_after
            .map(|value| ("retry-after", value))
            .into_iter()
            .collect();
        let reply = judged(&answer(status, &headers, b""));
        assert_eq!(reply.verdict, verdict, "{status} {retry_after:?}");
        assert_eq!(reply.response["status"], status);
        let class = (verdict != Ok).then(|| format!("http_{status}"));
        assert_eq!(reply.error, class, "{status}");
    }
}

#[test]
fn retry_after_is_read_in_both_forms_and_capped() {
    for (text, date, seconds) in [
        ("0", None, Some(0)),
        ("120", None, Some(120)),
        (" 7 ", None, Some(7)),
        ("86401", None, Some(86_400)),
        ("99999999999999999999999999", None, Some(86_400)),
        ("-5", None, None),
        ("1.5", None, None),
        ("", None, None),
        ("tomorrow", None, None),
        ("Tue, 24 Nov 2026 12:00:30 GMT", None, Some(30)),
        ("Tue, 24 Nov 2026 11:00:00 GMT", None, Some(0)),
        ("Tue, 24 Nov 2099 12:00:00 GMT", None, Some(86_400)),
        ("Mon, 24 Nov 2099 12:00:00 GMT", None, None),
        ("Tue, 01 Dec 2026 12:00:00 GMT", None, Some(86_400)),
        // the answer's own clock is five minutes ahead of ours
        (
            "Tue, 24 Nov 2026 12:05:30 GMT",
            Some("Tue, 24 Nov 2026 12:05:00 GMT"),
            Some(30),
        ),
        ("Tue, 24 Nov 2026 12:00:30 GMT", Some("nonsense"), Some(30)),
    ] {
        let mut headers = vec![("retry-after", text)];
        headers.extend(date.map(|date| ("date", date)));
        let reply = judged(&answer(429, &headers, b""));
        let wait = reply.retry_after.map(|wait| wait.as_secs());
        assert_eq!(wait, seconds, "{text:?} {date:?}");
    }
}

#[test]
fn bodies_are_kept_as_json_or_text() {
    for (kind, body, kept) in [
        ("application/json", r#"{"id":7}"#, json!({ "id": 7 })),
        ("application/problem+json", "[1]", json!([1])),
        ("text/plain", r#"{"id":7}"#, json!({ "id": 7 })),
        ("application/json", "{broken", json!("{broken")),
        (
            "application/json",
            r#"{"n":1e999}"#,
            json!(r#"{"n":1e999}"#),
        ),
        ("text/html", "<p>hi</p>", json!("<p>hi</p>")),
        ("text/plain", "7", json!("7")),
        ("text/plain", "", json!(null)),
    ] {
        let reply = judged(&answer(200, &[("content-type", kind)], body.as_bytes()));
        assert_eq!(reply.response["body"], kept, "{kind} {body}");
        assert_eq!(reply.response.get("truncated"), None, "{kind} {body}");
    }
}

#[test]
fn no_body_is_too_large_or_too_strange_to_keep() {
    let nested = "[".repeat(100_000);
    let nested = nested.as_bytes();
    let large = format!("[{}0]", "0,".repeat(50_000));
    for body in [
        vec![b'x'; 1 << 20],
        vec![0; 1 << 20],
        vec![0xff; 1 << 20],
        nested.to_vec(),
        large.into(),
    ] {
        let headers = [("content-type", "application/json")];
        let reply = judged(&answer(200, &headers, &body));
        let kept = reply.response.to_string();
        assert!(kept.len() <= RESPONSE_LIMIT, "{} bytes", kept.len());
        assert!(!kept.contains("\\u0000"), "the database refuses NUL");
        assert_eq!(reply.response["status"], 200);
        assert_eq!(reply.response["truncated"], true);
    }
}

#[test]
fn only_harmless_headers_are_kept() {
    let long = "y".repeat(4_000);
    let headers = [
        ("set-cookie", "session=1"),
        ("x-request-id", "r1"),
        ("server", long.as_str()),
    ];
    let location = ("location", "https://example.com/7?session=1");
    let reply = judged(&answer(201, &[&headers[..], &[location]].concat(), b""));
    let kept = &reply.response["headers"];
    assert_eq!(kept["x-request-id"], "r1");
    assert_eq!(kept["location"], "https://example.com/7");
    assert_eq!(kept["server"].as_str().map(str::len), Some(256));
    assert!(!reply.response.to_string().contains("session"));
}
