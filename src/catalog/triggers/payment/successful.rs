//! `payment.successful`: money came in.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::trigger::{TriggerConfig, Words, among};
use crate::catalog::triggers::payment::Range;
use crate::model::transition::Event;

/// Money came in.
///
/// ## Fires when
/// A payment succeeds. One execution for each payment.
///
/// ## Example
/// `{ "type": "payment.successful", "config": { "minAmount": 50, "currency": "EUR" } }`
///
/// ## Data
/// `paymentId`, `invoiceId`, `amount`, `currency`, `method`, `product`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Successful {
    /// Least amount that counts.
    #[serde(default)]
    pub min_amount: Option<f64>,
    /// Largest amount that counts.
    #[serde(default)]
    pub max_amount: Option<f64>,
    /// Currencies that count, e.g. `EUR`. Absent: every currency.
    #[serde(default)]
    pub currency: Option<Words>,
    /// Products that count. Absent: every product.
    #[serde(default)]
    pub product: Option<Words>,
}

impl TriggerConfig for Successful {
    const KIND: &'static str = "payment.successful";
    const TITLE: &'static str = "A payment succeeds";

    fn fits(&self, event: &Event) -> bool {
        Range {
            least: self.min_amount,
            most: self.max_amount,
        }
        .holds(event)
            && among(self.currency.as_ref(), event, "currency")
            && among(self.product.as_ref(), event, "product")
    }
}
