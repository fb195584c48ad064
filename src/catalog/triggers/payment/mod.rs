//! What happens to money.

mod failed;
mod refunded;
mod successful;

pub use failed::Failed;
pub use refunded::{Refund, Refunded};
pub use successful::Successful;

use serde_json::Value;

use crate::model::transition::Event;

/// Amounts that count, both ends included.
struct Range {
    least: Option<f64>,
    most: Option<f64>,
}

impl Range {
    /// Whether the event's `amount` lies within; without bounds every amount does, a missing one too.
    fn holds(&self, event: &Event) -> bool {
        if self.least.is_none() && self.most.is_none() {
            return true;
        }
        let amount = match event.data.get("amount") {
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
            None => None,
        };
        amount.is_some_and(|amount| {
            self.least.is_none_or(|least| amount >= least)
                && self.most.is_none_or(|most| amount <= most)
        })
    }
}
