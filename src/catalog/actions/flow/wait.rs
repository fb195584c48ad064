//! `wait`: stands still for a span, until a time, until a condition holds, or until something happens.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    wait_change::{UntilCondition, UntilEvent},
    wait_times::{After, AtTime, OnDate, Open, Recurring},
    wait_until::{Target, Until, Zone},
};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Resolve},
        words::{self, Problems},
    },
    model::{
        cron::{Cron, CronError},
        daytime::{DayTime, Weekdays},
        problem::Problem,
        span::Span,
        window::{Window, WindowSpec},
        workflow::Step,
        zone::parse_datetime,
    },
};

/// Stands still until a time has come, a condition holds or something happens.
///
/// Times of day, days, weeks and dates without a zone are the contact's (else the tenant's, else UTC), and
/// move at once when the contact's zone changes. A wait that times out goes on along `onTimeout`, else as
/// success with `timedOut: true`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// What is waited for. Default `duration`.
    #[serde(default)]
    pub wait_type: WaitType,
    /// `duration`: how long; days and longer are calendar units.
    #[serde(default)]
    pub duration: Option<Span>,
    /// `until_date`: an ISO date or date-time, or a template that gives one. A date in the past goes on at once.
    #[serde(default)]
    pub wait_until: Option<String>,
    /// `until_date`: so long before the date.
    #[serde(default)]
    pub before: Option<Span>,
    /// `until_date`: so long after the date.
    #[serde(default)]
    pub after: Option<Span>,
    /// `until_time`: the next time after now that the clock shows this, `09:00` or `9:30 pm`.
    /// `until_date`: on that day, at this time.
    #[serde(default)]
    pub time: Option<DayTime>,
    /// `until_window`: opens at this time of day.
    #[serde(default)]
    pub from: Option<DayTime>,
    /// `until_window`: closes at this time of day; not after `from`: on the next day.
    #[serde(default)]
    pub to: Option<DayTime>,
    /// `until_time`, `until_window`: only on these days. Default: every day.
    #[serde(default)]
    pub weekdays: Option<Weekdays>,
    /// `until_window`: closed on these dates, `2026-12-24`, or `12-25` for every year.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// `recurring`: the next occurrence after now of minute, hour, day, month and weekday, `0 9 * * MON-FRI`.
    #[serde(default)]
    pub cron: Option<String>,
    /// Waits for a time: `Europe/Berlin`, or a template that gives such a name. Default: the contact's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// `until_condition`: a condition group or leaf; looked at when what it depends on changes.
    #[serde(default)]
    pub condition: Option<Value>,
    /// `until_event`: the type of the event of this contact, e.g. `form.submitted`.
    #[serde(default)]
    pub event: Option<String>,
    /// `until_event`: conditions on the event (`event.data...`) and the contact; all must hold.
    #[serde(default)]
    pub filters: Vec<Value>,
    /// All but `duration`: how long at most. Default: for ever.
    #[serde(default)]
    pub max_wait_duration: Option<Span>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitType {
    /// A span of time.
    #[default]
    Duration,
    /// A date.
    UntilDate,
    /// A condition.
    UntilCondition,
    /// An event.
    UntilEvent,
    /// A time of day.
    UntilTime,
    /// A window of the week; inside it there is no wait.
    UntilWindow,
    /// The next occurrence of a cron pattern; in a loop it comes round at each.
    Recurring,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "wait",
    title: "Wait for a time, a condition or an event",
    schema: || schemars::schema_for!(Wait),
    compile,
};

/// What a type of wait makes of its config; none: there were problems.
type Compiled = Option<Box<dyn Action>>;

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Wait = words::config(step)?;
    let mut found = Problems::default();
    refuse_others(&config, &mut found);
    if config.max_wait_duration.is_some_and(Span::is_zero) {
        let (path, text) = (
            "config.maxWaitDuration",
            "a wait of at most nothing is none",
        );
        found.0.push(Problem::error("invalid_value", path, text));
    }
    let action = match config.wait_type {
        WaitType::Duration => duration(&config, &mut found),
        WaitType::UntilDate => until_date(&config, &mut found),
        WaitType::UntilTime => until_time(&config, &mut found),
        WaitType::UntilWindow => until_window(config, &mut found),
        WaitType::Recurring => recurring(&config, &mut found),
        WaitType::UntilCondition => until_condition(config, &mut found),
        WaitType::UntilEvent => until_event(config, &mut found),
    };
    found.finish(action)
}

fn duration(config: &Wait, found: &mut Problems) -> Compiled {
    let span = found.take(words::required(config.duration, "config.duration"))?;
    until(After(span), config, found)
}

