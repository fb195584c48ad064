//! Where the steps of one version are in another, and what the step map says of those that are not.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Version;
use crate::model::nearest::did_you_mean;

/// What the operator says of a step that has no place in the new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stand on this step.
    Step(String),
    /// The execution ends as `exited`.
    Exit,
    /// The execution stays on its version.
    Pin,
}

impl Answer {
    /// `exit`, `pin`, or the id of a step; `step:exit` means a step of that name.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "exit" => Self::Exit,
            "pin" => Self::Pin,
            other => Self::Step(other.strip_prefix("step:").unwrap_or(other).to_owned()),
        }
    }
}

/// Answers by the id of a step of the old version.
pub type StepMap = BTreeMap<String, Answer>;

/// What becomes of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It stands where it stood.
    Keep,
    /// It stands where it stood; the wait is counted anew from when it began.
    Retime,
    /// It begins the step that the map names.
    Renew,
    /// Its execution ends.
    Exit,
    /// Its execution stays on its version.
    Pin,
    /// Nobody has said.
    Ask,
}

/// A step of the old version as the new one has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It is there, of the same type.
    Keep {
        to: u32,
        config_differs: bool,
        join: JoinPlace,
    },
    /// The map names a step of another type.
    Renew {
        to: u32,
    },
    Exit,
    Pin,
    Ask,
}

/// What becomes of who waits there for the other branches of its fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinPlace {
    /// The join is the same.
    Same,
    /// It waits for something else now, and nobody has said what that means.
    Ask,
    /// The map names the step itself: it goes on there without waiting.
    Renew,
}

pub(super) fn places(
    from: Version<'_>,
    to: Version<'_>,
    map: &StepMap,
) -> Result<Vec<Place>, String> {
    for (old, answer) in map {
        if from.program.step_index(old).is_none() {
            // Several old versions share one map: a step that this one lacks is no mistake of it.
            continue;
        }
        if let Answer::Step(new) = answer
            && to.program.step_index(new).is_none()
        {
            let ids = to.program.step_ids().iter().map(String::as_str);
            let hint = did_you_mean(new, ids)
                .unwrap_or_else(|| "give an id of the new version, exit or pin".to_owned());
            return Err(format!(
                "--map {old}={new}: the new version has no step {new:?}; {hint}"
            ));
        }
    }
    let steps = (0u32..).zip(from.program.step_ids());
    Ok(steps
        .map(|(index, id)| place(from, to, index, id, map.get(id)))
        .collect())
}

fn place(
    from: Version<'_>,
    to: Version<'_>,
    index: u32,
    id: &str,
    answer: Option<&Answer>,
) -> Place {
    let target = match answer {
        Some(Answer::Exit) => return Place::Exit,
        Some(Answer::Pin) => return Place::Pin,
        Some(Answer::Step(step)) => step,
        None => id,
    };
    let Some(new) = to.program.step_index(target) else {
        return Place::Ask;
    };
    let (before, after) = (from.program.step(index), to.program.step(new));
    let (Some(before), Some(after)) = (before, after) else {
        return Place::Ask;
    };
    match answer {
        _ if before.kind == after.kind => Place::Keep {
            to: new,
            config_differs: config(from, index) != config(to, new),
            join: match answer {
                _ if before.join == after.join => JoinPlace::Same,
                Some(_) => JoinPlace::Renew,
                None => JoinPlace::Ask,
            },
        },
        Some(_) => Place::Renew { to: new },
        None => Place::Ask,
    }
}

/// What says how long a wait is.
fn config(version: Version<'_>, index: u32) -> Option<(&Value, Option<&Value>)> {
    let step = version.definition.actions.get(index as usize)?;
    Some((&step.config, step.timeout.as_ref()))
}
