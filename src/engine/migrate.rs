//! Moving a live execution from one version to another: its places, its times, and what cannot be guessed.
//!
//! State holds step and goal *indexes* of its version. [`Migration`] knows for each step of the old version
//! what becomes of who stands there; [`Migration::apply`] rewrites one execution. Both the plan and the
//! deed ask [`Migration::verdict`], so a plan cannot promise what the deed does not do.

mod places;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

pub use self::places::{Answer, StepMap, Verdict};
use self::places::{JoinPlace, Place, places};
use super::{burst::Machine, contact::Contact, program::Program, steps::limit_of};
use crate::{
    catalog::action::{Class, Outcome},
    model::{
        execution::{Branch, Execution, Fork, Instant, Park, ParkKind, State, Status},
        transition::{EntryKind, Transition},
        workflow::Definition,
    },
};

/// What a fork's step becomes when the new version has none for it: no step has this index.
const NO_STEP: u32 = u32::MAX;

/// Why an execution ended that stood on a step answered with `exit`.
pub const EXIT_REASON: &str = "step_removed";

/// A version as its author wrote it and as it runs.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// As it was deployed.
    pub definition: &'a Definition,
    /// Compiled.
    pub program: &'a Program,
}

/// The way from one version to another.
#[derive(Debug)]
pub struct Migration<'a> {
    from: Version<'a>,
    to: Version<'a>,
    /// By step index of the old version.
    places: Vec<Place>,
    /// By goal index of the old version.
    goals: Vec<Option<u32>>,
    /// Goals or exit conditions differ, so they are looked at again.
    watches_differ: bool,
}

/// What became of one execution.
#[derive(Debug, Clone)]
pub enum Moved {
    /// It runs on the new version, or has ended. The entries are history of the new version.
    To(Box<Transition>),
    /// It stays on its version.
    Stays,
    /// It cannot be said where it should stand: this step has no answer.
    Ask {
        /// Id of the step in the old version.
        step: String,
    },
    /// What this step asked for outside is not settled, and the execution would not wait for it any more.
    Unsettled {
        /// Id of the step in the old version.
        step: String,
    },
}

impl<'a> Migration<'a> {
    /// The way from one version to another; `map` answers for steps that have no place in the new one.
    ///
    /// # Errors
    /// The map names a step that the new version does not have.
    pub fn new(from: Version<'a>, to: Version<'a>, map: &StepMap) -> Result<Self, String> {
        let goals = from.program.goal_ids().iter().map(|id| {
            let at = to.program.goal_ids().iter().position(|goal| goal == id)?;
            u32::try_from(at).ok()
        });
        Ok(Self {
            places: places(from, to, map)?,
            goals: goals.collect(),
            watches_differ: watches(from.definition) != watches(to.definition),
            from,
            to,
        })
    }

    /// What becomes of a branch that stands on a step, parked or not (`None`: about to run it).
    #[must_use]
    pub fn verdict(&self, step: u32, park: Option<ParkKind>) -> Verdict {
        let Some(place) = self.places.get(step as usize) else {
            return Verdict::Ask;
        };
        match place {
            Place::Keep { join, .. } if park == Some(ParkKind::Join) => match join {
                JoinPlace::Same => Verdict::Keep,
                JoinPlace::Ask => Verdict::Ask,
                JoinPlace::Renew => Verdict::Renew,
            },
            Place::Keep { config_differs, .. } if *config_differs && self.waits(step, park) => {
                Verdict::Retime
            }
            Place::Keep { .. } => Verdict::Keep,
            Place::Renew { .. } => Verdict::Renew,
            Place::Exit => Verdict::Exit,
            Place::Pin => Verdict::Pin,
            Place::Ask => Verdict::Ask,
        }
    }

    /// Whether it is the step itself that keeps the branch waiting.
    fn waits(&self, step: u32, park: Option<ParkKind>) -> bool {
        let waits = self.from.program.step(step).map(|step| step.class) == Some(Class::Wait);
        let by_itself = [ParkKind::Time, ParkKind::Condition, ParkKind::Event];
        waits && park.is_some_and(|kind| by_itself.contains(&kind))
    }

