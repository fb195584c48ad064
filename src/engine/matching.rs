//! Which triggers an event fires, and why the others do not.

use serde_json::Value;

use super::{contact::Contact, program::Program, rules::key_at, scope::EventScope};
use crate::{
    catalog::{
        trigger::{self, Trigger},
        words::{self, Problems},
    },
    model::{
        condition::Condition,
        execution::Instant,
        reads::Reads,
        span::Span,
        template::Escape,
        transition::{Event, MAX_DEPTH},
        workflow::{self, Definition},
    },
};

/// A compiled trigger.
#[derive(Debug)]
pub struct TriggerProgram {
    /// Its id within the workflow.
    pub id: String,
    /// Event type.
    pub kind: String,
    /// What its own config says.
    pub trigger: Box<dyn Trigger>,
    /// All must hold; none given: nothing is asked.
    pub filters: Option<Condition>,
    /// Events that an execution of this very workflow caused enrol too.
    pub allow_self: bool,
    /// Enrollments of one contact through this trigger within the window.
    pub max_per_contact: Option<u32>,
    /// The rolling window of that; none: for ever.
    pub time_window: Option<Span>,
    /// Several events within this time are one; none: each is one.
    pub debounce: Option<Span>,
    /// Events of imported rows enrol too.
    pub include_imported: bool,
    /// Only events that happened from here on ...
    pub active_from: Option<Instant>,
    /// ... and before this enrol.
    pub active_to: Option<Instant>,
}

/// What one trigger makes of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerDecision {
    /// Trigger id.
    pub trigger: String,
    /// What it makes of it.
    pub outcome: TriggerOutcome,
}

/// How a trigger answers.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerOutcome {
    /// The contact is to be enrolled.
    Matched {
        /// The enrollment key; none: the contact's id.
        key: Option<String>,
    },
    /// The event does not fit the trigger's config, or is another trigger's timed firing.
    NotConfig,
    /// A filter does not hold.
    Filtered {
        /// Each comparison, with what it wanted and found.
        trace: Value,
    },
    /// An execution of this very workflow caused it.
    SelfCaused,
    /// The chain of causes is too long.
    TooDeep,
    /// It happened outside of the trigger's `activeFrom` and `activeTo`.
    Inactive,
    /// It is of an imported row.
    Imported,
    /// The key's template failed.
    BadKey {
        /// What is wrong with it.
        message: String,
    },
}

impl TriggerProgram {
    pub(super) fn compile_all(definition: &Definition, found: &mut Problems) -> Box<[Self]> {
        let one = definition
            .trigger
            .iter()
            .map(|trigger| ("trigger".to_owned(), trigger));
        let many = definition.triggers.iter().enumerate();
        let many = many.map(|(i, trigger)| (format!("triggers[{i}]"), trigger));
        let all = one.chain(many).enumerate();
        all.filter_map(|(i, (path, trigger))| Self::compile(i, &path, trigger, found))
            .collect()
    }

    fn compile(
        index: usize,
        path: &str,
        given: &workflow::Trigger,
        found: &mut Problems,
    ) -> Option<Self> {
        let trigger = trigger::compile(given).map_err(|problems| words::within(problems, path));
        let trigger = found.take(trigger);
        let filters = match &given.filters[..] {
            [] => None,
            filters => Some(found.take(words::conditions(filters, &format!("{path}.filters")))?),
        };
        let limit = given.rate_limiting.as_ref();
        let time_window = limit
            .and_then(|limit| limit.time_window.as_ref())
            .and_then(|span| {
                found.take(words::span(
                    span,
                    &format!("{path}.rateLimiting.timeWindow"),
                ))
            });
        let debounce = given.debounce.as_ref();
        let debounce = debounce
            .and_then(|span| found.take(words::span(span, &format!("{path}.debounce"))))
            .filter(|span| !span.is_zero());
        let id = given.id.clone().unwrap_or_else(|| match path {
            "trigger" => "trigger".into(),
            _ => format!("trigger-{}", index + 1),
        });
        Some(Self {
            id,
            kind: given.kind.clone(),
            trigger: trigger?,
            filters,
            allow_self: given.allow_self,
            max_per_contact: limit.and_then(|limit| limit.max_per_contact),
            time_window,
            debounce,
            include_imported: given.include_imported.unwrap_or(true),
            active_from: given.active_from,
            active_to: given.active_to,
        })
    }

