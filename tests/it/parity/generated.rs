//! Hundreds of workflows out of dice, lived through in a few worlds: each with contacts and a history of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;
use waypost::catalog::actions;

use super::{
    Story, World, assert_same_requests,
    cases::{PEOPLE, world},
    difference, person,
    workflows::own,
};

/// Cases, each with one workflow or two and [`PEOPLE`] contacts; `WAYPOST_PARITY_CASES` asks for more.
const CASES: usize = 500;
/// Cases that share a database: enough that many share an instant, few enough that the simulation, in which
/// every workflow hears of every event, is quick.
const HOUSE: usize = 125;
/// Databases that are lived in at a time.
const LANES: usize = 2;
/// Paths that differ, shown whole, of one database.
const SHOWN: usize = 4;

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

/// What happened to a contact, an entry a line.
fn path(story: &Story, who: Uuid) -> String {
    let of = story.executions.iter().filter(|((of, _), _)| *of == who);
    let lines = of.flat_map(|((_, id), lines)| {
        let lines = lines.iter().map(move |(at, event, step, detail)| {
            let step = step.as_deref().unwrap_or("-");
            format!("  {id} {at} {event} {step} {detail}\n")
        });
        lines.collect::<Vec<String>>()
    });
    lines.collect()
}

/// Whether two executions of the contact had their turn at one instant: which of two that fall due together comes
/// first is left open.
fn crowded(story: &Story, who: Uuid) -> bool {
    let of = story.executions.iter().filter(|((of, _), _)| *of == who);
    let mut seen = BTreeMap::new();
    let turns = of.flat_map(|((_, id), lines)| lines.iter().map(move |line| (&line.0, id)));
    turns
        .into_iter()
        .any(|(at, id)| *seen.entry(at).or_insert(id) != id)
}

/// What came up in some houses, and what went wrong.
#[derive(Default)]
struct Lived {
    steps: BTreeSet<String>,
    entries: BTreeMap<String, usize>,
    enrolled: u64,
    /// Contacts whose paths differ.
    wrong: usize,
    /// Those that differ too, where two executions of the contact had their turn at one instant.
    open: usize,
}

impl Lived {
    fn add(&mut self, other: Lived) {
        self.steps.extend(other.steps);
        for (entry, many) in other.entries {
            *self.entries.entry(entry).or_default() += many;
        }
        self.enrolled += other.enrolled;
        self.wrong += other.wrong;
        self.open += other.open;
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
            if detail["error"] == "rejected" {
                count("rejected");
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
    if let [case] = cases {
        for n in 0..PEOPLE {
            println!("{}", told(&world, *case, n));
            for (side, story) in [("really", &real), ("simulated", &simulated)] {
                println!("{side}\n{}", path(story, person(*case, n)));
            }
        }
    }
    for case in cases {
        for n in 0..PEOPLE {
            let Some(found) = difference(person(*case, n), &real, &simulated) else {
                continue;
            };
            if crowded(&real, person(*case, n)) {
                lived.open += 1;
            } else {
                lived.wrong += 1;
            }
            if lived.wrong + lived.open <= SHOWN {
                let about = told(&world, *case, n);
                println!(
                    "alone: WAYPOST_PARITY_SEED={seed} WAYPOST_PARITY_CASE={case}, contact {n}\n{about}\n{found}\n"
                );
            }
        }
    }
    println!(
        "cases {} to {}: {} executions, {} contacts go other ways, {} where the order is left open",
        cases[0],
        cases[cases.len() - 1],
        lived.enrolled,
        lived.wrong,
        lived.open
    );
    if lived.wrong + lived.open == 0 {
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
    println!("{} executions, {:?}", lived.enrolled, lived.entries);
    let of = all.len() * PEOPLE;
    assert_eq!(lived.wrong, 0, "contacts whose paths differ, of {of}");
    // Chance, not a rule that one of the sides has wrong: that would come up more often.
    assert!(
        lived.open <= 1 + of / 1_000,
        "{} of {of} contacts differ where two executions had their turn at one instant",
        lived.open
    );
    if all.len() >= CASES {
        assert_wide(&lived);
    }
}
