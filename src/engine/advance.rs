//! The heart: a version, an execution, its contact, what came up and the time, to all that changes.

use super::{burst::Machine, contact::Contact, program::Program};
use crate::model::{
    execution::{Execution, Instant, Status},
    transition::{Command, Input, Transition},
};

/// Bounds of one burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Steps that may run before the execution yields. 0 takes in what came up, and holds before the next step.
    pub max_steps: u32,
}

impl Default for Burst {
    fn default() -> Self {
        Self { max_steps: 64 }
    }
}

/// Advances an execution as far as it goes; none: nothing changes.
///
/// Pure: the same arguments give the same transition, and `now` is the only clock. `contact` is
/// changed as the burst writes to it. A paused execution settles what reaches it and stays where it
/// is. A final one answers to [`Command::Retry`] alone.
pub fn advance(
    program: &Program,
    execution: &Execution,
    contact: &mut Contact,
    input: &Input,
    now: Instant,
    limits: Burst,
) -> Option<Transition> {
    let started = execution.state.started;
    if execution.status.is_final() {
        if !matches!(input, Input::Command(Command::Retry { .. })) {
            return None;
        }
    } else if contact.exists {
        // Most inputs are of no concern: they are told apart before anything is copied.
        match input {
            Input::Time if execution.status == Status::Paused => return None,
            Input::Event(event) if !started || !program.depends_on(event) => return None,
            Input::Reply(_) if !started => return None,
            _ => {}
        }
    }
    let mut machine = Machine::new(program, execution, contact, now);
    machine.take(input)?;
    machine.run(limits.max_steps);
    machine.finished()
}
