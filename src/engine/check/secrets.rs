//! Secrets where they must not be.

use std::sync::LazyLock;

use regex::Regex;

use super::codes;
use super::texts::Text;
use super::ways::Steps;
use crate::catalog::action::Class;
use crate::model::{problem::Problem, template::is_template};

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

/// What is wrong with one text.
pub(super) fn check(text: &Text<'_>, steps: &Steps<'_>, found: &mut Vec<Problem>) {
    let plain = !is_template(text.text) && !text.text.is_empty() && is_credential(text);
    if plain || TOKEN.is_match(text.text) {
        let message = "looks like a secret in plain text";
        let hint = "store it with \"waypost secrets\" and write {{secrets.name}}";
        let code = codes::SECRET_IN_PLAIN_TEXT;
        found.push(Problem::warning(code, text.path, message).hint(hint));
    }
    if !text.reads.secrets.is_empty() && !may_hold_secrets(text, steps) {
        let message = "a secret may not stand here";
        let hint = "secrets.* belongs into the url, headers or auth of a step that goes outside";
        found.push(Problem::error(codes::SECRET_MISPLACED, text.path, message).hint(hint));
    }
}

/// `actions[3].config.headers...` of a step that goes outside, or whose action nobody knows yet.
fn may_hold_secrets(text: &Text<'_>, steps: &Steps<'_>) -> bool {
    let Some((step, field)) = text.place() else {
        return false;
    };
    let outside = match steps.classes.get(step) {
        Some(Some(class)) => matches!(class, Class::Outside(_)),
        _ => true,
    };
    outside && ["url", "headers", "auth", "lookup"].contains(&field)
}

/// Whether the value is what a caller proves itself by.
fn is_credential(text: &Text<'_>) -> bool {
    let Some((_, field)) = text.place() else {
        return false;
    };
    let key: String = text
        .key
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
