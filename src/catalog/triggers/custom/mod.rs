//! What people and programs say has happened.

mod api_trigger;
mod event;
mod manual_enrollment;
mod webhook_received;

pub use api_trigger::ApiTrigger;
pub use event::CustomEvent;
pub use manual_enrollment::ManualEnrollment;
pub use webhook_received::WebhookReceived;
