//! Some hundred workflows out of dice, all lived through in one world: each with contacts and a history of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Story, World, assert_same_requests,
    dice::Dice,
    difference, fact, person,
    workflows::{definition, own},
    world::at,
};

/// Cases, each with one workflow or two and [`PEOPLE`] contacts; `WAYPOST_PARITY_CASES` asks for more.
const CASES: usize = 160;
const PEOPLE: usize = 3;
/// Hours that things happen in; the world goes on for two weeks more.
const HOURS: usize = 72;

fn contact(dice: &mut Dice, case: usize, n: usize) -> Value {
    let mut contact = json!({ "id": person(case, n), "email": format!("c{case}.{n}@example.com"),
                              "firstName": "Ada", "followUp": "2024-03-02T15:00:00" });
    if let Some(zone) = dice.of(&[
        None,
        Some("America/New_York"),
        Some("Europe/Berlin"),
        Some("Asia/Kathmandu"),
    ]) {
        contact["timezone"] = json!(zone);
    }
    if dice.once_in(2) {
        contact["score"] = json!(dice.below(6));
    }
    if dice.once_in(3) {
        contact["tags"] = json!([own(case, "b")]);
    }
    if dice.once_in(3) {
        contact["lastPurchaseDate"] = json!(dice.of(&["2024-02-29T20:00:00+01:00", "2024-03-01"]));
    }
    contact
}

/// What happens to one contact, each at an hour of its own.
fn history(dice: &mut Dice, world: &mut World, case: usize, n: usize) {
    let who = person(case, n);
    let mut hours: Vec<usize> = (0..3 + dice.below(7)).map(|_| dice.below(HOURS)).collect();
    hours.sort_unstable();
    hours.dedup();
    for (i, hour) in hours.into_iter().enumerate() {
        let minute = 60 * hour as i64;
        let form = match i {
            0 => "form",
            _ => *dice.of(&["form", "form", "other", "none", "none", "none", "reply"]),
        };
        if form == "reply" {
            let kind = *dice.of(&["email.replied", "sms.received"]);
            world
                .facts
                .push(fact(minute, who, kind, json!({ "text": "yes" }), json!({})));
            continue;
        }
        if form != "none" {
            let order = *dice.of(&["o1", "o2", "o3"]);
            let data = json!({ "formId": own(case, form), "order": order });
            world
                .facts
                .push(fact(minute, who, "form.submitted", data, json!({})));
            continue;
        }
        let set = match dice.below(5) {
            0 => json!({ "score": dice.below(6) }),
            1 => json!({ "tags": [own(case, "a")] }),
            2 => json!({ "tags": [own(case, "b"), own(case, "z")] }),
            3 => json!({ "lastPurchaseDate": at(minute) }),
            _ => json!({ "color": dice.of(&["red", "green", "7"]) }),
        };
        world.facts.push(fact(minute, who, "noted", json!({}), set));
    }
}

/// Each case has dice of its own, so that one can be had alone.
fn world(seed: usize, cases: impl Iterator<Item = usize>) -> World {
    let mut world = World {
        minutes: 60 * (HOURS as i64 + 14 * 24),
        ..World::default()
    };
    for case in cases {
        let mut dice = Dice::new(((seed as u64) << 32) ^ case as u64);
        let first = std::iter::from_fn(|| Some(definition(&mut dice, case, false)))
            .flatten()
            .next();
        world.definitions.extend(first);
        if dice.once_in(3) {
            world.definitions.extend(definition(&mut dice, case, true));
        }
        for n in 0..PEOPLE {
            world.contacts.push(contact(&mut dice, case, n));
            history(&mut dice, &mut world, case, n);
        }
    }
    world.facts.sort_by_key(|fact| fact.minute);
    world
}

/// All that one contact's path rests on.
fn told(world: &World, case: usize, n: usize) -> String {
    let who = person(case, n);
    let mine = own(case, "");
    let definitions = world.definitions.iter().filter(|definition| {
        let id = definition["id"].as_str().unwrap_or_default();
        id.starts_with(&mine)
    });
    let contacts = world
        .contacts
        .iter()
        .filter(|contact| contact["id"] == json!(who));
    let facts = world.facts.iter().filter(|fact| fact.contact == who);
    let lines: Vec<String> = definitions
        .chain(contacts)
        .map(Value::to_string)
        .chain(facts.map(|fact| format!("{fact:?}")))
        .collect();
    lines.join("\n")
}

/// What must have come up, or the comparison says less than it seems to: kinds of steps and of entries.
fn assert_wide(world: &World, story: &Story) {
    let steps = world.definitions.iter().flat_map(|definition| {
        let steps = definition["actions"].as_array().into_iter().flatten();
        steps.filter_map(|step| step["type"].as_str())
    });
    let steps: BTreeSet<&str> = steps.collect();
    for kind in [
        "if_else",
        "split",
        "random_path",
        "parallel",
        "go_to",
        "end_workflow",
        "delay",
        "wait",
        "math",
        "string",
        "date",
        "set_variable",
        "update_variable",
        "add_tag",
        "remove_tag",
        "update_contact",
        "add_note",
        "send_email",
        "webhook",
    ] {
        assert!(steps.contains(kind), "no workflow has the step {kind}");
    }
    let entries = story.executions.values().flatten();
    let mut seen = BTreeMap::<&str, usize>::new();
    for (_, event, _, detail) in entries {
        *seen.entry(event).or_default() += 1;
        if detail.get("retryAt").is_some() {
            *seen.entry("retry").or_default() += 1;
        }
    }
    println!("{seen:?}");
    for entry in [
        "execution:created",
        "execution:completed",
        "execution:failed",
        "execution:exited",
        "step:completed",
        "step:failed",
        "step:skipped",
        "goal:achieved",
        "retry",
    ] {
        assert!(seen.contains_key(entry), "{entry} never came up: {seen:?}");
    }
}

/// A number of the environment.
fn asked(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_workflows_go_the_simulated_way() {
    let seed = asked("WAYPOST_PARITY_SEED", 1);
    let (cases, alone) = (
        asked("WAYPOST_PARITY_CASES", CASES),
        asked("WAYPOST_PARITY_CASE", 0),
    );
    println!("WAYPOST_PARITY_SEED={seed} WAYPOST_PARITY_CASES={cases}");
    let all = (1..=cases).filter(|case| alone == 0 || *case == alone);
    let begun = std::time::Instant::now();
    let world = world(seed, all.clone());
    println!(
        "{} definitions, {} facts: {:?}",
        world.definitions.len(),
        world.facts.len(),
        begun.elapsed()
    );
    let (real, known) = world.really("parity_generated").await;
    println!("lived through: {:?}", begun.elapsed());
    let simulated = world.simulated(&known);
    println!("simulated: {:?}", begun.elapsed());
    let mut wrong = 0;
    for case in all {
        for n in 0..PEOPLE {
            if let Some(found) = difference(person(case, n), &real, &simulated) {
                wrong += 1;
                if wrong <= 8 {
                    let about = told(&world, case, n);
                    println!(
                        "alone: WAYPOST_PARITY_SEED={seed} WAYPOST_PARITY_CASE={case}, contact {n}\n{about}\n{found}\n"
                    );
                }
            }
        }
    }
    println!(
        "really {:?}, simulated {:?}",
        real.summary, simulated.summary
    );
    assert_eq!(
        wrong,
        0,
        "contacts whose paths differ, of {}",
        cases * PEOPLE
    );
    assert_same_requests(&real, &simulated);
    assert_eq!(real.summary, simulated.summary);
    if alone == 0 {
        assert_wide(&world, &real);
    }
}
