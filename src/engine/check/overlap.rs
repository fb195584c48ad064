//! Two active workflows that message one channel on one event: a contact may get both.

use std::collections::BTreeMap;

use super::codes;
use crate::catalog::{
    finding::{Finding, quoted},
    parse::Source,
    trigger,
};
use crate::model::{
    problem::Problem,
    workflow::{Definition, Trigger, WorkflowStatus},
};

/// Actions that reach a contact, and over what.
const CHANNELS: &[(&str, &str)] = &[
    ("drop_voicemail", "the phone"),
    ("make_call", "the phone"),
    ("send_email", "email"),
    ("send_rcs", "RCS"),
    ("send_sms", "SMS"),
    ("send_whatsapp", "WhatsApp"),
];

/// What a workflow listens to and how it speaks.
#[derive(Debug, Clone)]
pub struct Messaging {
    workflow: String,
    active: bool,
    /// Event types, each with the one value it must carry, where there is one.
    events: Vec<(String, Option<String>)>,
    /// Channels, each with the path of the first step that uses it.
    channels: BTreeMap<&'static str, String>,
}

impl Messaging {
    /// Of a definition; where it says no status, it is on its way to being active.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let event = |trigger: &Trigger| {
            let compiled = trigger::compile(trigger).ok();
            let only = compiled.and_then(|trigger| trigger.discriminator());
            (trigger.kind.clone(), only)
        };
        let mut channels = BTreeMap::new();
        for (i, step) in definition.actions.iter().enumerate() {
            if let Some((_, channel)) = CHANNELS.iter().find(|(kind, _)| *kind == step.kind) {
                channels
                    .entry(*channel)
                    .or_insert_with(|| format!("actions[{i}]"));
            }
        }
        Self {
            workflow: definition.id.clone(),
            active: matches!(definition.status, None | Some(WorkflowStatus::Active)),
            events: definition.all_triggers().take(100).map(event).collect(),
            channels,
        }
    }

    /// The warning that the other one is to this one.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Problem> {
        if !(self.active && other.active) || self.workflow == other.workflow {
            return None;
        }
        let both = |(kind, only): &&(String, Option<String>)| {
            let meets = |(other, others): &(String, Option<String>)| {
                // Two different values never stand in one event.
                other == kind && (only.is_none() || others.is_none() || only == others)
            };
            other.events.iter().any(meets)
        };
        let (kind, _) = self.events.iter().find(both)?;
        let (channel, path) = self
            .channels
            .iter()
            .find(|(channel, _)| other.channels.contains_key(*channel))?;
        let message = format!(
            "the active workflow {} also starts on {kind} and also uses {channel}: a contact may get both",
            quoted(&other.workflow)
        );
        let hint = "tell them apart by filters, or let one of them exclude who is in the other";
        Some(Problem::warning(codes::OVERLAPPING_WORKFLOWS, path, message).hint(hint))
    }
}

/// The findings of `source` against the others; at most ten.
#[must_use]
pub fn against<'m>(
    source: &Source,
    others: impl IntoIterator<Item = &'m Messaging>,
) -> Vec<Finding> {
    let own = Messaging::of(&source.definition);
    let problems = others.into_iter().filter_map(|other| own.overlap(other));
    source.findings(problems.take(10).collect()).list
}
