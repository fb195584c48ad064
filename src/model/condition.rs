//! Conditions: groups of comparisons over paths, compiled once and evaluated often.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    operator::Operator, path::Path, problem::Problem, reads::Reads, scope::Scope,
    template::ValueTemplate,
};

mod compile;
mod eval;
mod flip;
mod schema;
mod trace;
mod wanted;

pub use trace::{LeafTrace, Trace};
use wanted::Wanted;

/// How deep groups may nest.
pub const MAX_DEPTH: usize = 64;
/// How many comparisons one condition may hold.
pub const MAX_LEAVES: usize = 1_000;

/// A condition as it is written:
/// a group `{"operator": "AND", "conditions": [...]}` (AND, OR, NOT; in any case) or a comparison
/// `{"field": "contact.email", "operator": "exists", "value": ...}`.
///
/// It is any JSON until it is compiled: what is wrong with it is said by [`Condition::compile`], all
/// at once and with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConditionSpec(pub Value);

/// A compiled condition.
#[derive(Debug, Clone)]
pub struct Condition(Group);

#[derive(Debug, Clone)]
enum Group {
    /// AND: every one holds; true when empty.
    All(Vec<Group>),
    /// OR: one holds; false when empty.
    Any(Vec<Group>),
    /// NOT: none holds; true when empty.
    None(Vec<Group>),
    Leaf(Box<Leaf>),
}

#[derive(Debug, Clone)]
struct Leaf {
    field: Path,
    /// The same field below `old` and `new`, for operators that tell of a change.
    change: Option<Box<Change>>,
    operator: Operator,
    wanted: Want,
}

/// One field before and after. Boxed, as pairs are: most comparisons have none, and a worker keeps thousands.
#[derive(Debug, Clone)]
struct Change {
    old: Path,
    new: Path,
}

/// What a leaf compares with: known since it was compiled, or filled in each time.
#[derive(Debug, Clone)]
enum Want {
    Ready(Wanted),
    Template(ValueTemplate),
}

/// A regular expression under the limits of `matches_regex`: linear in time, bounded in size.
///
/// # Errors
/// What is wrong with it, at no path.
pub fn pattern(text: &str) -> Result<regex::Regex, Problem> {
    Wanted::regex(&Value::from(text))
        .map_err(|(why, hint)| Problem::error("invalid_value", "", why).maybe_hint(hint))
}

impl Condition {
    /// Compiles, or says everything that is wrong.
    pub fn compile(spec: &ConditionSpec) -> Result<Condition, Vec<Problem>> {
        compile::compile(&spec.0).map(Condition)
    }

    /// Compiles a list all of which must hold, such as a trigger's `filters`.
    pub fn compile_all(specs: &[ConditionSpec]) -> Result<Condition, Vec<Problem>> {
        compile::compile_list(specs).map(Condition)
    }

    /// Whether it holds. `now` counts to the microsecond.
    pub fn eval(&self, scope: &dyn Scope, now: DateTime<Utc>, tz: Tz) -> bool {
        eval::holds(&self.0, &eval::Cx { scope, now, tz })
    }

    /// Whether it holds, and why: every comparison with what it wanted and found.
    pub fn eval_traced(&self, scope: &dyn Scope, now: DateTime<Utc>, tz: Tz) -> (bool, Trace) {
        trace::traced(&self.0, &eval::Cx { scope, now, tz })
    }

    /// Adds what it depends on.
    pub fn reads(&self, reads: &mut Reads) {
        self.0.each_leaf(&mut |leaf| leaf.reads(reads));
    }

    /// The earliest instant after `now` at which a comparison with the clock (`newer_than`,
    /// `older_than`) changes its answer while nothing else does; whole microseconds.
    pub fn next_flip(
        &self,
        scope: &dyn Scope,
        now: DateTime<Utc>,
        tz: Tz,
    ) -> Option<DateTime<Utc>> {
        let mut earliest = None;
        let cx = eval::Cx { scope, now, tz };
        self.0.each_leaf(&mut |leaf| {
            if let Some(at) = flip::next(leaf, &cx) {
                earliest = Some(earliest.map_or(at, |least: DateTime<Utc>| least.min(at)));
            }
        });
        earliest
    }
}

impl Group {
    fn each_leaf(&self, see: &mut dyn FnMut(&Leaf)) {
        match self {
            Group::Leaf(leaf) => see(leaf),
            Group::All(parts) | Group::Any(parts) | Group::None(parts) => {
                parts.iter().for_each(|part| part.each_leaf(see));
            }
        }
    }
}

impl Leaf {
    fn reads(&self, reads: &mut Reads) {
        match &self.change {
            Some(change) => {
                reads.add(&change.old);
                reads.add(&change.new);
            }
            None => reads.add(&self.field),
        }
        reads.clock |= self.operator.is_clock_relative();
        reads.zone |= self.operator.reads_dates();
        if let Want::Template(template) = &self.wanted {
            template.reads(reads);
        }
    }

    /// What it compares with now, or why that cannot be said.
    fn wanted<'s>(&'s self, cx: &eval::Cx<'s>) -> Result<Cow<'s, Wanted>, String> {
        match &self.wanted {
            Want::Ready(wanted) => Ok(Cow::Borrowed(wanted)),
            Want::Template(template) => {
                let value = template
                    .eval(cx.scope, cx.now, cx.tz)
                    .map_err(|e| e.to_string())?;
                let takes = self.operator.row().takes;
                Wanted::of(takes, value.into_owned())
                    .map(Cow::Owned)
                    .map_err(|(why, _)| why)
            }
        }
    }
}

#[cfg(test)]
mod tests;
