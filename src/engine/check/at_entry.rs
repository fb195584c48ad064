//! Goals that contacts meet before they have begun: each contact is looked at as if it enrolled now.

use chrono_tz::Tz;
use uuid::Uuid;

use super::codes;
use crate::catalog::finding::quoted;
use crate::engine::{
    contact::Contact,
    program::{GoalProgram, Program},
    scope::ExecutionScope,
};
use crate::model::{
    condition::Condition,
    execution::{Execution, Instant, State, Status},
    problem::Problem,
    reads::Reads,
};

/// Counts, contact by contact, who would meet which goal on entry.
#[derive(Debug)]
pub struct AtEntry<'p> {
    program: &'p Program,
    now: Instant,
    /// Goals that a contact alone decides, each with those who meet it.
    goals: Vec<(usize, &'p GoalProgram, u64)>,
    /// Who may enter, where a contact alone decides that.
    entry: Option<&'p Condition>,
    looked_at: u64,
}

impl<'p> AtEntry<'p> {
    /// Nobody was looked at yet.
    #[must_use]
    pub fn new(program: &'p Program, now: Instant) -> Self {
        let goals = program.goals.iter().enumerate();
        let goals = goals.filter(|(_, goal)| told_by_contact(&goal.watch.condition));
        Self {
            program,
            now,
            goals: goals.map(|(i, goal)| (i, goal, 0)).collect(),
            entry: program.entry.as_ref().filter(|it| told_by_contact(it)),
            looked_at: 0,
        }
    }

    /// Whether any goal can be counted at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.goals.is_empty()
    }

    /// Looks at one contact.
    pub fn look(&mut self, contact: &Contact) {
        let state = State {
            vars: self.program.variables.clone(),
            ..State::default()
        };
        let execution = self.execution(contact.id);
        let scope = ExecutionScope {
            program: self.program,
            execution: &execution,
            state: &state,
            contact,
        };
        let tz: Tz = contact.tz.unwrap_or(self.program.tenant.timezone);
        self.looked_at += 1;
        if self.entry.is_some_and(|it| !it.eval(&scope, self.now, tz)) {
            return;
        }
        for (_, goal, met) in &mut self.goals {
            *met += u64::from(goal.watch.condition.eval(&scope, self.now, tz));
        }
    }

    /// A warning for each goal that somebody meets; `all`: no contact was left out.
    #[must_use]
    pub fn problems(&self, all: bool) -> Vec<Problem> {
        let met = self.goals.iter().filter(|(_, _, met)| *met > 0);
        met.map(|(i, goal, met)| {
            let of = match all {
                true => format!("{met} of {} contacts", self.looked_at),
                false => format!("{met} of the first {} contacts", self.looked_at),
            };
            let id = quoted(&goal.id);
            let message = format!("{of} meet the goal {id} right now, before they have begun");
            let hint = "compare with execution.enrolledAt, or keep them out by entryConditions";
            let path = format!("goals[{i}].conditions");
            Problem::warning(codes::GOAL_MET_NOW, path, message).hint(hint)
        })
        .collect()
    }

    fn execution(&self, contact: Uuid) -> Execution {
        Execution {
            bucket: 0,
            id: Uuid::nil(),
            tenant: 0,
            workflow: self.program.numbers.workflow,
            version: self.program.numbers.version,
            contact,
            key: contact.to_string(),
            status: Status::Ready,
            priority: 0,
            seq: 0,
            enrolled_at: self.now,
            due_at: None,
            state: State::default(),
        }
    }
}

/// Whether the contact, the clock and the start decide it, and no event and no step.
fn told_by_contact(condition: &Condition) -> bool {
    let mut reads = Reads::default();
    condition.reads(&mut reads);
    let told = !(reads.event || reads.change || reads.all_steps) && reads.steps.is_empty();
    told && reads.reads_contact()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::tests::{CONTACT, at, program, set, steps};

    #[test]
    fn who_meets_a_goal_before_it_is_set_is_counted() {
        let above = |field: &str, value: u32| json!({ "field": field, "operator": "greater_than", "value": value });
        let mut definition = steps(json!([set("n", json!(1), &[])]));
        definition["variables"] = json!({ "least": 50 });
        let least = json!({ "field": "contact.score", "operator": "greater_than", "value": "{{ vars.least }}" });
        definition["goals"] = json!([
            { "id": "rich", "conditions": least },
            { "id": "none", "conditions": above("contact.score", 500) },
            { "id": "later", "conditions": above("vars.n", 0) },
        ]);
        definition["enrollmentSettings"] = json!({ "entryConditions": above("contact.score", 5) });
        let program = program(&definition);
        let mut counted = AtEntry::new(&program, at("2026-03-02T10:00:00Z"));
        assert!(!counted.is_nothing() && counted.problems(true).is_empty());
        for score in [3, 10, 60, 70] {
            let fields = json!({ "score": score });
            counted.look(&Contact::new(CONTACT, fields.as_object().unwrap().clone()));
        }
        for (all, text) in [
            (true, "2 of 4 contacts"),
            (false, "2 of the first 4 contacts"),
        ] {
            let found = counted.problems(all);
            let [problem] = &found[..] else {
                panic!("{found:?}")
            };
            assert_eq!(
                (problem.code, &*problem.path),
                (codes::GOAL_MET_NOW, "goals[0].conditions")
            );
            assert!(problem.message.starts_with(text), "{}", problem.message);
            assert!(problem.message.contains("rich"), "{}", problem.message);
        }
    }
}
