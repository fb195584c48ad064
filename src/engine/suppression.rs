//! Suppression lists: who is on one, by id, address, domain or telephone number. The mirror of
//! `waypost.suppression_of`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::contact::Contact;
use crate::model::execution::Instant;

/// What an entry of a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A contact's id.
    Contact,
    /// A whole address.
    Email,
    /// The part of an address behind the `@`.
    Domain,
    /// A telephone number.
    Phone,
}

impl Kind {
    /// As the tables have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Email => "email",
            Self::Domain => "domain",
            Self::Phone => "phone",
        }
    }
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What `value` is.
    pub kind: Kind,
    /// Whom it names.
    pub value: String,
    /// The list. Default `global`.
    #[serde(default = "global")]
    pub list: String,
    /// For people.
    #[serde(default)]
    pub reason: Option<String>,
    /// Holds before this time.
    #[serde(default)]
    pub expires_at: Option<Instant>,
}

fn global() -> String {
    "global".to_owned()
}

/// The entry that keeps the contact out of a workflow that looks at these lists, as the numbers of its
/// refusal: the first by list and kind. No personal value is part of it.
#[must_use]
pub fn find(entries: &[Entry], lists: &[String], contact: &Contact, now: Instant) -> Option<Value> {
    if entries.is_empty() || lists.is_empty() {
        return None;
    }
    let text = |field: &str| contact.fields.get(field).and_then(Value::as_str);
    let email = text("email");
    let domain = email.and_then(|email| email.split('@').nth(1));
    let id = contact.id.to_string();
    let own = [
        (Kind::Contact, Some(&*id)),
        (Kind::Email, email),
        (Kind::Domain, domain),
        (Kind::Phone, text("phone")),
    ];
    let own = own.map(|(kind, value)| (kind, value.and_then(|value| plain(kind, value))));
    let hits = entries.iter().filter(|entry| {
        lists.contains(&entry.list)
            && entry.expires_at.is_none_or(|end| end > now)
            && own.iter().any(|(kind, value)| {
                *kind == entry.kind && value.is_some() && *value == plain(*kind, &entry.value)
            })
    });
    let first = hits.min_by_key(|entry| (&entry.list, entry.kind.name()))?;
    let mut detail = json!({ "list": first.list, "kind": first.kind.name() });
    if let Some(reason) = &first.reason {
        detail["reason"] = json!(reason);
    }
    if let Some(end) = first.expires_at {
        detail["expiresAt"] = json!(end);
    }
    Some(detail)
}

/// A value as it is compared: lower case, a telephone number as its digits with the leading `+`. None: it can
/// be none of that kind. `waypost.suppression_value` says the same.
#[must_use]
pub fn plain(kind: Kind, value: &str) -> Option<String> {
    let trimmed = value.trim_matches([' ', '\t', '\r', '\n']);
    let clean = |text: &str| !text.is_empty() && !text.contains(['@', ' ']);
    match kind {
        Kind::Contact => {
            let hex = trimmed.to_ascii_lowercase();
            let groups: Vec<&str> = hex.split('-').collect();
            let lengths = groups.iter().map(|group| group.len());
            (lengths.eq([8, 4, 4, 4, 12])
                && hex.bytes().all(|c| c == b'-' || c.is_ascii_hexdigit()))
            .then_some(hex)
        }
        Kind::Email => {
            let email = trimmed.to_ascii_lowercase();
            let (name, domain) = email.split_once('@')?;
            (clean(name) && clean(domain)).then_some(email)
        }
        Kind::Domain => {
            let domain = trimmed.trim_start_matches('@').to_ascii_lowercase();
            let inner = domain
                .char_indices()
                .any(|(i, c)| c == '.' && i > 0 && i + 1 < domain.len());
            (clean(&domain) && inner).then_some(domain)
        }
        Kind::Phone => {
            let digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
            let plus = if trimmed.starts_with('+') { "+" } else { "" };
            (digits.len() >= 3).then(|| format!("{plus}{digits}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_in_one_form() {
        let id = "0B5F7A9E-1111-4222-8333-444455556666";
        let lower = id.to_ascii_lowercase();
        let rows = [
            (Kind::Contact, id, Some(&*lower)),
            (Kind::Contact, "0b5f7a9e11114222833344445555666", None),
            (Kind::Contact, "0b5f7a9e-1111-4222-8333-44445555666x", None),
            (Kind::Email, " Ann@Example.COM\n", Some("ann@example.com")),
            (Kind::Email, "ann", None),
            (Kind::Email, "@example.com", None),
            (Kind::Email, "ann@", None),
            (Kind::Email, "ann@example@com", None),
            (Kind::Email, "an n@example.com", None),
            (Kind::Domain, "@Example.com", Some("example.com")),
            (Kind::Domain, "a.b", Some("a.b")),
            (Kind::Domain, "example", None),
            (Kind::Domain, ".example", None),
            (Kind::Domain, "example.", None),
            (Kind::Domain, "", None),
            (Kind::Phone, "+49 (30) 1234", Some("+49301234")),
            (Kind::Phone, "030/12", Some("03012")),
            (Kind::Phone, "110", Some("110")),
            (Kind::Phone, "12", None),
        ];
        for (kind, value, wanted) in rows {
            assert_eq!(plain(kind, value).as_deref(), wanted, "{kind:?} {value:?}");
        }
    }
}
