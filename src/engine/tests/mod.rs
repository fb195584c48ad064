//! A small kit for tests of the machine: one execution, its contact and a clock that is moved by hand.

mod actions;
mod commands;
mod ends;
mod fields;
pub(super) mod generator;
mod joins;
mod others;
mod path;
pub(super) mod properties;
mod reviews;
mod triggers;
mod waits;
mod waits_moved;
mod watches;
mod ways;

use chrono::Duration;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    advance::{Burst, advance},
    contact::Contact,
    program::{Numbers, Program, TenantInfo},
};
use crate::{
    catalog::parse,
    model::{
        execution::{Execution, Instant, State, Status},
        problem::Problem,
        transition::{
            Command, Effect, Entry, EntryKind, Event, Input, Reply, ReplyOutcome, Send, Transition,
        },
    },
};

pub(super) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Compiles a definition as its author would write it.
pub(super) fn compile(definition: &Value) -> Result<Program, Vec<Problem>> {
    let text = definition.to_string();
    let source = parse::read(&text, "test.json").unwrap_or_else(|found| panic!("{found:?}"));
    let tenant = TenantInfo {
        name: "default".into(),
        timezone: chrono_tz::UTC,
    };
    Program::compile(
        &source.definition,
        Numbers {
            workflow: 7,
            version: 1,
        },
        &tenant,
    )
}

pub(super) fn program(definition: &Value) -> Program {
    compile(definition).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A workflow of these steps.
pub(super) fn steps(actions: Value) -> Value {
    json!({ "id": "w", "trigger": { "type": "custom.event" }, "actions": actions })
}

pub(super) fn event(kind: &str, data: Value, occurred_at: Instant) -> Event {
    Event {
        id: Uuid::from_u128(0xE),
        kind: kind.into(),
        contact: Some(CONTACT),
        occurred_at,
        data,
        old: None,
        new: None,
        trigger: None,
        cause: None,
    }
}

pub(super) const CONTACT: Uuid = Uuid::from_u128(0xC);

/// What befalls the process in which an execution is advanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    None,
    /// It dies with what it worked out, before that is committed.
    LostBeforeCommit,
    /// It dies as soon as that is committed.
    LostAfterCommit,
}

/// One execution under a clock.
pub(super) struct Run<'p> {
    pub(super) program: &'p Program,
    pub(super) ex: Execution,
    pub(super) contact: Contact,
    pub(super) now: Instant,
    pub(super) limits: Burst,
    /// Another process goes on after every commit.
    pub(super) reload: bool,
    /// What befalls the process at each burst, by turns and over again; empty: nothing ever.
    pub(super) mishaps: Vec<Mishap>,
    /// The version as another process compiled it, which takes over after a mishap.
    pub(super) other: Option<&'p Program>,
    bursts: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) effects: Vec<Effect>,
    pub(super) last: Option<Transition>,
}

impl<'p> Run<'p> {
    pub(super) fn new(program: &'p Program, fields: Value) -> Self {
        let Value::Object(fields) = fields else {
            panic!("fields are an object")
        };
        let now = at("2026-03-02T10:00:00Z");
        let state = State {
            event: Some(json!({ "type": "custom.event", "data": { "n": 1 } }).into()),
            ..State::default()
        };
        Self {
            program,
            ex: Execution {
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
                enrolled_at: now,
                due_at: Some(now),
                state,
            },
            contact: Contact::new(CONTACT, fields),
            now,
            limits: Burst::default(),
            reload: false,
            mishaps: Vec::new(),
            other: None,
            bursts: 0,
            entries: Vec::new(),
            effects: Vec::new(),
            last: None,
        }
    }

