//! `api.trigger`: a program called the API.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// A program called the API.
///
/// ## Fires when
/// A program posts to the API on behalf of a contact.
///
/// ## Example
/// `{ "type": "api.trigger", "config": { "name": "signup" } }`
///
/// ## Data
/// `name`, `caller`, `body`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiTrigger {
    /// Names of calls that count. Absent: every call.
    #[serde(default)]
    pub name: Option<Words>,
}

impl TriggerConfig for ApiTrigger {
    const KIND: &'static str = "api.trigger";
    const TITLE: &'static str = "Called through the API";

    fn fits(&self, event: &Event) -> bool {
        among(self.name.as_ref(), event, "name")
    }

    fn discriminator(&self) -> Option<String> {
        self.name.as_ref()?.only().map(str::to_owned)
    }
}
