//! Hundreds of workflows out of dice, lived through in a few worlds: each with contacts and a history of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use waypost::catalog::actions;

use super::{
    Story, World, assert_same_requests,
    dice::Dice,
    difference, fact, person,
    workflows::{Shape, definition, own},
    world::at,
};

/// Cases, each with one workflow or two and [`PEOPLE`] contacts; `WAYPOST_PARITY_CASES` asks for more.
const CASES: usize = 500;
const PEOPLE: usize = 3;
/// Cases that share a database: enough that many share an instant, few enough that the simulation, in which
/// every workflow hears of every event, is quick.
const HOUSE: usize = 125;
/// Databases that are lived in at a time.
const LANES: usize = 2;
/// Paths that differ, shown whole.
const SHOWN: usize = 4;
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
fn world(seed: usize, cases: impl Iterator<Item = usize>) -> World {
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

/// What came up in some houses, and what went wrong.
#[derive(Default)]
struct Lived {
    steps: BTreeSet<String>,
    entries: BTreeMap<String, usize>,
    enrolled: u64,
    wrong: usize,
    shown: Vec<String>,
}

impl Lived {
    fn add(&mut self, other: Lived) {
        self.steps.extend(other.steps);
        for (entry, many) in other.entries {
            *self.entries.entry(entry).or_default() += many;
        }
        self.enrolled += other.enrolled;
        self.wrong += other.wrong;
        self.shown.extend(other.shown);
    }

    fn saw(&mut self, world: &World, story: &Story) {
        let steps = world.definitions.iter().flat_map(|definition| {
            let steps = definition["actions"].as_array().into_iter().flatten();
            steps.filter_map(|step| step["type"].as_str())
        });
        self.steps.extend(steps.map(str::to_owned));
        let mut count = |entry: &str| *self.entries.entry(entry.to_owned()).or_default() += 1;
        for (_, event, _, detail) in story.executions.values().flatten() {
            count(event);
            if detail.get("retryAt").is_some() {
                count("retry");
            }
            if let Some(outcome @ ("approved" | "rejected" | "enrolled")) =
                detail["outcome"].as_str()
            {
                count(outcome);
            }
        }
        self.enrolled += story.summary[0];
    }
}

/// What must have come up, or the comparison says less than it seems to: kinds of steps and of entries.
fn assert_wide(lived: &Lived) {
    // All but the one that calls any address and waits for what it says.
    for kind in actions::ALL.iter().map(|entry| entry.kind) {
        assert!(
            lived.steps.contains(kind) || kind == "http_request",
            "no workflow has the step {kind}"
        );
    }
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
        "approved",
        "rejected",
        "enrolled",
    ] {
        let seen = &lived.entries;
        assert!(seen.contains_key(entry), "{entry} never came up: {seen:?}");
    }
}

/// A number of the environment.
fn asked(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

/// Lives through some cases in a database of their own, and simulates them.
async fn live(seed: usize, cases: &[usize]) -> Lived {
    let world = world(seed, cases.iter().copied());
    let (real, known) = world.really("parity_generated").await;
    let simulated = world.simulated(&known);
    let mut lived = Lived::default();
    lived.saw(&world, &real);
    for case in cases {
        for n in 0..PEOPLE {
            let Some(found) = difference(person(*case, n), &real, &simulated) else {
                continue;
            };
            lived.wrong += 1;
            if lived.wrong <= SHOWN {
                let about = told(&world, *case, n);
                lived.shown.push(format!(
                    "alone: WAYPOST_PARITY_SEED={seed} WAYPOST_PARITY_CASE={case}, contact {n}\n{about}\n{found}\n"
                ));
            }
        }
    }
    if lived.wrong == 0 {
        assert_same_requests(&real, &simulated);
        assert_eq!(real.summary, simulated.summary);
    }
    lived
}

#[test]
fn generated_workflows_go_the_simulated_way() {
    let seed = asked("WAYPOST_PARITY_SEED", 1);
    let cases = asked("WAYPOST_PARITY_CASES", CASES);
    let alone = asked("WAYPOST_PARITY_CASE", 0);
    println!("WAYPOST_PARITY_SEED={seed} WAYPOST_PARITY_CASES={cases}");
    let all: Vec<usize> = (1..=cases)
        .filter(|case| alone == 0 || *case == alone)
        .collect();
    let lane = &|lane: usize| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let mut lived = Lived::default();
        for house in all.chunks(HOUSE).skip(lane).step_by(LANES) {
            lived.add(runtime.block_on(live(seed, house)));
        }
        lived
    };
    let mut lived = Lived::default();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|n| scope.spawn(move || lane(n))).collect();
        for lane in lanes {
            lived.add(lane.join().unwrap());
        }
    });
    for path in lived.shown.iter().take(SHOWN) {
        println!("{path}");
    }
    println!("{} executions, {:?}", lived.enrolled, lived.entries);
    let of = all.len() * PEOPLE;
    assert_eq!(lived.wrong, 0, "contacts whose paths differ, of {of}");
    if alone == 0 {
        assert_wide(&lived);
    }
}