fn until_date(config: &Wait, found: &mut Problems) -> Compiled {
    let path = "config.waitUntil";
    let text = found.take(words::required(config.wait_until.as_deref(), path))?;
    let date = found.take(words::template(text, path))?;
    if date.literal().is_some() && parse_datetime(text.trim(), chrono_tz::UTC).is_none() {
        let problem = Problem::error("invalid_date", path, "this is no date");
        let hint = "write 2026-12-31, 2026-12-31T09:00:00Z or a template";
        found.0.push(problem.hint(hint));
    }
    if config.before.is_some() && config.after.is_some() {
        let text = "a wait is before a date or after it";
        found
            .0
            .push(Problem::error("invalid_value", "config.after", text));
    }
    let target = OnDate {
        date,
        before: config.before,
        after: config.after,
        time: config.time,
    };
    until(target, config, found)
}

fn until_time(config: &Wait, found: &mut Problems) -> Compiled {
    let time = found.take(words::required(config.time, "config.time"))?;
    let days = config.weekdays.unwrap_or(Weekdays::ALL);
    if days.is_empty() {
        let text = "without a day of the week the time never comes";
        let problem = Problem::error("time_never_comes", "config.weekdays", text);
        found
            .0
            .push(problem.hint("name days, or leave weekdays out"));
    }
    until(AtTime { time, days }, config, found)
}

fn until_window(config: Wait, found: &mut Problems) -> Compiled {
    let from = found.take(words::required(config.from, "config.from"));
    let to = found.take(words::required(config.to, "config.to"));
    let spec = WindowSpec {
        from: from?,
        to: to?,
        weekdays: config.weekdays,
        holidays: config.holidays.clone(),
    };
    let window = Window::compile(&spec).map_err(|problems| words::within(problems, "config"));
    let window = found.take(window)?;
    until(Open(window), &config, found)
}

fn recurring(config: &Wait, found: &mut Problems) -> Compiled {
    let path = "config.cron";
    let text = found.take(words::required(config.cron.as_deref(), path))?;
    let cron = Cron::parse(text).map_err(|error| match &error {
        CronError::Syntax(text) => {
            let problem = Problem::error("invalid_cron", path, text);
            problem.hint("write minute, hour, day, month and weekday, e.g. 0 9 * * MON-FRI")
        }
        CronError::Never => Problem::error("cron_never_fires", path, error.to_string()),
    });
    let cron = found.take(cron)?;
    until(Recurring(cron), config, found)
}

fn until<T: Target + 'static>(target: T, config: &Wait, found: &mut Problems) -> Compiled {
    let zone = config.timezone.as_deref();
    let zone = zone.and_then(|text| Zone::compile(text, "config.timezone", found));
    Some(Box::new(Until::new(target, zone, config.max_wait_duration)))
}

fn until_condition(config: Wait, found: &mut Problems) -> Compiled {
    let path = "config.condition";
    let value = found.take(words::required(config.condition, path))?;
    let condition = found.take(words::condition(&value, path))?;
    let max = config.max_wait_duration;
    Some(Box::new(UntilCondition { condition, max }))
}

fn until_event(config: Wait, found: &mut Problems) -> Compiled {
    let filters = found.take(words::conditions(&config.filters, "config.filters"));
    let kind = found.take(words::required(config.event, "config.event"));
    let (kind, filters) = kind.zip(filters)?;
    let filters = (!config.filters.is_empty()).then_some(filters);
    let max = config.max_wait_duration;
    Some(Box::new(UntilEvent { kind, filters, max }))
}

/// Fields that belong to another type of wait are mistakes: nobody would look at them.
fn refuse_others(config: &Wait, found: &mut Problems) {
    use WaitType::*;
    let timed = &[Duration, UntilDate, UntilTime, UntilWindow, Recurring][..];
    let limited = &[
        UntilDate,
        UntilTime,
        UntilWindow,
        Recurring,
        UntilCondition,
        UntilEvent,
    ][..];
    let given = [
        ("duration", config.duration.is_some(), &[Duration][..]),
        ("waitUntil", config.wait_until.is_some(), &[UntilDate]),
        ("before", config.before.is_some(), &[UntilDate]),
        ("after", config.after.is_some(), &[UntilDate]),
        ("time", config.time.is_some(), &[UntilTime, UntilDate]),
        ("from", config.from.is_some(), &[UntilWindow]),
        ("to", config.to.is_some(), &[UntilWindow]),
        (
            "weekdays",
            config.weekdays.is_some(),
            &[UntilTime, UntilWindow],
        ),
        ("holidays", !config.holidays.is_empty(), &[UntilWindow]),
        ("cron", config.cron.is_some(), &[Recurring]),
        ("timezone", config.timezone.is_some(), timed),
        ("condition", config.condition.is_some(), &[UntilCondition]),
        ("event", config.event.is_some(), &[UntilEvent]),
        ("filters", !config.filters.is_empty(), &[UntilEvent]),
        (
            "maxWaitDuration",
            config.max_wait_duration.is_some(),
            limited,
        ),
    ];
    for (name, given, of) in given {
        if given && !of.contains(&config.wait_type) {
            let text = format!("\"{name}\" says nothing to this type of wait");
            let path = format!("config.{name}");
            found.0.push(Problem::error("unused_field", path, text));
        }
    }
}
