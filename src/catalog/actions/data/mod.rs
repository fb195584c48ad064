//! Actions that compute with the execution's variables.

pub mod array;
mod compute;
pub mod date;
pub mod math;
pub mod set_variable;
pub mod string;
#[cfg(test)]
mod tests;
pub mod update_variable;
