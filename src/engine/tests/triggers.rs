//! Which triggers an event fires.

use serde_json::json;

use super::*;
use crate::{
    engine::matching::{TriggerOutcome, decide},
    model::transition::{Cause, TriggerRef},
};

#[test]
fn each_trigger_answers_for_itself() {
    let mut definition = steps(json!([set("a", json!(1), &[])]));
    definition.as_object_mut().unwrap().remove("trigger");
    definition["triggers"] = json!([
        { "id": "late", "type": "form.abandoned", "config": { "formId": "f" } },
        { "type": "payment.successful",
          "filters": [{ "field": "contact.vip", "operator": "equals", "value": true }] },
        { "id": "loop", "type": "contact.tag.added", "allowSelf": true },
        { "id": "once", "type": "contact.tag.added" },
    ]);
    let plain = program(&definition);
    definition["enrollmentKey"] = json!("order-{{ event.data.orderId }}");
    let keyed = program(&definition);
    let ids: Vec<&str> = plain.triggers.iter().map(|trigger| &*trigger.id).collect();
    assert_eq!(ids, ["late", "trigger-2", "loop", "once"]);

    let now = at("2026-03-02T10:00:00Z");
    let contact = Contact::new(CONTACT, json!({ "vip": true }).as_object().unwrap().clone());
    let ask = |program: &Program,
               kind: &str,
               data: Value,
               firing: Option<(i32, &str)>,
               cause: Option<(i32, u32)>| {
        let mut event = event(kind, data, now);
        event.trigger = firing.map(|(workflow, trigger)| TriggerRef {
            workflow,
            trigger: trigger.into(),
        });
        event.cause = cause.map(|(workflow, depth)| Cause {
            execution: CONTACT,
            workflow,
            depth,
        });
        let told = decide(program, &event, &contact, now)
            .into_iter()
            .map(|decision| {
                let outcome = match decision.outcome {
                    TriggerOutcome::Matched { key } => key.unwrap_or_else(|| "matched".into()),
                    TriggerOutcome::Filtered { .. } => "filtered".into(),
                    other => format!("{other:?}"),
                };
                format!("{}: {outcome}", decision.trigger)
            });
        told.collect::<Vec<_>>().join(", ")
    };
    let form = json!({ "formId": "f" });
    let rows = [
        (
            ask(&plain, "form.abandoned", form.clone(), None, None),
            "late: matched",
        ),
        (
            ask(
                &plain,
                "form.abandoned",
                json!({ "formId": "g" }),
                None,
                None,
            ),
            "late: NotConfig",
        ),
        (
            ask(
                &plain,
                "form.abandoned",
                form.clone(),
                Some((7, "late")),
                None,
            ),
            "late: matched",
        ),
        (
            ask(
                &plain,
                "form.abandoned",
                form.clone(),
                Some((7, "other")),
                None,
            ),
            "late: NotConfig",
        ),
        (
            ask(&plain, "form.abandoned", form, Some((8, "late")), None),
            "late: NotConfig",
        ),
        (
            ask(
                &plain,
                "payment.successful",
                json!({ "paymentId": "p1" }),
                None,
                None,
            ),
            "trigger-2: p1",
        ),
        (
            ask(
                &keyed,
                "payment.successful",
                json!({ "orderId": 17 }),
                None,
                None,
            ),
            "trigger-2: order-17",
        ),
        (
            ask(
                &plain,
                "contact.tag.added",
                json!({ "tag": "t" }),
                None,
                Some((7, 1)),
            ),
            "loop: matched, once: SelfCaused",
        ),
        (
            ask(
                &plain,
                "contact.tag.added",
                json!({ "tag": "t" }),
                None,
                Some((9, 8)),
            ),
            "loop: matched, once: matched",
        ),
        (
            ask(
                &plain,
                "contact.tag.added",
                json!({ "tag": "t" }),
                None,
                Some((9, 9)),
            ),
            "loop: TooDeep, once: TooDeep",
        ),
        (ask(&plain, "contact.created", json!({}), None, None), ""),
    ];
    for (said, wanted) in rows {
        assert_eq!(said, wanted);
    }
    let stranger = Contact::unread(CONTACT);
    let paid = event("payment.successful", json!({}), now);
    let TriggerOutcome::Filtered { trace } = &decide(&plain, &paid, &stranger, now)[0].outcome
    else {
        panic!("the filter does not hold");
    };
    assert!(trace.to_string().contains("vip"), "{trace}");
}
