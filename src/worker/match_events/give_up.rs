//! An event that fails even alone: whose fault it is, and what becomes of it (I-9).

use serde_json::json;
use sqlx::{Acquire, PgConnection};

use super::{advance_dependant, person};
use crate::{
    store::{
        Scope, StoreResult,
        commit::{self, Settled},
        error::Remedy,
        events::{self, Queued},
        executions,
    },
    worker::{
        Shared,
        advance::{Stage, failed},
    },
};

/// An event that fails even alone: each execution that depends on it is tried by itself and undone again.
/// Those whose writes are refused are failed, and the event comes again for the others; where it is none of
/// them, the event itself is at fault and is logged with an error.
pub(super) async fn give_up(
    shared: &Shared,
    tx: &mut PgConnection,
    scope: &Scope,
    event: &Queued,
) -> StoreResult<()> {
    let contact = person(event).map(|(tenant, contact)| (event.bucket, tenant, contact));
    let contact: Vec<_> = contact.into_iter().collect();
    let of = executions::claim_of_contacts(tx, scope, &contact).await?;
    if !of.busy.is_empty() {
        return Ok(());
    }
    let mut culprits = Vec::new();
    for claimed in &of.claimed {
        let mut trial = tx.begin().await?;
        let version = (claimed.execution.workflow, claimed.execution.version);
        let people = [(event.tenant, claimed.execution.contact)];
        let tried = async {
            let mut stage =
                Stage::load(shared, &mut trial, [version], Default::default(), people).await?;
            advance_dependant(&mut stage, claimed, event);
            stage.write(&mut trial).await.map(drop)
        };
        let tried = tried.await;
        trial.rollback().await?;
        match tried {
            Err(error) if error.remedy() == Remedy::Isolate => culprits.push((claimed, error)),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
    }
    if culprits.is_empty() {
        let note = json!([{"outcome": "error", "reason": "the event could not be handled"}]);
        return events::log(tx, &[(event, Some(note))], event.now).await;
    }
    let settled = culprits.into_iter().map(|(claimed, error)| Settled {
        tenant: shared.tenant_name(event.tenant),
        transition: failed(
            &claimed.execution,
            &error.class(),
            "the step's writes were refused",
        ),
        execution: claimed.execution.clone(),
        now: claimed.now,
        ledger: None,
        place: claimed.place,
    });
    commit::commit(tx, settled.collect()).await
}
