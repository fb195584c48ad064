//! Paths: what they find, and what is refused.

use super::*;
use serde_json::json;

#[test]
fn paths_find_values() {
    let contact = json!({
        "email": "a@b.c", "last_purchase_date": "2024-01-01", "firstName": "Ann",
        "custom": {"score": 7, "my field": true}, "plan": "gold", "gone": null,
    });
    let event = json!({"type": "order", "data": {"items": [{"sku": "x1"}, {"sku": "x2"}]}});
    let steps = json!({"send-email-1": {"result": {"id": 9}}});
    let rows = [
        (&contact, "contact.email", json!("a@b.c")),
        (&contact, "contact.lastPurchaseDate", json!("2024-01-01")),
        (&contact, "contact.last_purchase_date", json!("2024-01-01")),
        (&contact, "contact.first_name", json!("Ann")),
        (&contact, "contact.score", json!(7)),
        (&contact, "contact.custom.score", json!(7)),
        (&contact, "contact[\"my field\"]", json!(true)),
        (&contact, "contact.plan", json!("gold")),
        (&contact, "contact.gone", Value::Null),
        (&contact, "contact.email.deeper", Value::Null),
        (&event, "event.data.items.1.sku", json!("x2")),
        (&event, "event.data.items[0].sku", json!("x1")),
        (&event, "event.data.items.7.sku", Value::Null),
        (&event, "event.data.items.first.sku", json!("x1")),
        (&event, "event.data.items.last.sku", json!("x2")),
        (&event, "event.data.first", Value::Null),
        (&steps, "steps.send-email-1.result.id", json!(9)),
    ];
    for (root, text, want) in rows {
        let path = Path::parse(text).unwrap();
        let found = path.find(root).cloned().unwrap_or(Value::Null);
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn fields_have_canonical_names() {
    let name = |text: &str| {
        Path::parse(text)
            .unwrap()
            .field()
            .map(|f| f.canonical().to_owned())
    };
    assert_eq!(
        name("contact.lastPurchaseDate").as_deref(),
        Some("last_purchase_date")
    );
    assert_eq!(name("snapshot.last_name").as_deref(), Some("last_name"));
    assert_eq!(
        name("contact.favouriteColour").as_deref(),
        Some("favouriteColour")
    );
    assert_eq!(name("contact"), None);
    assert_eq!(name("vars.email"), None);
    let old = Path::parse("contact.lastName").unwrap().below(Root::Old);
    assert_eq!(
        (old.text(), old.find(&json!({"last_name": 1}))),
        ("old.lastName", Some(&json!(1)))
    );
}

#[test]
fn errors_say_what_would_be_right() {
    let rows = [
        ("contcat.email", "did you mean \"contact.email\"?"),
        ("email", "did you mean \"contact.email\"?"),
        ("trigger.x", "did you mean \"event.data\"?"),
        ("zebra.x", "paths start with one of contact,"),
        ("contact..email", "write contact.email"),
        ("contact.", "write contact.email"),
        ("contact[", "write contact.email"),
        ("contact[\"x\"]y", "write contact.email"),
        ("contact.[\"x\"]", "write contact.email"),
        ("contact.my field", "write contact.email"),
        ("", "write one such as"),
    ];
    for (text, hint) in rows {
        let error = Path::parse(text).unwrap_err();
        assert!(
            error.hint.as_deref().unwrap_or("").contains(hint),
            "{text}: {error:?}"
        );
    }
    let deep = |segments: usize| Path::parse(&format!("vars{}", ".a".repeat(segments)));
    assert!(deep(MAX_SEGMENTS).is_ok() && deep(MAX_SEGMENTS + 1).is_err());
    assert!(Path::parse(&"x".repeat(10_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}", tail in "[a-z.\\[\\]\"'0-9 ]{0,40}") {
        let _ = Path::parse(&text);
        let _ = Path::parse(&format!("contact{tail}"));
    }
}
