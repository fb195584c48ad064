//! Every rule of enrollment that an event can meet: the matcher with the first burst, and the simulation, refuse the
//! same ones for the same reasons; pauses, debouncing and the limit of a workflow take the same course.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{World, difference, fact, nothing, person, world::at};

const DAY: i64 = 24 * 60;
/// Nobody of this id is in the CRM.
const NOBODY: Uuid = Uuid::from_u128(0xdead);

/// A workflow that `go` starts: it tags, waits a day and tags again.
fn workflow(id: &str, more: &Value) -> Value {
    let mut whole = json!({ "id": id, "trigger": { "type": "go" }, "actions": [
        { "id": "in", "type": "add_tag", "config": { "tag": id }, "onSuccess": ["rest"] },
        { "id": "rest", "type": "delay", "config": { "duration": { "amount": 1, "unit": "days" } }, "onSuccess": ["out"] },
        { "id": "out", "type": "remove_tag", "config": { "tag": id } }] });
    for (name, value) in more.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

fn span(amount: i64, unit: &str) -> Value {
    json!({ "amount": amount, "unit": unit })
}

fn world() -> World {
    let settings = |value: Value| json!({ "enrollmentSettings": value });
    let trigger = |value: Value| {
        let mut trigger = json!({ "type": "go" });
        for (name, value) in value.as_object().unwrap() {
            trigger[name] = value.clone();
        }
        json!({ "trigger": trigger })
    };
    let rows = [
        ("plain", nothing()),
        ("early", json!({ "startsAt": at(2 * DAY) })),
        ("late", json!({ "endsAt": at(DAY) })),
        (
            "holiday",
            json!({ "pauseDates": [{ "from": at(DAY), "until": at(3 * DAY) }, { "from": at(5 * DAY), "until": at(6 * DAY) }] }),
        ),
        ("unlisted", settings(json!({ "suppressionLists": [] }))),
        (
            "rivals",
            settings(json!({ "suppressionLists": ["rivals"] })),
        ),
        (
            "twice",
            settings(
                json!({ "enrollmentLimit": 2, "enrollmentWindow": span(4, "days"), "allowMultipleEnrollments": true }),
            ),
        ),
        (
            "delay",
            settings(json!({ "reEnrollmentDelay": span(3, "days") })),
        ),
        (
            "three",
            settings(
                json!({ "enrollmentLimit": 3, "enrollmentLimitScope": "workflow", "enrollmentWindow": span(3, "days") }),
            ),
        ),
        (
            "ever",
            settings(json!({ "enrollmentLimit": 4, "enrollmentLimitScope": "workflow" })),
        ),
        (
            "grown",
            settings(
                json!({ "entryConditions": { "field": "contact.age", "operator": "greater_than", "value": 17 } }),
            ),
        ),
        (
            "badkey",
            json!({ "enrollmentKey": "k{{ 10 | divided_by: event.data.by }}" }),
        ),
        (
            "rate",
            trigger(
                json!({ "rateLimiting": { "maxPerContact": 1, "timeWindow": span(2, "days") } }),
            ),
        ),
        ("settled", trigger(json!({ "debounce": span(6, "hours") }))),
        (
            "typed",
            trigger(
                json!({ "includeImported": false, "activeFrom": at(DAY), "activeTo": at(5 * DAY) }),
            ),
        ),
        (
            "object",
            json!({ "enrollmentKey": "{{ event.data.order }}" }),
        ),
    ];
    let mut world = World {
        definitions: rows.iter().map(|(id, more)| workflow(id, more)).collect(),
        minutes: 12 * DAY,
        suppressions: vec![
            json!({ "kind": "email", "value": "C1@example.com", "list": "global", "reason": "asked to" }),
            json!({ "kind": "domain", "value": "rival.test", "list": "rivals" }),
            json!({ "kind": "phone", "value": "+49 30 55", "list": "global", "expires_at": at(4 * DAY) }),
        ],
        ..World::default()
    };
    for n in 0..6 {
        let who = person(7, n);
        world.contacts.push(json!({
            "id": who, "age": if n % 2 == 0 { 30 } else { 12 },
            "email": if n == 2 { "c2@rival.test".to_owned() } else { format!("c{n}@example.com") },
            "phone": if n == 3 { json!("+493055") } else { Value::Null },
            "timezone": if n == 4 { json!("Australia/Lord_Howe") } else { Value::Null },
        }));
        for round in 0..8 {
            let minute = round * DAY + 90 * n as i64 + 7;
            let mut data = json!({ "by": (round + n as i64) % 3, "order": { "id": 1 } });
            if n == 5 {
                data["source"] = json!("import");
            }
            world
                .facts
                .push(fact(minute, who, "go", data.clone(), nothing()));
            // Again within the debounce, with another payload.
            data["by"] = json!(5);
            data["order"] = json!("o-1");
            world
                .facts
                .push(fact(minute + 60, who, "go", data, nothing()));
        }
    }
    world
        .facts
        .push(fact(2 * DAY + 3, NOBODY, "go", nothing(), nothing()));
    world.facts.sort_by_key(|fact| fact.minute);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_refuses_the_same_events_in_the_engine_and_in_the_simulation() {
    let world = world();
    let (real, facts) = world.really("parity_refusals").await;
    let simulated = world.simulated(&facts);
    let everybody = (0..6).map(|n| person(7, n)).chain([NOBODY]);
    for who in everybody {
        if let Some(found) = difference(who, &real, &simulated) {
            panic!("contact {who}\n{found}");
        }
    }
    assert_eq!(real.summary, simulated.summary);
    let seen: BTreeSet<&str> = real.blocked.iter().map(|line| &*line.3).collect();
    let wanted = [
        "bad_key",
        "duplicate",
        "enrollment_limit",
        "entry_conditions",
        "paused_dates",
        "rate_limited",
        "re_enrollment_delay",
        "suppressed",
        "unknown_contact",
        "workflow_ended",
        "workflow_limit",
        "workflow_not_started",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), wanted);
}
