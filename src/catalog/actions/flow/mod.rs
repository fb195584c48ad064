//! Actions that decide where and when the path goes on.

mod choice;
mod conditional;
pub mod delay;
pub mod end_workflow;
pub mod enroll_in_workflow;
pub mod go_to;
pub mod if_else;
pub mod manual_review;
pub mod parallel;
pub mod random_path;
pub mod remove_from_workflow;
pub mod split;
pub mod wait;
mod wait_change;
mod wait_times;
mod wait_until;
