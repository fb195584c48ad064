//! Some hundred workflows out of dice, all lived through in one world: each with contacts and a history of its own.

use serde_json::{Value, json};

use super::{
    World, assert_same_requests,
    dice::Dice,
    difference, fact, person,
    world::{at, checked},
};

/// Workflows that pass the checker. Each has [`PEOPLE`] contacts.
const CASES: usize = 160;
const PEOPLE: usize = 3;
/// Hours that things happen in; the world goes on for two weeks more.
const HOURS: usize = 72;

/// The name that a case's tag, form or workflow has: cases do not hear of each other.
fn own(case: usize, name: &str) -> String {
    format!("c{case}-{name}")
}

fn condition(dice: &mut Dice, case: usize, depth: usize) -> Value {
    let tag = *dice.of(&["a", "b", "z"]);
    let tag = own(case, tag);
    let pick = dice.below(if depth == 0 { 9 } else { 12 });
    match pick {
        0 => {
            json!({ "field": "contact.score", "operator": "greater_than", "value": dice.below(6) })
        }
        1 | 2 => {
            let operator = *dice.of(&["includes", "not_includes"]);
            json!({ "field": "contact.tags", "operator": operator, "value": tag })
        }
        3 | 4 => {
            let operator = *dice.of(&["newer_than", "older_than"]);
            let span = *dice.of(&["3 hours", "1 day", "90 minutes", "2 days"]);
            json!({ "field": "contact.lastPurchaseDate", "operator": operator, "value": span })
        }
        5 => json!({ "field": "vars.n", "operator": "less_or_equal", "value": dice.below(5) }),
        6 => {
            let operator = *dice.of(&["exists", "not_exists", "is_empty"]);
            json!({ "field": "contact.color", "operator": operator })
        }
        7 => json!({ "field": "event.data.order", "operator": "in", "value": ["o1", "o2"] }),
        8 => json!({ "field": "snapshot.score", "operator": "not_equals", "value": dice.below(4) }),
        _ => {
            let operator = *dice.of(&["AND", "OR", "NOT"]);
            let many = if operator == "NOT" { 1 } else { 2 };
            let of: Vec<Value> = (0..many)
                .map(|_| condition(dice, case, depth - 1))
                .collect();
            json!({ "operator": operator, "conditions": of })
        }
    }
}

/// One to two steps further on; rarely none.
fn onward(dice: &mut Dice, i: usize, steps: usize) -> Value {
    let many = *dice.of(&[1, 1, 1, 1, 2, 0]);
    let mut names: Vec<String> = Vec::new();
    for n in 0..many {
        let to = i + 1 + n + dice.below(2);
        if to < steps {
            names.push(format!("s{to}"));
        }
    }
    names.dedup();
    json!(names)
}

/// A wait for a time of the wall clock, in the contact's zone or in one of its own.
fn clock_wait(dice: &mut Dice, most: Value) -> Value {
    let days = json!(dice.of(&[vec!["mon", "sun"], vec!["fri", "sat"], vec!["tue"]]));
    let mut config = match dice.below(4) {
        0 => json!({ "waitType": "until_time", "time": dice.of(&["09:00", "2:30 am", "23:15"]) }),
        1 => {
            let (from, to) =
                *dice.of(&[("09:00", "17:00"), ("22:00", "06:00"), ("02:10", "02:50")]);
            json!({ "waitType": "until_window", "from": from, "to": to, "holidays": ["03-04", "2024-03-05"] })
        }
        2 => {
            let cron = *dice.of(&["0 */7 * * *", "30 2 * * SAT,SUN", "15 8 L,5 * *"]);
            json!({ "waitType": "recurring", "cron": cron })
        }
        _ => {
            let aside = *dice.of(&["before", "after"]);
            let mut config =
                json!({ "waitType": "until_date", "waitUntil": "{{ contact.followUp }}" });
            config[aside] = json!(dice.of(&["1 day", "90 minutes"]));
            if dice.once_in(2) {
                config["time"] = json!("07:30");
            }
            config
        }
    };
    if matches!(
        config["waitType"].as_str(),
        Some("until_time" | "until_window")
    ) && dice.once_in(2)
    {
        config["weekdays"] = days;
    }
    if dice.once_in(3) {
        config["timezone"] = json!(dice.of(&["Asia/Kathmandu", "{{ contact.home }}"]));
    }
    if dice.once_in(2) {
        config["maxWaitDuration"] = most;
    }
    config
}

