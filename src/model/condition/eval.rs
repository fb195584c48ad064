//! Whether a condition holds: no trace, no allocation where a borrow does.

use std::{borrow::Cow, cmp::Ordering};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::{Group, Leaf, flip, wanted::Wanted};
use crate::model::{
    compare::{self, Operand, Verdict},
    operator::Operator,
    scope::Scope,
    zone::Moment,
};

/// What an evaluation looks at.
pub(super) struct Cx<'s> {
    pub(super) scope: &'s dyn Scope,
    pub(super) now: DateTime<Utc>,
    pub(super) tz: Tz,
}

/// What a comparison said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) holds: bool,
    pub(super) mismatch: bool,
}

pub(super) fn holds(group: &Group, cx: &Cx<'_>) -> bool {
    match group {
        Group::All(parts) => parts.iter().all(|part| holds(part, cx)),
        Group::Any(parts) => parts.iter().any(|part| holds(part, cx)),
        Group::None(parts) => !parts.iter().any(|part| holds(part, cx)),
        Group::Leaf(leaf) => {
            let wanted = leaf.wanted(cx);
            compare_leaf(leaf, wanted.as_deref().ok(), found(leaf, cx).as_deref(), cx).holds
        }
    }
}

/// What the leaf's field holds; of a change, what it holds now.
pub(super) fn found<'s>(leaf: &'s Leaf, cx: &Cx<'s>) -> Option<Cow<'s, Value>> {
    match &leaf.change {
        Some(change) => cx.scope.get(&change.new),
        None => cx.scope.get(&leaf.field),
    }
}

/// Compares; without a wanted value (its template failed) the positive operator is false.
pub(super) fn compare_leaf(
    leaf: &Leaf,
    wanted: Option<&Wanted>,
    found: Option<&Value>,
    cx: &Cx<'_>,
) -> Finding {
    let (positive, negated) = leaf.operator.positive();
    let verdict = match wanted {
        Some(wanted) => verdict(leaf, positive, wanted, found, cx),
        None => Verdict::Mismatch,
    };
    let holds = (verdict == Verdict::True) != negated;
    Finding {
        holds,
        mismatch: verdict == Verdict::Mismatch,
    }
}

fn verdict(
    leaf: &Leaf,
    operator: Operator,
    wanted: &Wanted,
    found: Option<&Value>,
    cx: &Cx<'_>,
) -> Verdict {
    match (operator, wanted) {
        (Operator::Exists, Wanted::Flag(flag)) => return (found.is_some() == *flag).into(),
        (Operator::IsEmpty, Wanted::Flag(flag)) => {
            return (compare::is_empty(found) == *flag).into();
        }
        (Operator::Changed | Operator::ChangedTo | Operator::ChangedFrom, _) => {
            return change(leaf, operator, wanted, found, cx);
        }
        _ => {}
    }
    let Some(found) = found else {
        return Verdict::False;
    };
    match wanted {
        Wanted::One(wanted) if wanted.value().is_null() => Verdict::False,
        Wanted::One(wanted) => one(operator, found, wanted, cx),
        Wanted::List(list) => compare::is_in(found, list, cx.tz),
        Wanted::Pair(pair) if operator == Operator::BetweenDates => {
            let [low, high] = &**pair;
            match (moment(found), low.moment(), high.moment()) {
                (Some(at), Some(from), Some(to)) => {
                    let at = at.at(cx.tz);
                    (at >= from.at(cx.tz) && at < to.after(cx.tz)).into()
                }
                _ => Verdict::Mismatch,
            }
        }
        Wanted::Pair(pair) => {
            let [low, high] = pair.each_ref().map(|end| compare::order(found, end, cx.tz));
            match (low, high) {
                (Some(low), Some(high)) => {
                    (low != Ordering::Less && high != Ordering::Greater).into()
                }
                _ => Verdict::Mismatch,
            }
        }
        Wanted::Span(span) => match moment(found) {
            Some(at) => {
                let old = flip::is_older(at.at(cx.tz), *span, cx.now, cx.tz);
                (old == (operator == Operator::OlderThan)).into()
            }
            None => Verdict::Mismatch,
        },
        Wanted::Regex(regex) => match found {
            Value::String(text) => regex.is_match(text).into(),
            _ => Verdict::Mismatch,
        },
        Wanted::Flag(_) => Verdict::False,
    }
}

fn one(operator: Operator, found: &Value, wanted: &Operand, cx: &Cx<'_>) -> Verdict {
    let ordered = |right: fn(Ordering) -> bool| match compare::order(found, wanted, cx.tz) {
        Some(order) => right(order).into(),
        None => Verdict::Mismatch,
    };
    let dated = |right: fn(Ordering) -> bool| match (moment(found), wanted.moment()) {
        (Some(a), Some(b)) => right(a.at(cx.tz).cmp(&b.at(cx.tz))).into(),
        _ => Verdict::Mismatch,
    };
    let texts = |right: fn(&str, &str) -> bool| match (found.as_str(), wanted.text()) {
        (Some(text), Some(part)) => right(text, part).into(),
        _ => Verdict::Mismatch,
    };
    match operator {
        Operator::Equals => compare::equals(found, wanted, cx.tz),
        Operator::GreaterThan => ordered(Ordering::is_gt),
        Operator::LessThan => ordered(Ordering::is_lt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::BeforeDate => dated(Ordering::is_lt),
        Operator::AfterDate => dated(Ordering::is_gt),
        Operator::StartsWith => texts(|text, part| text.starts_with(part)),
        Operator::EndsWith => texts(|text, part| text.ends_with(part)),
        Operator::Contains => compare::contains(found, wanted, cx.tz),
        Operator::Includes => compare::includes(found, wanted, cx.tz),
        // The rest want something else than one value, which `Wanted::of` saw to.
        _ => Verdict::False,
    }
}

fn change(
    leaf: &Leaf,
    operator: Operator,
    wanted: &Wanted,
    new: Option<&Value>,
    cx: &Cx<'_>,
) -> Verdict {
    let old = leaf
        .change
        .as_ref()
        .and_then(|change| cx.scope.get(&change.old));
    let changed = match (old.as_deref(), new) {
        (None, None) => false,
        (Some(old), Some(new)) => {
            // Equal as written settles nearly all; 1 and 1.0 are the same all the same.
            old != new && compare::equals(old, &Operand::new(new.clone()), cx.tz) != Verdict::True
        }
        _ => true,
    };
    match (operator, wanted) {
        (Operator::Changed, Wanted::Flag(flag)) => (changed == *flag).into(),
        (_, Wanted::One(wanted)) if changed => {
            let side = if operator == Operator::ChangedTo {
                new
            } else {
                old.as_deref()
            };
            side.map_or(Verdict::False, |side| compare::equals(side, wanted, cx.tz))
        }
        _ => Verdict::False,
    }
}

/// The date that a found value is.
pub(super) fn moment(found: &Value) -> Option<Moment> {
    found.as_str().and_then(Moment::parse)
}
