//! Forks and joins.
//!
//! A fork is a visit of a step that leads on along several ways. A join belongs to one fork: the
//! outermost one of the branch two of whose arms can come to it. A branch that waits at a join keeps,
//! of its forks, that one as the innermost.

use serde_json::json;

use super::{
    burst::{MAX_BRANCHES, Machine, as_step},
    program::JoinRule,
};
use crate::{
    catalog::action::Failure,
    model::{
        execution::{Branch, Fork, Park, ParkKind, State},
        transition::EntryKind,
    },
};

impl Machine<'_> {
    /// Puts a new branch, without forks, on a step.
    pub(super) fn stand(&mut self, step: u32) {
        let id = self.next_branch();
        self.state.path_ended = None;
        self.state.branches.push(Branch {
            id,
            step,
            forks: Vec::new(),
            park: None,
            tries: 0,
        });
    }

    fn next_branch(&mut self) -> u32 {
        let id = self.state.next_branch;
        self.state.next_branch += 1;
        id
    }

    /// The branch at this position goes on to these steps: none end it, several fork. `seq` is the
    /// history entry of the step that it leaves.
    pub(super) fn go(&mut self, at: usize, steps: &[u32], seq: i32) {
        self.touched = true;
        match steps {
            [] => {
                self.state.branches.remove(at);
                self.settle_forks();
            }
            [step] => {
                let branch = &mut self.state.branches[at];
                branch.step = *step;
                branch.park = None;
                let id = branch.id;
                self.arrive(id);
            }
            _ if self.state.branches.len() + steps.len() > MAX_BRANCHES => {
                let message = format!("more than {MAX_BRANCHES} branches at once");
                self.fail_for_good(
                    at,
                    Failure {
                        error: "loop_limit".into(),
                        message,
                    },
                );
            }
            _ => {
                let parent = self.state.branches.remove(at);
                self.state.forks.push(Fork {
                    id: seq,
                    step: parent.step,
                    open: 0,
                    arrived: Default::default(),
                    fired: Vec::new(),
                });
                let mut forks = parent.forks;
                forks.push(seq);
                // All arms exist before the first arrives: a join must know whom it waits for.
                let first = self.state.next_branch;
                for step in steps {
                    let id = self.next_branch();
                    let forks = forks.clone();
                    self.state.branches.push(Branch {
                        id,
                        step: *step,
                        forks,
                        park: None,
                        tries: 0,
                    });
                }
                for id in first..self.state.next_branch {
                    self.arrive(id);
                }
            }
        }
    }

    /// A branch has come to its step: where that is a join of one of its forks, it is counted there.
    fn arrive(&mut self, id: u32) {
        let Some(at) = self.position(id) else { return };
        let join = self.state.branches[at].step;
        let rule = self.program.step(join).and_then(|step| step.join);
        let (Some(rule), Some(depth)) = (rule, self.fork_of(at, join)) else {
            return;
        };
        let branch = &mut self.state.branches[at];
        let fork = branch.forks[depth];
        if rule == JoinRule::Each {
            // From here on it is on its own.
            branch.forks.truncate(depth);
            return self.settle_forks();
        }
        branch.forks.truncate(depth + 1);
        let Some(visit) = self.state.forks.iter_mut().find(|visit| visit.id == fork) else {
            return;
        };
        let arrived = visit.arrived.entry(join).or_insert(0);
        *arrived += 1;
        let arrived = *arrived;
        if rule == JoinRule::AtLeast(1) {
            return self.fire(fork, join, id);
        }
        let result = json!({ "arrived": arrived });
        let seq = self.log(as_step(join), EntryKind::StepJoined, result);
        let waiting = self.waiting_at(fork, join);
        match waiting {
            // The first stands for all that come.
            Some(_) => drop(self.state.branches.remove(at)),
            None => {
                let kind = ParkKind::Join;
                self.park(
                    at,
                    Park {
                        kind,
                        seq,
                        since: self.now,
                        until: None,
                        limit: None,
                    },
                );
            }
        }
        match rule {
            JoinRule::AtLeast(n) if arrived >= n => {
                self.fire(fork, join, waiting.unwrap_or(id));
            }
            _ => self.settle_forks(),
        }
    }

    /// Position among its forks of the one to which the join belongs for this branch.
    fn fork_of(&self, at: usize, join: u32) -> Option<usize> {
        let forks = &self.state.branches[at].forks;
        let owns = |fork: &i32| {
            let visit = self.state.forks.iter().find(|visit| visit.id == *fork);
            let step = visit.and_then(|visit| self.program.step(visit.step));
            step.is_some_and(|step| step.joins.contains(&join))
        };
        forks
            .iter()
            .position(owns)
            .or_else(|| forks.len().checked_sub(1))
    }

    /// The branch that waits at a join of a fork.
    fn waiting_at(&self, fork: i32, join: u32) -> Option<u32> {
        let waits = |branch: &&Branch| branch.step == join && waits_for(branch, fork);
        self.state
            .branches
            .iter()
            .find(waits)
            .map(|branch| branch.id)
    }

    /// The join fires: the rest of the fork is cancelled, the branch goes on.
    fn fire(&mut self, fork: i32, join: u32, id: u32) {
        let (rest, kept): (Vec<Branch>, Vec<Branch>) = std::mem::take(&mut self.state.branches)
            .into_iter()
            .partition(|branch| branch.id != id && branch.forks.contains(&fork));
        self.state.branches = kept;
        self.cancel_sends(&rest);
        self.leave(fork, join, id);
        self.settle_forks();
    }

    /// The branch that waited at the join goes on, outside of the fork.
    fn leave(&mut self, fork: i32, join: u32, id: u32) {
        self.touched = true;
        let others = self
            .state
            .branches
            .iter()
            .any(|b| b.id != id && b.forks.contains(&fork));
        if let Some(visit) = self.state.forks.iter_mut().find(|visit| visit.id == fork) {
            visit.arrived.remove(&join);
            visit.fired.push(join);
        }
        if let Some(at) = self.position(id) {
            let branch = &mut self.state.branches[at];
            branch.park = None;
            // Where others still wait at another join of the fork, it may yet come there.
            if !others && let Some(depth) = branch.forks.iter().position(|f| *f == fork) {
                branch.forks.truncate(depth);
            }
        }
    }

    /// Fires the `all` joins that nobody can come to any more, and forgets forks that are over.
    fn settle_forks(&mut self) {
        let mut at = self.state.forks.len();
        while at > 0 {
            at -= 1;
            let fork = self.state.forks[at].id;
            let branches = self
                .state
                .branches
                .iter()
                .filter(|b| b.forks.contains(&fork));
            let (mut any, mut active, mut joins) = (false, false, Vec::new());
            for branch in branches {
                any = true;
                if waits_for(branch, fork) {
                    joins.push((branch.step, branch.id));
                } else {
                    active = true;
                }
            }
            if !any {
                self.state.forks.remove(at);
            } else if !active {
                // Of several, the one that no other leads to comes first.
                let joins_at = |join: u32| {
                    joins
                        .iter()
                        .any(|(other, _)| *other != join && self.program.leads(*other, join))
                };
                let next = joins
                    .iter()
                    .find(|(join, _)| !joins_at(*join))
                    .or(joins.first());
                if let Some((join, id)) = next.copied() {
                    let rule = self.program.step(join).and_then(|step| step.join);
                    match rule {
                        // Too few came, and no more can: it never fires.
                        Some(JoinRule::AtLeast(_)) => {
                            self.state.branches.retain(|branch| branch.id != id);
                        }
                        _ => self.leave(fork, join, id),
                    }
                    // What it goes on to may complete an outer fork.
                    at = self.state.forks.len();
                }
            }
        }
    }

    /// Brings the counts of open branches up to date.
    pub(super) fn recount_forks(&mut self) {
        let State {
            branches, forks, ..
        } = &mut self.state;
        for fork in forks {
            let open = branches
                .iter()
                .filter(|b| b.forks.contains(&fork.id) && !waits_for(b, fork.id));
            fork.open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        }
    }
}

/// Whether the branch stands at a join of this very fork.
fn waits_for(branch: &Branch, fork: i32) -> bool {
    branch.forks.last() == Some(&fork)
        && branch
            .park
            .as_ref()
            .is_some_and(|park| park.kind == ParkKind::Join)
}
