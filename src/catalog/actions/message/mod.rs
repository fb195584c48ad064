//! Actions that write to people.

pub mod send_email;
