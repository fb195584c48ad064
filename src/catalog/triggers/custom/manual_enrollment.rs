//! `manual.enrollment`: somebody put the contact in by hand.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// Somebody put the contact in by hand.
///
/// ## Fires when
/// An operator enrols a contact or a selection of them in this workflow.
///
/// ## Example
/// `{ "type": "manual.enrollment" }`
///
/// ## Data
/// `workflow`, `user`, `batchId`, `note`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManualEnrollment {
    /// Users whose enrollments count. Absent: everybody's.
    #[serde(default)]
    pub user: Option<Words>,
}

impl TriggerConfig for ManualEnrollment {
    const KIND: &'static str = "manual.enrollment";
    const TITLE: &'static str = "Enrolled by hand";

    fn fits(&self, event: &Event) -> bool {
        among(self.user.as_ref(), event, "user")
    }
}
