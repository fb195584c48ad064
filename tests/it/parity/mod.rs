//! A simulated path is the real path: the same contacts and events through both give the same rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use world::{Fact, Line, Request, Story, World};

mod cases;
mod dice;
mod eligibility;
mod examples;
mod generated;
mod happening;
mod others;
mod printed;
mod rules;
mod steps;
mod workflows;
mod world;

/// What of one contact differs, in words; none: nothing.
///
/// Executions that a change of the contact enrolled have ids of their own on either side, since the ids of
/// those events are the database's; they are matched by what happened to them.
fn difference(contact: Uuid, real: &Story, simulated: &Story) -> Option<String> {
    let of = |story: &Story| -> BTreeMap<Uuid, Vec<Line>> {
        let all = story.executions.iter();
        all.filter(|((who, _), _)| *who == contact)
            .map(|((_, id), lines)| (*id, lines.clone()))
            .collect()
    };
    let (mut left, mut right) = (of(real), of(simulated));
    let common: Vec<Uuid> = left
        .keys()
        .filter(|id| right.contains_key(id))
        .copied()
        .collect();
    for id in common {
        let (real, simulated) = (left.remove(&id), right.remove(&id));
        if real != simulated {
            return Some(beside(
                &real.unwrap_or_default(),
                &simulated.unwrap_or_default(),
            ));
        }
    }
    let sorted = |rest: BTreeMap<Uuid, Vec<Line>>| {
        let mut rest: Vec<Vec<Line>> = rest.into_values().collect();
        rest.sort_by_key(|lines| format!("{lines:?}"));
        rest
    };
    let (left, right) = (sorted(left), sorted(right));
    if left != right {
        return Some(beside(&left.concat(), &right.concat()));
    }
    let refusals = |story: &Story| -> Vec<_> {
        let all = story.blocked.iter();
        all.filter(|(who, ..)| *who == contact).cloned().collect()
    };
    let (left, right) = (refusals(real), refusals(simulated));
    (left != right).then(|| format!("refused\n  really    {left:?}\n  simulated {right:?}"))
}

/// Both histories up to the first line that differs.
fn beside(real: &[Line], simulated: &[Line]) -> String {
    let same = real
        .iter()
        .zip(simulated)
        .take_while(|(a, b)| a == b)
        .count();
    let before: String = real[..same]
        .iter()
        .map(|(at, event, step, _)| format!("  {at} {event} {}\n", step.as_deref().unwrap_or("-")))
        .collect();
    format!(
        "{before}  really    {:?}\n  simulated {:?}",
        real.get(same),
        simulated.get(same)
    )
}

/// What went out, action and request alone: only one of two ids is the same where a change enrolled.
fn assert_same_requests(real: &Story, simulated: &Story) {
    let lines = |requests: &mut dyn Iterator<Item = &Request>| {
        let all = requests.map(|(action, request)| {
            let mut request = request.clone();
            request.sort_all_objects();
            format!("{action} {request}")
        });
        let mut all: Vec<String> = all.collect();
        all.sort();
        all
    };
    let left = simulated.asked.values().flatten();
    let unanswered = lines(&mut left.map(|(_, request)| request));
    let (real, simulated) = (
        lines(&mut real.sent.values()),
        lines(&mut simulated.sent.values()),
    );
    let only = |some: &[String], others: &[String]| {
        let mut others = others.to_vec();
        let mut only = Vec::new();
        for one in some {
            match others.iter().position(|other| other == one) {
                Some(at) => drop(others.swap_remove(at)),
                None => only.push(one.clone()),
            }
        }
        only
    };
    // Of what was under way when its execution ended some had left already; nobody took its answer.
    let really = only(&only(&real, &simulated), &unanswered);
    let simulated_only = only(&simulated, &real);
    assert!(
        really.is_empty() && simulated_only.is_empty(),
        "requests\n  really    {really:#?}\n  simulated {simulated_only:#?}"
    );
}

/// A contact's id that says which case it belongs to.
fn person(case: usize, n: usize) -> Uuid {
    Uuid::from_u128((0xc0de << 64) | ((case as u128) << 16) | n as u128)
}

fn fact(minute: i64, contact: Uuid, kind: &str, data: Value, set: Value) -> Fact {
    Fact {
        minute,
        contact,
        kind: kind.into(),
        data,
        set: set.as_object().cloned().unwrap_or_default(),
    }
}

fn nothing() -> Value {
    json!({})
}
