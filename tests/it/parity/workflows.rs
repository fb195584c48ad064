//! Workflows out of dice: every kind of step, ways to fork and join, loops, goals and rules for enrolling.

use serde_json::{Value, json};

use super::{
    dice::Dice,
    steps::{condition, step},
    world::checked,
};

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
