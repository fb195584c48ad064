//! What sticky splits chose for whom: loaded with the contact, kept by the commit, for workflows that have any.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{StoreResult, commit::Settled, sql};
use crate::model::{execution::Instant, ids::bucket_of, transition::Effect};

/// One choice: tenant, contact, workflow, step, variant.
pub type Choice = (i32, Uuid, i32, String, String);

/// The choices of these contacts `(tenant, contact)` in these workflows.
///
/// # Errors
/// Of the database.
pub async fn load(
    connection: &mut PgConnection,
    people: &[(i32, Uuid)],
    workflows: &[i32],
) -> StoreResult<Vec<Choice>> {
    let bucket = |person: &(i32, Uuid)| bucket_of(person.0, person.1);
    let rows = sqlx::query_as(sql!("load_choices"))
        .bind(people.iter().map(bucket).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.0).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.1).collect::<Vec<_>>())
        .bind(workflows)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// Writes the choices of the batch, the last one of each split.
///
/// # Errors
/// Of the database.
pub(super) async fn keep(connection: &mut PgConnection, batch: &[Settled]) -> StoreResult<()> {
    /// Bucket, tenant, contact, workflow, step.
    type Key<'a> = (i16, i32, Uuid, i32, &'a str);
    let mut rows: BTreeMap<Key<'_>, (&str, Instant)> = BTreeMap::new();
    for one in batch {
        let ex = &one.execution;
        for effect in &one.transition.effects {
            if let Effect::Remember { step, variant } = effect {
                let key = (ex.bucket, ex.tenant, ex.contact, ex.workflow, &**step);
                rows.insert(key, (variant, one.now));
            }
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("keep_choices"))
        .bind(rows.keys().map(|k| k.0).collect::<Vec<_>>())
        .bind(rows.keys().map(|k| k.1).collect::<Vec<_>>())
        .bind(rows.keys().map(|k| k.2).collect::<Vec<_>>())
        .bind(rows.keys().map(|k| k.3).collect::<Vec<_>>())
        .bind(rows.keys().map(|k| k.4).collect::<Vec<_>>())
        .bind(rows.values().map(|v| v.0).collect::<Vec<_>>())
        .bind(rows.values().map(|v| v.1).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
