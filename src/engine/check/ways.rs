//! From a definition to its graph: which lists lead on from each step.

use std::collections::HashMap;

use serde_json::Value;

use super::codes;
use super::flow::{Flow, Way};
use crate::catalog::{
    action::{Class, Resolve},
    actions,
    finding::quoted,
};
use crate::model::{
    nearest::Neighbours,
    problem::{Problem, join},
    workflow::{Definition, GoalWord, Join, JoinWord, OnAchievement, Step},
};

/// Actions that choose their way in their config, so that `onSuccess` leads nowhere.
const CHOOSERS: &[&str] = &[
    "end_workflow",
    "go_to",
    "if_else",
    "parallel",
    "random_path",
    "split",
];
/// Actions that lead along `onSuccess` or along a list in their config.
const ALSO: &[&str] = &["manual_review"];
/// Config fields of these that are a list of step ids.
const LISTS: &[&str] = &[
    "actions",
    "branches",
    "defaultBranch",
    "falseBranch",
    "noneBranch",
    "rejectBranch",
    "trueBranch",
];

/// Step ids and what their actions say of themselves.
#[derive(Debug)]
pub struct Steps<'d> {
    index: HashMap<&'d str, usize>,
    steps: &'d [Step],
    /// Where each step works; none where its action does not compile.
    pub classes: Vec<Option<Class>>,
    targets: Vec<Vec<usize>>,
    neighbours: Neighbours,
}

impl Resolve for Steps<'_> {
    fn step(&self, id: &str, path: &str) -> Result<u32, Problem> {
        let index = self.index.get(id).copied();
        index
            .and_then(|index| u32::try_from(index).ok())
            .ok_or_else(|| self.unknown(id, path))
    }
}

impl<'d> Steps<'d> {
    /// Compiles each step's action, only to ask where it works and where it leads.
    #[must_use]
    pub fn of(definition: &'d Definition) -> Self {
        let steps = &definition.actions[..];
        let index = steps
            .iter()
            .enumerate()
            .rev()
            .map(|(i, step)| (&*step.id, i))
            .collect();
        let mut this = Self {
            index,
            steps,
            classes: Vec::new(),
            targets: Vec::new(),
            neighbours: Neighbours::default(),
        };
        let compiled = steps.iter().map(|step| {
            let action = actions::find(&step.kind).and_then(|e| (e.compile)(step, &this).ok())?;
            let targets = action
                .targets()
                .into_iter()
                .map(|target| target as usize)
                .collect();
            Some((action.class(), targets))
        });
        let (classes, targets) = compiled
            .map(|facts| facts.map_or((None, Vec::new()), |(class, to)| (Some(class), to)))
            .unzip();
        (this.classes, this.targets) = (classes, targets);
        this
    }

    /// The number of the step with this id.
    #[must_use]
    pub fn at(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The error that an id without a step is.
    #[must_use]
    pub fn unknown(&self, id: &str, path: &str) -> Problem {
        let known = self.steps.iter().map(|step| &*step.id);
        let near = self.neighbours.did_you_mean(id, known);
        let message = format!("no step has the id {}", quoted(id));
        Problem::error(codes::UNKNOWN_STEP, path, message).maybe_hint(near)
    }

    /// The graph. Steps that lists name twice, and lists that are never looked at, are findings.
    pub fn flow(&self, definition: &Definition, found: &mut Vec<Problem>) -> Flow {
        let mut roots: Vec<usize> = definition
            .goals
            .iter()
            .filter_map(|goal| match &goal.on_achievement {
                Some(OnAchievement::GoTo {
                    action: GoalWord::Goto,
                    step_id: Some(id),
                }) => self.index.get(&**id).copied(),
                _ => None,
            })
            .collect();
        let start = definition
            .start_step_id
            .as_deref()
            .and_then(|id| self.index.get(id).copied());
        if !self.steps.is_empty() {
            roots.push(start.unwrap_or(0));
        }
        let ways = (0..self.steps.len())
            .map(|step| self.ways(step, found))
            .collect();
        // A step that does not compile may well be a wait: no finding follows from not knowing.
        let stops = self
            .classes
            .iter()
            .map(|class| matches!(class, None | Some(Class::Wait | Class::Outside(_))));
        let joins = self.steps.iter().map(|step| step.join.is_some());
        Flow {
            ways,
            stops: stops.collect(),
            joins: joins.collect(),
            roots,
        }
    }

    fn ways(&self, number: usize, found: &mut Vec<Problem>) -> Vec<Way> {
        let step = &self.steps[number];
        let path = format!("actions[{number}]");
        let chooses = CHOOSERS.contains(&&*step.kind);
        let mut lists: Vec<(String, Vec<&str>)> = Vec::new();
        let own = [
            ("onSuccess", &step.on_success),
            ("onFailure", &step.on_failure),
            ("onUnknown", &step.on_unknown),
            ("onTimeout", &step.on_timeout),
        ];
        for (name, ids) in own {
            let Some(ids) = ids else { continue };
            // A step that is skipped goes on along `onSuccess` whatever it is.
            if chooses && name == "onSuccess" && step.execute_if.is_none() {
                if !ids.is_empty() {
                    let message =
                        format!("a step of type {} never goes along this list", step.kind);
                    let at = join(&path, name);
                    found.push(Problem::warning(codes::UNUSED_LIST, at, message));
                }
                continue;
            }
            lists.push((join(&path, name), ids.iter().map(|id| &**id).collect()));
        }
        if chooses || ALSO.contains(&&*step.kind) {
            config_lists(&step.config, &join(&path, "config"), &mut lists);
        }
        let mut ways: Vec<Way> = Vec::new();
        for (path, ids) in lists {
            let mut arms = Vec::new();
            for (i, id) in ids.iter().enumerate() {
                let Some(index) = self.index.get(id).copied() else {
                    continue;
                };
                if arms.contains(&index) {
                    let message = format!("{} stands twice in one list", quoted(id));
                    let at = format!("{path}[{i}]");
                    found.push(Problem::error(codes::DUPLICATE_TARGET, at, message));
                } else {
                    arms.push(index);
                }
            }
            ways.push(Way { arms });
        }
        let rest: Vec<usize> = self.targets[number]
            .iter()
            .copied()
            .filter(|target| !ways.iter().any(|way| way.arms.contains(target)))
            .collect();
        ways.extend(rest.into_iter().map(|target| Way { arms: vec![target] }));
        ways
    }
}

/// Lists of step ids in a config, wherever they stand.
fn config_lists<'v>(value: &'v Value, path: &str, lists: &mut Vec<(String, Vec<&'v str>)>) {
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                config_lists(item, &format!("{path}[{i}]"), lists);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                let at = join(path, key);
                let ids = value.as_array().filter(|_| LISTS.contains(&&**key));
                let ids: Option<Vec<&str>> =
                    ids.and_then(|items| items.iter().map(Value::as_str).collect());
                match ids {
                    Some(ids) => lists.push((at, ids)),
                    None => config_lists(value, &at, lists),
                }
            }
        }
        _ => {}
    }
}

