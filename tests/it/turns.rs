//! Tenants take turns: one with a great deal to do does not keep the others waiting (I-8).

use sqlx::{Executor, PgConnection};
use waypost::{
    store::Scope,
    worker::{Round, WorkerSettings, run::Runner},
};

use crate::support::{House, publish};

const WORKFLOW: &str = r#"{"id": "w", "trigger": {"type": "api.trigger"}, "actions": [
    {"id": "one", "type": "set_variable", "config": {"name": "a", "value": 1}}]}"#;
/// Executions of the tenant that has much to do, and of each of the others.
const MUCH: i64 = 3_000;
const LITTLE: i64 = 5;
const OTHERS: i64 = 20;
const BATCH: i32 = 300;

async fn enrol(house: &mut House, c: &mut PgConnection, tenant: &str, count: i64) {
    house.tenant =
        sqlx::query_scalar("insert into waypost.tenants (name) values ($1) returning id")
            .bind(tenant)
            .fetch_one(&mut *c)
            .await
            .unwrap();
    sqlx::query("select set_config('waypost.tenant', $1, false)")
        .bind(tenant)
        .execute(&mut *c)
        .await
        .unwrap();
    publish(house, c, WORKFLOW).await;
    let enrolled: i64 = sqlx::query_scalar(
        "with new as (insert into crm.contacts (email) select g || '@example.com' from generate_series(1, $1) g returning id)
         select count(*) from new, lateral waypost.enroll('w', new.id) e where e.outcome = 'enrolled'",
    )
    .bind(count)
    .fetch_one(&mut *c)
    .await
    .unwrap();
    assert_eq!(enrolled, count);
}

async fn finished(c: &mut PgConnection, of: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from waypost.finished f join waypost.tenants t on t.id = f.tenant_id
          where t.name like $1",
    )
    .bind(of)
    .fetch_one(c)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_others_are_done_after_two_claims_behind_one_with_much_to_do() {
    let settings = WorkerSettings {
        batch: BATCH,
        ..WorkerSettings::default()
    };
    let mut house = House::with("turns", settings).await;
    let mut c = house.db.connect().await;
    enrol(&mut house, &mut c, "much", MUCH).await;
    for n in 1..=OTHERS {
        enrol(&mut house, &mut c, &format!("other{n}"), LITTLE).await;
    }
    c.execute("reset role").await.unwrap();
    let mut runner = Runner::new(house.shared.clone());
    let scope = Scope::Everyone { except: Vec::new() };
    // The first claim goes by time, comes back full, and so the second goes by turns.
    for round in 0..2 {
        assert_eq!(
            runner.run_once(&scope).await.unwrap(),
            Round::Full,
            "{round}"
        );
    }
    assert_eq!(finished(&mut c, "other%").await, OTHERS * LITTLE);
    let done = finished(&mut c, "much").await;
    assert!(done >= i64::from(BATCH) && done < MUCH, "{done}");
    let mut rounds = 2;
    while runner.run_once(&scope).await.unwrap() != Round::Idle {
        rounds += 1;
    }
    assert_eq!(finished(&mut c, "much").await, MUCH);
    // Turns do not make claims smaller: what a turn leaves free is filled by time.
    let full = (MUCH + OTHERS * LITTLE) / i64::from(BATCH);
    assert!(rounds <= full + 3, "{rounds} claims instead of {full}");
}
