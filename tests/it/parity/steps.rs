//! Steps and conditions out of dice.

use serde_json::{Value, json};

use super::{
    dice::Dice,
    workflows::{Shape, own},
};

/// A condition about what contacts, variables and events have here, at most `depth` levels deep.
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

/// Step `i` of `steps`: any kind that fits the shape, with ways on to later ones.
pub fn step(dice: &mut Dice, case: usize, i: usize, steps: usize, shape: Shape) -> Value {
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
