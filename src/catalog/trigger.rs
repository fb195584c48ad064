//! What a trigger is: a pure answer to "does this event start the workflow?".

use std::fmt::Debug;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    codes, config,
    parse::shape::{described, unknown_field},
    triggers,
};
use crate::model::{nearest::did_you_mean, problem::Problem, transition::Event, workflow};

/// One compiled trigger. It does no I/O; its test is a table of (config, event) -> yes or no.
pub trait Trigger: Debug + Send + Sync {
    /// Whether the event fits the config. The event's type is looked at too.
    fn matches(&self, event: &Event) -> bool;

    /// The one value that an event must carry to match, where there is just one (a form id, an event
    /// name): publishing writes it beside the type, so that matching is a look-up.
    fn discriminator(&self) -> Option<String> {
        None
    }

    /// What the planner of a timed trigger needs, e.g. `{"formId", "after": {"amount", "unit"}}`.
    /// None: nothing is planned.
    fn plan(&self) -> Option<Value> {
        None
    }

    /// The default enrollment key of an event; none: the contact's id.
    fn subject(&self, event: &Event) -> Option<String> {
        let value = event.data.get(subject_field(&event.kind)?)?;
        match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// The field of an event's data that holds the id of what the event is about, where that is the
/// default enrollment key: appointments, opportunities, invoices, payments,
/// subscriptions.
#[must_use]
pub fn subject_field(kind: &str) -> Option<&'static str> {
    match kind.split('.').next()? {
        "appointment" => Some("appointmentId"),
        "opportunity" => Some("opportunityId"),
        "invoice" => Some("invoiceId"),
        "payment" => Some("paymentId"),
        "subscription" => Some("subscriptionId"),
        _ => None,
    }
}

/// What the file of one trigger gives: its config struct, and how that meets an event.
///
/// Every field of the struct is optional: without config, every event of the type matches.
pub trait TriggerConfig: Debug + Default + DeserializeOwned + JsonSchema + Send + Sync {
    /// Event type.
    const KIND: &'static str;
    /// One line for people.
    const TITLE: &'static str;
    /// True: fired by a timer that is planned from the config, not only by events.
    const TIMED: bool = false;

    /// Whether the event, which is of this type, fits.
    fn fits(&self, event: &Event) -> bool;

    /// See [`Trigger::discriminator`].
    fn discriminator(&self) -> Option<String> {
        None
    }

    /// See [`Trigger::plan`].
    fn plan(&self) -> Option<Value> {
        None
    }
}

/// A compiled trigger, or everything that is wrong with its config.
pub type Compiled = Result<Box<dyn Trigger>, Vec<Problem>>;

/// One row of the table of triggers.
pub struct TriggerEntry {
    /// Event type, dotted.
    pub kind: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// JSON Schema of its config; descriptions come from the config struct's doc comments.
    pub schema: fn() -> Schema,
    /// Reads a config. Problems carry paths relative to the trigger, e.g. `config.formId`.
    pub compile: fn(Option<&Value>) -> Compiled,
    /// Fired by a timer that is planned from the config.
    pub timed: bool,
}

impl TriggerEntry {
    /// The row of a config struct.
    #[must_use]
    pub const fn of<T: TriggerConfig + 'static>() -> Self {
        Self {
            kind: T::KIND,
            title: T::TITLE,
            schema: || schemars::schema_for!(T),
            compile: |value| {
                let config: T = config::read(value.unwrap_or(&Value::Null), "config")?;
                Ok(Box::new(OfKind(config)))
            },
            timed: T::TIMED,
        }
    }
}

impl Debug for TriggerEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TriggerEntry")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Compiles a trigger of any type; a type without an entry is an event of the team's own, which takes
/// no config.
///
/// # Errors
/// The config is wrong. Paths are relative to the trigger.
pub fn compile(trigger: &workflow::Trigger) -> Compiled {
    let config = trigger.config.as_ref();
    if let Some(entry) = triggers::entry(&trigger.kind) {
        return (entry.compile)(config);
    }
    let members = config.and_then(Value::as_object).into_iter().flatten();
    let problems: Vec<_> = members
        .map(|(name, _)| {
            unknown_field(format!("config.{name}"), name, &[]).hint(format!(
                "events of type {} are chosen by filters",
                trigger.kind
            ))
        })
        .collect();
    match problems.is_empty() {
        true => Ok(Box::new(AnyOf(trigger.kind.clone()))),
        false => Err(problems),
    }
}

/// The warning that a type near to a known one deserves, e.g. `form.submited`.
#[must_use]
pub fn doubt(kind: &str) -> Option<Problem> {
    let known = super::parse::names::EVENTS;
    if known.contains(&kind) || kind.starts_with("custom.") {
        return None;
    }
    let hint = did_you_mean(kind, known.iter().copied())?;
    let message = format!("{kind:?} is no event type of the catalog; only your own events fire it");
    Some(Problem::warning(codes::UNKNOWN_EVENT_TYPE, "type", message).hint(hint))
}

#[derive(Debug)]
struct OfKind<T>(T);

impl<T: TriggerConfig> Trigger for OfKind<T> {
    fn matches(&self, event: &Event) -> bool {
        event.kind == T::KIND && self.0.fits(event)
    }

    fn discriminator(&self) -> Option<String> {
        self.0.discriminator()
    }

    fn plan(&self) -> Option<Value> {
        self.0.plan()
    }
}

#[derive(Debug)]
struct AnyOf(String);

impl Trigger for AnyOf {
    fn matches(&self, event: &Event) -> bool {
        event.kind == self.0
    }
}

/// A config value that is one word or a list of words.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Words {
    /// One.
    One(String),
    /// Any of several; an empty list excludes nothing.
    Many(Vec<String>),
}

impl<'de> serde::Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |value: &Value| {
            let found = described(value);
            serde::de::Error::custom(format!("expected text or a list of texts, found {found}"))
        };
        match <Value as serde::Deserialize>::deserialize(deserializer)? {
            Value::String(word) => Ok(Words::One(word)),
            Value::Array(items) => {
                let words = items.into_iter().map(|item| match item {
                    Value::String(word) => Ok(word),
                    other => Err(wrong(&other)),
                });
                words.collect::<Result<_, _>>().map(Words::Many)
            }
            other => Err(wrong(&other)),
        }
    }
}

impl Words {
    /// The words.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Words::One(word) => std::slice::from_ref(word),
            Words::Many(words) => words,
        }
    }

    /// The word, where there is just one.
    #[must_use]
    pub fn only(&self) -> Option<&str> {
        match self.all() {
            [word] => Some(word),
            _ => None,
        }
    }
}

/// Whether `key` of the event's data is one of the words; absent or empty words exclude nothing.
#[must_use]
pub fn among(words: Option<&Words>, event: &Event, key: &str) -> bool {
    let words = words.map(Words::all).unwrap_or_default();
    words.is_empty() || text(event, key).is_some_and(|found| words.contains(&found))
}

/// `key` of the event's data as text: text as it is, numbers and booleans as JSON writes them.
#[must_use]
pub fn text(event: &Event, key: &str) -> Option<String> {
    match event.data.get(key)? {
        Value::String(text) => Some(text.clone()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    }
}
