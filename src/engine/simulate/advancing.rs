//! What the store and the outside do with a transition, in a simulated world.

use serde_json::{Value, json};

use super::{Job, ResultLine, Row, Run, Simulation, input, others::has_removal};
use crate::{
    engine::{
        advance::{Burst, advance},
        limits, pauses,
    },
    model::{
        execution::{Execution, Instant, Park, ParkKind, State, Status},
        ids,
        transition::{
            Admission, Cause, Command, Effect, EntryKind, Input, Reply, ReplyOutcome, Send,
            Transition,
        },
    },
};

impl<S: FnMut(Row)> Simulation<'_, S> {
    /// Advances one execution and does what the store does with the transition.
    pub(super) fn advance(&mut self, at: usize, input: &Input) {
        let Some(run) = self.runs.get_mut(at).and_then(Option::take) else {
            return;
        };
        let Some(whose) = self.contacts.get(&run.ex.contact) else {
            return;
        };
        let before = whose.contact.fields.clone();
        let step = self.decide(&run, input);
        let Some(whose) = self.contacts.get_mut(&run.ex.contact) else {
            return;
        };
        let Some(step) = step else {
            self.runs[at] = Some(run);
            return;
        };
        if step
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Crm(_)))
        {
            whose.contact.name_in_full();
        }
        self.report(&run, &step);
        match &step.admission {
            Some(Admission::Refused { reason, detail }) => {
                self.summary.total_enrollments -= 1;
                self.began(&run, None);
                let (contact, id) = (run.ex.contact, run.ex.id);
                self.blocked(run.program, contact, Some(id), *reason, detail.clone());
            }
            Some(Admission::Started) => self.began(&run, Some(self.now)),
            Some(Admission::Void) | None => {}
        }
        let cause = Cause {
            execution: run.ex.id,
            workflow: run.ex.workflow,
            depth: run.ex.state.depth + 1,
        };
        if step
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Crm(_)))
        {
            self.tell_changes(run.ex.contact, &before, Some(&cause));
        }
        // As the store does it: while its own key is still taken. What becomes of an enrolment is known before the
        // outside answers, and who was enrolled begins after that.
        let replies: Vec<Reply> = step
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send(send) => Some(self.answer(&run, send)),
                _ => None,
            })
            .collect();
        let (run, begun) = self.enroll_others(at, run, &step.effects);
        let replies = replies.into_iter().map(|reply| Job::Reply(at, reply));
        self.jobs
            .extend(replies.chain(begun.into_iter().map(Job::Begin)));
        let Some(mut run) = run else { return };
        let refused = matches!(step.admission, Some(Admission::Refused { .. }));
        if step.status.is_final() {
            self.ended(at, &run.ex, step.status, refused);
            let reason = step.reason.as_deref();
            self.tell_parent(at, run.ex.id, step.status, reason, &step.state.vars);
            self.remove_others(&run.ex, &step.effects);
            return;
        }
        self.review(at, &run, &step.state);
        run.ex.status = step.status;
        run.ex.due_at = step.due_at;
        run.ex.seq = step.seq;
        run.ex.state = step.state;
        if let Some(due) = run.ex.due_at {
            self.plan(at, due);
        }
        let ex = has_removal(&step.effects).then(|| run.ex.clone());
        self.runs[at] = Some(run);
        if let Some(ex) = ex {
            self.remove_others(&ex, &step.effects);
        }
    }

    /// What the worker decides before and after the machine runs: a pause, and room in the whole workflow.
    fn decide(&mut self, run: &Run, input: &Input) -> Option<Transition> {
        let program = &self.programs[run.program];
        let contact = &mut self.contacts.get_mut(&run.ex.contact)?.contact;
        let until = program.rules().pauses.until(self.now);
        if until.is_some()
            && let Some(parked) = pauses::parked(&run.ex, input, until)
        {
            return Some(parked);
        }
        let limit = program.rules().workflow_limit;
        let limit = limit.filter(|_| !run.ex.state.started);
        let (mut used, mut oldest) = (0, None);
        if let Some(limit) = limit {
            let since = limit.since(self.now, program.tenant.timezone);
            let starts = self.counted.entry(run.program).or_default();
            while since.is_some_and(|since| starts.front().is_some_and(|start| *start <= since)) {
                starts.pop_front();
            }
            (used, oldest) = (starts.len(), starts.front().copied());
        }
        let full = limit.filter(|limit| used >= limit.count as usize);
        let mut burst = Burst::default();
        if until.is_some() || full.is_some() {
            burst.max_steps = 0;
        }
        let step = advance(program, &run.ex, contact, input, self.now, burst)?;
        if step.admission == Some(Admission::Started) {
            if let Some(full) = full {
                let detail = full.numbers(used as u64, oldest, program.tenant.timezone);
                return Some(limits::refused(&run.ex, detail));
            }
            if limit.is_some() {
                let starts = self.counted.entry(run.program).or_default();
                starts.push_back(self.now);
            }
        }
        Some(match until {
            Some(_) => pauses::held(step, run.ex.status == Status::Paused, until),
            None => step,
        })
    }

    /// What its enrolment had reserved becomes a start, or none.
    fn began(&mut self, run: &Run, start: Option<Instant>) {
        if let Some(whose) = self.contacts.get_mut(&run.ex.contact) {
            let starts = whose.starts.entry(run.program).or_default();
            let reserved = starts.iter().rposition(|at| *at == run.ex.enrolled_at);
            match (reserved, start) {
                (Some(at), Some(start)) => starts[at] = start,
                (Some(at), None) => drop(starts.remove(at)),
                (None, _) => {}
            }
        }
    }

    pub(super) fn ended(&mut self, at: usize, ex: &Execution, status: Status, refused: bool) {
        if let Some(whose) = self.contacts.get_mut(&ex.contact) {
            whose.live.retain(|run| *run != at);
        }
        match status {
            _ if refused => {}
            Status::Completed => {
                self.summary.completed_enrollments += 1;
                let millis = (self.now - ex.enrolled_at).num_milliseconds();
                self.completion_seconds += millis as f64 / 1_000.0;
            }
            Status::Exited => self.summary.exited_enrollments += 1,
            Status::Failed => self.summary.failed_enrollments += 1,
            _ => {}
        }
    }

    /// The first line of the results that fits a step of an execution.
    fn result_of(&self, run: &Run, step: u32) -> Option<&ResultLine> {
        let program = &self.programs[run.program];
        let step = program.step_ids().get(step as usize);
        let contact = self.contacts.get(&run.ex.contact).map(|whose| &whose.id);
        self.options.results.iter().find(|line| {
            let workflow = line.workflow.as_ref();
            workflow.is_none_or(|workflow| *workflow == program.workflow)
                && line.step_id.as_ref().is_none_or(|id| Some(id) == step)
                && line
                    .contact_id
                    .as_ref()
                    .is_none_or(|id| Some(id) == contact)
        })
    }

    /// Decides the reviews that a transition has opened, where a line names their step: `sent` approves,
    /// `failed` rejects. Others stay open.
    fn review(&mut self, at: usize, run: &Run, state: &State) {
        for branch in &state.branches {
            let opened = |park: &Park| park.kind == ParkKind::Review && park.seq >= run.ex.seq;
            if !branch.park.as_ref().is_some_and(opened) {
                continue;
            }
            let line = self.result_of(run, branch.step);
            let Some(line) = line.filter(|line| line.step_id.is_some()) else {
                continue;
            };
            let approve = match line.outcome {
                ReplyOutcome::Sent => true,
                ReplyOutcome::Failed => false,
                ReplyOutcome::Unknown | ReplyOutcome::Suppressed => continue,
            };
            let command = Command::Review {
                step: line.step_id.clone(),
                approve,
                note: line.message.clone(),
            };
            self.jobs.push_back(Job::Command(at, command));
        }
    }

    /// The answer of the outside: what the results say, else ok and empty.
    pub(super) fn answer(&self, run: &Run, send: &Send) -> Reply {
        match self.result_of(run, send.step) {
            Some(line) => Reply {
                seq: send.seq,
                outcome: line.outcome,
                response: line.response.clone(),
                error: line.error.clone(),
                message: line.message.clone(),
            },
            None => Reply {
                seq: send.seq,
                outcome: input::sent(),
                response: Value::Null,
                error: None,
                message: None,
            },
        }
    }

    /// Tells what a transition did, entry by entry.
    pub(super) fn report(&mut self, run: &Run, step: &Transition) {
        let program = &self.programs[run.program];
        let first = run.ex.seq;
        for (seq, entry) in (first..).zip(&step.entries) {
            let index = usize::try_from(entry.step).ok();
            let mut step_id = index.and_then(|index| program.step_ids().get(index).cloned());
            let mut detail = Value::clone(&entry.result);
            match entry.kind {
                EntryKind::GoalAchieved => {
                    step_id = None;
                    self.summary.goal_achievements += 1;
                }
                EntryKind::Dispatched => {
                    let send = step.effects.iter().find_map(|effect| match effect {
                        Effect::Send(send) if send.seq == seq => Some(send),
                        _ => None,
                    });
                    if let Some(send) = send {
                        detail = json!({
                            "action": send.action, "request": send.request,
                            "outboxId": ids::outbox_id(run.ex.id, seq),
                        });
                    }
                }
                _ => {}
            }
            self.row(
                run.ex.contact,
                Some(run.ex.id),
                entry.kind.name(),
                step_id,
                detail,
            );
        }
    }
}