/// `second`: executions of it have ids of their own on either side, so nothing may be chosen by them.
fn step(dice: &mut Dice, case: usize, i: usize, steps: usize, second: bool) -> Value {
    let tag = *dice.of(&["a", "b"]);
    let tag = own(case, tag);
    let most = json!({ "amount": 1 + dice.below(30), "unit": "hours" });
    let (kind, config) = match dice.below(24) {
        0 => (
            "set_variable",
            json!({ "name": "n", "value": dice.below(5) }),
        ),
        1 => (
            "update_variable",
            json!({ "name": "n", "operation": "increment" }),
        ),
        2 => (
            "set_variable",
            json!({ "name": "said", "value": "{{ event.data.order }} {{ contact.score }}" }),
        ),
        3 => ("add_tag", json!({ "tag": tag })),
        4 => ("remove_tag", json!({ "tags": [tag, own(case, "z")] })),
        5 => (
            "update_contact",
            json!({ "fields": { "score": dice.below(9) } }),
        ),
        6 => (
            "update_contact",
            json!({ "fields": { "lastPurchaseDate": "{{ event.occurredAt }}" } }),
        ),
        7 => (
            "add_note",
            json!({ "body": "{{ contact.firstName }} has {{ vars.n }}" }),
        ),
        8 => ("delay", json!({ "duration": dice.span() })),
        9 | 10 => (
            "wait",
            json!({ "waitType": "duration", "duration": dice.span() }),
        ),
        11 => {
            let until = [
                "2024-03-02T12:00:00Z",
                "2024-03-03",
                "{{ contact.followUp }}",
                "2024-02-01T00:00:00+02:00",
            ];
            (
                "wait",
                json!({ "waitType": "until_date", "waitUntil": dice.of(&until) }),
            )
        }
        12 | 13 => {
            let condition = condition(dice, case, 1);
            (
                "wait",
                json!({ "waitType": "until_condition", "condition": condition, "maxWaitDuration": most }),
            )
        }
        14 => {
            let filters = json!([{ "field": "event.data.formId", "operator": "equals", "value": own(case, "other") }]);
            let filters = if dice.once_in(2) { filters } else { json!([]) };
            (
                "wait",
                json!({ "waitType": "until_event", "event": "form.submitted", "filters": filters,
                             "maxWaitDuration": most }),
            )
        }
        15 if dice.once_in(2) => {
            let branches: Vec<Value> = (0..2)
                .map(|n| {
                    json!({ "id": format!("b{n}"), "condition": condition(dice, case, 1),
                            "actions": onward(dice, i, steps) })
                })
                .collect();
            let none = onward(dice, i, steps);
            (
                "if_else",
                json!({ "branches": branches, "noneBranch": none }),
            )
        }
        15 | 16 => {
            let (yes, no) = (onward(dice, i, steps), onward(dice, i, steps));
            (
                "if_else",
                json!({ "condition": condition(dice, case, 1), "trueBranch": yes, "falseBranch": no }),
            )
        }
        17 => {
            let (a, b) = (onward(dice, i, steps), onward(dice, i, steps));
            let share = dice.below(101);
            (
                "split",
                json!({ "sticky": second || dice.once_in(2), "branches": [
                { "id": "A", "percentage": share, "actions": a },
                { "id": "B", "percentage": 100 - share, "actions": b } ] }),
            )
        }
        21..=23 => ("wait", clock_wait(dice, most)),
        18 if !second => {
            let (a, b) = (onward(dice, i, steps), onward(dice, i, steps));
            (
                "random_path",
                json!({ "paths": [{ "actions": a, "weight": 1 + dice.below(3) }, { "actions": b }] }),
            )
        }
        _ => {
            let subject = *dice.of(&["fine", "fine", "fails", "unclear"]);
            let body = *dice.of(&[
                "{{ contact.score }} {{ contact.tags }}",
                "{{ contact.lastPurchaseDate }}",
                "{{ event.occurredAt }} {{ contact.fullName }}",
            ]);
            ("send_email", json!({ "subject": subject, "body": body }))
        }
    };
    let mut step = json!({ "id": format!("s{i}"), "type": kind, "config": config, "maxPasses": 3 });
    if !matches!(kind, "if_else" | "split" | "random_path") {
        step["onSuccess"] = onward(dice, i, steps);
    }
    if matches!(kind, "wait" | "delay") && dice.once_in(5) {
        step["timeout"] = json!({ "amount": 1 + dice.below(20), "unit": "hours" });
    }
    if kind == "wait" && dice.once_in(2) {
        step["onTimeout"] = onward(dice, i, steps);
    }
    if kind == "send_email" && dice.once_in(2) {
        step["onFailure"] = onward(dice, i, steps);
    }
    if kind == "send_email" && dice.once_in(3) {
        step["onUnknown"] = onward(dice, i, steps);
    }
    if dice.once_in(6) {
        step["executeIf"] = condition(dice, case, 1);
    }
    // Back, past a stand-still: the checker refuses any other circle.
    if matches!(kind, "delay" | "wait" | "send_email") && i > 0 && dice.once_in(6) {
        step["onSuccess"] = json!([format!("s{}", dice.below(i))]);
    }
    step
}

