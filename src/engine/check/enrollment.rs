//! The settings of enrollment: limits with their windows, dates in their order, names of lists.

use super::codes;
use crate::{
    catalog::finding::quoted,
    model::{execution::Instant, problem::Problem, workflow::Definition},
};

/// All that is to be said of the settings and of the triggers' dates.
pub fn check(definition: &Definition, found: &mut Vec<Problem>) {
    let pair = (definition.starts_at, definition.ends_at);
    order(pair, "startsAt", "endsAt", "", found);
    for (i, dates) in definition.pause_dates.iter().enumerate() {
        let pair = (Some(dates.from), Some(dates.until));
        order(pair, "from", "until", &format!("pauseDates[{i}]."), found);
    }
    let single = definition.trigger.iter();
    let single = single.map(|trigger| ("trigger.".to_owned(), trigger));
    let listed = definition.triggers.iter().enumerate();
    let listed = listed.map(|(i, trigger)| (format!("triggers[{i}]."), trigger));
    for (path, trigger) in single.chain(listed) {
        let pair = (trigger.active_from, trigger.active_to);
        order(pair, "activeFrom", "activeTo", &path, found);
        let limit = trigger.rate_limiting.as_ref();
        if limit.is_some_and(|l| l.time_window.is_some() && l.max_per_contact.is_none()) {
            let at = format!("{path}rateLimiting.timeWindow");
            lone(&at, "window", "maxPerContact", found);
        }
    }
    let Some(settings) = &definition.enrollment_settings else {
        return;
    };
    if settings.enrollment_limit.is_none() {
        let given = [
            (
                "enrollmentWindow",
                "window",
                settings.enrollment_window.is_some(),
            ),
            (
                "enrollmentLimitScope",
                "scope",
                settings.enrollment_limit_scope.is_some(),
            ),
        ];
        for (field, what, _) in given.iter().filter(|(.., given)| *given) {
            let at = format!("enrollmentSettings.{field}");
            lone(&at, what, "enrollmentLimit", found);
        }
    }
    for (i, list) in settings.suppression_lists.iter().flatten().enumerate() {
        if !is_list(list) {
            let at = format!("enrollmentSettings.suppressionLists[{i}]");
            let message = format!("{} cannot be a list's name", quoted(list));
            let hint = "letters, digits, -, _ and . (at most 63), beginning with a letter or digit";
            found.push(Problem::error(codes::INVALID_ID, at, message).hint(hint));
        }
    }
}

/// What `waypost.suppress` takes for a list.
fn is_list(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    name.len() <= 63
        && name.starts_with(plain)
        && name.chars().all(|c| plain(c) || "_.-".contains(c))
}

fn order(
    (from, until): (Option<Instant>, Option<Instant>),
    first: &str,
    last: &str,
    path: &str,
    found: &mut Vec<Problem>,
) {
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        let message = format!("{last} is not after {first}");
        let at = format!("{path}{last}");
        found.push(Problem::error(codes::DATES_REVERSED, at, message));
    }
}

fn lone(path: &str, what: &str, limit: &str, found: &mut Vec<Problem>) {
    let message = format!("the {what} has no {limit} that it could be of");
    found.push(Problem::warning(codes::WINDOW_WITHOUT_LIMIT, path, message));
}
