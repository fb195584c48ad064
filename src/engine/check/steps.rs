//! Rules that one step, goal or trigger keeps or breaks by itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ways::Steps;
use super::{codes, enrollment};
use crate::catalog::{
    action::Class, actions, config, finding::quoted, parse::names, trigger, triggers,
};
use crate::model::{
    execution::Instant,
    problem::Problem,
    retry::RetryConfig,
    template::is_template,
    transition::Policy,
    workflow::{Definition, GoalWord, OnAchievement, Step, Trigger},
    zone::parse_datetime,
};

/// Actions that move money.
const PAYMENTS: &[&str] = &[
    "cancel_subscription",
    "create_invoice",
    "create_subscription",
    "process_payment",
    "refund_payment",
    "send_payment_link",
];
/// Operators that ask only whether there is something.
const MERE_PRESENCE: &[&str] = &["exists", "is_not_empty", "not_exists", "is_empty"];

/// Unknown fields, policies and templates of the steps.
pub fn check(
    definition: &Definition,
    steps: &Steps<'_>,
    templates: Option<&BTreeSet<String>>,
    found: &mut Vec<Problem>,
) {
    for (i, step) in definition.actions.iter().enumerate() {
        let path = format!("actions[{i}]");
        policy(step, steps.classes[i], &path, found);
        unused(step, steps.classes[i], &path, found);
        if let Some(retry) = &step.retry_config {
            let schema = schemars::schema_for!(RetryConfig);
            found.extend(config::unknown_fields(
                &schema,
                retry,
                &format!("{path}.retryConfig"),
            ));
        }
        match actions::find(&step.kind) {
            Some(entry) => {
                let schema = (entry.schema)();
                let at = format!("{path}.config");
                found.extend(config::unknown_fields(&schema, &step.config, &at));
            }
            None if names::ACTIONS.contains(&&*step.kind) => {
                let message = format!("this version of Waypost has no action {} yet", step.kind);
                let at = format!("{path}.type");
                let hint = "waypost catalog lists those that it has";
                found.push(Problem::error(codes::UNKNOWN_ACTION, at, message).hint(hint));
            }
            None => {} // the compiler names the nearest
        }
        let template = step.config.get("templateId").and_then(Value::as_str);
        if let (Some(id), Some(known)) = (template, templates)
            && !known.contains(id)
        {
            let message = format!("there is no message template {}", quoted(id));
            let near = crate::model::nearest::did_you_mean(id, known.iter().map(|id| &**id));
            let at = format!("{path}.config.templateId");
            found.push(Problem::warning(codes::UNKNOWN_TEMPLATE, at, message).maybe_hint(near));
        }
    }
}

fn policy(step: &Step, class: Option<Class>, path: &str, found: &mut Vec<Problem>) {
    let Some(policy) = step.policy else { return };
    let at = format!("{path}.policy");
    if policy == Policy::Retry && PAYMENTS.contains(&&*step.kind) {
        let message = "a payment that may have been made is never simply made again";
        let hint = "leave the policy out, or use dedupe, reconcile or hold";
        found.push(Problem::error(codes::RETRY_ON_PAYMENT, at, message).hint(hint));
    } else if matches!(class, Some(Class::Flow | Class::Wait | Class::Database)) {
        let message = format!("a step of type {} never leaves the database", step.kind);
        found.push(Problem::warning(codes::POLICY_UNUSED, at, message));
    }
}

/// Lists that wait for what this step never does.
fn unused(step: &Step, class: Option<Class>, path: &str, found: &mut Vec<Problem>) {
    let Some(class) = class else { return };
    let mut say = |list: &str, message: String, hint: Option<&str>| {
        let problem = Problem::warning(codes::UNUSED_LIST, format!("{path}.{list}"), message);
        found.push(problem.maybe_hint(hint.map(str::to_owned)));
    };
    let outside = matches!(class, Class::Outside(_));
    if step.on_unknown.is_some() && !outside {
        let message = format!(
            "the outcome of a step of type {} is always known",
            step.kind
        );
        say("onUnknown", message, None);
    }
    if step.on_timeout.is_some() {
        let limited = step.timeout.is_some() || step.config.get("maxWaitDuration").is_some();
        if class != Class::Wait {
            let message = format!("only waits time out; this is a step of type {}", step.kind);
            say("onTimeout", message, outside.then_some("use onFailure"));
        } else if !limited {
            let message = "this wait never times out".to_owned();
            say(
                "onTimeout",
                message,
                Some("give timeout or config.maxWaitDuration"),
            );
        }
    }
}

