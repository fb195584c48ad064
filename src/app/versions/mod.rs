//! Workflows and their versions: looking at them, holding them, publishing an old one anew, moving what runs.

mod checksum;
pub mod diff;
pub mod migrate;
pub mod plan;
mod read;
mod undo;

use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;

pub(super) use self::{
    checksum::{checksum, stored},
    read::{Compiled, compiled, info},
};
use super::{
    definitions::{self, Checked},
    deploy::Deployed,
    enroll::unknown_workflow,
    error::{AppError, AppResult},
    waypost::Waypost,
};
pub use crate::store::versions::{VersionSummary, WorkflowSummary};
use crate::{
    model::workflow::WorkflowStatus,
    store::{
        doorbell, migrate as moving,
        tenants::{self, Tenant},
        versions, workflows,
    },
};

/// A workflow, its versions and its published definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkflowShown {
    /// As in the list.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// Newest first.
    pub versions: Vec<VersionSummary>,
    /// The published definition, else the latest one.
    pub definition: Option<Value>,
}

/// What became of a workflow that was paused, resumed or archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    /// Its id.
    pub workflow: String,
    /// What it was.
    pub before: &'static str,
    /// What it is.
    pub status: &'static str,
    /// Executions that were held and go on.
    pub released: u64,
}

impl Waypost {
    /// Workflows of the tenant, by id.
    ///
    /// # Errors
    /// Of the database.
    pub async fn workflows(&self) -> AppResult<Vec<WorkflowSummary>> {
        let mut tx = self.begin_as_owner().await?;
        match tenants::find(&mut tx, self.tenant()).await? {
            Some(tenant) => Ok(versions::list(&mut tx, tenant.id, None).await?),
            None => Ok(Vec::new()),
        }
    }

    /// One workflow with its versions and its definition.
    ///
    /// # Errors
    /// There is none of this id; of the database.
    pub async fn workflow(&self, id: &str) -> AppResult<WorkflowShown> {
        let mut tx = self.begin_as_owner().await?;
        let (tenant, summary) = self.summary(&mut tx, id).await?;
        let list = versions::versions(&mut tx, tenant.id, summary.number).await?;
        let definition = match summary.published.or(summary.latest) {
            Some(version) => {
                versions::definition(&mut tx, tenant.id, summary.number, version).await?
            }
            None => None,
        };
        Ok(WorkflowShown {
            summary,
            versions: list,
            definition,
        })
    }

    /// Tenant and summary of a workflow.
    pub(super) async fn summary(
        &self,
        connection: &mut PgConnection,
        id: &str,
    ) -> AppResult<(Tenant, WorkflowSummary)> {
        let unknown = || unknown_workflow(id, self.tenant());
        let tenant = tenants::find(connection, self.tenant()).await?;
        let tenant = tenant.ok_or_else(unknown)?;
        let list = versions::list(connection, tenant.id, Some(id)).await?;
        let summary = list.into_iter().next().ok_or_else(unknown)?;
        Ok((tenant, summary))
    }

    /// Pauses (`paused`), resumes (`active`) or archives a workflow. Paused, its executions hold at their
    /// next step and none enrol; archived, they finish and none enrol. Where it was paused and is no more,
    /// what it held is set due, in slices.
    ///
    /// # Errors
    /// There is no such workflow; nothing of it is published; of the database.
    pub async fn set_workflow_status(
        &self,
        id: &str,
        status: WorkflowStatus,
        progress: &dyn Fn(u64),
    ) -> AppResult<StatusChange> {
        let mut tx = self.begin_as_owner().await?;
        let (tenant, _) = self.summary(&mut tx, id).await?;
        let row = workflows::lock(&mut tx, tenant.id, id).await?;
        let row = row.ok_or_else(|| unknown_workflow(id, self.tenant()))?;
        if row.published.is_none() {
            return Err(AppError::no(format!(
                "nothing of {id:?} is published: `waypost workflows publish {id}` does that"
            )));
        }
        let before = word(&row.status);
        let status = match status {
            WorkflowStatus::Active => "active",
            WorkflowStatus::Paused => "paused",
            WorkflowStatus::Archived => "archived",
            WorkflowStatus::Draft => {
                return Err(AppError::usage("a published workflow is no draft any more"));
            }
        };
        if before != status {
            let now = tenants::now(&mut tx, &tenant.name).await?;
            versions::set_status(&mut tx, tenant.id, row.id, status, now).await?;
        }
        tx.commit().await?;
        // Active already: somebody may have been interrupted in the middle of this.
        let released = match (before, status) {
            ("paused", "active" | "archived") | ("active", "active") => {
                self.release(&tenant, row.id, progress).await?
            }
            _ => 0,
        };
        Ok(StatusChange {
            workflow: id.to_owned(),
            before,
            status,
            released,
        })
    }

