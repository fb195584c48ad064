//! What `bin/instructions` counts the instructions of: the pure machine, so many rounds of one case.
//!
//! Usage: instructions CASE ROUNDS. Prints how many entries or bytes came out, so that nothing is optimised away.

use std::{env, hint::black_box, process::ExitCode};

use chrono::{TimeDelta, TimeZone, Utc};
use serde_json::{Value, json};
use uuid::Uuid;
use waypost::{
    catalog::parse,
    engine::{
        advance::{Burst, advance},
        contact::Contact,
        program::{Numbers, Program, TenantInfo},
    },
    model::{
        execution::{Execution, Instant, State, Status},
        scope::MapScope,
        template::{Escape, Template},
        transition::Input,
    },
};

const CONTACT: Uuid = Uuid::from_u128(0xC);

/// Five steps that need nothing from outside, and a goal.
fn five_steps() -> Value {
    let step = |n: u32| {
        let next: Vec<String> = (n < 4)
            .then(|| format!("step-{}", n + 1))
            .into_iter()
            .collect();
        match n % 2 {
            0 => json!({"id": format!("step-{n}"), "type": "set_variable", "onSuccess": next,
                "config": {"name": format!("v{n}"), "value": "{{contact.score}}"}}),
            _ => json!({"id": format!("step-{n}"), "type": "if_else", "config": {
                "condition": {"field": "contact.city", "operator": "equals", "value": "Paris"},
                "trueBranch": next, "falseBranch": next}}),
        }
    };
    json!({"id": "five", "actions": (0..5).map(step).collect::<Vec<_>>(),
        "goals": [{"id": "bought", "onAchievement": "exit",
            "conditions": {"field": "contact.score", "operator": "greater_than", "value": 1_000_000}}]})
}

/// A wait, then a branch.
fn wait_and_branch() -> Value {
    json!({"id": "wait", "actions": [
        {"id": "wait", "type": "wait", "onSuccess": ["which"],
            "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "hours"}}},
        {"id": "which", "type": "if_else", "config": {
            "condition": {"operator": "AND", "conditions": [
                {"field": "contact.city", "operator": "equals", "value": "Paris"},
                {"field": "contact.score", "operator": "greater_than", "value": 10}]},
            "trueBranch": ["end"], "falseBranch": []}},
        {"id": "end", "type": "end_workflow"}]})
}

fn compile(definition: &Value) -> Program {
    let text = definition.to_string();
    let source = parse::read(&text, "instructions.json").expect("a definition");
    let tenant = TenantInfo {
        name: "default".into(),
        timezone: chrono_tz::UTC,
    };
    let numbers = Numbers {
        workflow: 7,
        version: 1,
    };
    Program::compile(&source.definition, numbers, &tenant).expect("it compiles")
}

fn start() -> Instant {
    Utc.with_ymd_and_hms(2026, 3, 2, 10, 0, 0)
        .single()
        .expect("a time")
}

fn contact() -> Contact {
    let Value::Object(fields) = json!({"city": "Paris", "score": 42, "firstName": "Ada"}) else {
        return Contact::missing(CONTACT);
    };
    Contact::new(CONTACT, fields)
}

/// An execution from its start through these moments; the history entries that came out.
fn through(program: &Program, moments: &[TimeDelta]) -> usize {
    let mut contact = contact();
    let mut execution = Execution {
        bucket: 1,
        id: Uuid::from_u128(0xA),
        tenant: 1,
        workflow: 7,
        version: 1,
        contact: CONTACT,
        key: "k".into(),
        status: Status::Ready,
        priority: 0,
        seq: 0,
        enrolled_at: start(),
        due_at: Some(start()),
        state: State {
            event: Some(json!({"type": "custom.event", "data": {"n": 1}}).into()),
            ..State::default()
        },
    };
    let mut entries = 0;
    for after in moments {
        let now = start() + *after;
        let burst = Burst::default();
        let moved = advance(program, &execution, &mut contact, &Input::Time, now, burst);
        let Some(moved) = moved else { continue };
        entries += moved.entries.len();
        execution.status = moved.status;
        execution.due_at = moved.due_at;
        execution.seq = moved.seq;
        execution.state = moved.state;
    }
    entries
}

fn rendered(template: &Template, scope: &MapScope) -> usize {
    let text = template.render(scope, start(), chrono_tz::UTC, Escape::Html);
    text.map_or(0, |text| text.len())
}

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let case = words.next().unwrap_or_default();
    let rounds: u32 = words.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    let count = |one: &dyn Fn() -> usize| (0..rounds).map(|_| black_box(one())).sum::<usize>();
    let came_out = match case.as_str() {
        "five-steps" => {
            let program = compile(&five_steps());
            count(&|| through(black_box(&program), &[TimeDelta::zero()]))
        }
        "wait-and-branch" => {
            let program = compile(&wait_and_branch());
            count(&|| {
                through(
                    black_box(&program),
                    &[TimeDelta::zero(), TimeDelta::hours(2)],
                )
            })
        }
        "template" => {
            let text = "Dear {{ contact.firstName | default('you') }}, {{ contact.city }} is \
                        {% if contact.score > 10 %}yours{% else %}near{% endif %}.";
            let template = Template::compile(text).expect("a template");
            let scope =
                MapScope(json!({"contact": {"firstName": "Ada", "city": "Paris", "score": 42}}));
            count(&|| rendered(black_box(&template), &scope))
        }
        _ => {
            eprintln!("no case {case:?}: five-steps, wait-and-branch, template");
            return ExitCode::from(2);
        }
    };
    println!("{came_out}");
    if came_out > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