    /// Moves one execution. Waits whose settings differ are counted anew from when they began, so the time
    /// that has passed counts. `force`: although something sent outside is not settled.
    pub fn apply(
        &self,
        execution: &Execution,
        contact: &mut Contact,
        now: Instant,
        force: bool,
    ) -> Moved {
        let mut verdicts = BTreeSet::new();
        for branch in &execution.state.branches {
            let kind = branch.park.as_ref().map(|park| park.kind);
            let verdict = self.verdict(branch.step, kind);
            let loses = matches!(verdict, Verdict::Renew | Verdict::Exit);
            match verdict {
                Verdict::Ask => {
                    return Moved::Ask {
                        step: self.id(branch.step),
                    };
                }
                _ if loses && kind == Some(ParkKind::Reply) && !force => {
                    return Moved::Unsettled {
                        step: self.id(branch.step),
                    };
                }
                _ => verdicts.insert(verdict),
            };
        }
        if verdicts.contains(&Verdict::Pin) {
            return Moved::Stays;
        }
        let mut moved = execution.clone();
        moved.version = self.to.program.numbers.version;
        moved.state = self.state(&execution.state);
        if !execution.state.started {
            return Moved::To(Box::new(untouched(moved)));
        }
        self.finish(
            execution,
            &moved,
            contact,
            now,
            verdicts.contains(&Verdict::Exit),
        )
    }

    /// The machine of the new version puts right what follows from where the execution stands now.
    fn finish(
        &self,
        before: &Execution,
        moved: &Execution,
        contact: &mut Contact,
        now: Instant,
        exits: bool,
    ) -> Moved {
        let mut machine = Machine::new(self.to.program, moved, contact, now);
        machine.log(-1, EntryKind::ExecutionMoved, self.told(before));
        if exits {
            // Their branches stand nowhere any more; what they sent is told from the old state.
            machine.state.branches.clone_from(&before.state.branches);
            machine.finish(
                Status::Exited,
                Some(EXIT_REASON.into()),
                serde_json::Value::Null,
            );
        } else {
            let lost: Vec<Branch> = before
                .state
                .branches
                .iter()
                .filter(|branch| {
                    let kind = branch.park.as_ref().map(|park| park.kind);
                    self.verdict(branch.step, kind) == Verdict::Renew
                })
                .cloned()
                .collect();
            machine.cancel_sends(&lost);
            for (at, branch) in before.state.branches.iter().enumerate() {
                let kind = branch.park.as_ref().map(|park| park.kind);
                if self.verdict(branch.step, kind) == Verdict::Retime {
                    retime(&mut machine, at);
                }
            }
        }
        let Some(mut transition) = machine.finished() else {
            return Moved::Stays;
        };
        let clock_runs = !transition.status.is_final() && transition.status != Status::Paused;
        if self.watches_differ && clock_runs {
            transition.due_at = Some(now);
        }
        Moved::To(Box::new(transition))
    }

    /// What history says of the move.
    fn told(&self, before: &Execution) -> serde_json::Value {
        let mut told = json!({
            "command": "migrate",
            "fromVersion": before.version,
            "version": self.to.program.numbers.version,
        });
        let mut steps = BTreeMap::new();
        for branch in &before.state.branches {
            let now = match self.places.get(branch.step as usize) {
                Some(Place::Exit) => "exit".to_owned(),
                _ => match self.target(branch.step) {
                    Some(to) => self.to_id(to),
                    None => continue,
                },
            };
            let old = self.id(branch.step);
            if old != now {
                steps.insert(old, now);
            }
        }
        if !steps.is_empty() {
            told["steps"] = json!(steps);
        }
        told
    }

    /// The memory in the numbers of the new version. Steps that are gone take their counts along.
    fn state(&self, old: &State) -> State {
        let mut state = old.clone();
        for branch in &mut state.branches {
            let kind = branch.park.as_ref().map(|park| park.kind);
            if self.verdict(branch.step, kind) == Verdict::Renew {
                branch.park = None;
                branch.tries = 0;
            }
            if let Some(to) = self.target(branch.step) {
                branch.step = to;
            }
        }
        for fork in &mut state.forks {
            self.fork(fork);
        }
        state.visits = self.renumber(&old.visits);
        for branch in &state.branches {
            // A step that can be come to again only now has been come to once. Who waits at a join has not.
            let counted = self
                .to
                .program
                .step(branch.step)
                .is_some_and(|step| step.counted);
            let parked = branch
                .park
                .as_ref()
                .is_some_and(|park| park.kind != ParkKind::Join);
            if counted && (parked || branch.tries > 0) {
                state.visits.entry(branch.step).or_insert(1);
            }
        }
        let goals = old.goals.iter();
        state.goals = goals
            .filter_map(|goal| self.goals.get(*goal as usize).copied().flatten())
            .collect();
        for (old, new) in self.renamed() {
            if let Some(result) = state.results.remove(&old) {
                state.results.entry(new.clone()).or_insert(result);
            }
            if let Some(choice) = state.choices.remove(&old) {
                state.choices.entry(new).or_insert(choice);
            }
        }
        if old.started {
            let known = &self.from.definition.variables;
            for (name, value) in &self.to.definition.variables {
                if !known.contains_key(name) && !state.vars.contains_key(name) {
                    state.vars.insert(name.clone(), value.clone());
                }
            }
        }
        state
    }

