//! Pauses of a workflow: times at which nobody enrols and executions hold.

use crate::model::{
    execution::{Execution, Instant, Status},
    transition::{Input, Transition},
    workflow::PauseDates,
};

/// Times that do not overlap, in order. The end does not belong to a pause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pauses(Vec<(Instant, Instant)>);

impl Pauses {
    /// Pauses in any order; those that touch become one, those that end before they begin are none.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (Instant, Instant)>) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().filter(|(from, to)| from < to).collect();
        pairs.sort_unstable();
        let mut merged: Vec<(Instant, Instant)> = Vec::new();
        for (from, until) in pairs {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => merged.push((from, until)),
            }
        }
        Self(merged)
    }

    pub(super) fn of(dates: &[PauseDates]) -> Self {
        Self::new(dates.iter().map(|dates| (dates.from, dates.until)))
    }

    /// When the pause ends that `now` falls into; none: it falls into none.
    #[must_use]
    pub fn until(&self, now: Instant) -> Option<Instant> {
        let hit = self.0.iter().find(|(from, to)| *from <= now && now < *to);
        hit.map(|(_, until)| *until)
    }

    /// The pauses, in order.
    #[must_use]
    pub fn all(&self) -> &[(Instant, Instant)] {
        &self.0
    }
}

/// What a burst of a held execution (one of a paused workflow, `until` a time or until it is resumed) leaves:
/// inputs were taken in, no step ran, and the clock does not look before the end.
#[must_use]
pub fn held(mut transition: Transition, paused: bool, until: Option<Instant>) -> Transition {
    if !transition.status.is_final() {
        if paused {
            transition.status = Status::Paused;
        }
        transition.due_at = until.and_then(|until| Some(transition.due_at?.max(until)));
    }
    transition
}

/// A held execution that is due: nothing changes but the time at which the clock looks again. None: the input
/// is another one, and is taken in.
#[must_use]
pub fn parked(ex: &Execution, input: &Input, until: Option<Instant>) -> Option<Transition> {
    matches!(input, Input::Time).then(|| Transition {
        due_at: until,
        ..Transition::unchanged(ex)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::tests::{Run, program, set, steps};
    use crate::model::transition::Command;

    fn at(text: &str) -> Instant {
        format!("2026-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn touching_pauses_are_one() {
        let dates = [
            ("03-05T00:00", "03-06T00:00"),
            ("03-01T00:00", "03-03T00:00"),
            ("03-02T00:00", "03-05T00:00"),
            ("04-02T00:00", "04-01T00:00"),
        ];
        let dates = dates.map(|(from, until)| PauseDates {
            from: at(from),
            until: at(until),
        });
        let pauses = Pauses::of(&dates);
        assert_eq!(pauses.all(), [(at("03-01T00:00"), at("03-06T00:00"))]);
        let table = [
            ("02-28T23:59", None),
            ("03-01T00:00", Some("03-06T00:00")),
            ("03-05T23:59", Some("03-06T00:00")),
            ("03-06T00:00", None),
            ("04-01T12:00", None),
        ];
        for (now, until) in table {
            assert_eq!(pauses.until(at(now)), until.map(at), "{now}");
        }
    }

    #[test]
    fn who_is_held_takes_in_what_comes_and_is_looked_at_when_the_pause_ends() {
        let program = program(&steps(json!([set("a", json!(1), &[])])));
        let ex = Run::new(&program, json!({})).ex;
        let (now, end) = (at("03-02T10:00"), at("03-06T00:00"));
        let left = parked(&ex, &Input::Time, Some(end)).unwrap();
        assert_eq!(
            (left.due_at, left.status, left.seq),
            (Some(end), ex.status, ex.seq)
        );
        let skip = Input::Command(Command::SkipWait);
        assert!(parked(&ex, &skip, Some(end)).is_none());

        let due = |due_at, paused, until| {
            let step = Transition {
                due_at,
                ..Transition::unchanged(&ex)
            };
            let held = held(step, paused, until);
            (held.status, held.due_at)
        };
        let later = at("03-07T00:00");
        assert_eq!(due(Some(now), false, Some(end)), (ex.status, Some(end)));
        assert_eq!(due(Some(later), false, Some(end)), (ex.status, Some(later)));
        assert_eq!(due(None, false, Some(end)), (ex.status, None));
        assert_eq!(due(Some(now), true, None), (Status::Paused, None));
        let mut over = Transition::unchanged(&ex);
        over.status = Status::Completed;
        assert_eq!(held(over, true, None).status, Status::Completed);
    }
}
