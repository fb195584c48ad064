//! The times that a wait can be for: a span, a date, a time of day, a window, a cron pattern.

use chrono_tz::Tz;

use super::wait_until::Target;
use crate::{
    catalog::{
        action::{Failure, StepContext},
        words,
    },
    model::{
        cron::Cron,
        daytime::{DayTime, Weekdays},
        execution::Instant,
        reads::Reads,
        span::Span,
        template::Template,
        window::Window,
        zone::{Moment, parse_datetime, resolve, wall_clock},
    },
};

/// After a span; what has passed of it counts in whatever zone the contact is by then.
#[derive(Debug)]
pub(super) struct After(pub(super) Span);

impl Target for After {
    fn comes(&self, _: &StepContext<'_>, tz: Tz, since: Instant) -> Result<Instant, Failure> {
        Ok(self.0.add(since, tz))
    }

    fn zoned(&self) -> bool {
        self.0.is_calendar()
    }

    fn moves(&self) -> bool {
        self.0.is_calendar()
    }
}

/// At a date, or some time before or after it.
#[derive(Debug)]
pub(super) struct OnDate {
    /// Gives the date.
    pub(super) date: Template,
    /// So long before it.
    pub(super) before: Option<Span>,
    /// So long after it.
    pub(super) after: Option<Span>,
    /// On the day that this gives, at this time.
    pub(super) time: Option<DayTime>,
}

impl OnDate {
    fn own_reads(&self) -> Reads {
        let mut reads = Reads::default();
        self.date.reads(&mut reads);
        reads
    }
}

impl Target for OnDate {
    fn comes(&self, cx: &StepContext<'_>, tz: Tz, _: Instant) -> Result<Instant, Failure> {
        let text = words::text(&self.date, cx)?;
        let Some(mut at) = parse_datetime(text.trim(), tz) else {
            return Err(Failure {
                error: "invalid_date".into(),
                message: match text.trim().is_empty() {
                    true => "waitUntil gave nothing".into(),
                    false => "what waitUntil gave is no date".into(),
                },
            });
        };
        if let Some(before) = self.before {
            at = before.sub(at, tz);
        }
        if let Some(after) = self.after {
            at = after.add(at, tz);
        }
        if let Some(time) = self.time {
            let beyond = || Failure {
                error: "invalid_date".into(),
                message: "the date lies beyond the calendar".into(),
            };
            let day = wall_clock(at, tz).ok_or_else(beyond)?;
            at = resolve(day.date().and_time(time.time()), tz);
        }
        Ok(at)
    }

    fn zoned(&self) -> bool {
        let literal = self
            .date
            .literal()
            .and_then(|text| Moment::parse(text.trim()));
        let spans = [self.before, self.after];
        !matches!(literal, Some(Moment::Instant(_)))
            || self.time.is_some()
            || spans.into_iter().flatten().any(Span::is_calendar)
    }

    fn moves(&self) -> bool {
        // A date that is counted from now would never come.
        !self.own_reads().clock
    }

    fn reads(&self, reads: &mut Reads) {
        reads.union(&self.own_reads());
    }
}

/// When the wall clock shows a time of day.
#[derive(Debug)]
pub(super) struct AtTime {
    /// The time.
    pub(super) time: DayTime,
    /// On these days.
    pub(super) days: Weekdays,
}

impl Target for AtTime {
    fn comes(&self, cx: &StepContext<'_>, tz: Tz, _: Instant) -> Result<Instant, Failure> {
        let next = self.time.next_after(self.days, cx.now, tz);
        next.ok_or_else(|| never("the wall clock never shows this time again"))
    }
}

/// While a window is open.
#[derive(Debug)]
pub(super) struct Open(pub(super) Window);

impl Target for Open {
    fn comes(&self, cx: &StepContext<'_>, tz: Tz, _: Instant) -> Result<Instant, Failure> {
        let next = self.0.next_open(cx.now, tz);
        next.ok_or_else(|| never("the window never opens again"))
    }

    fn passes(&self) -> bool {
        true
    }
}

/// At the next occurrence of a cron pattern.
#[derive(Debug)]
pub(super) struct Recurring(pub(super) Cron);

impl Target for Recurring {
    fn comes(&self, cx: &StepContext<'_>, tz: Tz, _: Instant) -> Result<Instant, Failure> {
        let next = self.0.next_after(cx.now, tz);
        next.ok_or_else(|| never("the pattern has had its last occurrence"))
    }
}

fn never(message: &str) -> Failure {
    Failure {
        error: "never_comes".into(),
        message: message.into(),
    }
}