/// Goals: those that go nowhere, and those that are met before they are set.
pub fn goals(definition: &Definition, found: &mut Vec<Problem>) {
    let settings = definition.enrollment_settings.as_ref();
    let always_exit = settings.is_some_and(|settings| settings.remove_on_goal_achievement);
    for (i, goal) in definition.goals.iter().enumerate() {
        let goes = matches!(
            &goal.on_achievement,
            Some(
                OnAchievement::GoTo {
                    action: GoalWord::Goto,
                    ..
                } | OnAchievement::Word(GoalWord::Goto)
            )
        );
        if goes && always_exit {
            let message =
                "removeOnGoalAchievement makes every goal an exit; this one wants to go on";
            let path = format!("goals[{i}].onAchievement");
            let hint = "take removeOnGoalAchievement out, or write \"exit\" here";
            found.push(Problem::error(codes::GOTO_NEVER, path, message).hint(hint));
        }
        let mut leaves = Vec::new();
        gather(&goal.conditions, &mut leaves, 0);
        let mere = |(field, operator): &(&str, &str)| {
            field.starts_with("contact.") && MERE_PRESENCE.contains(operator)
        };
        if !leaves.is_empty() && leaves.iter().all(mere) {
            let field = leaves[0].0;
            let message = format!(
                "whoever has {} when the workflow starts meets this goal at once",
                quoted(field)
            );
            let hint = "compare with the execution, e.g. {\"field\": \"contact.lastPurchaseDate\", \
                        \"operator\": \"after_date\", \"value\": \"{{ execution.enrolledAt }}\"}";
            let path = format!("goals[{i}].conditions");
            let code = codes::GOAL_MAY_BE_TRUE_AT_ENTRY;
            found.push(Problem::warning(code, path, message).hint(hint));
        }
    }
}

/// (field, operator) of every leaf.
fn gather<'v>(condition: &'v Value, leaves: &mut Vec<(&'v str, &'v str)>, depth: usize) {
    if let Some(inner) = condition.get("conditions").and_then(Value::as_array) {
        if depth < 64 {
            inner
                .iter()
                .for_each(|condition| gather(condition, leaves, depth + 1));
        }
        return;
    }
    let word = |key| condition.get(key).and_then(Value::as_str);
    leaves.push((
        word("field").unwrap_or_default(),
        word("operator").unwrap_or_default(),
    ));
}

/// Triggers and the settings of enrollment.
pub fn entry(definition: &Definition, found: &mut Vec<Problem>) {
    if definition.all_triggers().next().is_none() {
        let message = "the workflow has no trigger, so only enroll brings contacts in";
        found.push(Problem::warning(codes::NO_TRIGGER, "", message));
    }
    let single = definition
        .trigger
        .iter()
        .map(|trigger| ("trigger".to_owned(), trigger));
    let listed = definition.triggers.iter().enumerate();
    let listed = listed.map(|(i, trigger)| (format!("triggers[{i}]"), trigger));
    let mut earlier: Vec<(String, &Trigger)> = Vec::new();
    for (path, trigger) in single.chain(listed) {
        one_trigger(trigger, &path, found);
        let same = |other: &Trigger| {
            (&other.kind, &other.config, &other.filters)
                == (&trigger.kind, &trigger.config, &trigger.filters)
        };
        if let Some((twin, _)) = earlier.iter().find(|(_, other)| same(other)) {
            let message = format!("fires whenever {twin} does");
            let hint = "take one of the two out, or give them different filters";
            let problem = Problem::warning(codes::DUPLICATE_TRIGGER, &path, message);
            found.push(problem.hint(hint));
        }
        if earlier.len() < 100 {
            earlier.push((path, trigger));
        }
    }
    enrollment::check(definition, found);
}

/// Dates that have gone by before anybody could wait for them.
pub fn dates(definition: &Definition, now: Instant, found: &mut Vec<Problem>) {
    let mut gone = |path: String, message: &str| {
        found.push(Problem::warning(codes::DATE_IN_THE_PAST, path, message));
    };
    if definition.ends_at.is_some_and(|end| end <= now) {
        gone(
            "endsAt".to_owned(),
            "this has gone by: nobody can enrol any more",
        );
    }
    for (i, step) in definition.actions.iter().enumerate() {
        let until = step.config.get("waitUntil").and_then(Value::as_str);
        let later = step.config.get("after").is_some();
        let until = until.filter(|text| step.kind == "wait" && !later && !is_template(text));
        // West of every zone, so that it has gone by wherever the contact is.
        let until = until.and_then(|text| parse_datetime(text.trim(), chrono_tz::Etc::GMTPlus12));
        if until.is_some_and(|until| until <= now) {
            let message = "this date has gone by: the wait is over at once";
            gone(format!("actions[{i}].config.waitUntil"), message);
        }
    }
}

fn one_trigger(trigger: &Trigger, path: &str, found: &mut Vec<Problem>) {
    let kind = &trigger.kind;
    if kind.is_empty()
        || kind.len() > 100
        || kind.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        let message = format!("{} is no event type", quoted(kind));
        let hint = "write one such as form.submitted or order.shipped";
        let at = format!("{path}.type");
        found.push(Problem::error(codes::INVALID_EVENT_TYPE, at, message).hint(hint));
        return;
    }
    found.extend(trigger::doubt(&trigger.kind).map(|problem| problem.within(path)));
    match trigger::compile(trigger) {
        Ok(compiled) => {
            let timed = triggers::entry(&trigger.kind).is_some_and(|entry| entry.timed);
            if timed && compiled.plan().is_none() {
                let message = format!("without its time a {} trigger plans nothing", trigger.kind);
                let hint =
                    "give config.abandonmentTime, e.g. {\"amount\": 30, \"unit\": \"minutes\"}";
                let code = codes::TIMED_TRIGGER_PLANS_NOTHING;
                found.push(Problem::warning(code, path, message).hint(hint));
            }
        }
        Err(problems) => found.extend(problems.into_iter().map(|problem| problem.within(path))),
    }
}
