//! The shape of a definition as a table: which fields an object has and what each of them holds.
//!
//! Serde stops at the first problem; this walk finds all of them, each with its path and a hint.

use serde_json::Value;

use crate::catalog::{codes, finding::quoted};
use crate::model::nearest::{did_you_mean, nearest};
use crate::model::problem::Problem;

/// What a value must be.
#[derive(Debug)]
pub enum Shape {
    /// Anything; somebody else looks closer.
    Any,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A number that is not negative.
    Amount,
    /// A whole number in a range.
    Whole(i64, i64),
    /// RFC 3339.
    Time,
    /// One of these words, in lower or upper case.
    Word(&'static [&'static str]),
    /// An object with any members.
    Map,
    /// A list.
    List(&'static Shape),
    /// An object with these fields.
    Object(&'static [Field]),
    /// Text is looked at as the first, all else as the second.
    TextOr(&'static Shape, &'static Shape),
    /// True, false, or this.
    BoolOr(&'static Shape),
}

/// One field of an object.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub shape: &'static Shape,
    /// Whether it must be there.
    pub required: bool,
}

const fn must(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        shape,
        required: true,
    }
}

const fn may(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        shape,
        required: false,
    }
}

const COUNT: Shape = Shape::Whole(1, u32::MAX as i64);
const IDS: Shape = Shape::List(&Shape::Text);
const SPAN: Shape = Shape::Object(&[must("amount", &Shape::Amount), must("unit", &Shape::Text)]);

/// `Definition`.
pub const DEFINITION: &[Field] = &[
    must("id", &Shape::Text),
    may("name", &Shape::Text),
    may("description", &Shape::Text),
    may(
        "status",
        &Shape::Word(&["draft", "active", "paused", "archived"]),
    ),
    may("trigger", &Shape::Object(TRIGGER)),
    may("triggers", &Shape::List(&Shape::Object(TRIGGER))),
    may("enrollmentKey", &Shape::Text),
    may("startStepId", &Shape::Text),
    must("actions", &Shape::List(&Shape::Object(STEP))),
    may("goals", &Shape::List(&Shape::Object(GOAL))),
    may("enrollmentSettings", &Shape::Object(ENROLLMENT)),
    may("priority", &Shape::Whole(-100, 100)),
    may("variables", &Shape::Map),
    may("startsAt", &Shape::Time),
    may("endsAt", &Shape::Time),
    may("pauseDates", &Shape::List(&Shape::Object(PAUSE_DATES))),
];

/// `PauseDates`.
pub const PAUSE_DATES: &[Field] = &[must("from", &Shape::Time), must("until", &Shape::Time)];

/// `Trigger`.
pub const TRIGGER: &[Field] = &[
    may("id", &Shape::Text),
    must("type", &Shape::Text),
    may("config", &Shape::Map),
    may("filters", &Shape::List(&Shape::Map)),
    may("rateLimiting", &Shape::Object(RATE_LIMITING)),
    may("allowSelf", &Shape::Bool),
    may("debounce", &SPAN),
    may("includeImported", &Shape::Bool),
    may("activeFrom", &Shape::Time),
    may("activeTo", &Shape::Time),
];

/// `RateLimiting`.
pub const RATE_LIMITING: &[Field] = &[may("maxPerContact", &COUNT), may("timeWindow", &SPAN)];

/// `Step`.
pub const STEP: &[Field] = &[
    must("id", &Shape::Text),
    must("type", &Shape::Text),
    may("name", &Shape::Text),
    may("config", &Shape::Map),
    may("retryConfig", &Shape::Map),
    may("timeout", &Shape::Any),
    may("executeIf", &Shape::Map),
    may("onSuccess", &IDS),
    may("onFailure", &IDS),
    may("onUnknown", &IDS),
    may("onTimeout", &IDS),
    may("maxPasses", &COUNT),
    may("join", &JOIN),
    may(
        "policy",
        &Shape::Word(&["dedupe", "reconcile", "hold", "retry"]),
    ),
];

const JOIN: Shape = Shape::TextOr(
    &Shape::Word(&["all", "any", "each"]),
    &Shape::Object(&[must("atLeast", &COUNT)]),
);

/// `Goal`.
pub const GOAL: &[Field] = &[
    must("id", &Shape::Text),
    may("name", &Shape::Text),
    must("conditions", &Shape::Map),
    may("onAchievement", &ON_ACHIEVEMENT),
    may("onUnmet", &Shape::Word(&["continue", "wait", "end"])),
    may("maxWaitDuration", &SPAN),
];

const GOAL_WORD: Shape = Shape::Word(&["continue", "exit", "goto"]);
const ON_ACHIEVEMENT: Shape = Shape::TextOr(
    &GOAL_WORD,
    &Shape::Object(&[must("action", &GOAL_WORD), may("stepId", &Shape::Text)]),
);

