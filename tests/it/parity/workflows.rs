//! Workflows out of dice: every kind of step, ways to fork and join, loops, goals and rules for enrolling.

use serde_json::{Value, json};

use super::{dice::Dice, world::checked};

/// What a workflow is to its case.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    /// The only one.
    Alone,
    /// The only one, of one branch: then a review is decided before anything else can happen at that instant.
    Straight,
    /// There is a second one, into which it may enrol.
    First,
    /// Begins by a change or is enrolled into. Executions that a change began have ids of their own on either
    /// side, so nothing may be chosen by them.
    Second,
}

/// The name that a case's tag, form or workflow has: cases do not hear of each other.
pub fn own(case: usize, name: &str) -> String {
    format!("c{case}-{name}")
}

pub fn condition(dice: &mut Dice, case: usize, depth: usize) -> Value {
    let tag = *dice.of(&["a", "b", "z"]);
    let tag = own(case, tag);
    let pick = dice.below(if depth == 0 { 13 } else { 16 });
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
        9 => {
            json!({ "field": "contact.color", "operator": dice.of(&["contains", "starts_with"]), "value": "r" })
        }
        10 => {
            json!({ "field": "vars.d", "operator": dice.of(&["before_date", "after_date"]), "value": "2024-03-02" })
        }
        11 => {
            json!({ "field": "contact.score", "operator": "between", "value": [dice.below(3), 3 + dice.below(3)] })
        }
        12 if dice.once_in(2) => {
            json!({ "field": "vars.list", "operator": "includes", "value": "o1" })
        }
        12 => json!({ "field": "vars.said", "operator": "matches_regex", "value": "^o[12] " }),
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

fn array(dice: &mut Dice) -> (&'static str, Value) {
    let mut config = json!({ "list": "{{ vars.list }}", "name": "list" });
    config["operation"] = match dice.below(6) {
        n @ (0..=2) => {
            config["value"] = json!("{{ event.data.order }}");
            json!(["append", "prepend", "remove"][n])
        }
        3 => json!("unique"),
        4 => {
            config["list"] = json!("{{ contact.tags }}");
            json!("sort")
        }
        _ => {
            config["where"] = json!({ "field": "item", "operator": "not_equals", "value": "o1" });
            json!("filter")
        }
    };
    ("array", config)
}

/// One way on from every step.
fn straighten(step: &mut Value) {
    fn first_alone(list: &mut Value) {
        if let Some(list) = list.as_array_mut() {
            list.truncate(1);
        }
    }
    for way in ["onSuccess", "onFailure", "onUnknown", "onTimeout"] {
        step.get_mut(way).map(first_alone);
    }
    let config = &mut step["config"];
    for way in ["trueBranch", "falseBranch", "noneBranch", "rejectBranch"] {
        config.get_mut(way).map(first_alone);
    }
    for ways in ["branches", "paths"] {
        let ways = config.get_mut(ways).and_then(Value::as_array_mut);
        for way in ways.into_iter().flatten() {
            first_alone(&mut way["actions"]);
        }
    }
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

fn step(dice: &mut Dice, case: usize, i: usize, steps: usize, shape: Shape) -> Value {
    let second = shape == Shape::Second;
    let tag = *dice.of(&["a", "b"]);
    let tag = own(case, tag);
    let most = json!({ "amount": 1 + dice.below(30), "unit": "hours" });
    let (kind, config) = match dice.below(40) {
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
                { "id": "B", "percentage": 100 - share, "actions": b,
                  "kind": dice.of(&["variant", "holdout"]) } ] }),
            )
        }
        33 => array(dice),
        34 => {
            let operation = *dice.of(&["multiply", "divide", "modulo", "percent", "power"]);
            let operands = ["{{ contact.score }}", "{{ vars.n }}"];
            (
                "math",
                json!({ "operation": operation, "operands": operands, "digits": 2, "name": "n" }),
            )
        }
        35 => {
            let value = "{{ vars.said }}-{{ contact.color }}";
            let mut config = json!({ "value": value, "name": "said" });
            config["operation"] =
                json!(dice.of(&["upper", "slug", "reverse", "extract", "replace"]));
            match config["operation"].as_str() {
                Some("extract") => config["pattern"] = json!("o([0-9])"),
                Some("replace") => {
                    config["search"] = json!("o");
                    config["replacement"] = json!("0");
                }
                _ => {}
            }
            ("string", config)
        }
        36 | 37 if shape == Shape::First => (
            "enroll_in_workflow",
            json!({ "workflow": own(case, "second"), "waitForEnd": dice.once_in(2), "outputs": ["n", "said"],
                    "data": { "order": "{{ event.data.order }}", "n": "{{ vars.n }}" } }),
        ),
        38 if shape == Shape::First => (
            "remove_from_workflow",
            json!({ "workflows": [own(case, "second")] }),
        ),
        30..=32 => ("wait", clock_wait(dice, most)),
        18 if !second => {
            let (a, b) = (onward(dice, i, steps), onward(dice, i, steps));
            (
                "random_path",
                json!({ "paths": [{ "actions": a, "weight": 1 + dice.below(3) }, { "actions": b }] }),
            )
        }
        // Fails where the contact has no colour, or one that is no number.
        18 | 19 => (
            "math",
            json!({ "operation": "add", "operands": ["{{ contact.color }}", "{{ vars.n }}"], "name": "n" }),
        ),
        20 => (
            "string",
            json!({ "operation": "pad_end", "value": "{{ contact.color }}", "length": 4, "fill": "xy", "name": "said" }),
        ),
        21 => {
            let operation = *dice.of(&["start_of", "end_of", "add"]);
            let mut date = json!({ "operation": operation, "value": "{{ event.occurredAt }}", "name": "d",
                                   "unit": dice.of(&["days", "months", "hours"]) });
            if operation == "add" {
                date["amount"] = json!(dice.below(30));
            }
            ("date", date)
        }
        22 | 23 if i > 0 => (
            "go_to",
            json!({ "stepId": format!("s{}", dice.below(steps)) }),
        ),
        24..=27 if shape == Shape::Straight => {
            let mut config = json!({ "instructions": dice.of(&["approve", "reject", "leave"]) });
            if dice.once_in(2) {
                config["rejectBranch"] = onward(dice, i, steps);
            }
            ("manual_review", config)
        }
        24 | 25 => {
            let branches = (0..2 + dice.below(2)).map(|n| format!("s{}", i + 1 + n));
            let branches: Vec<String> = branches.filter(|_| i + 4 < steps).collect();
            ("parallel", json!({ "branches": branches }))
        }
        26 if dice.once_in(3) => ("end_workflow", json!({})),
        27 => (
            "webhook",
            json!({ "url": "https://example.com/{{ vars.n }}", "body": { "said": "{{ vars.said }}" } }),
        ),
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
    if !matches!(
        kind,
        "if_else" | "split" | "random_path" | "go_to" | "parallel" | "end_workflow"
    ) {
        step["onSuccess"] = onward(dice, i, steps);
    }
    if matches!(
        kind,
        "wait" | "delay" | "manual_review" | "enroll_in_workflow"
    ) && dice.once_in(5)
    {
        step["timeout"] = json!({ "amount": 1 + dice.below(20), "unit": "hours" });
    }
    if matches!(kind, "wait" | "manual_review" | "enroll_in_workflow") && dice.once_in(2) {
        step["onTimeout"] = onward(dice, i, steps);
    }
    if matches!(kind, "send_email" | "manual_review" | "enroll_in_workflow") && dice.once_in(2) {
        step["onFailure"] = onward(dice, i, steps);
    }
    if kind == "send_email" && dice.once_in(3) {
        step["onUnknown"] = onward(dice, i, steps);
    }
    if kind == "math" && dice.once_in(2) {
        step["onFailure"] = onward(dice, i, steps);
    }
    if kind == "math" && !dice.once_in(3) {
        let strategy = *dice.of(&["fixed", "linear", "exponential"]);
        // Whole half-hours, so that much is due at once.
        let initial = json!({ "amount": 30 * (1 + dice.below(3)), "unit": "minutes" });
        step["retryConfig"] = json!({ "maxAttempts": 2 + dice.below(3), "backoffStrategy": strategy,
            "retryDelay": { "initial": initial, "max": { "amount": 5, "unit": "hours" } } });
    }
    if dice.once_in(6) {
        step["executeIf"] = condition(dice, case, 1);
    }
    // Back, past a stand-still: the checker refuses any other circle.
    if matches!(kind, "delay" | "wait" | "send_email" | "webhook") && i > 0 && dice.once_in(6) {
        step["onSuccess"] = json!([format!("s{}", dice.below(i))]);
    }
    step
}

