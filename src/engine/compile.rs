//! From a definition to a program: names to indexes, JSON to compiled words, all problems at once.

use std::collections::{BTreeSet, HashMap};

use chrono::Duration;

use super::{
    graph::Graph,
    interests::Interests,
    matching::TriggerProgram,
    program::{
        GoalProgram, GoalThen, JoinRule, Numbers, Program, Retry, StepProgram, TenantInfo, Unmet,
        Watch,
    },
    replies::Replies,
    rules::Rules,
};
use crate::{
    catalog::{
        action::{Class, Resolve},
        actions, config,
        finding::quoted,
        words::{self, Problems},
    },
    model::{
        nearest::{Neighbours, did_you_mean},
        problem::Problem,
        reads::{FieldName, Reads},
        retry::RetryConfig,
        span::Span,
        transition::Policy,
        workflow::{Definition, Goal, GoalWord, Join, JoinWord, OnAchievement, OnUnmet, Step},
    },
};

/// Times that one execution may come to one step, unless the step says otherwise.
const DEFAULT_MAX_PASSES: u32 = 100;

struct Names<'d> {
    index: HashMap<&'d str, u32>,
    steps: &'d [Step],
    neighbours: Neighbours,
}

impl Resolve for Names<'_> {
    fn step(&self, id: &str, path: &str) -> Result<u32, Problem> {
        self.index.get(id).copied().ok_or_else(|| {
            let known = self.steps.iter().map(|step| &*step.id);
            let near = self.neighbours.did_you_mean(id, known);
            Problem::error(
                "unknown_step",
                path,
                format!("no step has the id {}", quoted(id)),
            )
            .maybe_hint(near)
        })
    }
}

impl Names<'_> {
    fn list(
        &self,
        ids: Option<&Vec<String>>,
        path: &str,
        found: &mut Problems,
    ) -> Option<Box<[u32]>> {
        let ids = ids?;
        let resolve = |(i, id): (usize, &String)| self.step(id, &format!("{path}[{i}]"));
        Some(
            ids.iter()
                .enumerate()
                .filter_map(|id| found.take(resolve(id)))
                .collect(),
        )
    }
}

pub(super) fn compile(
    definition: &Definition,
    numbers: Numbers,
    tenant: &TenantInfo,
) -> Result<Program, Vec<Problem>> {
    let mut found = Problems::default();
    let mut index = HashMap::new();
    for (i, step) in (0u32..).zip(&definition.actions) {
        if index.insert(&*step.id, i).is_some() {
            let text = format!("two steps have the id \"{}\"", step.id);
            found.0.push(Problem::error(
                "duplicate_step",
                format!("actions[{i}].id"),
                text,
            ));
        }
    }
    if definition.actions.is_empty() {
        found.0.push(Problem::error(
            "no_steps",
            "actions",
            "a workflow needs at least one step",
        ));
    }
    let names = Names {
        index,
        steps: &definition.actions,
        neighbours: Neighbours::default(),
    };
    let steps: Box<[StepProgram]> = definition
        .actions
        .iter()
        .enumerate()
        .filter_map(|(i, step)| compile_step(step, &format!("actions[{i}]"), &names, &mut found))
        .collect();
    let start = match &definition.start_step_id {
        Some(id) => found.take(names.step(id, "startStepId")).unwrap_or(0),
        None => 0,
    };
    let settings = definition.enrollment_settings.clone().unwrap_or_default();
    let goals: Box<[GoalProgram]> = definition
        .goals
        .iter()
        .enumerate()
        .filter_map(|(i, goal)| {
            compile_goal(
                goal,
                i,
                settings.remove_on_goal_achievement,
                &names,
                &mut found,
            )
        })
        .collect();
    let entry = settings.entry_conditions.as_ref().and_then(|value| {
        found.take(words::condition(
            value,
            "enrollmentSettings.entryConditions",
        ))
    });
    let exit = settings
        .exit_conditions
        .as_ref()
        .and_then(|value| found.take(words::condition(value, "enrollmentSettings.exitConditions")));
    let key = definition
        .enrollment_key
        .as_ref()
        .and_then(|text| found.take(words::template(text, "enrollmentKey")));
    let triggers = TriggerProgram::compile_all(definition, &mut found);
    let rules = found.take(Rules::of(definition));
    let (false, Some(rules)) = (found.0.iter().any(Problem::is_error), rules) else {
        return Err(found.0);
    };
    let mut program = Program {
        sticky: steps.iter().any(|step| step.action.sticky()),
        workflow: definition.id.clone(),
        name: definition
            .name
            .clone()
            .unwrap_or_else(|| definition.id.clone()),
        numbers,
        tenant: tenant.clone(),
        start,
        step_ids: definition
            .actions
            .iter()
            .map(|step| step.id.clone())
            .collect(),
        goal_ids: definition
            .goals
            .iter()
            .map(|goal| goal.id.clone())
            .collect(),
        steps,
        goals,
        entry,
        exit: exit.map(Watch::new),
        replies: settings.stop_on_reply.as_ref().and_then(Replies::of),
        triggers,
        key,
        variables: definition.variables.clone(),
        rules,
        reads: Reads::default(),
        trigger_reads: Reads::default(),
        interests: Interests::default(),
        graph: Graph::new(&[]),
    };
    link(&mut program);
    Ok(program)
}