fn settings(dice: &mut Dice, case: usize) -> Value {
    let mut settings = json!({ "allowMultipleEnrollments": dice.once_in(3) });
    if dice.once_in(5) {
        settings["entryConditions"] = condition(dice, case, 1);
    }
    if dice.once_in(4) {
        settings["exitConditions"] = condition(dice, case, 1);
    }
    if dice.once_in(4) {
        settings["enrollmentLimit"] = json!(1 + dice.below(2));
        if dice.once_in(2) {
            settings["enrollmentWindow"] = json!({ "amount": 1, "unit": "days" });
        }
    }
    if dice.once_in(4) {
        settings["reEnrollmentDelay"] = json!({ "amount": 1 + dice.below(30), "unit": "hours" });
    }
    if dice.once_in(5) {
        settings["stopOnReply"] = dice.of(&[json!(true), json!(["sms"])]).clone();
    }
    settings["removeOnGoalAchievement"] = json!(dice.once_in(6));
    settings
}

/// A definition; none where the checker refuses what the dice made.
fn definition(dice: &mut Dice, case: usize, second: bool) -> Option<Value> {
    let steps = 2 + dice.below(8);
    let mut actions: Vec<Value> = (0..steps)
        .map(|i| step(dice, case, i, steps, second))
        .collect();
    let trigger = match second {
        true => json!({ "type": "contact.tag.added", "config": { "tags": [own(case, "a")] } }),
        false => json!({ "type": "form.submitted", "config": { "formId": own(case, "form") } }),
    };
    let mut whole = json!({ "id": own(case, if second { "second" } else { "first" }),
                            "trigger": trigger, "variables": { "n": 0 } });
    if !second && dice.once_in(4) {
        whole["trigger"]["filters"] = json!([condition(dice, case, 1)]);
    }
    if !second && dice.once_in(5) {
        whole["trigger"]["rateLimiting"] = json!({ "maxPerContact": 1, "timeWindow": { "amount": 5 + dice.below(40), "unit": "hours" } });
    }
    if !second && dice.once_in(3) {
        whole["enrollmentKey"] =
            json!(dice.of(&["{{ event.data.order }}", "{{ event.data.order | upper }}-x"]));
    }
    let goals: Vec<Value> = (0..dice.below(3))
        .map(|n| {
            let step = format!("s{}", dice.below(steps));
            let goto = json!({ "action": "goto", "stepId": step });
            let then = dice.of(&[json!("continue"), json!("exit"), goto]).clone();
            let mut goal = json!({ "id": format!("g{n}"), "conditions": condition(dice, case, 1), "onAchievement": then });
            match dice.below(6) {
                0 => goal["onUnmet"] = json!("end"),
                1 => {
                    goal["onUnmet"] = json!("wait");
                    goal["maxWaitDuration"] = json!({ "amount": 1 + dice.below(3), "unit": "days" });
                }
                2 => goal["onUnmet"] = json!("wait"),
                _ => {}
            }
            goal
        })
        .collect();
    whole["goals"] = json!(goals);
    whole["enrollmentSettings"] = settings(dice, case);
    for joined in [false, true] {
        whole["actions"] = json!(actions);
        if checked(&whole).is_valid() {
            return Some(whole);
        }
        if !joined {
            for step in &mut actions {
                let joins = [
                    json!("all"),
                    json!("any"),
                    json!({ "atLeast": 2 }),
                    json!("each"),
                ];
                step["join"] = dice.of(&joins).clone();
            }
        }
    }
    None
}

fn contact(dice: &mut Dice, case: usize, n: usize) -> Value {
    let mut contact = json!({ "id": person(case, n), "email": format!("c{case}.{n}@example.com"),
                              "firstName": "Ada", "followUp": "2024-03-02T15:00:00" });
    if let Some(zone) = dice.of(&[None, Some("America/New_York"), Some("Europe/Berlin")]) {
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
            _ => json!({ "color": dice.of(&["red", "green"]) }),
        };
        world.facts.push(fact(minute, who, "noted", json!({}), set));
    }
}

fn world(seed: u64) -> World {
    let mut world = World {
        minutes: 60 * (HOURS as i64 + 14 * 24),
        ..World::default()
    };
    let mut dice = Dice::new(seed);
    for case in 1..=CASES {
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

#[tokio::test(flavor = "multi_thread")]
async fn generated_workflows_go_the_simulated_way() {
    let seed = std::env::var("WAYPOST_PARITY_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("WAYPOST_PARITY_SEED={seed}");
    let begun = std::time::Instant::now();
    let world = world(seed);
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
    for case in 1..=CASES {
        for n in 0..PEOPLE {
            if let Some(found) = difference(person(case, n), &real, &simulated) {
                wrong += 1;
                if wrong <= 8 {
                    println!("case {case}, contact {n}\n{found}");
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
        CASES * PEOPLE
    );
    assert_same_requests(&real, &simulated);
    assert_eq!(real.summary, simulated.summary);
}
