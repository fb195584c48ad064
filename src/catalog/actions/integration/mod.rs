//! Actions that call other systems.

mod call;
pub mod http_request;
pub mod webhook;
