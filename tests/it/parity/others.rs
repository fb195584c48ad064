//! Workflows that enrol into and remove from one another, really and simulated.

use serde_json::{Value, json};

use super::{World, assert_same_requests, difference, fact, nothing, person};

fn hours(id: &str, hours: i64, next: &[&str]) -> Value {
    json!({ "id": id, "type": "delay", "config": { "duration": format!("{hours} hours") }, "onSuccess": next })
}

fn on(form: &str) -> Value {
    json!({ "type": "form.submitted", "config": { "formId": form } })
}

fn mail(id: &str, body: &str) -> Value {
    json!({ "id": id, "type": "send_email", "config": { "subject": "fine", "body": body } })
}

fn definitions() -> Vec<Value> {
    let told = "{{ steps.ask.result.outcome }} {{ steps.ask.result.reason }} {{ steps.ask.result.status }} {{ steps.ask.result.outputs.total }}";
    let parent = |id: &str, child: &str, config: Value| {
        let mut config = config;
        config["workflow"] = json!(child);
        json!({ "id": id, "trigger": on(id), "actions": [
            { "id": "ask", "type": "enroll_in_workflow", "config": config, "onSuccess": ["say"], "onFailure": ["bad"],
              "timeout": { "amount": 20, "unit": "hours" }, "onTimeout": ["late"] },
            mail("say", told),
            mail("bad", "{{ steps.ask.result.error }} {{ steps.ask.result.response.reason }}"),
            mail("late", "late"),
        ] })
    };
    let waits = || json!({ "waitForEnd": true, "outputs": ["total", "none"], "data": { "n": "{{ event.data.n }}" } });
    vec![
        parent("asks", "child", json!({ "data": { "n": 1 } })),
        parent("waits", "child", waits()),
        parent("waits-long", "slow", waits()),
        parent("waits-bad", "fails", waits()),
        parent("once", "limited", waits()),
        parent(
            "keyed",
            "child",
            json!({ "key": "{{ event.data.n }}", "waitForEnd": true }),
        ),
        json!({ "id": "child", "trigger": on("child"), "actions": [
            hours("rest", 2, &["sum"]),
            { "id": "sum", "type": "math", "onSuccess": ["tag"],
              "config": { "operation": "add", "operands": ["{{ event.data.n }}", 0.5], "name": "total" } },
            { "id": "tag", "type": "add_tag", "config": { "tag": "was-{{ event.parent.workflow }}" } },
        ] }),
        json!({ "id": "slow", "trigger": on("slow"), "actions": [hours("rest", 30, &[])] }),
        json!({ "id": "fails", "trigger": on("fails"), "actions": [
            hours("rest", 1, &["math"]),
            { "id": "math", "type": "math", "config": { "operation": "add", "operands": ["x"] } },
        ] }),
        json!({ "id": "limited", "trigger": on("limited"), "enrollmentSettings": { "enrollmentLimit": 1 }, "actions": [
            { "id": "now", "type": "set_variable", "config": { "name": "total", "value": 3 } },
        ] }),
        // One after the other until the chain is too long.
        json!({ "id": "ping", "trigger": on("ping"), "enrollmentSettings": { "allowMultipleEnrollments": true }, "actions": [
            { "id": "ask", "type": "enroll_in_workflow", "config": { "workflow": "pong" } } ] }),
        json!({ "id": "pong", "trigger": on("pong"), "enrollmentSettings": { "allowMultipleEnrollments": true }, "actions": [
            { "id": "ask", "type": "enroll_in_workflow", "config": { "workflow": "ping" } } ] }),
        json!({ "id": "cleaner", "trigger": on("cleaner"), "actions": [
            { "id": "out", "type": "remove_from_workflow", "config": { "workflows": ["child", "limited"] }, "onSuccess": ["rest"] },
            hours("rest", 1, &["self"]),
            { "id": "self", "type": "remove_from_workflow", "config": { "all": true, "includeSelf": true, "reason": "all out" } },
        ] }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_of_workflows_go_the_simulated_way() {
    let mut world = World {
        definitions: definitions(),
        minutes: 5 * 24 * 60,
        ..World::default()
    };
    let starts = [
        "asks",
        "waits",
        "waits-long",
        "waits-bad",
        "once",
        "keyed",
        "ping",
        "cleaner",
    ];
    let mut people = 0;
    for first in starts {
        for second in starts {
            let n = people;
            people += 1;
            let who = person(9, n);
            world
                .contacts
                .push(json!({ "id": who, "email": format!("o{n}@example.com") }));
            let mut add = |minute: i64, form: &str| {
                let data = json!({ "formId": form, "n": n });
                world
                    .facts
                    .push(fact(minute, who, "form.submitted", data, nothing()));
            };
            let m = n as i64;
            add(m, first);
            add(m + 61 + 7 * (m % 20), second);
            if n % 3 == 0 {
                // Not at the instant at which another one ends: which comes first is left open.
                add(m + 30 * 60 + 11, first);
            }
        }
    }
    world.facts.sort_by_key(|fact| fact.minute);
    let (real, known) = world.really("parity_others").await;
    let simulated = world.simulated(&known);
    for n in 0..people {
        let found = difference(person(9, n), &real, &simulated);
        let found = found.unwrap_or_default();
        assert!(
            found.is_empty(),
            "contact {n}: {} {}\n{found}",
            starts[n / 8],
            starts[n % 8]
        );
    }
    assert_same_requests(&real, &simulated);
    assert_eq!(real.summary, simulated.summary);
    assert_eq!(
        real.executions.keys().collect::<Vec<_>>(),
        simulated.executions.keys().collect::<Vec<_>>(),
        "even the derived ids are the same"
    );
    // It was lived through: every answer that a step can have came up.
    let bodies: Vec<&str> = real
        .sent
        .values()
        .filter_map(|(_, request)| request["body"].as_str())
        .collect();
    for wanted in [
        "enrolled   ",
        "duplicate",
        "blocked enrollment_limit",
        "enrolled  completed",
        "late",
        "child_failed not_a_number",
        "child_cancelled removed_by:cleaner",
    ] {
        assert!(
            bodies.iter().any(|body| body.starts_with(wanted)),
            "{wanted}: {bodies:?}"
        );
    }
    let too_deep = real
        .executions
        .values()
        .flatten()
        .filter(|line| line.3["reason"] == "too_deep");
    assert!(too_deep.count() >= 8);
}