    /// Adds all that its filters read.
    pub fn reads(&self, reads: &mut Reads) {
        if let Some(filters) = &self.filters {
            filters.reads(reads);
        }
    }
}

/// What the triggers of one version that listen to this type of event make of it, in order.
#[must_use]
pub fn decide(
    program: &Program,
    event: &Event,
    contact: &Contact,
    now: Instant,
) -> Vec<TriggerDecision> {
    let listening = program
        .triggers
        .iter()
        .filter(|trigger| trigger.kind == event.kind);
    listening
        .map(|trigger| TriggerDecision {
            trigger: trigger.id.clone(),
            outcome: outcome(program, trigger, event, contact, now),
        })
        .collect()
}

fn outcome(
    program: &Program,
    trigger: &TriggerProgram,
    event: &Event,
    contact: &Contact,
    now: Instant,
) -> TriggerOutcome {
    // A firing is one trigger's own: it enrols through no other.
    if let Some(firing) = &event.trigger
        && (firing.workflow != program.numbers.workflow || firing.trigger != trigger.id)
    {
        return TriggerOutcome::NotConfig;
    }
    if !trigger.trigger.matches(event) {
        return TriggerOutcome::NotConfig;
    }
    if let Some(cause) = &event.cause {
        if cause.depth > MAX_DEPTH {
            return TriggerOutcome::TooDeep;
        }
        if cause.workflow == program.numbers.workflow && !trigger.allow_self {
            return TriggerOutcome::SelfCaused;
        }
    }
    let happened = event.occurred_at;
    if trigger.active_from.is_some_and(|from| happened < from)
        || trigger.active_to.is_some_and(|to| happened >= to)
    {
        return TriggerOutcome::Inactive;
    }
    if !trigger.include_imported && is_imported(event) {
        return TriggerOutcome::Imported;
    }
    let zone = program.tenant.timezone;
    let scope = EventScope {
        event,
        contact,
        tenant: (&program.tenant.name, zone.name()),
    };
    let tz = contact.tz.unwrap_or(zone);
    if let Some(filters) = &trigger.filters
        && !filters.eval(&scope, now, tz)
    {
        let (_, trace) = filters.eval_traced(&scope, now, tz);
        return TriggerOutcome::Filtered {
            trace: serde_json::to_value(trace).unwrap_or_default(),
        };
    }
    let key = match (&program.rules.key_path, &program.key) {
        // One rule with `enroll`, which cannot render.
        (Some(path), _) => key_at(&event.data, path).unwrap_or_default(),
        (None, Some(template)) => match template.render(&scope, now, tz, Escape::None) {
            Ok(key) => key.trim().to_owned(),
            Err(error) => {
                return TriggerOutcome::BadKey {
                    message: error.to_string(),
                };
            }
        },
        (None, None) => trigger.trigger.subject(event).unwrap_or_default(),
    };
    // A template that finds nothing falls back to the contact, like an event without a subject.
    TriggerOutcome::Matched {
        key: (!key.is_empty()).then_some(key),
    }
}

/// Whether the row that it tells of came with an import, by what its data says of where it comes from.
fn is_imported(event: &Event) -> bool {
    let batch = ["importBatchId", "import_batch_id"];
    let batch = batch.iter().filter_map(|name| event.data.get(*name));
    event.data.get("source").and_then(Value::as_str) == Some("import")
        || batch.into_iter().any(|batch| !batch.is_null())
}
