//! Paths such as `contact.email` or `steps.pay.result.id`, parsed once.

use std::fmt;

use serde_json::Value;

use super::nearest::nearest;

/// The most characters of a path.
pub const MAX_PATH_CHARS: usize = 512;
/// The most segments after the root.
pub const MAX_SEGMENTS: usize = 32;

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// The contact as it is now.
    Contact,
    /// The contact as it was at enrollment.
    Snapshot,
    /// The triggering event: `event.type`, `event.data.*`.
    Event,
    /// The row before the change that the event tells of.
    Old,
    /// The row after it.
    New,
    /// Variables of the execution.
    Vars,
    /// Results of earlier steps: `steps.<id>.result.*`.
    Steps,
    /// The execution itself.
    Execution,
    /// The tenant.
    Tenant,
    /// Secrets; only in url, headers and auth of connectors.
    Secrets,
}

impl Root {
    /// Every root with its name.
    pub const ALL: [(Root, &'static str); 10] = [
        (Root::Contact, "contact"),
        (Root::Snapshot, "snapshot"),
        (Root::Event, "event"),
        (Root::Old, "old"),
        (Root::New, "new"),
        (Root::Vars, "vars"),
        (Root::Steps, "steps"),
        (Root::Execution, "execution"),
        (Root::Tenant, "tenant"),
        (Root::Secrets, "secrets"),
    ];

    /// The root of that name.
    pub fn named(name: &str) -> Option<Root> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(root, _)| *root)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(root, _)| *root == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether the first segment is a contact's field.
    fn has_contact_fields(self) -> bool {
        matches!(self, Root::Contact | Root::Snapshot | Root::Old | Root::New)
    }
}

/// Built-in contact fields: the name in the language, and the column.
pub const BUILTIN_CONTACT_FIELDS: [(&str, &str); 22] = [
    ("id", "id"),
    ("externalId", "external_id"),
    ("email", "email"),
    ("phone", "phone"),
    ("firstName", "first_name"),
    ("lastName", "last_name"),
    ("fullName", "full_name"),
    ("companyName", "company_name"),
    ("timezone", "timezone"),
    ("tags", "tags"),
    ("source", "source"),
    ("dnd", "dnd"),
    ("address1", "address1"),
    ("city", "city"),
    ("state", "state"),
    ("postalCode", "postal_code"),
    ("country", "country"),
    ("birthDate", "birth_date"),
    ("ownerId", "owner_id"),
    ("lastPurchaseDate", "last_purchase_date"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
];

/// The built-in contact field that `name` spells, in either spelling: (language, column).
pub fn builtin_contact_field(name: &str) -> Option<(&'static str, &'static str)> {
    BUILTIN_CONTACT_FIELDS
        .iter()
        .find(|(own, column)| *own == name || *column == name)
        .copied()
}

/// One step of a path below its root: a key, and the array index it may also be (`first` and
/// `last` are indexes too).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Segment {
    key: Box<str>,
    index: Option<usize>,
}

impl Segment {
    fn new(key: &str) -> Self {
        let plain = !key.is_empty() && key.len() <= 9 && key.bytes().all(|b| b.is_ascii_digit());
        Self {
            key: key.into(),
            index: if plain { key.parse().ok() } else { None },
        }
    }

