//! `payment.failed`: a payment did not go through.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::catalog::triggers::payment::Range;
use crate::model::transition::Event;

/// A payment did not go through.
///
/// ## Fires when
/// A payment fails. One execution for each payment.
///
/// ## Example
/// `{ "type": "payment.failed", "config": { "failureCode": "card_declined" } }`
///
/// ## Data
/// `paymentId`, `invoiceId`, `amount`, `currency`, `method`, `failureCode`, `attempt`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failed {
    /// Least amount that counts.
    #[serde(default)]
    pub min_amount: Option<f64>,
    /// Largest amount that counts.
    #[serde(default)]
    pub max_amount: Option<f64>,
    /// Currencies that count, e.g. `EUR`. Absent: every currency.
    #[serde(default)]
    pub currency: Option<Words>,
    /// Failure codes that count. Absent: every code.
    #[serde(default)]
    pub failure_code: Option<Words>,
    /// The number of the attempt that counts. Absent: every attempt.
    #[serde(default)]
    pub attempt: Option<u32>,
}

impl TriggerConfig for Failed {
    const KIND: &'static str = "payment.failed";
    const TITLE: &'static str = "A payment fails";

    fn fits(&self, event: &Event) -> bool {
        Range {
            least: self.min_amount,
            most: self.max_amount,
        }
        .holds(event)
            && among(self.currency.as_ref(), event, "currency")
            && among(self.failure_code.as_ref(), event, "failureCode")
            && self.attempt.is_none_or(|wanted| {
                event.data.get("attempt").and_then(Value::as_u64) == Some(wanted.into())
            })
    }
}
