//! Actions that compute with the execution's variables.

pub mod set_variable;
pub mod update_variable;
