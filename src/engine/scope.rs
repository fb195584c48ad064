//! What a path names while an execution is advanced, or an event matched: nothing is copied that is not asked for.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{contact::Contact, program::Program};
use crate::{
    catalog::event_scope::{self, descend},
    model::{
        execution::{Execution, State},
        path::{Path, Root, Segment},
        scope::Scope,
        transition::Event,
    },
};

/// The scope of one step of one execution.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionScope<'a> {
    /// The version it runs.
    pub program: &'a Program,
    /// The execution as claimed.
    pub execution: &'a Execution,
    /// Its memory as the burst has changed it.
    pub state: &'a State,
    /// Its contact as the burst has changed it.
    pub contact: &'a Contact,
}

impl Scope for ExecutionScope<'_> {
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>> {
        let segments = path.segments();
        match path.root() {
            Root::Contact => of_contact(self.contact, path),
            Root::Snapshot => path.find(self.state.snapshot.as_ref()?).map(Cow::Borrowed),
            Root::Event => {
                let event = self.state.event.as_ref()?;
                match segments.first().map(Segment::key) {
                    Some("occurredAt") => event.get("occurred_at").map(Cow::Borrowed),
                    Some("contactId") => of_contact_id(self.contact),
                    _ => path.find(event).map(Cow::Borrowed),
                }
            }
            Root::Old => path
                .find(self.state.event.as_ref()?.get("old")?)
                .map(Cow::Borrowed),
            Root::New => path
                .find(self.state.event.as_ref()?.get("new")?)
                .map(Cow::Borrowed),
            Root::Vars => match segments.split_first() {
                None => Some(Cow::Owned(Value::Object(self.state.vars.clone()))),
                Some((name, rest)) => descend(self.state.vars.get(name.key())?, rest),
            },
            Root::Steps => match segments {
                [] => {
                    let results = self.state.results.iter();
                    let all = results.map(|(id, value)| (id.clone(), json!({ "result": value })));
                    Some(Cow::Owned(Value::Object(all.collect())))
                }
                [id] => {
                    let result = self.state.results.get(id.key())?;
                    Some(Cow::Owned(json!({ "result": result })))
                }
                [id, result, rest @ ..] if result.key() == "result" => {
                    descend(self.state.results.get(id.key())?, rest)
                }
                _ => None,
            },
            Root::Execution => self.of_execution(segments),
            Root::Tenant => of_tenant(
                &self.program.tenant.name,
                self.program.tenant.timezone.name(),
                segments,
            ),
            Root::Secrets => Some(Cow::Owned(Value::String(secret_reference(segments)?))),
        }
    }
}

impl ExecutionScope<'_> {
    fn of_execution(&self, segments: &[Segment]) -> Option<Cow<'_, Value>> {
        let ex = self.execution;
        let Some(first) = segments.first() else {
            return Some(Cow::Owned(json!({
                "id": ex.id, "workflowId": self.program.workflow, "version": ex.version,
                "contactId": ex.contact, "key": ex.key, "enrolledAt": ex.enrolled_at,
            })));
        };
        Some(Cow::Owned(match first.key() {
            "id" => Value::String(ex.id.to_string()),
            "workflowId" | "workflow" => Value::String(self.program.workflow.clone()),
            "workflowName" => Value::String(self.program.name.clone()),
            "version" => json!(ex.version),
            "contactId" => Value::String(ex.contact.to_string()),
            "key" => Value::String(ex.key.clone()),
            "enrolledAt" | "startedAt" => json!(ex.enrolled_at),
            _ => return None,
        }))
    }
}

/// The scope in which a trigger's filters and key look at an event and its contact.
#[derive(Debug, Clone, Copy)]
pub struct EventScope<'a> {
    /// What happened.
    pub event: &'a Event,
    /// Whose it is.
    pub contact: &'a Contact,
    /// Name and zone of the tenant.
    pub tenant: (&'a str, &'a str),
}

impl Scope for EventScope<'_> {
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>> {
        match path.root() {
            Root::Contact | Root::Snapshot => of_contact(self.contact, path),
            Root::Event | Root::Old | Root::New => event_scope::find(self.event, path),
            Root::Tenant => of_tenant(self.tenant.0, self.tenant.1, path.segments()),
            Root::Vars | Root::Steps | Root::Execution | Root::Secrets => None,
        }
    }
}

fn of_contact<'a>(contact: &'a Contact, path: &Path) -> Option<Cow<'a, Value>> {
    match path.field() {
        None => Some(Cow::Owned(Value::Object(contact.fields.clone()))),
        Some(field) => match contact.fields.get(field.canonical()) {
            Some(value) => path.find_in_field(value).map(Cow::Borrowed),
            None if field.canonical() == "id" => of_contact_id(contact),
            None => None,
        },
    }
}

fn of_contact_id(contact: &Contact) -> Option<Cow<'_, Value>> {
    Some(Cow::Owned(Value::String(contact.id.to_string())))
}

fn of_tenant(name: &str, zone: &str, segments: &[Segment]) -> Option<Cow<'static, Value>> {
    Some(Cow::Owned(match segments.first().map(Segment::key) {
        None => json!({ "name": name, "timezone": zone }),
        Some("name" | "id") => Value::String(name.to_owned()),
        Some("timezone") => Value::String(zone.to_owned()),
        Some(_) => return None,
    }))
}

/// Secrets are never known here: a path to one gives the reference that the connector resolves.
fn secret_reference(segments: &[Segment]) -> Option<String> {
    segments
        .first()
        .map(|name| format!("{{{{secrets.{}}}}}", name.key()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{Run, program, set, steps};

    #[test]
    fn what_an_execution_knows_of_itself() {
        let program = program(&steps(json!([set("n", json!(1), &[])])));
        let run = Run::new(&program, json!({ "score": 7 }));
        let ex = &run.ex;
        let scope = ExecutionScope {
            program: &program,
            execution: ex,
            state: &ex.state,
            contact: &run.contact,
        };
        let whole = json!({ "id": ex.id, "workflowId": "w", "version": 1, "contactId": ex.contact,
                            "key": "k", "enrolledAt": ex.enrolled_at });
        let rows = [
            ("execution", whole),
            ("execution.id", json!(ex.id)),
            ("execution.workflowId", json!("w")),
            ("execution.workflow", json!("w")),
            ("execution.version", json!(1)),
            ("execution.contactId", json!(ex.contact)),
            ("execution.key", json!("k")),
            ("execution.enrolledAt", json!(ex.enrolled_at)),
            ("execution.startedAt", json!(ex.enrolled_at)),
            ("execution.other", Value::Null),
            ("tenant", json!({ "name": "default", "timezone": "UTC" })),
            ("tenant.name", json!("default")),
            ("tenant.timezone", json!("UTC")),
            ("tenant.other", Value::Null),
            ("contact.score", json!(7)),
            ("contact.id", json!(ex.contact)),
            ("contact.other", Value::Null),
            ("event.data.n", json!(1)),
            ("steps.n.result", Value::Null),
            ("secrets.key", json!("{{secrets.key}}")),
        ];
        for (path, wanted) in rows {
            let found = scope.get(&Path::parse(path).unwrap()).map(Cow::into_owned);
            assert_eq!(found.unwrap_or(Value::Null), wanted, "{path}");
        }
    }
}
