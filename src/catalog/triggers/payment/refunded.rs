//! `payment.refunded`: money went back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::catalog::triggers::payment::Range;
use crate::model::transition::Event;

/// How much went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Refund {
    /// All of it.
    Full,
    /// A part.
    Partial,
}

/// Money went back.
///
/// ## Fires when
/// A payment is refunded, in full or in part. One execution for each payment.
///
/// ## Example
/// `{ "type": "payment.refunded", "config": { "refund": "full" } }`
///
/// ## Data
/// `paymentId`, `invoiceId`, `amount`, `currency`, `refundedAmount`, `reason`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refunded {
    /// Least amount that counts.
    #[serde(default)]
    pub min_amount: Option<f64>,
    /// Largest amount that counts.
    #[serde(default)]
    pub max_amount: Option<f64>,
    /// Currencies that count, e.g. `EUR`. Absent: every currency.
    #[serde(default)]
    pub currency: Option<Words>,
    /// The kind of refund that counts. Absent: both.
    #[serde(default)]
    pub refund: Option<Refund>,
}

impl TriggerConfig for Refunded {
    const KIND: &'static str = "payment.refunded";
    const TITLE: &'static str = "A payment is refunded";

    fn fits(&self, event: &Event) -> bool {
        Range {
            least: self.min_amount,
            most: self.max_amount,
        }
        .holds(event)
            && among(self.currency.as_ref(), event, "currency")
            && self.refund.is_none_or(|wanted| {
                let number = |key| event.data.get(key).and_then(Value::as_f64);
                let full = number("refundedAmount")
                    .zip(number("amount"))
                    .map(|(r, a)| r >= a);
                full == Some(wanted == Refund::Full)
            })
    }
}