/// `EnrollmentSettings`.
pub const ENROLLMENT: &[Field] = &[
    may("allowMultipleEnrollments", &Shape::Bool),
    may("enrollmentLimit", &COUNT),
    may(
        "enrollmentLimitScope",
        &Shape::Word(&["contact", "workflow"]),
    ),
    may("enrollmentWindow", &SPAN),
    may("entryConditions", &Shape::Map),
    may("exitConditions", &Shape::Map),
    may("removeOnGoalAchievement", &Shape::Bool),
    may("stopOnReply", &STOP_ON_REPLY),
    may("reEnrollmentDelay", &SPAN),
    may("suppressionLists", &IDS),
];

const STOP_ON_REPLY: Shape = Shape::BoolOr(&Shape::List(&Shape::Word(&[
    "email",
    "sms",
    "whatsapp",
    "rcs",
    "voicemail",
])));

/// All problems of a definition's shape.
#[must_use]
pub fn check(definition: &Value) -> Vec<Problem> {
    let mut walk = Walk {
        path: String::new(),
        found: Vec::new(),
    };
    walk.value(&Shape::Object(DEFINITION), definition);
    walk.found
}

/// The problem that an unknown field is: it names the nearest of `known`, else all of them.
#[must_use]
pub fn unknown_field(path: String, name: &str, known: &[&str]) -> Problem {
    let begins = |field: &&str| name.len() > 2 && field.starts_with(name);
    let near =
        nearest(name, known.iter().copied()).or_else(|| known.iter().copied().find(|k| begins(k)));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "it takes none".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    };
    Problem::error(
        codes::UNKNOWN_FIELD,
        path,
        format!("unknown field {}", quoted(name)),
    )
    .hint(hint)
}

struct Walk {
    path: String,
    found: Vec<Problem>,
}

impl Walk {
    fn inside(&mut self, segment: &str, f: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 && !segment.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(segment);
        f(self);
        self.path.truncate(length);
    }

    fn wrong(&mut self, message: String) -> &mut Problem {
        self.found.push(Problem::error(
            codes::INVALID_VALUE,
            self.path.clone(),
            message,
        ));
        self.found.last_mut().expect("just pushed")
    }

    fn wanted(&mut self, what: &str, value: &Value) {
        self.wrong(format!("expected {what}, found {}", described(value)));
    }

    fn value(&mut self, shape: &Shape, value: &Value) {
        match (shape, value) {
            (Shape::Any, _) | (Shape::Text, Value::String(_)) | (Shape::Bool, Value::Bool(_)) => {}
            (Shape::Map, Value::Object(_)) => {}
            (Shape::Text, _) => self.wanted("text", value),
            (Shape::Bool, _) => self.wanted("true or false", value),
            (Shape::Map, _) => self.wanted("an object", value),
            (Shape::Amount, _) => {
                if value.as_f64().is_none_or(|number| number < 0.0) {
                    self.wanted("a number that is not negative", value);
                }
            }
            (Shape::Whole(least, most), _) => {
                if value
                    .as_i64()
                    .is_none_or(|number| number < *least || number > *most)
                {
                    self.wanted(&format!("a whole number from {least} to {most}"), value);
                }
            }
            (Shape::Time, _) => {
                let time = value.as_str().map(chrono::DateTime::parse_from_rfc3339);
                if !matches!(time, Some(Ok(_))) {
                    self.wanted("a time such as \"2026-01-31T09:00:00Z\"", value);
                }
            }
            (Shape::Word(words), Value::String(word)) => {
                if !words.contains(&word.as_str()) {
                    let near = did_you_mean(word, words.iter().copied());
                    let hint = near.unwrap_or_else(|| format!("one of {}", words.join(", ")));
                    self.wrong(format!("{} is no word that is known here", quoted(word)))
                        .hint = Some(hint);
                }
            }
            (Shape::Word(words), _) => self.wanted(&format!("one of {}", words.join(", ")), value),
            (Shape::List(item), Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.inside(&format!("[{index}]"), |walk| walk.value(item, value));
                }
            }
            (Shape::List(Shape::Text), Value::String(word)) => {
                let hint = format!("write [{}]", quoted(word));
                self.wrong("expected a list, found text".to_owned()).hint = Some(hint);
            }
            (Shape::List(_), _) => self.wanted("a list", value),
            (Shape::BoolOr(_), Value::Bool(_)) => {}
            (Shape::BoolOr(other), _) => self.value(other, value),
            (Shape::TextOr(text, _), Value::String(_)) => self.value(text, value),
            (Shape::TextOr(_, other), _) => self.value(other, value),
            (Shape::Object(fields), Value::Object(members)) => {
                for (name, value) in members {
                    match fields.iter().find(|field| field.name == name) {
                        Some(field) => self.inside(name, |walk| walk.value(field.shape, value)),
                        None => {
                            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
                            self.inside(name, |walk| {
                                walk.found
                                    .push(unknown_field(walk.path.clone(), name, &known));
                            });
                        }
                    }
                }
                for field in fields.iter().filter(|field| field.required) {
                    if !members.contains_key(field.name) {
                        let message = format!("the field {} is missing", field.name);
                        let path = self.path.clone();
                        self.found
                            .push(Problem::error(codes::MISSING_FIELD, path, message));
                    }
                }
            }
            (Shape::Object(_), _) => self.wanted("an object", value),
        }
    }
}

/// A value as a message names it.
#[must_use]
pub fn described(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
