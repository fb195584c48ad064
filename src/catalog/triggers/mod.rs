//! The table of triggers: one line each, by type.

pub mod contact;
pub mod custom;
pub mod form;
pub mod payment;

use super::trigger::TriggerEntry;

/// Every trigger with a config of its own, sorted by type.
pub const ALL: &[TriggerEntry] = &[
    TriggerEntry::of::<custom::ApiTrigger>(),
    TriggerEntry::of::<contact::Created>(),
    TriggerEntry::of::<contact::DndChanged>(),
    TriggerEntry::of::<contact::FieldChanged>(),
    TriggerEntry::of::<contact::TagAdded>(),
    TriggerEntry::of::<contact::TagRemoved>(),
    TriggerEntry::of::<contact::Updated>(),
    TriggerEntry::of::<custom::CustomEvent>(),
    TriggerEntry::of::<form::Abandoned>(),
    TriggerEntry::of::<form::Submitted>(),
    TriggerEntry::of::<custom::ManualEnrollment>(),
    TriggerEntry::of::<payment::Failed>(),
    TriggerEntry::of::<payment::Refunded>(),
    TriggerEntry::of::<payment::Successful>(),
    TriggerEntry::of::<custom::WebhookReceived>(),
];

/// The trigger of this type.
#[must_use]
pub fn entry(kind: &str) -> Option<&'static TriggerEntry> {
    ALL.binary_search_by(|entry| entry.kind.cmp(kind))
        .ok()
        .map(|index| &ALL[index])
}

#[cfg(test)]
mod tests;
