//! `wait`: stands still for a span, until a date, until a condition holds, or until something happens.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::delay::{For, wake_at};
use crate::{
    catalog::{
        action::{
            Action, ActionEntry, Class, Done, Failure, Outcome, Resolve, StepContext, Wake, Waking,
        },
        event_scope::{Over, envelope},
        words::{self, Problems},
    },
    model::{
        condition::Condition,
        execution::{Instant, Park, ParkKind},
        problem::Problem,
        reads::Reads,
        span::Span,
        template::Template,
        transition::Event,
        workflow::Step,
        zone::parse_datetime,
    },
};

/// Stands still until a time has come, a condition holds or something happens.
///
/// A wait that times out goes on along `onTimeout`, else as success with `timedOut: true`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// What is waited for. Default `duration`.
    #[serde(default)]
    pub wait_type: WaitType,
    /// `duration`: how long; days and longer are calendar units in the contact's zone.
    #[serde(default)]
    pub duration: Option<Span>,
    /// `until_date`: an ISO date or date-time, or a template that gives one; without a zone it is the
    /// contact's. A date in the past goes on at once.
    #[serde(default)]
    pub wait_until: Option<String>,
    /// `until_condition`: a condition group or leaf; looked at when what it depends on changes.
    #[serde(default)]
    pub condition: Option<Value>,
    /// `until_event`: the type of the event of this contact, e.g. `form.submitted`.
    #[serde(default)]
    pub event: Option<String>,
    /// `until_event`: conditions on the event (`event.data...`) and the contact; all must hold.
    #[serde(default)]
    pub filters: Vec<Value>,
    /// `until_condition`, `until_event`: how long at most. Default: for ever.
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
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "wait",
    title: "Wait for a time, a condition or an event",
    schema: || schemars::schema_for!(Wait),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Wait = words::config(step)?;
    let mut found = Problems::default();
    refuse_others(&config, &mut found);
    let max = config.max_wait_duration;
    if max.is_some_and(Span::is_zero) {
        let text = "a wait of at most nothing is none";
        found.0.push(Problem::error(
            "invalid_value",
            "config.maxWaitDuration",
            text,
        ));
    }
    let action: Option<Box<dyn Action>> = match config.wait_type {
        WaitType::Duration => found
            .take(words::required(config.duration, "config.duration"))
            .map(|span| Box::new(For(span)) as Box<dyn Action>),
        WaitType::UntilDate => found
            .take(words::required(config.wait_until, "config.waitUntil"))
            .and_then(|text| {
                let literal = found.take(words::template(&text, "config.waitUntil"))?;
                if literal.literal().is_some()
                    && parse_datetime(text.trim(), chrono_tz::UTC).is_none()
                {
                    let path = "config.waitUntil";
                    let problem = Problem::error("invalid_date", path, "this is no date");
                    found
                        .0
                        .push(problem.hint("write 2026-12-31, 2026-12-31T09:00:00Z or a template"));
                }
                Some(Box::new(UntilDate(literal)) as Box<dyn Action>)
            }),
        WaitType::UntilCondition => found
            .take(words::required(config.condition, "config.condition"))
            .and_then(|value| found.take(words::condition(&value, "config.condition")))
            .map(|condition| Box::new(UntilCondition { condition, max }) as Box<dyn Action>),
        WaitType::UntilEvent => {
            let filters = found.take(words::conditions(&config.filters, "config.filters"));
            let event = found.take(words::required(config.event, "config.event"));
            event.zip(filters).map(|(kind, filters)| {
                let filters = (!config.filters.is_empty()).then_some(filters);
                Box::new(UntilEvent { kind, filters, max }) as Box<dyn Action>
            })
        }
    };
    found.finish(action)
}

