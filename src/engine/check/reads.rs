//! Names that a text reads and nothing gives: variables, results of steps, fields of contacts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::codes;
use super::flow::Flow;
use super::texts::Text;
use super::ways::Steps;
use crate::catalog::finding::quoted;
use crate::model::{
    nearest::did_you_mean, path::builtin_contact_field, problem::Problem, workflow::Definition,
};

/// Fields of a step's config that name a variable, or variables, to be set.
const NAMING: &[&str] = &[
    "as",
    "into",
    "name",
    "output",
    "resultVariable",
    "responseVariable",
    "saveAs",
    "saveTo",
    "target",
    "variable",
    "variables",
];

/// What a definition gives to those that read.
pub(super) struct Given<'d> {
    steps: &'d Steps<'d>,
    definition: &'d Definition,
    /// Names of variables that something sets.
    vars: BTreeSet<&'d str>,
    /// Custom fields that contacts have or steps set; none: the contacts are not known.
    fields: Option<BTreeSet<&'d str>>,
    /// `before[a][b]`: a way leads from `a` to `b`.
    before: Vec<Vec<bool>>,
}

impl<'d> Given<'d> {
    pub(super) fn by(
        definition: &'d Definition,
        steps: &'d Steps<'d>,
        flow: &Flow,
        fields: Option<&'d BTreeSet<String>>,
    ) -> Self {
        let mut vars: BTreeSet<&str> = definition.variables.keys().map(String::as_str).collect();
        for step in &definition.actions {
            gather(&step.config, &mut vars, 0);
        }
        let fields = fields.map(|fields| {
            let mut all: BTreeSet<&str> = fields.iter().map(String::as_str).collect();
            let set = |step: &'d crate::model::workflow::Step| step.config.get("fields");
            let set = definition.actions.iter().filter_map(set);
            for names in set.filter_map(Value::as_object) {
                all.extend(names.keys().map(String::as_str));
            }
            all
        });
        Self {
            steps,
            definition,
            vars,
            fields,
            before: flow.leads(),
        }
    }

    /// What one text reads that is not there.
    pub(super) fn check(&self, text: &Text<'_>, found: &mut Vec<Problem>) {
        for id in &text.reads.steps {
            match self.steps.at(id) {
                None => found.push(self.steps.unknown(id, text.path)),
                Some(read) => self.result(read, text, found),
            }
        }
        for name in text
            .reads
            .vars
            .iter()
            .filter(|name| !self.vars.contains(&***name))
        {
            let message = format!("nothing sets the variable {}", quoted(name));
            let near = did_you_mean(name, self.vars.iter().copied());
            let hint = near.unwrap_or_else(|| {
                "set it in \"variables\" or by a set_variable step before this".to_owned()
            });
            let problem = Problem::warning(codes::UNKNOWN_VARIABLE, text.path, message);
            found.push(problem.hint(hint));
        }
        let Some(fields) = &self.fields else { return };
        for field in text.reads.contact.iter().chain(&text.reads.snapshot) {
            let name = &*field.name;
            if fields.contains(name) || builtin_contact_field(name).is_some() || !field.custom {
                continue;
            }
            let message = format!("no contact has the field {}", quoted(name));
            let near = did_you_mean(name, fields.iter().copied());
            let problem = Problem::warning(codes::UNKNOWN_CONTACT_FIELD, text.path, message);
            found.push(problem.maybe_hint(near));
        }
    }

    /// A step's text that reads a result which cannot be there yet.
    fn result(&self, read: usize, text: &Text<'_>, found: &mut Vec<Problem>) {
        let Some(reader) = text.step() else { return };
        if self
            .before
            .get(read)
            .is_some_and(|to| to.get(reader) == Some(&false))
        {
            let [read, reader] =
                [read, reader].map(|step| quoted(&self.definition.actions[step].id));
            let message = match read == reader {
                true => format!("{read} reads its own result before it has run"),
                false => {
                    format!("no way leads from {read} to {reader}, so its result is not there")
                }
            };
            let code = codes::RESULT_NOT_THERE;
            found.push(Problem::warning(code, text.path, message));
        }
    }
}

/// Words that a config has under one of the naming fields: too many rather than too few.
fn gather<'v>(value: &'v Value, names: &mut BTreeSet<&'v str>, depth: usize) {
    let Some(members) = value.as_object().filter(|_| depth < 3) else {
        return;
    };
    for (key, value) in members {
        if NAMING.contains(&&**key) {
            match value {
                Value::String(name) => {
                    let name = name.strip_prefix("vars.").unwrap_or(name);
                    names.insert(name.split(['.', '[']).next().unwrap_or(name));
                }
                Value::Object(named) => names.extend(named.keys().map(String::as_str)),
                _ => {}
            }
        }
        gather(value, names, depth + 1);
    }
}
