//! What an app, an operator and the clock do to the real engine of a world.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;
use waypost::worker::drive::Driver;

use super::world::Fact;

/// What whoever decides a manual review says about it.
pub const NOTE: &str = "seen";

/// Stands still at every instant at which something falls due before `end`.
pub async fn run_until(
    driver: &mut Driver,
    c: &mut PgConnection,
    end: DateTime<Utc>,
    reviewed: bool,
) {
    while let Some(next) = driver.next_due().await.unwrap().filter(|next| *next < end) {
        assert!(next > driver.now(), "what is due is done: {next} is left");
        live(driver, c, next, reviewed).await;
    }
}

/// All that happens at an instant; open reviews are decided at once, as their instructions say.
pub async fn live(driver: &mut Driver, c: &mut PgConnection, now: DateTime<Utc>, reviewed: bool) {
    driver.jump(now).await.unwrap();
    if !reviewed {
        return;
    }
    loop {
        let decided = sqlx::query(
            "select waypost.review(execution_id, step_id,
                                   case instructions when 'approve' then 'approved' else 'rejected' end, $1)
               from waypost.reviews where instructions in ('approve', 'reject')",
        )
        .bind(NOTE)
        .fetch_all(&mut *c)
        .await
        .unwrap();
        if decided.is_empty() {
            return;
        }
        driver.settle().await.unwrap();
    }
}

/// The contacts of a world.
pub async fn insert(c: &mut PgConnection, contacts: &[Value]) {
    sqlx::query(
        "insert into crm.contacts (id, email, phone, first_name, timezone, tags, last_purchase_date, custom_fields)
         select (k ->> 'id')::uuid, k ->> 'email', k ->> 'phone', k ->> 'firstName', k ->> 'timezone',
                array(select jsonb_array_elements_text(coalesce(k -> 'tags', '[]'))),
                (k ->> 'lastPurchaseDate')::timestamptz,
                k - array['id', 'email', 'phone', 'firstName', 'timezone', 'tags', 'lastPurchaseDate']
           from jsonb_array_elements($1) k",
    )
    .bind(Value::from(contacts))
    .execute(c)
    .await
    .unwrap();
}

/// What happens at an instant: for many contacts in one statement, for one contact in order.
pub async fn happen(c: &mut PgConnection, mut facts: &[Fact], ids: &mut Vec<Uuid>) {
    while !facts.is_empty() {
        let mut seen = HashSet::new();
        let once = facts.iter().take_while(|fact| seen.insert(fact.contact));
        let (now, later) = facts.split_at(once.count());
        ids.extend(happen_once(c, now).await);
        facts = later;
    }
}

/// The app changes contacts, then tells the events.
async fn happen_once(c: &mut PgConnection, facts: &[Fact]) -> Vec<Uuid> {
    let facts = facts.iter().map(|fact| {
        json!({ "contact": fact.contact, "kind": fact.kind, "data": fact.data, "set": fact.set })
    });
    let facts: Value = facts.collect();
    sqlx::query(
        "update crm.contacts k set
           tags = case when s ? 'tags' then array(select jsonb_array_elements_text(s -> 'tags')) else k.tags end,
           last_purchase_date = case when s ? 'lastPurchaseDate'
             then (s ->> 'lastPurchaseDate')::timestamptz else k.last_purchase_date end,
           timezone = coalesce(s ->> 'timezone', k.timezone),
           custom_fields = jsonb_strip_nulls(k.custom_fields || (s - array['tags', 'lastPurchaseDate', 'timezone']))
          from (select (f ->> 'contact')::uuid as who, f -> 'set' as s from jsonb_array_elements($1) f) f
         where k.id = f.who and s <> '{}'",
    )
    .bind(&facts)
    .execute(&mut *c)
    .await
    .unwrap();
    sqlx::query_scalar(
        "select waypost.emit(f ->> 'kind', (f ->> 'contact')::uuid, f -> 'data')
           from jsonb_array_elements($1) with ordinality t(f, n) order by n",
    )
    .bind(&facts)
    .fetch_all(c)
    .await
    .unwrap()
}