/// Fields that belong to another type of wait are mistakes: nobody would look at them.
fn refuse_others(config: &Wait, found: &mut Problems) {
    use WaitType::{Duration, UntilCondition, UntilDate, UntilEvent};
    let given = [
        ("duration", config.duration.is_some(), &[Duration][..]),
        ("waitUntil", config.wait_until.is_some(), &[UntilDate][..]),
        (
            "condition",
            config.condition.is_some(),
            &[UntilCondition][..],
        ),
        ("event", config.event.is_some(), &[UntilEvent][..]),
        ("filters", !config.filters.is_empty(), &[UntilEvent][..]),
        (
            "maxWaitDuration",
            config.max_wait_duration.is_some(),
            &[UntilCondition, UntilEvent][..],
        ),
    ];
    for (name, given, of) in given {
        if given && !of.contains(&config.wait_type) {
            let text = format!("\"{name}\" says nothing to this type of wait");
            found.0.push(Problem::error(
                "unused_field",
                format!("config.{name}"),
                text,
            ));
        }
    }
}

#[derive(Debug)]
struct UntilDate(Template);

impl Action for UntilDate {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let text = match words::text(&self.0, cx) {
            Ok(text) => text,
            Err(failure) => return Outcome::Fail(failure),
        };
        match parse_datetime(text.trim(), cx.tz) {
            Some(until) if until > cx.now => Outcome::Park {
                kind: ParkKind::Time,
                until: Some(until),
                limit: None,
            },
            Some(_) => Outcome::Done(Done::default()),
            None => Outcome::Fail(Failure {
                error: "invalid_date".into(),
                message: match text.trim().is_empty() {
                    true => "waitUntil gave nothing".into(),
                    false => "what waitUntil gave is no date".into(),
                },
            }),
        }
    }

    fn wake(&self, cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
        wake_at(cx, park, why)
    }

    fn reads(&self, reads: &mut Reads) {
        self.0.reads(reads);
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

#[derive(Debug)]
struct UntilCondition {
    condition: Condition,
    max: Option<Span>,
}

impl Action for UntilCondition {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        if self.condition.eval(cx.scope, cx.now, cx.tz) {
            return Outcome::Done(Done::default());
        }
        let until = self.condition.next_flip(cx.scope, cx.now, cx.tz);
        Outcome::Park {
            kind: ParkKind::Condition,
            until,
            limit: limit(self.max, cx),
        }
    }

    fn wake(&self, cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
        if matches!(why, Wake::Skip) {
            return Waking::Stay { until: park.until };
        }
        if self.condition.eval(cx.scope, cx.now, cx.tz) {
            return Waking::Done {
                result: Value::Null,
                timed_out: false,
            };
        }
        Waking::Stay {
            until: self.condition.next_flip(cx.scope, cx.now, cx.tz),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.condition.reads(reads);
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

#[derive(Debug)]
struct UntilEvent {
    kind: String,
    filters: Option<Condition>,
    max: Option<Span>,
}

impl UntilEvent {
    fn is(&self, cx: &StepContext<'_>, event: &Event) -> bool {
        event.kind == self.kind
            && self.filters.as_ref().is_none_or(|filters| {
                filters.eval(
                    &Over {
                        event,
                        under: cx.scope,
                    },
                    cx.now,
                    cx.tz,
                )
            })
    }
}

impl Action for UntilEvent {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        Outcome::Park {
            kind: ParkKind::Event,
            until: None,
            limit: limit(self.max, cx),
        }
    }

    fn wake(&self, cx: &StepContext<'_>, _: &Park, why: Wake<'_>) -> Waking {
        match why {
            Wake::Event(event) if self.is(cx, event) => Waking::Done {
                result: json!({ "event": envelope(event) }),
                timed_out: false,
            },
            _ => Waking::Stay { until: None },
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.events.insert(self.kind.clone());
        if let Some(filters) = &self.filters {
            filters.reads(reads);
        }
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

fn limit(max: Option<Span>, cx: &StepContext<'_>) -> Option<Instant> {
    max.map(|max| max.add(cx.now, cx.tz))
}
