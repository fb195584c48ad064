//! Cases out of dice: workflows, contacts, and what happens to each at hours of its own.

use serde_json::{Value, json};

use super::{
    World,
    dice::Dice,
    fact, person,
    workflows::{Shape, definition, own},
    world::at,
};

/// Contacts of a case.
pub const PEOPLE: usize = 3;
/// Hours that things happen in; the world goes on for ten days more, past a change of the clocks.
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
        contact["home"] = json!(dice.of(&["Australia/Lord_Howe", "Pacific/Apia"]));
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
        let set = match dice.below(7) {
            0 => json!({ "score": dice.below(6) }),
            1 => json!({ "tags": [own(case, "a")] }),
            2 => json!({ "tags": [own(case, "b"), own(case, "z")] }),
            3 => json!({ "lastPurchaseDate": at(minute) }),
            4 => {
                json!({ "timezone": dice.of(&["Asia/Tokyo", "America/New_York", "Australia/Lord_Howe"]) })
            }
            5 => json!({ "followUp": dice.of(&["2024-03-04T08:00", "2024-03-02T10:00Z"]) }),
            _ => json!({ "color": dice.of(&["red", "green", "7"]) }),
        };
        world.facts.push(fact(minute, who, "noted", json!({}), set));
    }
}

/// Each case has dice of its own, so that one can be had alone.
pub fn world(seed: usize, cases: impl Iterator<Item = usize>) -> World {
    let mut world = World {
        minutes: 60 * (HOURS as i64 + 10 * 24),
        ..World::default()
    };
    for case in cases {
        let mut dice = Dice::new(((seed as u64) << 32) ^ case as u64);
        let shapes: &[Shape] = match dice.below(6) {
            0 => &[Shape::Straight],
            1 | 2 => &[Shape::First, Shape::Second],
            _ => &[Shape::Alone],
        };
        for shape in shapes {
            let valid = std::iter::from_fn(|| Some(definition(&mut dice, case, *shape)));
            world.definitions.extend(valid.flatten().next());
        }
        for n in 0..PEOPLE {
            world.contacts.push(contact(&mut dice, case, n));
            history(&mut dice, &mut world, case, n);
        }
    }
    world.facts.sort_by_key(|fact| fact.minute);
    world
}
