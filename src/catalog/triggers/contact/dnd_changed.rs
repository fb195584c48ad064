//! `contact.dnd.changed`: a contact asked not to be disturbed, or to be again.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// A direction of the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DndState {
    /// The contact is not to be disturbed any more.
    On,
    /// The contact may be again.
    Off,
}

/// A contact asked not to be disturbed, or to be again.
///
/// ## Fires when
/// The do-not-disturb switch of a channel changes.
///
/// ## Example
/// `{ "type": "contact.dnd.changed", "config": { "channel": "sms", "state": "on" } }`
///
/// ## Data
/// `channel` (`all`, `email`, `sms`, `call`, `whatsapp`), `old`, `new`, `reason`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DndChanged {
    /// Channels that count. Absent: every channel.
    #[serde(default)]
    pub channel: Option<Words>,
    /// The direction that counts. Absent: both.
    #[serde(default)]
    pub state: Option<DndState>,
}

impl TriggerConfig for DndChanged {
    const KIND: &'static str = "contact.dnd.changed";
    const TITLE: &'static str = "Do-not-disturb changes";

    fn fits(&self, event: &Event) -> bool {
        let on = match event.data.get("new") {
            Some(Value::Bool(on)) => Some(*on),
            Some(Value::String(word)) => Some(matches!(&**word, "on" | "true")),
            _ => None,
        };
        among(self.channel.as_ref(), event, "channel")
            && self
                .state
                .is_none_or(|state| on == Some(state == DndState::On))
    }
}
