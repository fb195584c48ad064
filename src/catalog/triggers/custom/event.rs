//! `custom.event`: an event of the team's own, by name.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// An event of the team's own, by name.
///
/// ## Fires when
/// The app emits `custom.event` with a `name`. (A type of your own, e.g. `order.shipped`, works as well.)
///
/// ## Example
/// `{ "type": "custom.event", "config": { "name": "trial-ended" } }`
///
/// ## Data
/// `name`, `properties`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomEvent {
    /// Names that count. Absent: every name.
    #[serde(default)]
    pub name: Option<Words>,
}

impl TriggerConfig for CustomEvent {
    const KIND: &'static str = "custom.event";
    const TITLE: &'static str = "An event of your own happens";

    fn fits(&self, event: &Event) -> bool {
        among(self.name.as_ref(), event, "name")
    }

    fn discriminator(&self) -> Option<String> {
        self.name.as_ref()?.only().map(str::to_owned)
    }
}
