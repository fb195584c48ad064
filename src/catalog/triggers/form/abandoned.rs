//! `form.abandoned`: a form was begun and not sent in.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::model::{span::Span, transition::Event};

/// A form was begun and not sent in.
///
/// ## Fires when
/// A contact begins a form and does not submit it within `abandonmentTime`. Submitting it cancels the
/// timer. Without `abandonmentTime` nothing is planned, and only events of this type that come from
/// outside match; those have happened already and do not wait.
///
/// ## Example
/// `{ "type": "form.abandoned", "config": { "formId": "checkout-form", "abandonmentTime": { "amount": 30, "unit": "minutes" } } }`
///
/// ## Data
/// `formId`, `sessionId`, `startedAt`, `lastField`, `fields` (as far as they were filled).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Abandoned {
    /// Forms that count. Absent: every form.
    #[serde(default)]
    pub form_id: Option<Words>,
    /// How long after its beginning a form counts as abandoned.
    #[serde(default)]
    pub abandonment_time: Option<Span>,
}

impl TriggerConfig for Abandoned {
    const KIND: &'static str = "form.abandoned";
    const TITLE: &'static str = "A form is begun and not submitted";
    const TIMED: bool = true;

    fn fits(&self, event: &Event) -> bool {
        among(self.form_id.as_ref(), event, "formId")
    }

    fn discriminator(&self) -> Option<String> {
        self.form_id.as_ref()?.only().map(str::to_owned)
    }

    fn plan(&self) -> Option<Value> {
        let after = self.abandonment_time.as_ref()?;
        let forms = self.form_id.as_ref().map(Words::all).unwrap_or_default();
        let mut plan = json!({ "after": after });
        match forms {
            [] => {}
            [form] => plan["formId"] = json!(form),
            forms => plan["formIds"] = json!(forms),
        }
        Some(plan)
    }
}
