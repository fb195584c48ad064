//! The workflows that are measured.

use serde_json::{Value, json};

/// What a drained workflow is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Flow {
    /// Pure steps: they read the contact, write variables, branch.
    pub(super) steps: u32,
    /// Outbox dispatches after them.
    pub(super) effects: u32,
    /// Policy of the dispatches.
    pub(super) policy: String,
}

/// Id of the workflow that is drained.
pub(super) const WORKFLOW: &str = "bench";
/// Id of the workflow whose executions stand parked.
pub(super) const PARKED: &str = "parked";

impl Flow {
    /// So many pure steps.
    pub(super) fn pure(steps: u32) -> Self {
        Self {
            steps,
            effects: 0,
            policy: "dedupe".to_owned(),
        }
    }

    /// The definition: steps, dispatches, a goal that reads the contact, a trigger with a filter.
    pub(super) fn definition(&self) -> Value {
        let names: Vec<String> = (0..self.steps)
            .map(|n| format!("step-{n}"))
            .chain((0..self.effects).map(|n| format!("send-{n}")))
            .collect();
        let mut actions = Vec::new();
        for (n, name) in names.iter().enumerate() {
            let next: Vec<&String> = names.get(n + 1).into_iter().collect();
            let pure = n < self.steps as usize;
            actions.push(match (pure, n % 2) {
                (true, 0) => json!({"id": name, "type": "set_variable", "onSuccess": next,
                    "config": {"name": format!("v{n}"), "value": "{{contact.score}}"}}),
                (true, _) => json!({"id": name, "type": "if_else", "config": {
                    "condition": {"field": "contact.city", "operator": "equals", "value": "Paris"},
                    "trueBranch": next, "falseBranch": next}}),
                (false, _) => json!({"id": name, "type": "webhook", "onSuccess": next,
                    "policy": self.policy,
                    "config": {"url": "https://sink.invalid/hook", "body": {"city": "{{contact.city}}", "n": n}}}),
            });
        }
        json!({
            "id": WORKFLOW, "name": "Bench", "actions": actions,
            "trigger": {"id": "t", "type": "custom.event", "config": {"name": "bench"},
                "filters": [{"field": "event.data.name", "operator": "equals", "value": "bench"}]},
            "goals": [{"id": "bought", "onAchievement": "exit",
                "conditions": {"field": "contact.score", "operator": "greater_than", "value": 1_000_000}}],
        })
    }
}

/// A workflow whose executions stand parked for a year.
pub(super) fn parked() -> Value {
    json!({
        "id": PARKED, "name": "Parked",
        "actions": [{"id": "wait", "type": "wait",
            "config": {"waitType": "duration", "duration": {"amount": 365, "unit": "days"}}}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::definitions::check_text;

    #[test]
    fn the_definitions_have_no_error() {
        let with = |effects, policy: &str| Flow {
            steps: 5,
            effects,
            policy: policy.to_owned(),
        };
        for definition in [
            Flow::pure(1).definition(),
            Flow::pure(5).definition(),
            with(2, "dedupe").definition(),
            with(1, "hold").definition(),
            parked(),
        ] {
            let checked = check_text(&definition.to_string(), "bench.json");
            assert!(checked.is_valid(), "{}", checked.findings);
        }
    }
}
