//! Security: tenants kept apart, hostile text, hijacked names, calls that reach inside, secrets that leak.

mod injection;
mod keys;
mod outbound;
mod search_path;
mod stage;
mod tenants;
