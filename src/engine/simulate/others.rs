//! Other workflows of a contact in a simulated world: what the store does with those effects.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Job, Row, Run, Simulation};
use crate::{
    engine::{
        eligibility::{self, Candidate, Verdict},
        others::{answer, ended},
        suppression,
    },
    model::{
        execution::{Execution, Status},
        refusal::Refusal,
        transition::{Cause, Effect, Enroll, Event},
        workflow::WorkflowStatus,
    },
};

/// Whether a step ends other executions.
pub(super) fn has_removal(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Remove(_)))
}

impl<S: FnMut(Row)> Simulation<'_, S> {
    /// Enrols what the steps of this run ask for; gives the run back, and those that are to begin.
    pub(super) fn enroll_others(
        &mut self,
        at: usize,
        run: Run,
        effects: &[Effect],
    ) -> (Option<Run>, Vec<usize>) {
        let mut begun = Vec::new();
        if !effects.iter().any(|e| matches!(e, Effect::Enroll(_))) {
            return (Some(run), begun);
        }
        let ex = run.ex.clone();
        self.runs[at] = Some(run);
        for effect in effects {
            if let Effect::Enroll(asked) = effect {
                begun.extend(self.enroll_other(at, &ex, asked));
            }
        }
        (self.runs[at].take(), begun)
    }

    /// The new run, where it was let in.
    fn enroll_other(&mut self, parent: usize, ex: &Execution, asked: &Enroll) -> Option<usize> {
        let named = |program: &crate::engine::program::Program| program.workflow == asked.workflow;
        let Some(at) = self.programs.iter().position(named) else {
            self.tell(parent, asked, "not_simulated", None, None);
            return None;
        };
        let contact = ex.contact;
        let whose = self.contacts.get(&contact);
        let own = whose.map(|whose| &whose.live[..]).unwrap_or_default();
        let own = own.iter().filter_map(|run| self.runs[*run].as_ref());
        let own: Vec<&Run> = own.filter(|run| run.program == at).collect();
        let live: Vec<&str> = own.iter().map(|run| &*run.ex.key).collect();
        let starts = whose.and_then(|whose| whose.starts.get(&at));
        let program = &self.programs[at];
        let tz = whose
            .and_then(|whose| whose.contact.tz)
            .unwrap_or(program.tenant.timezone);
        let lists = &program.rules().suppression_lists;
        let suppressed = whose.and_then(|whose| {
            suppression::find(&self.options.suppressions, lists, &whose.contact, self.now)
        });
        let candidate = Candidate {
            status: WorkflowStatus::Active,
            contact,
            contact_exists: whose.is_some(),
            key: asked.key.as_deref(),
            data: &asked.envelope["data"],
            source: asked.source,
            starts: starts.map(Vec::as_slice).unwrap_or_default(),
            live: &live,
            rate: None,
            suppressed: suppressed.as_ref(),
        };
        match eligibility::decide(program.rules(), &candidate, self.now, tz) {
            Verdict::Enroll { key, live_key } => {
                let child = self.enter_other(at, ex, asked, key, live_key);
                let id = self.runs[child].as_ref().map(|run| run.ex.id);
                self.awaited
                    .extend(asked.waits.then(|| (child, (parent, asked.clone()))));
                self.tell(parent, asked, "enrolled", None, id);
                return Some(child);
            }
            Verdict::Duplicate { live_key } => {
                let holder = own.iter().find(|run| run.ex.key == live_key);
                let holder = holder.map(|run| run.ex.id);
                self.blocked(at, contact, None, Refusal::Duplicate, Value::Null);
                self.tell(parent, asked, "duplicate", None, holder);
            }
            Verdict::Blocked { reason, detail } => {
                self.blocked(at, contact, None, reason, detail);
                self.tell(parent, asked, "blocked", Some(reason.name()), None);
            }
        }
        None
    }

    /// The position of the new run.
    fn enter_other(
        &mut self,
        at: usize,
        ex: &Execution,
        asked: &Enroll,
        key: String,
        live_key: String,
    ) -> usize {
        let event = Event {
            id: asked.source,
            kind: "workflow.enrolled".into(),
            contact: Some(ex.contact),
            occurred_at: asked.at,
            data: Value::Null,
            old: None,
            new: None,
            trigger: None,
            cause: Some(Cause {
                execution: ex.id,
                workflow: ex.workflow,
                depth: asked.depth,
            }),
        };
        let child = self.runs.len();
        self.enter(at, &event, ex.contact, key, live_key, "enroll_in_workflow");
        if let Some(run) = &mut self.runs[child] {
            run.ex.state.event = Some(asked.envelope.clone().into());
        }
        child
    }

    fn tell(
        &mut self,
        parent: usize,
        asked: &Enroll,
        outcome: &str,
        reason: Option<&str>,
        execution: Option<Uuid>,
    ) {
        let reply = answer(asked, outcome, reason, execution);
        self.jobs
            .extend(reply.map(|reply| Job::Reply(parent, reply)));
    }

    /// Tells the run that waits for the end of this one.
    pub(super) fn tell_parent(
        &mut self,
        child: usize,
        id: Uuid,
        status: Status,
        reason: Option<&str>,
        vars: &Map<String, Value>,
    ) {
        if let Some((parent, asked)) = self.awaited.remove(&child) {
            let reply = ended(&asked, id, status, reason, vars);
            self.jobs.push_back(Job::Reply(parent, reply));
        }
    }

    /// Ends the contact's other runs that the steps of this one name.
    pub(super) fn remove_others(&mut self, by: &Execution, effects: &[Effect]) {
        for effect in effects {
            let Effect::Remove(removal) = effect else {
                continue;
            };
            let live = self
                .contacts
                .get(&by.contact)
                .map(|whose| whose.live.clone());
            for at in live.unwrap_or_default() {
                let meant = self.runs[at].as_ref().is_some_and(|run| {
                    run.ex.id != by.id && removal.names(&self.programs[run.program].workflow)
                });
                let Some(run) = meant.then(|| self.runs[at].take()).flatten() else {
                    continue;
                };
                let detail = json!({ "reason": removal.reason });
                let id = run.ex.id;
                self.row(by.contact, Some(id), "execution:cancelled", None, detail);
                self.ended(at, &run.ex, Status::Cancelled, false);
                let reason = Some(&*removal.reason);
                self.tell_parent(at, id, Status::Cancelled, reason, &run.ex.state.vars);
            }
        }
    }
}
