//! What a condition or a template depends on, so that only what can matter is loaded and woken.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::path::{Field, Path, Root};

/// A contact field by its canonical name: the column of a built-in, a custom field's name as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldName {
    /// The canonical name.
    pub name: String,
    /// Whether it is a custom field.
    #[serde(default)]
    pub custom: bool,
}

impl From<Field<'_>> for FieldName {
    fn from(field: Field<'_>) -> Self {
        let custom = matches!(field, Field::Custom(_));
        Self {
            name: field.canonical().to_owned(),
            custom,
        }
    }
}

/// Everything that is read, by root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Reads {
    /// Fields of the live contact; its tags are under [`Reads::tags`] instead.
    pub contact: BTreeSet<FieldName>,
    /// The live contact's tags.
    pub tags: bool,
    /// The live contact as a whole: which fields cannot be told.
    pub all_contact: bool,
    /// Fields of the snapshot, tags among them.
    pub snapshot: BTreeSet<FieldName>,
    /// The snapshot as a whole.
    pub all_snapshot: bool,
    /// The triggering event.
    pub event: bool,
    /// `old.*` or `new.*`: a change that only an event tells of.
    pub change: bool,
    /// Types of later events that are waited for.
    pub events: BTreeSet<String>,
    /// Variables by their first name.
    pub vars: BTreeSet<String>,
    /// Variables as a whole.
    pub all_vars: bool,
    /// Ids of steps whose result is read.
    pub steps: BTreeSet<String>,
    /// Results of steps as a whole.
    pub all_steps: bool,
    /// The execution's own facts.
    pub execution: bool,
    /// The tenant's.
    pub tenant: bool,
    /// Names of secrets; an empty name for all of them.
    pub secrets: BTreeSet<String>,
    /// The clock: the answer can change while nothing else does.
    pub clock: bool,
    /// The contact's zone, for times of day, calendar units and dates without a zone.
    pub zone: bool,
}

impl Reads {
    /// Adds what `path` reads.
    pub fn add(&mut self, path: &Path) {
        let first = path
            .segments()
            .first()
            .map(|segment| segment.key().to_owned());
        match (path.root(), path.field()) {
            (Root::Contact, None) => self.all_contact = true,
            (Root::Contact, Some(Field::BuiltIn { column: "tags", .. })) => self.tags = true,
            (Root::Contact, Some(field)) => drop(self.contact.insert(field.into())),
            (Root::Snapshot, None) => self.all_snapshot = true,
            (Root::Snapshot, Some(field)) => drop(self.snapshot.insert(field.into())),
            (Root::Event, _) => self.event = true,
            (Root::Old | Root::New, _) => self.change = true,
            (Root::Vars, _) => self.all_vars |= insert(&mut self.vars, first),
            (Root::Steps, _) => self.all_steps |= insert(&mut self.steps, first),
            (Root::Execution, _) => self.execution = true,
            (Root::Tenant, _) => self.tenant = true,
            (Root::Secrets, _) => drop(self.secrets.insert(first.unwrap_or_default())),
        }
    }

    /// Adds all that `other` reads.
    pub fn union(&mut self, other: &Reads) {
        self.contact.extend(other.contact.iter().cloned());
        self.snapshot.extend(other.snapshot.iter().cloned());
        self.events.extend(other.events.iter().cloned());
        self.vars.extend(other.vars.iter().cloned());
        self.steps.extend(other.steps.iter().cloned());
        self.secrets.extend(other.secrets.iter().cloned());
        self.tags |= other.tags;
        self.all_contact |= other.all_contact;
        self.all_snapshot |= other.all_snapshot;
        self.event |= other.event;
        self.change |= other.change;
        self.all_vars |= other.all_vars;
        self.all_steps |= other.all_steps;
        self.execution |= other.execution;
        self.tenant |= other.tenant;
        self.clock |= other.clock;
        self.zone |= other.zone;
    }

    /// Whether a change of the live contact can change the answer.
    pub fn reads_contact(&self) -> bool {
        self.all_contact || self.tags || !self.contact.is_empty()
    }
}

/// Inserts a name; without one the whole is meant, and the answer is true.
fn insert(names: &mut BTreeSet<String>, name: Option<String>) -> bool {
    match name {
        Some(name) => {
            names.insert(name);
            false
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_by_root() {
        let mut reads = Reads::default();
        for text in [
            "contact.lastName",
            "contact.last_name",
            "contact.score",
            "contact.tags",
            "snapshot.tags",
            "event.data.x",
            "new.status",
            "vars.total",
            "steps.pay.result.id",
            "secrets.api_key",
            "tenant.name",
        ] {
            reads.add(&Path::parse(text).unwrap());
        }
        let names: Vec<_> = reads
            .contact
            .iter()
            .map(|f| (f.name.as_str(), f.custom))
            .collect();
        assert_eq!(names, [("last_name", false), ("score", true)]);
        assert!(reads.tags && reads.event && reads.change && reads.tenant && !reads.execution);
        assert!(!reads.all_contact && !reads.all_vars && reads.reads_contact());
        assert!(reads.vars.contains("total") && reads.steps.contains("pay"));
        assert!(reads.secrets.contains("api_key"));

        let mut both = Reads::default();
        both.add(&Path::parse("contact").unwrap());
        both.add(&Path::parse("vars").unwrap());
        both.union(&reads);
        assert!(both.all_contact && both.all_vars && both.steps.contains("pay") && both.tags);
        assert_eq!(both.contact, reads.contact);
    }
}
