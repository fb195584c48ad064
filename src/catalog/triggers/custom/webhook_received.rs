//! `webhook.received`: another system called an inbound hook.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// Another system called an inbound hook.
///
/// ## Fires when
/// A request comes to `/hooks/<token>` and passes its verification.
///
/// ## Example
/// `{ "type": "webhook.received", "config": { "hook": "shop" } }`
///
/// ## Data
/// `hook` (its name), `headers`, `query`, `body`, `ip`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookReceived {
    /// Names of hooks that count. Absent: every hook.
    #[serde(default)]
    pub hook: Option<Words>,
}

impl TriggerConfig for WebhookReceived {
    const KIND: &'static str = "webhook.received";
    const TITLE: &'static str = "An inbound hook is called";

    fn fits(&self, event: &Event) -> bool {
        among(self.hook.as_ref(), event, "hook")
    }

    fn discriminator(&self) -> Option<String> {
        self.hook.as_ref()?.only().map(str::to_owned)
    }
}