fn settings(dice: &mut Dice, case: usize, shape: Shape) -> Value {
    let many = dice.once_in(3) && shape != Shape::Straight;
    let mut settings = json!({ "allowMultipleEnrollments": many });
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
pub fn definition(dice: &mut Dice, case: usize, shape: Shape) -> Option<Value> {
    let second = shape == Shape::Second;
    let steps = 2 + dice.below(8);
    let mut actions: Vec<Value> = (0..steps)
        .map(|i| step(dice, case, i, steps, shape))
        .collect();
    if shape == Shape::Straight {
        actions.iter_mut().for_each(straighten);
    }
    let trigger = match second {
        true => json!({ "type": "contact.tag.added", "config": { "tags": [own(case, "a")] } }),
        false => json!({ "type": "form.submitted", "config": { "formId": own(case, "form") } }),
    };
    let mut whole = json!({ "id": own(case, if second { "second" } else { "first" }),
                            "trigger": trigger, "variables": { "n": 0, "said": "", "list": [] } });
    if !second && dice.once_in(4) {
        whole["trigger"]["filters"] = json!([condition(dice, case, 1)]);
    }
    if !second && dice.once_in(5) {
        whole["trigger"]["rateLimiting"] = json!({ "maxPerContact": 1, "timeWindow": { "amount": 5 + dice.below(40), "unit": "hours" } });
    }
    if !second && shape != Shape::Straight && dice.once_in(3) {
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
    whole["enrollmentSettings"] = settings(dice, case, shape);
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