    /// Sets due what a paused workflow has held, in slices that commit one by one.
    pub(super) async fn release(
        &self,
        tenant: &Tenant,
        workflow: i32,
        progress: &dyn Fn(u64),
    ) -> AppResult<u64> {
        let (mut after, mut released) = (moving::FIRST, 0);
        loop {
            let mut tx = self.begin_as_owner().await?;
            let now = tenants::now(&mut tx, &tenant.name).await?;
            let page = versions::wake_page(&mut tx, tenant.id, workflow, after, now).await?;
            let Some((end, woken)) = page else {
                if released > 0 {
                    doorbell::ring(&mut tx, "").await?;
                    tx.commit().await?;
                }
                return Ok(released);
            };
            tx.commit().await?;
            (after, released) = (end, released + woken);
            progress(released);
        }
    }

    /// The definition of one version, checked anew: what [`Waypost::deploy`] takes.
    ///
    /// # Errors
    /// There is no such workflow or version; of the database.
    pub async fn stored_definition(&self, id: &str, version: i32) -> AppResult<Checked> {
        let mut tx = self.begin_as_owner().await?;
        let (tenant, summary) = self.summary(&mut tx, id).await?;
        let found = versions::definition(&mut tx, tenant.id, summary.number, version).await?;
        let definition = found.ok_or_else(|| no_version(id, version, summary.latest))?;
        let label = format!("{id} version {version}");
        Ok(definitions::check_text(&definition.to_string(), &label))
    }

    /// Publishes a copy of an old version as a new one; it is checked anew. Where the old one is the latest,
    /// it is published itself.
    ///
    /// # Errors
    /// As [`Waypost::stored_definition`] and [`Waypost::deploy`].
    pub async fn restore(
        &self,
        id: &str,
        version: i32,
        in_flight: &migrate::InFlight,
    ) -> AppResult<Deployed> {
        let checked = self.stored_definition(id, version).await?;
        if !checked.is_valid() {
            let findings: Vec<String> = checked
                .findings
                .list
                .iter()
                .map(ToString::to_string)
                .collect();
            return Err(AppError::no(format!(
                "version {version} of {id} would not pass today:\n{}",
                findings.join("\n")
            )));
        }
        let done = self.deploy_in_flight(&[checked], true, in_flight).await?;
        let first = done.into_iter().next();
        first.ok_or_else(|| AppError::no("nothing was deployed"))
    }

    /// Publishes the latest version.
    ///
    /// # Errors
    /// There is no such workflow; as [`Waypost::restore`].
    pub async fn publish_latest(
        &self,
        id: &str,
        in_flight: &migrate::InFlight,
    ) -> AppResult<Deployed> {
        let mut tx = self.begin_as_owner().await?;
        let (_, summary) = self.summary(&mut tx, id).await?;
        drop(tx);
        let latest = summary
            .latest
            .ok_or_else(|| AppError::no(format!("{id:?} has no version")))?;
        self.restore(id, latest, in_flight).await
    }

    /// What differs between two versions, in the order of the newer one. Not given: the published version
    /// and the latest, or where these are the same the latest two.
    ///
    /// # Errors
    /// There is no such workflow or version; of the database.
    pub async fn diff_versions(
        &self,
        id: &str,
        from: Option<i32>,
        to: Option<i32>,
    ) -> AppResult<diff::Diff> {
        let mut tx = self.begin_as_owner().await?;
        let (tenant, summary) = self.summary(&mut tx, id).await?;
        let latest = summary
            .latest
            .ok_or_else(|| AppError::no(format!("{id:?} has no version")))?;
        let to = to.unwrap_or(latest);
        let from = from.unwrap_or(match summary.published {
            Some(published) if published != to => published,
            _ => (to - 1).max(1),
        });
        let mut both = Vec::new();
        for version in [from, to] {
            let found = versions::definition(&mut tx, tenant.id, summary.number, version).await?;
            let found = found.ok_or_else(|| no_version(id, version, summary.latest))?;
            both.push(read::definition(found, id, version)?);
        }
        Ok(diff::Diff {
            workflow: id.to_owned(),
            from,
            to,
            changes: diff::changes(&both[0], &both[1]),
        })
    }
}

fn no_version(id: &str, version: i32, latest: Option<i32>) -> AppError {
    AppError::no(match latest {
        Some(latest) => format!("{id:?} has no version {version}: they are 1 to {latest}"),
        None => format!("{id:?} has no version"),
    })
}

fn word(status: &str) -> &'static str {
    match status {
        "active" => "active",
        "paused" => "paused",
        "archived" => "archived",
        _ => "draft",
    }
}
