//! Every text of a definition: secrets where they must not be, and results of steps that do not exist.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::codes;
use super::ways::Steps;
use crate::catalog::action::Class;
use crate::model::{
    path::Path,
    problem::{Problem, join},
    reads::Reads,
    template::{Template, is_template},
};

/// Tokens of well-known makers, and passwords in URLs.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?: (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8,} | xox[abprs]-[A-Za-z0-9-]{8,}
          | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,} | AKIA[0-9A-Z]{16}
          | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,} | whsec_[A-Za-z0-9+/=]{16,} )
          | ://[^/\s:@{}]+:[^/\s@{}]+@",
    )
    .expect("the pattern is fixed")
});

/// Looks at every text of the definition.
pub fn check(definition: &Value, steps: &Steps<'_>, found: &mut Vec<Problem>) {
    let mut walk = Walk { steps, found };
    walk.value(definition, "", "", false);
}

struct Walk<'a, 'd> {
    steps: &'a Steps<'d>,
    found: &'a mut Vec<Problem>,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: &Value, path: &str, key: &str, condition: bool) {
        match value {
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.value(item, &format!("{path}[{i}]"), key, false);
                }
            }
            Value::Object(members) => {
                let leaf = members.contains_key("field") && members.contains_key("operator");
                for (key, value) in members {
                    self.value(value, &join(path, key), key, leaf);
                }
            }
            Value::String(text) => self.text(text, path, key, condition),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, path: &str, key: &str, condition: bool) {
        let mut reads = Reads::default();
        if is_template(text) {
            // What does not parse is told by whoever compiles it.
            if let Ok(template) = Template::compile(text) {
                template.reads(&mut reads);
            }
        } else if condition
            && key == "field"
            && let Ok(field) = Path::parse(text)
        {
            reads.add(&field);
        }
        let plain = !is_template(text) && !text.is_empty() && is_credential(path, key);
        if plain || TOKEN.is_match(text) {
            let message = "looks like a secret in plain text";
            let hint = "store it with \"waypost secrets\" and write {{secrets.name}}";
            let code = codes::SECRET_IN_PLAIN_TEXT;
            self.found
                .push(Problem::warning(code, path, message).hint(hint));
        }
        if !reads.secrets.is_empty() && !self.may_hold_secrets(path) {
            let message = "a secret may not stand here";
            let hint =
                "secrets.* belongs into the url, headers or auth of a step that goes outside";
            self.found
                .push(Problem::error(codes::SECRET_MISPLACED, path, message).hint(hint));
        }
        for id in reads.steps.iter().filter(|id| !self.steps.has(id)) {
            self.found.push(self.steps.unknown(id, path));
        }
    }

    /// `actions[3].config.headers...` of a step that goes outside, or whose action nobody knows yet.
    fn may_hold_secrets(&self, path: &str) -> bool {
        let Some((step, field)) = place(path) else {
            return false;
        };
        let outside = match self.steps.classes.get(step) {
            Some(Some(class)) => matches!(class, Class::Outside(_)),
            _ => true,
        };
        outside && ["url", "headers", "auth"].contains(&field)
    }
}

/// Step number and config field of a path into a step's config.
fn place(path: &str) -> Option<(usize, &str)> {
    let (number, rest) = path.strip_prefix("actions[")?.split_once("].config.")?;
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    Some((number.parse().ok()?, &rest[..end]))
}

/// Whether the value is what a caller proves itself by.
fn is_credential(path: &str, key: &str) -> bool {
    let Some((_, field)) = place(path) else {
        return false;
    };
    let key: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let ends = |ends: &[&str]| ends.iter().any(|end| key.ends_with(end));
    match field {
        "headers" => ends(&[
            "authorization",
            "apikey",
            "token",
            "secret",
            "password",
            "cookie",
        ]),
        "auth" => ends(&["password", "token", "secret", "key"]),
        _ => false,
    }
}