/// What the graph says about a definition.
pub fn check(definition: &Definition, flow: &Flow, found: &mut Vec<Problem>) {
    let name = |step: usize| quoted(&definition.actions[step].id);
    for step in flow.unreachable() {
        let message = format!("no way from the start leads to {}", name(step));
        let path = format!("actions[{step}]");
        found.push(Problem::warning(codes::UNREACHABLE_STEP, path, message));
    }
    for members in flow.spinning() {
        let mut names: Vec<_> = members.iter().take(6).map(|step| name(*step)).collect();
        if members.len() > 6 {
            names.push("...".to_owned());
        }
        let message = format!(
            "{} {} round without a wait or an outside action",
            names.join(", "),
            if members.len() == 1 { "goes" } else { "go" }
        );
        let path = format!("actions[{}]", members[0]);
        let hint = "put a wait into the cycle, or leave it";
        found.push(Problem::error(codes::CYCLE_WITHOUT_WAIT, path, message).hint(hint));
    }
    for members in no_way_out(definition, flow) {
        let names: Vec<_> = members.iter().take(6).map(|step| name(*step)).collect();
        let message = format!(
            "nobody who comes to {} ever leaves: no way leads out, and no goal or exit condition does",
            names.join(", ")
        );
        let path = format!("actions[{}]", members[0]);
        let hint = "give one of the steps another way, or the workflow an exit condition";
        found.push(Problem::warning(codes::NO_WAY_OUT, path, message).hint(hint));
    }
    let (meetings, lonely) = flow.forks();
    for meeting in meetings {
        let (step, fork) = (name(meeting.step), name(meeting.fork));
        let message = format!("several branches of the fork at {fork} come to {step}");
        let path = format!("actions[{}]", meeting.step);
        let hint =
            "say what it waits for: \"join\": \"all\", \"any\", \"each\" or {\"atLeast\": n}";
        found.push(Problem::error(codes::JOIN_MISSING, path, message).hint(hint));
    }
    for step in lonely {
        if definition.actions[step].join == Some(Join::Word(JoinWord::Each)) {
            continue; // says the same as no join
        }
        let message = format!("no two branches of a fork come to {}", name(step));
        let path = format!("actions[{step}].join");
        found.push(Problem::warning(codes::JOIN_WITHOUT_FORK, path, message));
    }
}

/// Cycles with a wait that nothing ever leaves.
fn no_way_out(definition: &Definition, flow: &Flow) -> Vec<Vec<usize>> {
    let settings = definition.enrollment_settings.as_ref();
    let exits = |goal: &crate::model::workflow::Goal| {
        !matches!(
            goal.on_achievement,
            None | Some(OnAchievement::Word(GoalWord::Continue))
        )
    };
    let leaves = settings.is_some_and(|s| {
        s.exit_conditions.is_some()
            || (s.remove_on_goal_achievement && !definition.goals.is_empty())
    }) || definition.goals.iter().any(exits);
    if leaves {
        return Vec::new();
    }
    let ends = |step: usize| {
        let ways = &flow.ways[step];
        let step = &definition.actions[step];
        let empty = |ids: &Option<Vec<String>>| ids.as_ref().is_none_or(Vec::is_empty);
        match &*step.kind {
            // Whether its branches cover every case, only the action knows.
            "if_else" | "split" => ways.len() < 2,
            "end_workflow" => true,
            kind if CHOOSERS.contains(&kind) => false,
            _ => empty(&step.on_success),
        }
    };
    let mut cycles = flow.closed();
    cycles.retain(|members| {
        members.iter().any(|step| flow.stops[*step]) && !members.iter().any(|step| ends(*step))
    });
    cycles
}
