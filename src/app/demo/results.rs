//! What the demo came to, read from the SQL views that anybody can read.

use serde::Serialize;
use sqlx::{PgConnection, Row};

use super::demo_sql;

/// The last line of `demo --json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// People in the CRM.
    pub contacts: u32,
    /// Executions of the three workflows.
    pub executions: i64,
    /// Came to their end.
    pub completed: i64,
    /// Left by a goal or an exit condition.
    pub exited: i64,
    /// Failed: 0.
    pub failed: i64,
    /// Mails captured.
    pub messages: i64,
    /// Goals achieved.
    pub goal_achievements: i64,
    /// Real seconds, results included.
    pub seconds: f64,
}

/// A row of `waypost.workflow_stats`.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowRow {
    /// Its id.
    pub workflow: String,
    /// Executions.
    pub enrolled: i64,
    /// Came to their end.
    pub completed: i64,
    /// Left by a goal or an exit condition.
    pub exited: i64,
    /// Failed.
    pub failed: i64,
    /// Enrolments refused.
    pub blocked: i64,
    /// Goals achieved.
    pub goals: i64,
    /// From enrolment to completion, in virtual seconds.
    pub average_seconds: Option<f64>,
}

/// A row of `waypost.goal_stats`.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalRow {
    /// The workflow.
    pub workflow: String,
    /// The goal.
    pub goal: String,
    /// How often.
    pub achieved: i64,
    /// By how many.
    pub contacts: i64,
    /// Of those who enrolled, 0 to 1.
    pub rate: Option<f64>,
    /// From enrolment to goal, in virtual seconds.
    pub median_seconds: Option<f64>,
}

/// A row of `waypost.step_funnel`.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// The workflow.
    pub workflow: String,
    /// The step.
    pub step: String,
    /// Executions that came to it.
    pub entered: i64,
    /// Times it completed.
    pub completed: i64,
    /// Times `executeIf` left it out.
    pub skipped: i64,
    /// Entered by all executions, 0 to 1.
    pub share: Option<f64>,
}

/// Everything the demo shows at its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// In one line.
    pub summary: Summary,
    /// Executions that have not ended: 0.
    pub active: i64,
    /// Events that nobody has looked at: 0.
    pub unmatched: i64,
    /// Calls that the HTTP sink took.
    pub webhooks: u64,
    /// By workflow.
    pub workflows: Vec<WorkflowRow>,
    /// By goal.
    pub goals: Vec<GoalRow>,
    /// By step.
    pub funnel: Vec<StepRow>,
}

/// Reads the views. Contacts, seconds and webhooks are the caller's to fill in.
pub(super) async fn read(
    connection: &mut PgConnection,
    tenant: &str,
) -> Result<Report, sqlx::Error> {
    let row = sqlx::query(demo_sql!("demo_summary"))
        .bind(tenant)
        .fetch_one(&mut *connection)
        .await?;
    let mut report = Report {
        summary: Summary {
            executions: row.try_get(0)?,
            completed: row.try_get(1)?,
            exited: row.try_get(2)?,
            failed: row.try_get(3)?,
            goal_achievements: row.try_get(5)?,
            messages: row.try_get(6)?,
            ..Summary::default()
        },
        active: row.try_get(4)?,
        unmatched: row.try_get(7)?,
        ..Report::default()
    };
    for row in sqlx::query(demo_sql!("demo_workflows"))
        .bind(tenant)
        .fetch_all(&mut *connection)
        .await?
    {
        report.workflows.push(WorkflowRow {
            workflow: row.try_get(0)?,
            enrolled: row.try_get(1)?,
            completed: row.try_get(2)?,
            exited: row.try_get(3)?,
            failed: row.try_get(4)?,
            blocked: row.try_get(5)?,
            goals: row.try_get(6)?,
            average_seconds: row.try_get(7)?,
        });
    }
    for row in sqlx::query(demo_sql!("demo_goals"))
        .bind(tenant)
        .fetch_all(&mut *connection)
        .await?
    {
        report.goals.push(GoalRow {
            workflow: row.try_get(0)?,
            goal: row.try_get(1)?,
            achieved: row.try_get(2)?,
            contacts: row.try_get(3)?,
            rate: row.try_get(4)?,
            median_seconds: row.try_get(5)?,
        });
    }
    for row in sqlx::query(demo_sql!("demo_funnel"))
        .bind(tenant)
        .fetch_all(connection)
        .await?
    {
        report.funnel.push(StepRow {
            workflow: row.try_get(0)?,
            step: row.try_get(1)?,
            entered: row.try_get(2)?,
            completed: row.try_get(3)?,
            skipped: row.try_get(4)?,
            share: row.try_get(5)?,
        });
    }
    Ok(report)
}
