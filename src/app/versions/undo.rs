//! Taking a migration back: who has made no step since stands where he stood.

use uuid::Uuid;

use super::compiled;
use crate::{
    app::{
        bulk::Bulk,
        error::{AppError, AppResult},
        waypost::Waypost,
    },
    engine::program::Numbers,
    store::{doorbell, migrate as moving, operate, tenants, versions, workflows},
};

impl Waypost {
    /// Puts back, in one transaction, every execution that a batch moved and that has made no step since.
    /// The published version stays what it is.
    ///
    /// # Errors
    /// It was undone already; somebody holds executions for too long; of the database.
    pub(in crate::app) async fn undo_moves(
        &self,
        batch: Uuid,
        progress: &dyn Fn(u64),
    ) -> AppResult<Bulk> {
        let mut tx = self.begin_as_owner().await?;
        if operate::find_batch(&mut tx, batch)
            .await?
            .is_none_or(|(_, undone)| undone)
        {
            return Err(AppError::no(format!(
                "the batch {batch} was undone already"
            )));
        }
        operate::mark_undone(&mut tx, batch).await?;
        let name = self.tenant();
        let tenant = tenants::find(&mut tx, name).await?;
        let tenant = tenant.ok_or_else(|| AppError::no(format!("there is no tenant {name:?}")))?;
        let mut done = Bulk::default();
        let slugs = versions::list(&mut tx, tenant.id, None).await?;
        for way in moving::moved_by(&mut tx, batch).await? {
            done.matched += u64::try_from(way.executions).unwrap_or(0);
            let slug = slugs.iter().find(|one| one.number == way.workflow);
            let numbers = Numbers {
                workflow: way.workflow,
                version: way.from,
            };
            let slug = slug.map_or("", |one| one.id.as_str());
            let from = compiled(&mut tx, &tenant, slug, numbers).await?;
            // A later publication may have forgotten what this version listens to.
            workflows::listen(&mut tx, tenant.id, &from.program).await?;
        }
        let now = tenants::now(&mut tx, name).await?;
        let mut after = moving::FIRST;
        while let Some((end, count)) = moving::put_back_page(&mut tx, batch, after, now).await? {
            after = end;
            done.changed += count;
            progress(done.changed);
        }
        doorbell::ring(&mut tx, "").await?;
        tx.commit().await?;
        done.refused = done.matched.saturating_sub(done.changed);
        if done.refused > 0 {
            done.refusals.push(format!(
                "{} have made a step since, or have ended: they stay as they are",
                done.refused
            ));
        }
        Ok(done)
    }
}