    /// Gives the machine one input; true: something changed.
    pub(super) fn give(&mut self, input: &Input) -> bool {
        let mishap = match self.mishaps.len() {
            0 => Mishap::None,
            all => self.mishaps[self.bursts % all],
        };
        self.bursts += 1;
        if mishap == Mishap::LostBeforeCommit {
            let mut lost = self.contact.clone();
            advance(
                self.program,
                &self.ex,
                &mut lost,
                input,
                self.now,
                self.limits,
            );
            self.start_again();
        }
        let step = advance(
            self.program,
            &self.ex,
            &mut self.contact,
            input,
            self.now,
            self.limits,
        );
        let Some(step) = step else { return false };
        assert_eq!(
            step.seq,
            self.ex.seq + i32::try_from(step.entries.len()).unwrap()
        );
        self.ex.status = step.status;
        self.ex.due_at = step.due_at;
        self.ex.seq = step.seq;
        self.ex.state = step.state.clone();
        self.entries.extend(step.entries.iter().cloned());
        self.effects.extend(step.effects.iter().cloned());
        self.last = Some(step);
        if self.reload || mishap == Mishap::LostAfterCommit {
            self.start_again();
        }
        true
    }

    /// Another process goes on from what was stored.
    fn start_again(&mut self) {
        let state = serde_json::to_string(&self.ex.state).unwrap();
        self.ex.state = serde_json::from_str(&state).unwrap();
        let fields = serde_json::to_string(&self.contact.fields).unwrap();
        // What sticky splits chose is stored beside the contact.
        let choices = std::mem::take(&mut self.contact.choices);
        self.contact = Contact::new(self.contact.id, serde_json::from_str(&fields).unwrap());
        self.contact.choices = choices;
        if let Some(other) = &mut self.other {
            std::mem::swap(&mut self.program, other);
        }
    }

    /// Lets the clock have its way until nothing is due.
    pub(super) fn go(&mut self) -> &mut Self {
        for _ in 0..200_000 {
            if self.ex.due_at.is_none_or(|due| due > self.now) || !self.give(&Input::Time) {
                return self;
            }
        }
        panic!("it never comes to rest: {:?}", self.ex);
    }

    pub(super) fn after(&mut self, span: Duration) -> &mut Self {
        self.now += span;
        self.go()
    }

    pub(super) fn event(&mut self, kind: &str, data: Value) -> bool {
        let event = event(kind, data, self.now);
        let changed = self.give(&Input::Event(event));
        self.go();
        changed
    }

    /// Sets a field and tells of it, as the CRM does.
    pub(super) fn set(&mut self, field: &str, value: Value) -> bool {
        self.contact.set(field, value);
        self.event("contact.field.changed", json!({ "field": field }))
    }

    pub(super) fn command(&mut self, command: Command) -> bool {
        let changed = self.give(&Input::Command(command));
        self.go();
        changed
    }

    pub(super) fn reply(&mut self, outcome: ReplyOutcome, error: Option<&str>) -> bool {
        let seq = self.sends().last().expect("nothing was sent").seq;
        self.reply_to(seq, outcome, error)
    }

    pub(super) fn reply_to(
        &mut self,
        seq: i32,
        outcome: ReplyOutcome,
        error: Option<&str>,
    ) -> bool {
        let changed = self.give(&Input::Reply(Reply {
            seq,
            outcome,
            response: json!({ "status": 200 }),
            error: error.map(str::to_owned),
            message: error.map(str::to_owned),
        }));
        self.go();
        changed
    }

    pub(super) fn sends(&self) -> Vec<&Send> {
        let sends = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(send) => Some(send),
            _ => None,
        });
        sends.collect()
    }

    /// History in short: `step:completed wait`, `execution:completed`.
    pub(super) fn story(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|entry| told(self.program, entry))
            .collect()
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.last.as_ref()?.reason.as_deref()
    }

    pub(super) fn var(&self, name: &str) -> &Value {
        &self.ex.state.vars[name]
    }
}

fn told(program: &Program, entry: &Entry) -> String {
    let index = usize::try_from(entry.step).ok();
    let subject = match (entry.kind, index) {
        (EntryKind::GoalAchieved, Some(index)) => program.goal_ids().get(index),
        (_, Some(index)) => program.step_ids().get(index),
        _ => None,
    };
    match subject {
        Some(subject) => format!("{} {subject}", entry.kind.name()),
        None => entry.kind.name().to_owned(),
    }
}

pub(super) fn set(name: &str, value: Value, next: &[&str]) -> Value {
    json!({ "id": name, "type": "set_variable", "config": { "name": name, "value": value },
            "onSuccess": next })
}

pub(super) fn fields() -> Value {
    Value::Object(Map::new())
}