    fn fork(&self, fork: &mut Fork) {
        fork.step = self.new_index(fork.step).unwrap_or(NO_STEP);
        fork.arrived = self.renumber(&fork.arrived);
        fork.fired = fork
            .fired
            .iter()
            .filter_map(|join| self.new_index(*join))
            .collect();
    }

    fn renumber(&self, counts: &BTreeMap<u32, u32>) -> BTreeMap<u32, u32> {
        let pairs = counts.iter();
        pairs
            .filter_map(|(step, count)| Some((self.new_index(*step)?, *count)))
            .collect()
    }

    /// The index in the new version of the step on which who stands on this one stands then.
    fn target(&self, step: u32) -> Option<u32> {
        match self.places.get(step as usize)? {
            Place::Keep { to, .. } | Place::Renew { to } => Some(*to),
            _ => None,
        }
    }

    /// The index in the new version of a step that is the same one there.
    fn new_index(&self, step: u32) -> Option<u32> {
        match self.places.get(step as usize)? {
            Place::Keep { to, .. } => Some(*to),
            _ => None,
        }
    }

    /// Steps that go on under another id.
    fn renamed(&self) -> Vec<(String, String)> {
        let steps = (0u32..).zip(&self.places);
        steps
            .filter_map(|(step, place)| match place {
                Place::Keep { to, .. } => Some((self.id(step), self.to_id(*to))),
                _ => None,
            })
            .filter(|(old, new)| old != new)
            .collect()
    }

    /// Id of a step of the old version.
    #[must_use]
    pub fn id(&self, step: u32) -> String {
        id_in(self.from.program, step)
    }

    fn to_id(&self, step: u32) -> String {
        id_in(self.to.program, step)
    }
}

fn id_in(program: &Program, step: u32) -> String {
    let ids = program.step_ids();
    ids.get(step as usize)
        .cloned()
        .unwrap_or_else(|| format!("#{step}"))
}

/// What is watched beside the path.
fn watches(definition: &Definition) -> serde_json::Value {
    let settings = definition.enrollment_settings.as_ref();
    json!({
        "goals": definition.goals,
        "exit": settings.and_then(|settings| settings.exit_conditions.as_ref()),
        "remove": settings.is_some_and(|settings| settings.remove_on_goal_achievement),
    })
}

/// Asks the step what it would have said when the wait began. A wait that would not have begun is over.
fn retime(machine: &mut Machine<'_>, at: usize) {
    let Branch {
        step: index,
        park: Some(park),
        ..
    } = machine.state.branches[at].clone()
    else {
        return;
    };
    let program = machine.program;
    let Some(step) = program.step(index) else {
        return;
    };
    let now = std::mem::replace(&mut machine.now, park.since);
    let outcome = machine.with_step(index, step, |cx| step.action.run(cx));
    machine.now = now;
    let since = park.since;
    let over = Park {
        kind: ParkKind::Time,
        until: Some(since),
        limit: None,
        ..park.clone()
    };
    let park = match outcome {
        Outcome::Park { kind, until, limit } => Some(Park {
            kind,
            until,
            limit: limit_of(step, limit, since),
            ..park
        }),
        Outcome::Done(_) | Outcome::Choose { .. } => Some(over),
        // Whatever else it would do now it does when it runs anew, and says for itself what is wrong.
        _ => None,
    };
    match park {
        Some(park) => machine.park(at, park),
        None => machine.state.branches[at].park = None,
    }
}

/// An execution that has not begun: nothing but its version changes.
fn untouched(ex: Execution) -> Transition {
    Transition {
        status: ex.status,
        reason: None,
        due_at: ex.due_at,
        node: -1,
        seq: ex.seq,
        state: ex.state,
        entries: Vec::new(),
        effects: Vec::new(),
        admission: None,
    }
}
