//! `contact.created`: a contact came into being.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// A contact came into being.
///
/// ## Fires when
/// A contact is added, by hand, by a form, by an import or through the API.
///
/// ## Example
/// `{ "type": "contact.created", "config": { "source": "import" } }`
///
/// ## Data
/// The new contact's fields, `source`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Created {
    /// Sources that count, e.g. `form`, `import`, `api`. Absent: every source.
    #[serde(default)]
    pub source: Option<Words>,
}

impl TriggerConfig for Created {
    const KIND: &'static str = "contact.created";
    const TITLE: &'static str = "A contact is created";

    fn fits(&self, event: &Event) -> bool {
        among(self.source.as_ref(), event, "source")
    }
}
