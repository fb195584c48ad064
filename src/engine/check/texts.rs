//! Every text of a definition, with what it reads.

use serde_json::Value;

use crate::model::{
    path::Path,
    problem::join,
    reads::Reads,
    template::{Template, is_template},
};

/// One text.
pub(super) struct Text<'t> {
    /// Itself.
    pub text: &'t str,
    /// Its JSON path.
    pub path: &'t str,
    /// The key under which it, or the list around it, stands.
    pub key: &'t str,
    /// What its template, or the condition whose field it is, reads.
    pub reads: Reads,
}

impl Text<'_> {
    /// The number of the step that it stands in.
    pub(super) fn step(&self) -> Option<usize> {
        let (number, _) = self.path.strip_prefix("actions[")?.split_once(']')?;
        number.parse().ok()
    }

    /// Step number and config field, for a text within a step's config.
    pub(super) fn place(&self) -> Option<(usize, &str)> {
        let (number, rest) = self
            .path
            .strip_prefix("actions[")?
            .split_once("].config.")?;
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        Some((number.parse().ok()?, &rest[..end]))
    }
}

/// Shows each text of the definition, in order.
pub(super) fn each(definition: &Value, mut see: impl FnMut(&Text<'_>)) {
    value(definition, "", "", false, &mut see);
}

fn value(it: &Value, path: &str, key: &str, of_condition: bool, see: &mut impl FnMut(&Text<'_>)) {
    match it {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                value(item, &format!("{path}[{i}]"), key, false, see);
            }
        }
        Value::Object(members) => {
            let leaf = members.contains_key("field") && members.contains_key("operator");
            for (key, inner) in members {
                value(inner, &join(path, key), key, leaf, see);
            }
        }
        Value::String(text) => {
            let mut reads = Reads::default();
            if is_template(text) {
                // What does not parse is told by whoever compiles it.
                if let Ok(template) = Template::compile(text) {
                    template.reads(&mut reads);
                }
            } else if of_condition
                && key == "field"
                && let Ok(field) = Path::parse(text)
            {
                reads.add(&field);
            }
            see(&Text {
                text,
                path,
                key,
                reads,
            });
        }
        _ => {}
    }
}
