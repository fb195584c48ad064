//! The default of message channels without a connection: the message is kept instead of sent.

use serde_json::{Map, Value, json};

use super::{BoxFuture, Captured, Connector, Delivery, Reply};

/// Keeps the messages of one channel; the store writes them in the finishing transaction.
pub struct Capture {
    channel: &'static str,
}

impl Capture {
    /// Keeps messages of this channel: `email`, `sms` and so on.
    pub fn new(channel: &'static str) -> Self {
        Self { channel }
    }
}

/// The fields of a request that have a place of their own in what is kept.
const RECIPIENT: &[&str] = &["to", "recipient", "phone", "user", "channel"];
const BODY: &[&str] = &["body", "text", "message"];

impl Connector for Capture {
    fn is_local(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        let captured = capture(self.channel, delivery.request);
        let response = json!({ "captured": true, "channel": self.channel });
        let reply = Reply {
            captured: Some(captured),
            ..Reply::ok(response)
        };
        Box::pin(std::future::ready(reply))
    }
}

/// Takes a request as it is: what a channel would refuse is worth seeing all the same.
fn capture(channel: &str, request: &Value) -> Captured {
    let mut fields = request.as_object().cloned().unwrap_or_default();
    if !request.is_object() && !request.is_null() {
        fields.insert("request".into(), request.clone());
    }
    Captured {
        channel: channel.to_owned(),
        recipient: take(&mut fields, RECIPIENT).unwrap_or_default(),
        subject: take(&mut fields, &["subject"]),
        body: take(&mut fields, BODY),
        html: take(&mut fields, &["html"]),
        headers: Value::Object(fields),
    }
}

/// Takes out the first of these fields that says something, as text.
fn take(fields: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    let name = names
        .iter()
        .find(|name| fields.get(**name).is_some_and(|value| !value.is_null()))?;
    fields.shift_remove(*name).map(as_text)
}

fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items
            .into_iter()
            .map(as_text)
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_request_is_kept_somewhere() {
        let kept = capture(
            "email",
            &json!({
                "to": ["a@example.com", "b@example.com"],
                "subject": "Hi", "body": "text", "html": "<p>text</p>", "from": "c@example.com",
            }),
        );
        let expected = Captured {
            channel: "email".into(),
            recipient: "a@example.com, b@example.com".into(),
            subject: Some("Hi".into()),
            body: Some("text".into()),
            html: Some("<p>text</p>".into()),
            headers: json!({ "from": "c@example.com" }),
        };
        assert_eq!(kept, expected);
    }

    #[test]
    fn odd_requests_are_kept_too() {
        for (request, recipient, headers) in [
            (json!(null), "", json!({})),
            (json!("text"), "", json!({ "request": "text" })),
            (
                json!({ "to": null, "phone": "+49" }),
                "+49",
                json!({ "to": null }),
            ),
            (json!({ "to": { "id": 1 } }), r#"{"id":1}"#, json!({})),
        ] {
            let kept = capture("sms", &request);
            assert_eq!(
                (kept.recipient.as_str(), &kept.headers),
                (recipient, &headers),
                "{request}"
            );
        }
    }
}
