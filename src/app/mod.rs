//! The use cases: what the API, the CLI and an embedding program call.

pub mod bench;
pub mod verify;
