//! The SQL side against a real server: its rules, its functions, its roles. Never as a superuser.

mod catalog;
mod crm;
mod enroll;
mod ids;
mod install;
mod lint;
mod operate;
pub(crate) mod support;
mod tenants;
