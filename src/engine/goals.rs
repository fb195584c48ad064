//! The start, the exit conditions and the goals: what is watched beside the path.

use serde_json::{Map, Value, json};

use super::{
    burst::{Machine, to_millis},
    program::{GoalThen, Unmet},
};
use crate::model::{
    execution::{Instant, Status},
    refusal::Refusal,
    span::Span,
    transition::{Admission, EntryKind},
};

impl Machine<'_> {
    /// The first burst: the snapshot, the entry conditions, the first branch.
    pub(super) fn start(&mut self) {
        let program = self.program;
        self.state.started = true;
        self.state.snapshot = self.snapshot();
        self.state.vars = program.variables.clone();
        if let Some(entry) = &program.entry
            && !entry.eval(&self.scope(), self.now, self.tz())
        {
            let (_, trace) = entry.eval_traced(&self.scope(), self.now, self.tz());
            let detail = serde_json::to_value(trace).unwrap_or_default();
            self.admission = Some(Admission::Refused {
                reason: Refusal::EntryConditions,
                detail: detail.clone(),
            });
            let detail = json!({ "trace": detail });
            return self.finish(Status::Exited, Some("entry_conditions".into()), detail);
        }
        self.admission = Some(Admission::Started);
        self.log(-1, EntryKind::ExecutionStarted, Value::Null);
        self.stand(program.start);
        self.look();
    }

    /// The fields that the version reads, as they are now.
    fn snapshot(&self) -> Option<Value> {
        let reads = self.program.reads();
        let fields = &self.contact.fields;
        let snapshot: Map<String, Value> = if reads.all_contact {
            fields.clone()
        } else {
            let read = reads.contact.iter().map(|field| &*field.name);
            let names = read.chain(reads.tags.then_some("tags"));
            names
                .filter_map(|name| Some((name.to_owned(), fields.get(name)?.clone())))
                .collect()
        };
        (!snapshot.is_empty()).then_some(Value::Object(snapshot))
    }

    /// Looks at the exit conditions, then at the goals in order; each goal takes effect as if alone.
    pub(super) fn look(&mut self) {
        self.dirty = false;
        if self.end.is_some() {
            return;
        }
        let program = self.program;
        if let Some(exit) = &program.exit
            && exit.condition.eval(&self.scope(), self.now, self.tz())
        {
            let (_, trace) = exit
                .condition
                .eval_traced(&self.scope(), self.now, self.tz());
            let detail = json!({ "trace": trace });
            return self.finish(Status::Exited, Some("exit_conditions".into()), detail);
        }
        for (index, goal) in (0u32..).zip(&program.goals) {
            if self.state.goals.contains(&index)
                || !goal
                    .watch
                    .condition
                    .eval(&self.scope(), self.now, self.tz())
            {
                continue;
            }
            let (_, trace) = goal
                .watch
                .condition
                .eval_traced(&self.scope(), self.now, self.tz());
            self.state.goals.push(index);
            let at = i32::try_from(index).unwrap_or(i32::MAX);
            self.log(
                at,
                EntryKind::GoalAchieved,
                json!({ "goal": goal.id, "trace": trace }),
            );
            match goal.then {
                GoalThen::Continue => {}
                GoalThen::Exit => {
                    return self.finish(
                        Status::Exited,
                        Some(format!("goal:{}", goal.id)),
                        Value::Null,
                    );
                }
                GoalThen::GoTo(step) => {
                    self.end_branches();
                    self.stand(step);
                }
            }
        }
    }

    /// No branch is left: goals that are not met say whether the execution waits for them, and how it ends.
    pub(super) fn path_ended(&mut self) {
        let program = self.program;
        let since = self.state.path_ended.unwrap_or(self.now);
        let (mut waited, mut left) = (Vec::new(), None);
        for (index, goal) in (0u32..).zip(&program.goals) {
            if self.state.goals.contains(&index) {
                continue;
            }
            match goal.unmet {
                Unmet::Continue => {}
                Unmet::Wait(max) => waited.push((&*goal.id, self.goal_limit(since, max))),
                Unmet::End => left = left.or(Some(&*goal.id)),
            }
        }
        let open = |limit: Option<Instant>| limit.is_none_or(|limit| limit > self.now);
        if !self.give_up && waited.iter().any(|(_, limit)| open(*limit)) {
            if self.state.path_ended.is_none() {
                self.state.path_ended = Some(to_millis(since, 0));
                let goals: Vec<&str> = waited.iter().map(|(id, _)| *id).collect();
                let mut result = json!({ "goals": goals });
                if let Some(limit) = waited.iter().filter_map(|(_, limit)| *limit).max() {
                    result["limit"] = json!(limit);
                }
                self.log(-1, EntryKind::Waiting, result);
            }
            return;
        }
        if let Some(id) = left {
            let reason = format!("goal_unmet:{id}");
            return self.finish(Status::Exited, Some(reason), Value::Null);
        }
        let unmet: Vec<&str> = waited.into_iter().map(|(id, _)| id).collect();
        let detail = match unmet.is_empty() {
            true => Value::Null,
            false => json!({ "unmet": unmet }),
        };
        self.finish(Status::Completed, None, detail);
    }

    /// Until when a goal is waited for; none: for ever. Whole milliseconds, and never before its time.
    fn goal_limit(&self, since: Instant, max: Option<Span>) -> Option<Instant> {
        max.map(|max| to_millis(max.add(since, self.tz()), 999_999))
    }

    /// When waiting for goals is over, while the execution does nothing else.
    pub(super) fn goal_limits(&self) -> impl Iterator<Item = Instant> {
        let goals = (0u32..).zip(&self.program.goals);
        let open = goals.filter(|(index, _)| !self.state.goals.contains(index));
        open.filter_map(|(_, goal)| match (goal.unmet, self.state.path_ended) {
            (Unmet::Wait(max), Some(since)) => self.goal_limit(since, max),
            _ => None,
        })
        .filter(|limit| *limit > self.now)
    }

    /// The earliest time at which a goal or the exit conditions can change their answer by the clock.
    pub(super) fn next_flip(&self) -> Option<Instant> {
        let goals = (0u32..).zip(&self.program.goals);
        let open = goals.filter(|(index, _)| !self.state.goals.contains(index));
        let watches = open.map(|(_, goal)| &goal.watch).chain(&self.program.exit);
        watches
            .filter(|watch| watch.clock)
            .filter_map(|watch| {
                watch
                    .condition
                    .next_flip(&self.scope(), self.now, self.tz())
            })
            .min()
    }
}
