//! `form.submitted`: a form was sent in.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::transition::Event;

/// A form was sent in.
///
/// ## Fires when
/// A visitor submits a form.
///
/// ## Example
/// `{ "type": "form.submitted", "config": { "formId": "newsletter" } }`
///
/// ## Data
/// `formId`, `submissionId`, `sessionId`, `fields`, `page`, `utm`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Submitted {
    /// Forms that count. Absent: every form.
    #[serde(default)]
    pub form_id: Option<Words>,
}

impl TriggerConfig for Submitted {
    const KIND: &'static str = "form.submitted";
    const TITLE: &'static str = "A form is submitted";

    fn fits(&self, event: &Event) -> bool {
        among(self.form_id.as_ref(), event, "formId")
    }

    fn discriminator(&self) -> Option<String> {
        self.form_id.as_ref()?.only().map(str::to_owned)
    }
}
