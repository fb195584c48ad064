//! Connectors: the adapters that deliver an outbox row to the outside.
