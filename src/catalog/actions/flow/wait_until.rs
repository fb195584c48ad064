//! The one way in which waits for a time park, are re-timed and end.

use std::fmt::Debug;

use chrono_tz::Tz;
use serde_json::Value;

use crate::{
    catalog::{
        action::{Action, Class, Done, Failure, Outcome, StepContext, Wake, Waking},
        words::{self, Problems},
    },
    model::{
        execution::{Instant, Park, ParkKind},
        problem::Problem,
        reads::Reads,
        span::Span,
        template::Template,
        zone::zone_named,
    },
};

/// A time that comes.
pub(super) trait Target: Debug + Send + Sync {
    /// When it comes, seen from now; `since` is when the wait began. Not after now: it has come.
    fn comes(&self, cx: &StepContext<'_>, tz: Tz, since: Instant) -> Result<Instant, Failure>;

    /// Whether the zone counts.
    fn zoned(&self) -> bool {
        true
    }

    /// False: it is said once, on arrival, and never moves.
    fn moves(&self) -> bool {
        true
    }

    /// True: it can be over again by the time that a late worker looks.
    fn passes(&self) -> bool {
        false
    }

    /// Adds what it reads.
    fn reads(&self, _reads: &mut Reads) {}
}

/// A wait for such a time.
#[derive(Debug)]
pub(super) struct Until<T> {
    target: T,
    zone: Option<Zone>,
    max: Option<Span>,
}

impl<T: Target> Until<T> {
    /// In the contact's zone unless another is given; at most for `max`.
    pub(super) fn new(target: T, zone: Option<Zone>, max: Option<Span>) -> Self {
        Self { target, zone, max }
    }

    /// When it comes, and when that is too late.
    fn plan(
        &self,
        cx: &StepContext<'_>,
        since: Instant,
    ) -> Result<(Instant, Option<Instant>), Failure> {
        let tz = match &self.zone {
            Some(zone) => zone.of(cx)?,
            None => cx.tz,
        };
        let until = self.target.comes(cx, tz, since)?;
        Ok((until, self.max.map(|max| max.add(since, tz))))
    }
}

impl<T: Target> Action for Until<T> {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match self.plan(cx, cx.now) {
            Ok((until, _)) if until <= cx.now => Outcome::Done(Done::default()),
            Ok((until, limit)) => Outcome::Park {
                kind: ParkKind::Time,
                until: Some(until),
                limit,
            },
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn wake(&self, cx: &StepContext<'_>, park: &Park, why: Wake<'_>) -> Waking {
        let stay = Waking::Stay { until: park.until };
        let over = Waking::Done {
            result: Value::Null,
            timed_out: false,
        };
        let due = park.until.is_some_and(|until| until <= cx.now);
        // Whoever wakes late judges as one who woke in time.
        let in_time = park.limit.is_none_or(|limit| park.until <= Some(limit));
        match why {
            Wake::Skip => return stay,
            _ if due && !in_time => return stay,
            _ if due && !self.target.passes() => return over,
            _ if !due && !self.target.moves() => return stay,
            _ => {}
        }
        match self.plan(cx, park.since) {
            Ok((until, limit)) => {
                let in_time = (due && in_time) || limit.is_none_or(|limit| until <= limit);
                match until <= cx.now && in_time {
                    true => over,
                    false => Waking::Retime {
                        until: Some(until),
                        limit,
                    },
                }
            }
            Err(failure) => Waking::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        self.target.reads(reads);
        let zoned = self.target.zoned() || self.max.is_some_and(Span::is_calendar);
        match &self.zone {
            Some(Zone::Fixed(_)) => {}
            Some(Zone::Of(template)) => {
                template.reads(reads);
                reads.zone |= zoned;
            }
            None => reads.zone |= zoned,
        }
    }

    fn class(&self) -> Class {
        Class::Wait
    }
}

/// A zone other than the contact's.
#[derive(Debug)]
pub(super) enum Zone {
    /// Always this one.
    Fixed(Tz),
    /// What the template gives; nothing is the contact's.
    Of(Template),
}

impl Zone {
    /// Reads a zone's name or a template of one, that stands at `path`.
    pub(super) fn compile(text: &str, path: &str, found: &mut Problems) -> Option<Self> {
        let template = found.take(words::template(text, path))?;
        if template.literal().is_none() {
            return Some(Self::Of(template));
        }
        let zone = zone_named(text.trim());
        found
            .take(zone.map_err(|text| Problem::error("unknown_timezone", path, text)))
            .map(Self::Fixed)
    }

    fn of(&self, cx: &StepContext<'_>) -> Result<Tz, Failure> {
        let template = match self {
            Self::Fixed(tz) => return Ok(*tz),
            Self::Of(template) => template,
        };
        match words::text(template, cx)?.trim() {
            "" => Ok(cx.tz),
            name => zone_named(name).map_err(|message| Failure {
                error: "unknown_timezone".into(),
                message,
            }),
        }
    }
}
