//! The table of actions: one line each, by type.

pub mod crm;
pub mod data;
pub mod flow;
pub mod integration;
pub mod message;

use super::action::ActionEntry;

/// Every action, sorted by type.
pub const ALL: &[ActionEntry] = &[
    crm::add_note::ENTRY,
    crm::add_tag::ENTRY,
    data::array::ENTRY,
    data::date::ENTRY,
    flow::delay::ENTRY,
    flow::end_workflow::ENTRY,
    flow::enroll_in_workflow::ENTRY,
    flow::go_to::ENTRY,
    integration::http_request::ENTRY,
    flow::if_else::ENTRY,
    flow::manual_review::ENTRY,
    data::math::ENTRY,
    flow::parallel::ENTRY,
    flow::random_path::ENTRY,
    flow::remove_from_workflow::ENTRY,
    crm::remove_tag::ENTRY,
    message::send_email::ENTRY,
    data::set_variable::ENTRY,
    flow::split::ENTRY,
    data::string::ENTRY,
    crm::update_contact::ENTRY,
    data::update_variable::ENTRY,
    flow::wait::ENTRY,
    integration::webhook::ENTRY,
];

/// The action of this type.
#[must_use]
pub fn find(kind: &str) -> Option<&'static ActionEntry> {
    let at = ALL.binary_search_by(|entry| entry.kind.cmp(kind)).ok()?;
    ALL.get(at)
}

#[cfg(test)]
mod tests;
