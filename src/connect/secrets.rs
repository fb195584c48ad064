//! Secrets: `{{secrets.name}}` in a frozen request, resolved at the send and never kept.

use super::Reply;

/// Where the value of a secret comes from. Any `Fn(&str) -> Option<String>` is one.
pub trait SecretSource: Send + Sync {
    /// The value of the secret with this name, if there is one.
    fn secret(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> SecretSource for F {
    fn secret(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// No secrets at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl SecretSource for NoSecrets {
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
}

/// The secrets that one delivery has used, so that they can be kept out of what it answers.
pub(super) struct Vault<'a> {
    source: &'a dyn SecretSource,
    used: Vec<String>,
}

impl<'a> Vault<'a> {
    pub(super) fn new(source: &'a dyn SecretSource) -> Self {
        Self {
            source,
            used: Vec::new(),
        }
    }

    /// `text` with every `{{secrets.name}}` replaced by its value; a secret nobody has is refused.
    /// Other braces are left as they are: the request has been rendered already.
    pub(super) fn resolve(&mut self, text: &str) -> Result<String, Box<Reply>> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, from) = rest.split_at(open);
            out.push_str(before);
            let Some((reference, after)) = from[2..].split_once("}}") else {
                rest = from;
                break;
            };
            match reference.trim().strip_prefix("secrets.") {
                Some(name) => {
                    let value = self
                        .source
                        .secret(name)
                        .ok_or_else(|| Box::new(missing(name)))?;
                    out.push_str(&value);
                    self.hide(value);
                    rest = after;
                }
                None => {
                    out.push_str("{{");
                    rest = &from[2..];
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Keeps this text out of the answer too: an encoded form of a secret.
    pub(super) fn hide(&mut self, value: String) {
        // Shorter ones would blank out half of an answer and are no secrets.
        if value.len() >= 4 && !self.used.contains(&value) {
            self.used.push(value);
            // Longest first, so that a secret that holds another one goes as a whole.
            self.used
                .sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
    }

    /// `text` without any secret that this delivery used: the other side may have echoed it.
    pub(super) fn redact(&self, text: String) -> String {
        self.used.iter().fold(text, |text, value| {
            if text.contains(value.as_str()) {
                text.replace(value.as_str(), "[secret]")
            } else {
                text
            }
        })
    }
}

fn missing(name: &str) -> Reply {
    let message = format!("there is no secret named `{name}`: add it with `waypost secrets`");
    Reply::rejected("secret_missing", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Option<String> {
        match name {
            "token" => Some("s3cr3t".into()),
            "long" => Some("s3cr3t-and-more".into()),
            _ => None,
        }
    }

    #[test]
    fn references_are_resolved_and_everything_else_is_left() {
        for (text, expected) in [
            ("plain", "plain"),
            ("Bearer {{secrets.token}}", "Bearer s3cr3t"),
            (
                "{{ secrets.token }}/{{secrets.long}}",
                "s3cr3t/s3cr3t-and-more",
            ),
            ("{{contact.name}}", "{{contact.name}}"),
            ("{{ {{secrets.token}}", "{{ s3cr3t"),
            ("open {{secrets.token", "open {{secrets.token"),
            ("ü{{secrets.token}}ü", "üs3cr3tü"),
        ] {
            let resolved = Vault::new(&source).resolve(text);
            assert_eq!(resolved.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_missing_secret_is_named() {
        let refused = Vault::new(&NoSecrets)
            .resolve("{{secrets.token}}")
            .expect_err("refused");
        assert_eq!(refused.error.as_deref(), Some("secret_missing"));
        assert!(
            refused
                .message
                .is_some_and(|message| message.contains("`token`"))
        );
    }

    #[test]
    fn what_was_used_is_blanked_out_of_the_answer() {
        let mut vault = Vault::new(&source);
        vault
            .resolve("{{secrets.token}} {{secrets.long}}")
            .expect("resolves");
        let echoed = vault.redact("you sent s3cr3t-and-more and s3cr3t".into());
        assert_eq!(echoed, "you sent [secret] and [secret]");
    }
}
