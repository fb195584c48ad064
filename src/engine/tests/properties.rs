//! Placeholder until the properties stand.
