//! Names: of the workflow, its triggers, steps and goals.

use std::collections::HashSet;

use super::codes;
use crate::catalog::finding::quoted;
use crate::model::{problem::Problem, workflow::Definition};

/// Longest id, in characters.
pub const MAX_ID: usize = 100;

/// Ids that are empty, too long, malformed or given twice. (Two steps of one id: the compiler.)
pub fn check(definition: &Definition, found: &mut Vec<Problem>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if well_formed(&definition.id, "id", found) && !definition.id.chars().all(plain) {
        let message = format!("{} is no workflow id", quoted(&definition.id));
        let hint = "use letters, digits, -, _ and . only";
        found.push(Problem::error(codes::INVALID_ID, "id", message).hint(hint));
    }
    let listed = definition.triggers.iter().enumerate().map(|(i, trigger)| {
        let id = trigger
            .id
            .clone()
            .unwrap_or_else(|| format!("trigger-{}", i + 1));
        (format!("triggers[{i}]"), id, trigger.id.is_some())
    });
    let single = definition.trigger.iter().map(|trigger| {
        let id = trigger.id.clone().unwrap_or_else(|| "trigger".to_owned());
        ("trigger".to_owned(), id, trigger.id.is_some())
    });
    unique(single.chain(listed), "triggers", found);
    let goals = definition.goals.iter().enumerate();
    unique(
        goals.map(|(i, goal)| (format!("goals[{i}]"), goal.id.clone(), true)),
        "goals",
        found,
    );
    for (i, step) in definition.actions.iter().enumerate() {
        well_formed(&step.id, &format!("actions[{i}].id"), found);
    }
}

fn unique(ids: impl Iterator<Item = (String, String, bool)>, what: &str, found: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for (place, id, written) in ids {
        let path = if written {
            format!("{place}.id")
        } else {
            place
        };
        well_formed(&id, &path, found);
        if !seen.insert(id.clone()) {
            let message = format!("two {what} have the id {}", quoted(&id));
            found.push(Problem::error(codes::DUPLICATE_ID, path, message));
        }
    }
}

fn well_formed(id: &str, path: &str, found: &mut Vec<Problem>) -> bool {
    let wrong = if id.is_empty() {
        "the id is empty".to_owned()
    } else if id.chars().nth(MAX_ID).is_some() {
        format!("the id is longer than {MAX_ID} characters")
    } else if id.trim() != id || id.chars().any(char::is_control) {
        format!(
            "the id {} begins or ends with a blank, or holds a control character",
            quoted(id)
        )
    } else {
        return true;
    };
    found.push(Problem::error(codes::INVALID_ID, path, wrong));
    false
}
