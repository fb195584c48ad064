//! The three examples, whole: buyers and others, signed up by form and by import, refused and let in again.

use serde_json::{Value, json};

use super::{Story, World, assert_same_requests, difference, fact, nothing, person};
use waypost::catalog::parse;

const DAY: i64 = 24 * 60;

fn example(text: &str, file: &str) -> Value {
    parse::read(text, file).unwrap().value
}

fn world() -> World {
    let definitions = vec![
        example(
            include_str!("../../../examples/abandoned-cart.json"),
            "abandoned-cart.json",
        ),
        example(
            include_str!("../../../examples/welcome-series.yaml"),
            "welcome-series.yaml",
        ),
        example(
            include_str!("../../../examples/win-back.json"),
            "win-back.json",
        ),
    ];
    let mut world = World {
        definitions,
        minutes: 50 * DAY,
        ..World::default()
    };
    let zones = [None, Some("America/New_York"), Some("Asia/Kathmandu")];
    for n in 0..24 {
        let who = person(0, n);
        let mut contact = json!({ "id": who, "email": format!("c{n}@example.com"), "firstName": format!("C{n}") });
        if let Some(zone) = zones[n % 3] {
            contact["timezone"] = json!(zone);
        }
        if n % 5 == 0 {
            contact["tags"] = json!(["imported"]);
        }
        world.contacts.push(contact);
        // Each at minutes of its own, so that what comes after is told apart.
        let m = 10 * n as i64;
        let cart = json!({ "formId": "checkout-form" });
        let other = json!({ "formId": if n % 2 == 0 { "newsletter" } else { "trial" } });
        let bill = json!({ "paymentId": format!("p{n}"), "amount": 10 + n, "currency": "EUR" });
        let buys = |at: i64| json!({ "lastPurchaseDate": super::world::at(at) });
        let mut add = |minute: i64, kind: &str, data: &Value, set: Value| {
            world.facts.push(fact(minute, who, kind, data.clone(), set));
        };
        match n % 4 {
            // Leaves the cart, twice within the delay, and again after it.
            0 => {
                add(m, "form.abandoned", &cart, nothing());
                add(m + 3 * DAY, "form.abandoned", &cart, nothing());
                add(m + 8 * DAY, "form.abandoned", &cart, nothing());
            }
            // Leaves it and buys: in the first hour, or during the wait of a day.
            1 => {
                add(m, "form.abandoned", &cart, nothing());
                let minute = m + if n % 8 == 1 { 30 } else { 10 * 60 };
                add(minute, "payment.successful", &nothing(), buys(minute));
            }
            // Signs up, becomes a customer in between, or does not.
            2 => {
                add(m, "form.submitted", &other, nothing());
                add(m + 60, "form.submitted", &other, nothing());
                if n % 8 == 2 {
                    let set = json!({ "tags": ["customer", "new-subscriber"] });
                    add(m + DAY + 5, "noted", &nothing(), set);
                }
            }
            // A payment fails, again and again; it is paid after a while, or never.
            _ => {
                for (i, days) in [0, 2, 4, 35].into_iter().enumerate() {
                    let mut bill = bill.clone();
                    bill["paymentId"] = json!(format!("p{n}-{i}"));
                    add(m + days * DAY, "payment.failed", &bill, nothing());
                }
                if n % 8 == 3 {
                    let minute = m + 5 * DAY + 7;
                    add(minute, "payment.successful", &nothing(), buys(minute));
                } else {
                    add(
                        m + 5 * DAY + 9,
                        "noted",
                        &nothing(),
                        json!({ "tags": ["do-not-contact"] }),
                    );
                }
            }
        }
    }
    world.facts.sort_by_key(|fact| fact.minute);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_go_the_simulated_way() {
    let world = world();
    let (real, known) = world.really("parity_examples").await;
    let simulated = world.simulated(&known);
    for n in 0..24 {
        let found = difference(person(0, n), &real, &simulated);
        assert!(
            found.is_none(),
            "contact {n}\n{}",
            found.unwrap_or_default()
        );
    }
    assert_same_requests(&real, &simulated);
    assert_eq!(real.summary, simulated.summary);
    // Every enrolment here is by an event of the file, so that even the derived ids are the same.
    let ids = |story: &Story| story.executions.keys().copied().collect::<Vec<_>>();
    assert_eq!(ids(&real), ids(&simulated));
    let outbox = |story: &Story| story.sent.keys().copied().collect::<Vec<_>>();
    assert_eq!(outbox(&real), outbox(&simulated));
    let [total, active, completed, failed, exited, goals] = real.summary;
    let lived = (total >= 40, completed >= 20, exited >= 6, goals >= 4);
    assert_eq!(
        (lived, active, failed),
        ((true, true, true, true), 0, 0),
        "{:?}",
        real.summary
    );
    assert!(real.blocked.len() >= 6, "{:?}", real.blocked);
}
