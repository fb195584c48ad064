//! `contact.tag.added`: a tag was put on a contact.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, text};
use crate::model::transition::Event;

/// A tag was put on a contact.
///
/// ## Fires when
/// A tag is put on a contact, by hand, by a workflow or in SQL; once for each tag.
///
/// ## Example
/// `{ "type": "contact.tag.added", "config": { "tag": "vip" } }`
///
/// ## Data
/// `tag`, `tags` (all that the contact has afterwards).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagAdded {
    /// Tags that count; capitals do not matter. Absent: every tag.
    #[serde(default)]
    pub tag: Option<Words>,
    /// The same as `tag`, for those who prefer the plural.
    #[serde(default)]
    pub tags: Option<Words>,
    /// Tags that begin so count as well.
    #[serde(default)]
    pub prefix: Option<String>,
}

impl TagAdded {
    fn words(&self) -> impl Iterator<Item = &String> {
        [&self.tag, &self.tags]
            .into_iter()
            .flatten()
            .flat_map(Words::all)
    }

    fn matches_all(&self) -> bool {
        self.prefix.is_none() && self.words().next().is_none()
    }
}

impl TriggerConfig for TagAdded {
    const KIND: &'static str = "contact.tag.added";
    const TITLE: &'static str = "A tag is put on a contact";

    fn fits(&self, event: &Event) -> bool {
        let Some(tag) = text(event, "tag") else {
            return self.matches_all();
        };
        let tag = tag.to_lowercase();
        let named = self.words().any(|word| word.to_lowercase() == tag);
        let begins = self
            .prefix
            .as_ref()
            .is_some_and(|p| tag.starts_with(&p.to_lowercase()));
        named || begins || self.matches_all()
    }
}
