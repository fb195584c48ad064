//! Every trigger as a table of (config, event data) -> does it fire.

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::catalog::{parse::names, trigger};
use crate::model::{transition::Event, workflow};

fn event(kind: &str, data: Value) -> Event {
    Event {
        id: Uuid::nil(),
        kind: kind.to_owned(),
        contact: None,
        occurred_at: chrono::DateTime::<Utc>::UNIX_EPOCH,
        data,
        old: None,
        new: None,
        trigger: None,
        cause: None,
    }
}

fn compile(kind: &str, config: Value) -> Result<Box<dyn trigger::Trigger>, Vec<String>> {
    let trigger: workflow::Trigger =
        serde_json::from_value(json!({"type": kind, "config": config})).unwrap();
    trigger::compile(&trigger).map_err(|p| p.iter().map(ToString::to_string).collect())
}

#[test]
fn the_table_is_sorted_unique_and_of_known_types() {
    assert!(ALL.is_sorted_by(|a, b| a.kind < b.kind));
    for row in ALL {
        assert!(names::EVENTS.contains(&row.kind), "{}", row.kind);
        assert_eq!(entry(row.kind).unwrap().kind, row.kind);
        assert!((row.compile)(None).is_ok(), "{} needs no config", row.kind);
        let schema = (row.schema)();
        let docs = schema.as_value()["description"]
            .as_str()
            .unwrap_or_default();
        for section in ["## Fires when", "## Example", "## Data"] {
            assert!(
                docs.contains(section),
                "{} has no section {section}",
                row.kind
            );
        }
        for (name, field) in schema.as_value()["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            assert!(
                field.get("description").is_some(),
                "{}.{name} is not described",
                row.kind
            );
        }
    }
}

/// (type, config, event data, fires)
#[test]
fn fires() {
    let tag = json!({"tag": "VIP"});
    let score = json!({"field": "score", "old": 40, "new": "60"});
    let changed = json!({"changed": {"last_name": {"old": "a", "new": "b"}}});
    let paid = json!({"paymentId": "p1", "amount": 50, "currency": "EUR"});
    let back = json!({"amount": 50, "refundedAmount": 20});
    let rows = [
        ("contact.created", json!({}), json!({}), true),
        (
            "contact.created",
            json!({"source": ["form", "api"]}),
            json!({"source": "api"}),
            true,
        ),
        (
            "contact.created",
            json!({"source": "form"}),
            json!({"source": "api"}),
            false,
        ),
        (
            "contact.created",
            json!({"source": "form"}),
            json!({}),
            false,
        ),
        ("contact.updated", json!({}), changed.clone(), true),
        (
            "contact.updated",
            json!({"fields": ["lastName"]}),
            changed.clone(),
            true,
        ),
        (
            "contact.updated",
            json!({"fields": ["email"]}),
            changed.clone(),
            false,
        ),
        (
            "contact.updated",
            json!({"ignoreFields": "last_name"}),
            changed.clone(),
            false,
        ),
        ("contact.tag.added", json!({}), tag.clone(), true),
        (
            "contact.tag.added",
            json!({"tag": "vip"}),
            tag.clone(),
            true,
        ),
        (
            "contact.tag.added",
            json!({"tags": ["a", "b"]}),
            tag.clone(),
            false,
        ),
        (
            "contact.tag.added",
            json!({"prefix": "v"}),
            tag.clone(),
            true,
        ),
        (
            "contact.tag.removed",
            json!({"tag": "x"}),
            tag.clone(),
            false,
        ),
        (
            "contact.tag.removed",
            json!({"tags": ["x", "vip"]}),
            tag,
            true,
        ),
        (
            "contact.dnd.changed",
            json!({"state": "on"}),
            json!({"channel": "sms", "new": true}),
            true,
        ),
        (
            "contact.dnd.changed",
            json!({"state": "off"}),
            json!({"channel": "sms", "new": true}),
            false,
        ),
        (
            "contact.dnd.changed",
            json!({"channel": "email"}),
            json!({"channel": "sms"}),
            false,
        ),
        (
            "contact.field.changed",
            json!({"field": "score"}),
            score.clone(),
            true,
        ),
        (
            "contact.field.changed",
            json!({"field": "other"}),
            score.clone(),
            false,
        ),
        (
            "contact.field.changed",
            json!({"from": 40.0, "to": 60}),
            score.clone(),
            true,
        ),
        (
            "contact.field.changed",
            json!({"to": 61}),
            score.clone(),
            false,
        ),
        (
            "contact.field.changed",
            json!({"crosses": 50}),
            score.clone(),
            true,
        ),
        (
            "contact.field.changed",
            json!({"crosses": 40}),
            score.clone(),
            false,
        ),
        (
            "contact.field.changed",
            json!({"became": "set"}),
            score,
            false,
        ),
        (
            "contact.field.changed",
            json!({"from": null}),
            json!({"field": "x", "new": 1}),
            true,
        ),
        (
            "contact.field.changed",
            json!({"from": null}),
            json!({"field": "x", "old": 2, "new": 1}),
            false,
        ),
        (
            "contact.field.changed",
            json!({"field": "lastName"}),
            json!({"field": "last_name"}),
            true,
        ),
        (
            "form.submitted",
            json!({"formId": "a"}),
            json!({"formId": "a"}),
            true,
        ),
        (
            "form.submitted",
            json!({"formId": "7"}),
            json!({"formId": 7}),
            true,
        ),
        (
            "form.submitted",
            json!({"formId": ["a", "b"]}),
            json!({"formId": "c"}),
            false,
        ),
        (
            "form.abandoned",
            json!({"formId": "a"}),
            json!({"formId": "a"}),
            true,
        ),
        (
            "form.abandoned",
            json!({"formId": "a"}),
            json!({"formId": "b"}),
            false,
        ),
        (
            "payment.successful",
            json!({"minAmount": 50, "currency": "EUR"}),
            paid.clone(),
            true,
        ),
        (
            "payment.successful",
            json!({"minAmount": 50.01}),
            paid.clone(),
            false,
        ),
        ("payment.successful", json!({"maxAmount": 49}), paid, false),
        (
            "payment.failed",
            json!({"attempt": 2}),
            json!({"attempt": 2}),
            true,
        ),
        (
            "payment.failed",
            json!({"failureCode": "x"}),
            json!({"failureCode": "y"}),
            false,
        ),
        // Each of them must hold, whatever the others say.
        (
            "payment.failed",
            json!({"minAmount": 50}),
            json!({"amount": 49}),
            false,
        ),
        (
            "payment.failed",
            json!({"currency": "EUR"}),
            json!({"currency": "USD"}),
            false,
        ),
        (
            "payment.failed",
            json!({"attempt": 2}),
            json!({"attempt": 1}),
            false,
        ),
        (
            "payment.refunded",
            json!({"refund": "full"}),
            back.clone(),
            false,
        ),
        ("payment.refunded", json!({"refund": "partial"}), back, true),
        (
            "custom.event",
            json!({"name": "a"}),
            json!({"name": "a"}),
            true,
        ),
        (
            "custom.event",
            json!({"name": "a"}),
            json!({"name": "b"}),
            false,
        ),
        ("manual.enrollment", json!({}), json!({}), true),
        ("api.trigger", json!({"name": "a"}), json!({}), false),
        (
            "webhook.received",
            json!({"hook": "shop"}),
            json!({"hook": "shop"}),
            true,
        ),
        ("order.shipped", json!({}), json!({}), true),
    ];
    for (kind, config, data, want) in rows {
        let trigger = compile(kind, config.clone()).unwrap();
        assert_eq!(
            trigger.matches(&event(kind, data.clone())),
            want,
            "{kind} {config} {data}"
        );
        assert!(!trigger.matches(&event("another.type", data)), "{kind}");
    }
}

