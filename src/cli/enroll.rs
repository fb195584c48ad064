//! `waypost enroll`: contacts into a workflow.

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::{context::Context, emit::json_value, progress::Count};
use crate::app::{
    AppError, AppResult,
    enroll::{NewEnrollment, unknown_workflow},
};

/// Enrols one contact, or those that a query finds.
///
/// The query runs read-only, as role waypost_api; its first column holds contact ids. Exit code 1 when the
/// one contact is refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost enroll welcome --sql \"select id from crm.contacts where 'vip' = any(tags)\" --dry-run"
)]
pub(super) struct Enroll {
    /// The workflow's id
    workflow: String,
    /// Who
    #[arg(long, value_name = "ID", required_unless_present = "sql")]
    contact: Option<Uuid>,
    /// A query whose first column holds contact ids
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["contact", "key", "data"])]
    sql: Option<String>,
    /// Enrollment key [default: the workflow's rule]
    #[arg(long)]
    key: Option<String>,
    /// What steps see as event.data
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_value)]
    data: Value,
    /// Lower goes first [default: the workflow's]
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-100..=100))]
    priority: Option<i32>,
    /// Only say what would be
    #[arg(long)]
    dry_run: bool,
}

impl Enroll {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = cx.open().await?;
        match self.contact {
            Some(contact) => {
                let who = NewEnrollment {
                    contact,
                    key: self.key,
                    data: self.data,
                };
                let done = waypost
                    .enroll(&self.workflow, who, self.priority, self.dry_run)
                    .await?;
                let reason = done.reason.clone().unwrap_or_default();
                if reason == "unknown_workflow" {
                    return Err(unknown_workflow(&self.workflow, waypost.tenant()));
                }
                cx.out.value(&done);
                if done.outcome == "blocked" {
                    return Err(AppError::no(format!("not enrolled: {reason}")));
                }
                let id = done
                    .execution_id
                    .map(|id| id.to_string())
                    .unwrap_or_default();
                let would = if self.dry_run { "would be " } else { "" };
                cx.out.line(format!("{would}{} {id}", done.outcome));
            }
            None => {
                let query = self.sql.unwrap_or_default();
                let count = Count::new("contacts looked at", None);
                let done = waypost
                    .enroll_query(&self.workflow, &query, self.priority, self.dry_run, &|n| {
                        count.at(n)
                    })
                    .await?;
                drop(count);
                cx.out.value(&done);
                let would = if self.dry_run { "would be " } else { "" };
                cx.out.line(format!(
                    "{} contacts: {} {would}enrolled, {} have a live execution, {} blocked",
                    done.contacts, done.enrolled, done.duplicate, done.blocked
                ));
                for (reason, count) in &done.reasons {
                    cx.out.line(format!("  {count} {reason}"));
                }
            }
        }
        Ok(())
    }
}
