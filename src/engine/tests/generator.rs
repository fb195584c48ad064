//! Random workflows, and random things that happen to their executions.

use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;

/// What a random step is made of: a kind, ways on, and some numbers to vary it.
pub(in crate::engine) type Dice = (u8, Vec<u8>, Vec<u8>, u8, u8);

pub(in crate::engine) fn dice() -> impl Strategy<Value = Vec<Dice>> {
    let step = (
        0u8..20,
        vec(any::<u8>(), 0..3),
        vec(any::<u8>(), 0..3),
        any::<u8>(),
        any::<u8>(),
    );
    vec(step, 1..9)
}

pub(in crate::engine) fn definition(dice: &[Dice]) -> Value {
    let name = |n: u8| format!("s{}", usize::from(n) % dice.len());
    let names = |list: &[u8]| {
        let mut names: Vec<String> = list.iter().map(|n| name(*n)).collect();
        names.dedup();
        json!(names)
    };
    let condition = |n: u8| match n % 4 {
        0 => json!({ "field": "contact.score", "operator": "greater_than", "value": n % 7 }),
        1 => {
            json!({ "field": "contact.tags", "operator": "includes", "value": format!("t{}", n % 3) })
        }
        2 => {
            json!({ "field": "contact.lastPurchaseDate", "operator": "newer_than", "value": "2 hours" })
        }
        _ => json!({ "operator": "NOT", "conditions": [
            { "field": "vars.n", "operator": "less_than", "value": n % 5 } ] }),
    };
    let steps = dice.iter().enumerate().map(|(i, (kind, next, other, a, b))| {
        let (kind, config) = match kind {
            0 | 1 => ("set_variable", json!({ "name": "n", "value": a % 5 })),
            2 => ("update_variable", json!({ "name": "n", "operation": "increment" })),
            3 => ("update_variable", json!({ "name": "l", "operation": "append", "value": "{{ vars.n }}" })),
            4 => ("add_tag", json!({ "tag": format!("t{}", a % 3) })),
            5 => ("remove_tag", json!({ "tag": format!("t{}", a % 3) })),
            6 => ("update_contact", json!({ "fields": { "score": a % 9 } })),
            7 => ("delay", json!({ "duration": { "amount": a % 4, "unit": "hours" } })),
            8 => ("wait", json!({ "waitType": "until_condition", "condition": condition(*a),
                                  "maxWaitDuration": { "amount": 1 + b % 4, "unit": "hours" } })),
            9 => ("wait", json!({ "waitType": "until_event", "event": "form.submitted",
                                  "maxWaitDuration": { "amount": 1 + b % 4, "unit": "hours" } })),
            10 => ("if_else", json!({ "condition": condition(*a), "trueBranch": names(next), "falseBranch": names(other) })),
            11 => ("split", json!({ "sticky": b % 2 == 0, "branches": [
                { "id": "A", "percentage": a % 101, "actions": names(next) },
                { "id": "B", "percentage": 100 - a % 101, "actions": names(other) } ] })),
            12 => ("parallel", json!({ "branches": [name(*a), name(*b), name(a.wrapping_add(1))] })),
            13 => ("send_email", json!({ "subject": "s", "body": "{{ contact.score }}" })),
            14 => ("random_path", json!({ "paths": [
                { "actions": names(next), "weight": 1 + a % 3 }, { "actions": names(other), "weight": 1 + b % 3 } ] })),
            15 => ("wait", json!({ "waitType": "until_date", "waitUntil": match a % 4 {
                0 => "2026-03-02T12:30:00",
                1 => "2026-03-29",
                2 => "{{ contact.lastPurchaseDate }}",
                _ => "{{ contact.score }}",
            } })),
            16 => ("update_contact", json!({ "fields": { "lastPurchaseDate": "{{ event.occurredAt }}" } })),
            17 => ("webhook", json!({ "url": "https://example.com/{{ vars.n }}", "body": { "s": "{{ contact.score }}" } })),
            18 => ("go_to", json!({ "stepId": name(*a) })),
            _ => ("end_workflow", json!({})),
        };
        let mut step = json!({ "id": format!("s{i}"), "type": kind, "config": config, "maxPasses": 3 });
        if !matches!(kind, "if_else" | "split" | "random_path" | "go_to" | "parallel" | "end_workflow") {
            step["onSuccess"] = names(next);
        }
        match a % 8 {
            0 => step["join"] = json!("all"),
            1 => step["join"] = json!("any"),
            2 => step["join"] = json!({ "atLeast": 1 + b % 3 }),
            3 => step["join"] = json!("each"),
            4 => step["executeIf"] = condition(*b),
            5 => step["onFailure"] = names(other),
            6 => {
                let strategy = ["fixed", "linear", "exponential"][usize::from(b % 3)];
                step["retryConfig"] =
                    json!({ "maxAttempts": 1 + b % 3, "backoffStrategy": strategy });
            }
            _ => step["onUnknown"] = names(other),
        }
        step
    });
    let steps: Vec<Value> = steps.collect();
    let (kind, _, _, a, b) = &dice[0];
    let mut whole = super::steps(json!(steps));
    let then = match kind % 4 {
        0 => json!("continue"),
        1 => json!("exit"),
        _ => json!({ "action": "goto", "stepId": name(*b) }),
    };
    if a % 2 == 0 {
        whole["goals"] =
            json!([{ "id": "g", "conditions": condition(a / 2), "onAchievement": then }]);
    }
    if b % 3 == 0 {
        whole["enrollmentSettings"] = json!({ "exitConditions": condition(b / 3) });
    }
    whole
}

/// What comes up from outside, after the execution has come to rest.
pub(in crate::engine) fn inputs() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((0u8..9, any::<u8>()), 0..12)
}

pub(in crate::engine) fn give(run: &mut Run<'_>, (what, n): (u8, u8)) {
    match what {
        0 | 1 => drop(run.after(Duration::minutes(i64::from(n)))),
        2 => drop(run.set("score", json!(n % 9))),
        3 => drop(run.set("last_purchase_date", json!(run.now))),
        4 => drop(run.event("form.submitted", json!({ "formId": n }))),
        5 => drop(run.command(Command::SkipWait)),
        6 => {
            // By name: the order of the steps must not matter.
            let mut steps = run.program.step_ids().to_vec();
            steps.sort_unstable();
            let step = steps[usize::from(n) % steps.len()].clone();
            match n % 3 {
                0 => drop(run.command(Command::Move { step })),
                1 => drop(run.command(Command::Retry { step: None })),
                _ => drop(run.command(Command::Retry { step: Some(step) })),
            }
        }
        _ => {
            let seqs: Vec<i32> = run.sends().iter().map(|send| send.seq).collect();
            let outcomes = [
                ReplyOutcome::Sent,
                ReplyOutcome::Failed,
                ReplyOutcome::Unknown,
                ReplyOutcome::Suppressed,
            ];
            if !seqs.is_empty() {
                let seq = seqs[usize::from(n / 4) % seqs.len()];
                run.reply_to(seq, outcomes[usize::from(n % 4)], Some("e"));
            }
        }
    }
}

/// Where the contact lives is one more die.
pub(in crate::engine) fn contact(dice: &[Dice]) -> Value {
    let zones = [
        "UTC",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "No/Such_Zone",
    ];
    let zone = zones[usize::from(dice[0].4) % zones.len()];
    json!({ "email": "a@b.c", "score": 3, "timezone": zone })
}
