//! A commit finds its rows where the claim found them. Where one is not there any more, nothing of the batch is written.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;
use waypost::{
    model::{execution::Status, transition::Transition},
    store::{
        Scope, StoreError,
        commit::{self, Settled},
        error::Remedy,
        executions,
        place::Place,
    },
};

use crate::support::{House, publish};

/// Two executions that have not begun: buckets and ids.
async fn enrolled(house: &House, c: &mut PgConnection) -> Vec<(i16, Uuid)> {
    let wait = json!({"id": "wait", "actions": [{"id": "wait", "type": "wait",
        "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "hours"}}}]});
    publish(house, c, &wait.to_string()).await;
    for email in ["ada@example.com", "bea@example.com"] {
        let contact = house.contact(c, email).await;
        sqlx::query("select waypost.enroll('wait', $1, strict => true)")
            .bind(contact)
            .execute(&mut *c)
            .await
            .unwrap();
    }
    sqlx::query_as("select bucket, id from waypost.runs order by bucket, id")
        .fetch_all(c)
        .await
        .unwrap()
}

/// The claimed executions, each with three entries of history, ended or not; found where the claim says, or by key.
async fn settled(
    tx: &mut PgConnection,
    ids: &[(i16, Uuid)],
    ends: bool,
    by_key: bool,
) -> Vec<Settled> {
    let scope = Scope::Everyone { except: Vec::new() };
    let claimed = executions::claim_ids(tx, &scope, ids).await.unwrap();
    assert!(claimed.iter().all(|c| matches!(c.place, Place::At(_))));
    let settled = claimed.into_iter().map(|claimed| {
        let mut transition = Transition::unchanged(&claimed.execution);
        transition.seq = 3;
        if ends {
            transition.status = Status::Completed;
        }
        Settled {
            execution: claimed.execution,
            transition,
            now: claimed.now,
            tenant: "default".into(),
            ledger: None,
            place: if by_key { Place::Key } else { claimed.place },
        }
    });
    settled.collect()
}

async fn count(c: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(c).await.unwrap()
}

#[tokio::test]
async fn all_rows_of_a_batch_are_written_or_none() {
    let house = House::new("moved").await;
    let mut c = house.connect().await;
    let ids = enrolled(&house, &mut c).await;
    assert_eq!(ids.len(), 2);
    for ends in [false, true] {
        // It has been written since: it lies elsewhere.
        let mut tx = c.begin().await.unwrap();
        let batch = settled(&mut tx, &ids, ends, false).await;
        sqlx::query("update waypost.runs set priority = 1 where id = $1")
            .bind(ids[0].1)
            .execute(&mut *tx)
            .await
            .unwrap();
        let error = commit::commit(&mut tx, batch).await.unwrap_err();
        let missing = if ends { 2 } else { 1 };
        assert!(
            matches!(error, StoreError::Moved(n) if n == missing),
            "{error}"
        );
        assert_eq!(error.remedy(), Remedy::Retry);
        let finished = "select count(*) from waypost.finished";
        assert_eq!(count(&mut tx, finished).await, 0);
        tx.rollback().await.unwrap();

        for by_key in [false, true] {
            let mut tx = c.begin().await.unwrap();
            let batch = settled(&mut tx, &ids, ends, by_key).await;
            commit::commit(&mut tx, batch).await.unwrap();
            let written = match ends {
                false => "select count(*) from waypost.runs where seq = 3",
                true => "select count(*) from waypost.finished where seq = 3 and status = 4",
            };
            assert_eq!(count(&mut tx, written).await, 2, "{ends} {by_key}");
            let live = "select count(*) from waypost.runs";
            assert_eq!(count(&mut tx, live).await, if ends { 0 } else { 2 });
            tx.rollback().await.unwrap();
        }
    }
}
