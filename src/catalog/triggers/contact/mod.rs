//! What happens to a contact.

mod created;
mod dnd_changed;
mod field_changed;
mod tag_added;
mod tag_removed;
mod updated;

pub use created::Created;
pub use dnd_changed::{DndChanged, DndState};
pub use field_changed::{Became, FieldChanged};
pub use tag_added::TagAdded;
pub use tag_removed::TagRemoved;
pub use updated::Updated;

use crate::model::path::builtin_contact_field;

/// Whether two names mean one contact field (`lastName`, `last_name`).
pub(super) fn same_field(a: &str, b: &str) -> bool {
    let column = |name| builtin_contact_field(name).map(|(_, column)| column);
    a == b || column(a).is_some_and(|a| column(b) == Some(a))
}