fn compile_step(
    step: &Step,
    path: &str,
    names: &Names<'_>,
    found: &mut Problems,
) -> Option<StepProgram> {
    let mut list = |ids: &Option<Vec<String>>, field: &str| {
        names.list(ids.as_ref(), &format!("{path}.{field}"), found)
    };
    let on_success = list(&step.on_success, "onSuccess").unwrap_or_default();
    let on_failure = list(&step.on_failure, "onFailure");
    let on_unknown = list(&step.on_unknown, "onUnknown");
    let on_timeout = list(&step.on_timeout, "onTimeout");
    let execute_if = step
        .execute_if
        .as_ref()
        .and_then(|value| found.take(words::condition(value, &format!("{path}.executeIf"))));
    let retry: Option<RetryConfig> = step
        .retry_config
        .as_ref()
        .and_then(|value| found.take(config::read(value, &format!("{path}.retryConfig"))));
    let timeout: Option<Span> = step
        .timeout
        .as_ref()
        .and_then(|value| found.take(config::read(value, &format!("{path}.timeout"))));
    let Some(entry) = actions::find(&step.kind) else {
        let text = format!("no action has the type \"{}\"", step.kind);
        let near = did_you_mean(&step.kind, actions::ALL.iter().map(|entry| entry.kind));
        let problem = Problem::error("unknown_action", format!("{path}.type"), text);
        found.0.push(problem.maybe_hint(near));
        return None;
    };
    let action = (entry.compile)(step, names).map_err(|problems| words::within(problems, path));
    let action = found.take(action)?;
    let class = action.class();
    let policy = match class {
        Class::Outside(policy) => step.policy.unwrap_or(policy),
        _ => Policy::Retry,
    };
    Some(StepProgram {
        id: step.id.clone(),
        kind: entry.kind,
        class,
        policy,
        retry: retry.and_then(|config| {
            let json = serde_json::to_value(&config).ok()?;
            Some(Box::new(Retry { config, json }))
        }),
        timeout: timeout.and_then(|span| Duration::from_std(span.nominal()).ok()),
        execute_if,
        on_success,
        on_failure,
        on_unknown,
        on_timeout,
        max_passes: step.max_passes.unwrap_or(DEFAULT_MAX_PASSES).max(1),
        join: step.join.as_ref().map(|join| match join {
            Join::Word(JoinWord::All) => JoinRule::All,
            Join::Word(JoinWord::Any) => JoinRule::AtLeast(1),
            Join::Word(JoinWord::Each) => JoinRule::Each,
            Join::AtLeast { at_least } => JoinRule::AtLeast((*at_least).max(1)),
        }),
        action,
        counted: false,
        kept: false,
        joins: Box::default(),
    })
}

fn compile_goal(
    goal: &Goal,
    index: usize,
    always_exit: bool,
    names: &Names<'_>,
    found: &mut Problems,
) -> Option<GoalProgram> {
    let path = format!("goals[{index}]");
    let condition = found.take(words::condition(
        &goal.conditions,
        &format!("{path}.conditions"),
    ))?;
    let (word, step) = match &goal.on_achievement {
        None => (GoalWord::Continue, None),
        Some(OnAchievement::Word(word)) => (*word, None),
        Some(OnAchievement::GoTo { action, step_id }) => (*action, step_id.as_ref()),
    };
    let then = match (word, step) {
        _ if always_exit => GoalThen::Exit,
        (GoalWord::Continue, _) => GoalThen::Continue,
        (GoalWord::Exit, _) => GoalThen::Exit,
        (GoalWord::Goto, Some(id)) => {
            GoalThen::GoTo(found.take(names.step(id, &format!("{path}.onAchievement.stepId")))?)
        }
        (GoalWord::Goto, None) => {
            let at = format!("{path}.onAchievement");
            let problem = Problem::error("goto_without_step", at, "a goto needs the step to go to");
            found
                .0
                .push(problem.hint("write {\"action\": \"goto\", \"stepId\": \"...\"}"));
            return None;
        }
    };
    Some(GoalProgram {
        id: goal.id.clone(),
        watch: Watch::new(condition),
        then,
        unmet: found.take(unmet(goal, &path))?,
    })
}

