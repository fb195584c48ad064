//! What an operator asks of an execution.

use serde_json::{Value, json};

use super::burst::Machine;
use crate::{
    catalog::action::{Verdict, Wake},
    model::{
        execution::{ParkKind, Status},
        transition::{Command, EntryKind},
    },
};

impl Machine<'_> {
    /// Does what the command says; none: there is nothing to do, or no such step.
    pub(super) fn obey(&mut self, command: &Command) -> Option<()> {
        if let Command::Remove { reason } = command {
            self.finish(Status::Cancelled, Some(reason.clone()), Value::Null);
            return Some(());
        }
        if !self.state.started {
            self.start();
        }
        match command {
            Command::Remove { .. } => return None,
            Command::SkipWait => {
                // A review is decided, not skipped.
                let bound = [ParkKind::Reply, ParkKind::Join, ParkKind::Review];
                let over = |kind| !bound.contains(&kind);
                let parked = self.parked(|park| over(park.kind));
                self.give_up = self.state.path_ended.is_some();
                if parked.is_empty() && !self.give_up {
                    return None;
                }
                self.log(
                    -1,
                    EntryKind::ExecutionMoved,
                    json!({ "command": "skip_wait" }),
                );
                for id in parked {
                    self.wake(id, Wake::Skip);
                }
            }
            Command::Review {
                step,
                approve,
                note,
            } => {
                let wanted = match step {
                    Some(step) => Some(self.program.step_index(step)?),
                    None => None,
                };
                let mut open = self.parked(|park| park.kind == ParkKind::Review);
                open.retain(|id| {
                    let at = self.position(*id).map(|at| self.state.branches[at].step);
                    wanted.is_none() || wanted == at
                });
                if open.is_empty() {
                    return None;
                }
                let verdict = Verdict {
                    approved: *approve,
                    note: note.clone(),
                };
                for id in open {
                    self.wake(id, Wake::Review(&verdict));
                }
            }
            Command::Move { step } => {
                let index = self.program.step_index(step)?;
                self.jump(index, json!({ "command": "move", "step": step }));
            }
            Command::Retry { step: None } => {
                let parked = self.parked(|park| park.kind == ParkKind::Retry);
                // A failed execution stands where it failed; brought back to life it is ready there.
                let failed = self
                    .state
                    .branches
                    .first()
                    .filter(|branch| branch.park.is_none());
                let failed = failed.map(|branch| branch.step);
                let id = failed.and_then(|index| self.program.step_ids().get(index as usize));
                match (failed, id) {
                    (Some(index), Some(id)) => {
                        let detail = json!({ "command": "retry", "step": id });
                        self.pardon(index);
                        self.log(-1, EntryKind::ExecutionMoved, detail);
                    }
                    _ if parked.is_empty() => return None,
                    _ => {
                        self.log(-1, EntryKind::ExecutionMoved, json!({ "command": "retry" }));
                    }
                }
                for id in parked {
                    self.wake(id, Wake::Look);
                }
            }
            Command::Retry { step: Some(step) } => {
                let index = self.program.step_index(step)?;
                self.pardon(index);
                self.jump(index, json!({ "command": "retry", "step": step }));
            }
        }
        self.dirty = true;
        Some(())
    }

    /// All branches end; one stands on this step.
    fn jump(&mut self, step: u32, detail: Value) {
        self.end_branches();
        self.log(-1, EntryKind::ExecutionMoved, detail);
        self.stand(step);
    }

    /// An operator's retry starts the loop guards anew.
    fn pardon(&mut self, step: u32) {
        self.state.steps = 0;
        self.state.visits.remove(&step);
    }
}
