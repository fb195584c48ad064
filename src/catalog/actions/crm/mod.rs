//! Actions that write to the contact, in the same transaction as the step.

pub mod add_note;
pub mod add_tag;
pub mod remove_tag;
pub mod update_contact;