fn unmet(goal: &Goal, path: &str) -> Result<Unmet, Problem> {
    let at = format!("{path}.maxWaitDuration");
    let max = goal.max_wait_duration.as_ref();
    match (goal.on_unmet, max) {
        (Some(OnUnmet::Wait), None) => Ok(Unmet::Wait(None)),
        (Some(OnUnmet::Wait), Some(max)) => Ok(Unmet::Wait(Some(words::span(max, &at)?))),
        (_, Some(_)) => {
            let text = "\"maxWaitDuration\" says nothing to a goal that is not waited for";
            let problem = Problem::error("unused_field", at, text);
            Err(problem.hint("add \"onUnmet\": \"wait\""))
        }
        (Some(OnUnmet::End), None) => Ok(Unmet::End),
        (Some(OnUnmet::Continue) | None, None) => Ok(Unmet::Continue),
    }
}

/// What only the whole can tell: who reads what, what can come round again, which joins belong to a fork.
fn link(program: &mut Program) {
    let mut reads = Reads::default();
    // What wakes: the rest is looked at only when its step comes.
    let mut waking = Reads::default();
    for step in &program.steps {
        let mut own = Reads::default();
        step.action.reads(&mut own);
        if step.class == Class::Wait {
            waking.union(&own);
        }
        if let Some(condition) = &step.execute_if {
            condition.reads(&mut own);
        }
        reads.union(&own);
    }
    let watches = program
        .goals
        .iter()
        .map(|goal| &goal.watch)
        .chain(&program.exit);
    for watch in watches {
        watch.condition.reads(&mut waking);
    }
    if waking.zone {
        // Whoever moves to another zone has another nine o'clock at once.
        waking.contact.insert(timezone());
    }
    if let Some(replies) = &program.replies {
        let kinds = replies.kinds().map(str::to_owned);
        waking.events.extend(kinds);
    }
    reads.union(&waking);
    if let Some(entry) = &program.entry {
        entry.reads(&mut reads);
    }
    reads.contact.extend(
        reads
            .snapshot
            .iter()
            .filter(|field| field.name != "tags")
            .cloned(),
    );
    reads.tags |= reads.snapshot.iter().any(|field| field.name == "tags");
    reads.all_contact |= reads.all_snapshot;
    let waits = program.steps.iter().any(|step| step.class == Class::Wait);
    if waits || reads.reads_contact() {
        reads.contact.insert(timezone());
    }
    for step in &mut program.steps {
        step.kept = reads.all_steps || reads.steps.contains(&step.id);
    }
    program.interests = Interests::of(&waking);
    program.reads = reads;

    let mut matching = Reads::default();
    for trigger in &program.triggers {
        trigger.reads(&mut matching);
    }
    if let Some(key) = &program.key {
        key.reads(&mut matching);
    }
    program.trigger_reads = matching;
    link_graph(program);
}

fn timezone() -> FieldName {
    FieldName {
        name: "timezone".into(),
        custom: false,
    }
}

fn link_graph(program: &mut Program) {
    let arms: Vec<Vec<Vec<u32>>> = program.steps.iter().map(arms_of).collect();
    let edges: Vec<Vec<u32>> = arms.iter().map(|lists| lists.concat()).collect();
    let graph = Graph::new(&edges);
    let count = u32::try_from(program.steps.len()).unwrap_or(u32::MAX);
    let joins: Vec<(u32, JoinRule)> = (0..count)
        .filter_map(|step| Some((step, program.steps[step as usize].join?)))
        .collect();
    for step in 0..count {
        let again = graph.leads(step, step)
            || joins
                .iter()
                .any(|(join, rule)| *rule == JoinRule::Each && graph.comes_to(*join, step));
        let belongs = |join: u32| {
            arms[step as usize].iter().any(|list| {
                let coming = list.iter().filter(|arm| graph.comes_to(**arm, join));
                coming.take(2).count() == 2
            })
        };
        let own = joins
            .iter()
            .map(|(join, _)| *join)
            .filter(|join| belongs(*join))
            .collect();
        let compiled = &mut program.steps[step as usize];
        compiled.counted = again;
        compiled.joins = own;
    }
    program.graph = graph;
}

/// The lists along which a step can lead on.
fn arms_of(step: &StepProgram) -> Vec<Vec<u32>> {
    let targets: BTreeSet<u32> = step.action.targets().into_iter().collect();
    let optional = [&step.on_failure, &step.on_unknown, &step.on_timeout];
    let lists = optional.into_iter().flatten().chain([&step.on_success]);
    let mut lists: Vec<Vec<u32>> = lists.map(|list| list.to_vec()).collect();
    lists.push(targets.into_iter().collect());
    lists
}