#[test]
fn discriminators_plans_and_subjects() {
    let cart = json!({"formId": "cart", "abandonmentTime": {"amount": 30, "unit": "minutes"}});
    let trigger = compile("form.abandoned", cart).unwrap();
    assert_eq!(trigger.discriminator().as_deref(), Some("cart"));
    let plan = json!({"formId": "cart", "after": {"amount": 30, "unit": "minutes"}});
    assert_eq!(trigger.plan(), Some(plan));
    assert_eq!(
        compile("form.abandoned", json!({"formId": "cart"}))
            .unwrap()
            .plan(),
        None
    );
    // One value is looked up by the index; several, or none, cannot be.
    let rows = [
        ("contact.field.changed", "field", "lastName", "last_name"),
        ("form.submitted", "formId", "a", "a"),
        ("webhook.received", "hook", "shop", "shop"),
        ("api.trigger", "name", "a", "a"),
        ("custom.event", "name", "a", "a"),
    ];
    for (kind, field, word, stored) in rows {
        let of = |config| compile(kind, config).unwrap().discriminator();
        assert_eq!(
            of(json!({ field: word })).as_deref(),
            Some(stored),
            "{kind}"
        );
        assert_eq!(of(json!({ field: [word, "b"] })), None, "{kind}");
        assert_eq!(of(json!({})), None, "{kind}");
    }
    let own = compile("order.shipped", json!({})).unwrap();
    assert_eq!((own.discriminator(), own.plan()), (None, None));
    let paid = compile("payment.successful", json!({})).unwrap();
    let subject = |data| paid.subject(&event("payment.successful", data));
    assert_eq!(subject(json!({"paymentId": "p1"})).as_deref(), Some("p1"));
    assert_eq!(subject(json!({"paymentId": 12})).as_deref(), Some("12"));
    assert_eq!(subject(json!({})), None);
}

/// The example in each trigger's documentation is a trigger that compiles.
#[test]
fn documented_examples_compile() {
    for row in ALL {
        let schema = (row.schema)();
        let docs = schema.as_value()["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let (_, example) = docs.split_once("## Example").unwrap();
        let example = example.split('`').nth(1).unwrap_or_default();
        let trigger: workflow::Trigger = serde_json::from_str(example).unwrap();
        assert_eq!(trigger.kind, row.kind);
        assert!(trigger::compile(&trigger).is_ok(), "{example}");
    }
}

#[test]
fn wrong_configs_are_named() {
    let rows = [
        (
            "form.abandoned",
            json!({"formId": 7}),
            "config.formId: expected text or a list of texts, found 7",
        ),
        (
            "form.abandoned",
            json!({"formid": "x"}),
            "config.formid: unknown field \"formid\" (did you mean formId?)",
        ),
        (
            "order.shipped",
            json!({"a": 1}),
            "config.a: unknown field \"a\" (events of type order.shipped are chosen by filters)",
        ),
    ];
    for (kind, config, want) in rows {
        assert_eq!(compile(kind, config).unwrap_err(), [want]);
    }
    assert!(compile("form.abandoned", json!({"abandonmentTime": {"amount": 1}})).is_err());
    assert_eq!(
        trigger::doubt("form.submited").unwrap().hint.unwrap(),
        "did you mean \"form.submitted\"?"
    );
    assert!(trigger::doubt("order.shipped").is_none());
}