    /// The key as written.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match value {
            Value::Object(map) => map.get(&*self.key),
            Value::Array(items) => match (&*self.key, self.index) {
                (_, Some(index)) => items.get(index),
                ("first", _) => items.first(),
                ("last", _) => items.last(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What a path's first segment names where the root holds contact fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field<'p> {
    /// A built-in field.
    BuiltIn {
        /// Its name in the language, camelCase.
        name: &'static str,
        /// Its column, snake_case.
        column: &'static str,
    },
    /// Any other name: a custom field.
    Custom(&'p str),
}

impl<'p> Field<'p> {
    /// The canonical name: the column of a built-in, a custom field's name as it is.
    pub fn canonical(self) -> &'p str {
        match self {
            Field::BuiltIn { column, .. } => column,
            Field::Custom(name) => name,
        }
    }
}

/// A parsed path. Two spellings of one built-in field (`contact.lastName`, `contact.last_name`)
/// read the same; [`Path::text`] keeps what was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    text: Box<str>,
    root: Root,
    segments: Box<[Segment]>,
    builtin: Option<(&'static str, &'static str)>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl PathError {
    fn new(message: String, hint: impl Into<Option<String>>) -> Self {
        Self {
            message,
            hint: hint.into(),
        }
    }
}

impl Path {
    /// Parses `root.key.0.key`; keys that are no plain words stand in brackets: `contact["my field"]`.
    ///
    /// `contact.custom.x` and `contact.customFields.x` say outright that `x` is a custom field.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let text = text.trim();
        if text.is_empty() {
            let hint = "write one such as contact.email".to_owned();
            return Err(PathError::new("the path is empty".into(), hint));
        }
        if text.chars().nth(MAX_PATH_CHARS).is_some() {
            let message = format!("the path is longer than {MAX_PATH_CHARS} characters");
            return Err(PathError::new(message, None));
        }
        let mut keys = split(text)?;
        let name = keys.remove(0);
        let Some(root) = Root::named(&name) else {
            return Err(unknown_root(&name, text));
        };
        if keys.len() > MAX_SEGMENTS {
            let message = format!("the path {text:?} has more than {MAX_SEGMENTS} segments");
            return Err(PathError::new(message, None));
        }
        Ok(Self::from_keys(text, root, keys))
    }

    /// A path from its parts, without parsing; `keys` as [`Path::parse`] would split them.
    pub fn from_keys(text: &str, root: Root, mut keys: Vec<String>) -> Path {
        let said_custom = matches!(root, Root::Contact | Root::Snapshot)
            && keys.len() > 1
            && matches!(&*keys[0], "custom" | "customFields" | "custom_fields");
        if said_custom {
            keys.remove(0);
        }
        let builtin = match keys.first() {
            Some(first) if root.has_contact_fields() && !said_custom => {
                builtin_contact_field(first)
            }
            _ => None,
        };
        let segments = keys.iter().map(|key| Segment::new(key)).collect();
        Path {
            text: text.into(),
            root,
            segments,
            builtin,
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its root.
    pub fn root(&self) -> Root {
        self.root
    }

    /// What follows the root; empty where the path is a root alone.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The field, where the root holds contact fields (contact, snapshot, old, new) and one is named.
    pub fn field(&self) -> Option<Field<'_>> {
        if !self.root.has_contact_fields() {
            return None;
        }
        let first = self.segments.first()?;
        Some(match self.builtin {
            Some((name, column)) => Field::BuiltIn { name, column },
            None => Field::Custom(&first.key),
        })
    }

    /// The same path below another root (`contact.status` below `old`).
    #[must_use]
    pub fn below(&self, root: Root) -> Path {
        let keys = self
            .segments
            .iter()
            .map(|segment| segment.key.to_string())
            .collect();
        let rest = &self.text[self.text.find(['.', '[']).unwrap_or(self.text.len())..];
        Path::from_keys(&format!("{}{rest}", root.name()), root, keys)
    }

    /// What it names inside the value of its root; missing and null are `None`.
    ///
    /// A built-in contact field is found under its column or its camelCase name, a custom field
    /// beside the built-in ones or inside an object `custom`.
    pub fn find<'v>(&self, root_value: &'v Value) -> Option<&'v Value> {
        let Some((first, rest)) = self.segments.split_first() else {
            return Some(root_value).filter(|value| !value.is_null());
        };
        let found = match (self.builtin, self.root) {
            (Some((name, column)), _) => root_value.get(column).or_else(|| root_value.get(name)),
            (None, Root::Contact | Root::Snapshot) => root_value
                .get("custom")
                .and_then(|custom| custom.get(first.key()))
                .or_else(|| first.of(root_value)),
            _ => first.of(root_value),
        };
        Self::descend(found?, rest)
    }

    /// What the segments after the first name inside that field's value; missing and null are `None`.
    pub fn find_in_field<'v>(&self, field_value: &'v Value) -> Option<&'v Value> {
        Self::descend(field_value, self.segments.get(1..).unwrap_or_default())
    }

    fn descend<'v>(value: &'v Value, segments: &[Segment]) -> Option<&'v Value> {
        let found = segments
            .iter()
            .try_fold(value, |value, segment| segment.of(value));
        found.filter(|value| !value.is_null())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn unknown_root(name: &str, text: &str) -> PathError {
    let message = format!("{text:?} starts with {name:?}, which is no root");
    let names = || Root::ALL.iter().map(|(_, name)| *name);
    let hint = if builtin_contact_field(name).is_some() {
        format!("did you mean \"contact.{text}\"?")
    } else if name == "trigger" || name == "data" {
        "did you mean \"event.data\"?".to_owned()
    } else if let Some(near) = nearest(name, names()) {
        format!(
            "did you mean \"{near}{}\"?",
            &text[name.len().min(text.len())..]
        )
    } else {
        format!(
            "paths start with one of {}",
            names().collect::<Vec<_>>().join(", ")
        )
    };
    PathError::new(message, hint)
}

/// Splits at dots and brackets.
fn split(text: &str) -> Result<Vec<String>, PathError> {
    let broken = |why: &str| {
        let hint = "write contact.email, event.data.items.0.sku or contact[\"my field\"]";
        PathError::new(format!("the path {text:?} {why}"), hint.to_owned())
    };
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        if let Some(inside) = rest.strip_prefix('[').filter(|_| !keys.is_empty()) {
            let (key, after) =
                bracket(inside).ok_or_else(|| broken("has an unfinished bracket"))?;
            keys.push(key.to_owned());
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let key = &rest[..end];
            if key.is_empty() {
                return Err(broken("has an empty segment"));
            }
            if key.contains(|c: char| c.is_whitespace() || c.is_control() || "]{}|\"'".contains(c))
            {
                return Err(broken("has a character that must stand in brackets"));
            }
            keys.push(key.to_owned());
            rest = &rest[end..];
        }
        match rest.as_bytes().first() {
            None => return Ok(keys),
            Some(b'.') if rest.len() > 1 && rest.as_bytes()[1] != b'[' => rest = &rest[1..],
            Some(b'[') => {}
            Some(_) => return Err(broken("has an empty segment or text after a bracket")),
        }
    }
}

/// The key of `"my field"].rest`, `'x']` or `0]`, and what follows the bracket.
fn bracket(inside: &str) -> Option<(&str, &str)> {
    let (key, after) = match inside.as_bytes().first()? {
        quote @ (b'"' | b'\'') => {
            let end = inside[1..].find(char::from(*quote))? + 1;
            (&inside[1..end], &inside[end + 1..])
        }
        _ => {
            let end = inside.find(']')?;
            (&inside[..end], &inside[end..])
        }
    };
    let digits = key.bytes().all(|b| b.is_ascii_digit());
    let quoted = inside.starts_with(['"', '\'']);
    (!key.is_empty() && (quoted || digits)).then_some((key, after.strip_prefix(']')?))
}

#[cfg(test)]
mod tests;
