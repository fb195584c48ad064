//! Comparisons with the clock, and the instant at which they change their answer.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{
    Leaf,
    eval::{Cx, found, moment},
    wanted::Wanted,
};
use crate::model::span::Span;

/// Whether `at` is longer ago than `span`: its deadline, `at` plus the span, has passed.
///
/// Said by the deadline and not by `now - span`, because that goes back and forth where clocks are
/// set back or months are short: one value would be old, then not, then old again. For spans below
/// a day the two are the same. Instants count to the microsecond, as the database keeps them.
pub(super) fn is_older(at: DateTime<Utc>, span: Span, now: DateTime<Utc>, tz: Tz) -> bool {
    span.add(at, tz) < now.trunc_subsecs(6)
}

/// The first instant after now at which the leaf's answer is another.
pub(super) fn next(leaf: &Leaf, cx: &Cx<'_>) -> Option<DateTime<Utc>> {
    if !leaf.operator.is_clock_relative() {
        return None;
    }
    let wanted = leaf.wanted(cx).ok()?;
    let Wanted::Span(span) = *wanted else {
        return None;
    };
    let at = moment(found(leaf, cx)?.as_ref())?.at(cx.tz);
    let first_old = span
        .add(at, cx.tz)
        .checked_add_signed(TimeDelta::microseconds(1))?;
    (first_old > cx.now && !is_older(at, span, cx.now, cx.tz)).then_some(first_old)
}
