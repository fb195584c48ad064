//! Triggers and the rules of enrollment in a simulated world.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Row, Run, Simulation};
use crate::{
    catalog::event_scope::envelope,
    engine::{
        contact::Contact,
        eligibility::{self, Candidate, Verdict},
        matching::{self, TriggerOutcome},
        suppression,
    },
    model::{
        execution::{Execution, Instant, State, Status},
        ids,
        refusal::Refusal,
        transition::Event,
        workflow::WorkflowStatus,
    },
};
use std::cmp::Reverse;

impl<S: FnMut(Row)> Simulation<'_, S> {
    pub(super) fn enroll_by(&mut self, at: usize, event: &Event, contact: Uuid) {
        let program = &self.programs[at];
        let missing;
        let who = match self.contacts.get(&contact) {
            Some(whose) => &whose.contact,
            None => {
                missing = Contact::missing(contact);
                &missing
            }
        };
        let decisions = matching::decide(program, event, who, self.now);
        for decision in decisions {
            match decision.outcome {
                TriggerOutcome::Matched { key } => {
                    if self.debounced(at, event, contact, key.as_deref(), &decision.trigger) {
                        continue;
                    }
                    self.enroll(at, event, contact, key.as_deref(), &decision.trigger);
                }
                TriggerOutcome::BadKey { message } => {
                    self.blocked(
                        at,
                        contact,
                        None,
                        Refusal::BadKey,
                        json!({ "message": message }),
                    );
                }
                _ => {}
            }
        }
    }

    pub(super) fn enroll(
        &mut self,
        at: usize,
        event: &Event,
        contact: Uuid,
        key: Option<&str>,
        by: &str,
    ) {
        let program = &self.programs[at];
        let whose = self.contacts.get(&contact);
        let runs = |run: &usize| self.runs[*run].as_ref();
        let own = whose.map(|whose| &whose.live[..]).unwrap_or_default();
        let own = own.iter().filter_map(runs).filter(|run| run.program == at);
        let live: Vec<&str> = own.map(|run| &*run.ex.key).collect();
        let starts = whose.and_then(|whose| whose.starts.get(&at));
        let trigger = program.triggers.iter().find(|trigger| trigger.id == by);
        let rate = trigger.and_then(|t| Some((t.max_per_contact?, t.time_window)));
        let tz = whose
            .and_then(|whose| whose.contact.tz)
            .unwrap_or(program.tenant.timezone);
        let contact_key = contact.to_string();
        let lists = &program.rules().suppression_lists;
        let suppressed = whose.and_then(|whose| {
            suppression::find(&self.options.suppressions, lists, &whose.contact, self.now)
        });
        let candidate = Candidate {
            status: WorkflowStatus::Active,
            contact,
            contact_exists: whose.is_some(),
            // A key that the trigger has rendered, even where it fell back to the contact.
            key: Some(key.unwrap_or(&contact_key)),
            data: &event.data,
            source: event.id,
            starts: starts.map(Vec::as_slice).unwrap_or_default(),
            live: &live,
            rate,
            suppressed: suppressed.as_ref(),
        };
        match eligibility::decide(program.rules(), &candidate, self.now, tz) {
            Verdict::Enroll { key, live_key } => self.enter(at, event, contact, key, live_key, by),
            Verdict::Duplicate { .. } => {
                self.blocked(at, contact, None, Refusal::Duplicate, Value::Null);
            }
            Verdict::Blocked { reason, detail } => {
                self.blocked(at, contact, None, reason, detail);
            }
        }
    }

    pub(super) fn enter(
        &mut self,
        at: usize,
        event: &Event,
        contact: Uuid,
        key: String,
        live_key: String,
        by: &str,
    ) {
        let program = &self.programs[at];
        let due = self.begins(at, contact, by);
        let bucket = ids::bucket_of(self.tenant, contact);
        let source = event.id.to_string();
        let whose = contact.to_string();
        let parts = [
            &*program.tenant.name,
            &program.workflow,
            &whose,
            &key,
            &source,
        ];
        let ex = Execution {
            bucket,
            id: ids::derive(event.occurred_at.timestamp_millis(), bucket, &parts),
            tenant: self.tenant,
            workflow: program.numbers.workflow,
            version: program.numbers.version,
            contact,
            key: live_key,
            status: Status::Ready,
            priority: program.rules().priority,
            seq: 0,
            enrolled_at: self.now,
            due_at: Some(due),
            state: State {
                event: Some(envelope(event)),
                depth: event.cause.as_ref().map_or(0, |cause| cause.depth),
                ..State::default()
            },
        };
        let detail = json!({
            "workflow": program.workflow, "version": ex.version, "trigger": by, "key": key,
            "eventId": event.id, "eventType": event.kind,
        });
        self.row(contact, Some(ex.id), "execution:created", None, detail);
        let run = self.runs.len();
        self.runs.push(Some(Run { program: at, ex }));
        self.summary.total_enrollments += 1;
        let now = self.now;
        if let Some(whose) = self.contacts.get_mut(&contact) {
            whose.live.push(run);
            whose.starts.entry(at).or_default().push(now);
        }
        self.plan(run, due);
    }

    /// When an execution begins that this trigger enrols now.
    fn begins(&self, at: usize, contact: Uuid, by: &str) -> Instant {
        let program = &self.programs[at];
        let trigger = program.triggers.iter().find(|trigger| trigger.id == by);
        let tz = self
            .contacts
            .get(&contact)
            .and_then(|whose| whose.contact.tz)
            .unwrap_or(program.tenant.timezone);
        match trigger.and_then(|trigger| trigger.debounce) {
            Some(debounce) => debounce.add(self.now, tz),
            None => self.now,
        }
    }

    /// Whether one that has not begun takes the event: then it begins later, with this one.
    fn debounced(
        &mut self,
        at: usize,
        event: &Event,
        contact: Uuid,
        key: Option<&str>,
        by: &str,
    ) -> bool {
        let due = self.begins(at, contact, by);
        if due == self.now {
            return false;
        }
        let own = contact.to_string();
        let key = key.unwrap_or(&own);
        let live = self.contacts.get(&contact).map(|whose| whose.live.clone());
        let waits = live.unwrap_or_default().into_iter().find(|run| {
            let run = self.runs[*run].as_ref();
            run.is_some_and(|run| {
                run.program == at
                    && !run.ex.state.started
                    && run.ex.due_at.is_some_and(|due| due > self.now)
                    && run
                        .ex
                        .key
                        .strip_prefix(key)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            })
        });
        let Some(run) = waits else { return false };
        if let Some(Some(run)) = self.runs.get_mut(run) {
            run.ex.due_at = Some(due);
            run.ex.state.event = Some(envelope(event));
        }
        self.plan(run, due);
        true
    }

    pub(super) fn plan(&mut self, run: usize, at: Instant) {
        self.order += 1;
        self.due.push(Reverse((at, self.order, run)));
    }

    pub(super) fn blocked(
        &mut self,
        at: usize,
        contact: Uuid,
        execution: Option<Uuid>,
        reason: Refusal,
        numbers: Value,
    ) {
        let workflow = &self.programs[at].workflow;
        let mut detail = json!({ "workflow": workflow, "reason": reason.name() });
        if !numbers.is_null() {
            detail["detail"] = numbers;
        }
        self.row(contact, execution, "enrollment:blocked", None, detail);
    }
}
