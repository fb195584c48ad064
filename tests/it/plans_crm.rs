//! What a batch asks of the reference CRM costs what the batch has, not what the CRM has, on a table never analysed and
//! under the worker's session settings.

use sqlx::{Executor, Row};
use uuid::Uuid;
use waypost::store::{Purpose, pool};

use crate::support::database;

const CONTACTS: i32 = 100_000;
const BATCH: i64 = 200;

/// A call for the tenant names `$1` and the contacts `$2`, and the most pages of one contact: locks, new versions in
/// every index, and the triggers' events.
const CALLS: [(&str, i64); 4] = [
    (
        "select count(*) from waypost.contacts c join unnest($1::text[], $2::uuid[]) x(t, i)
             on c.tenant = x.t and c.id = x.i",
        10,
    ),
    ("select count(*) from waypost.lock_contacts($1, $2)", 10),
    (
        "select waypost.add_notes($1, $2, array_fill('hello'::text, array[cardinality($2)]))",
        60,
    ),
    (
        "select waypost.write_contacts($1, $2, array_fill('[\"vip\"]'::jsonb, array[cardinality($2)]),
                                       array_fill(null::jsonb, array[cardinality($2)]),
                                       array_fill('{\"city\": \"Paris\"}'::jsonb, array[cardinality($2)]))",
        200,
    ),
];

#[tokio::test]
async fn what_a_batch_asks_of_the_crm_costs_what_the_batch_has() {
    let db = database("plans-crm").await;
    let mut owner = db.connect().await;
    for statement in [
        "insert into waypost.tenants (name) values ('default') on conflict do nothing",
        "alter table crm.contacts set (autovacuum_enabled = off)",
        // Their events are of no interest here.
        "alter table crm.contacts disable trigger user",
        "set waypost.tenant = 'default'",
    ] {
        owner.execute(statement).await.unwrap();
    }
    sqlx::query(
        "insert into crm.contacts (email) select g || '@example.com' from generate_series(1, $1) g",
    )
    .bind(CONTACTS)
    .execute(&mut owner)
    .await
    .unwrap();
    owner
        .execute("alter table crm.contacts enable trigger user")
        .await
        .unwrap();
    let some: Vec<Uuid> =
        sqlx::query_scalar("select id from crm.contacts order by random() limit $1")
            .bind(BATCH)
            .fetch_all(&mut owner)
            .await
            .unwrap();
    let tenants = vec!["default"; some.len()];
    let mut c = pool::single(&db.url(), Purpose::Worker).await.unwrap();
    let mut wrong = Vec::new();
    for (call, most) in CALLS {
        let explain = format!("explain (analyze, buffers, timing off, format json) {call}");
        let row = sqlx::query(sqlx::AssertSqlSafe(explain))
            .bind(&tenants)
            .bind(&some)
            .fetch_one(&mut c)
            .await
            .unwrap();
        let plan: serde_json::Value = row.get(0);
        let pages = |name: &str| plan[0]["Plan"][name].as_i64().unwrap();
        let pages = (pages("Shared Hit Blocks") + pages("Shared Read Blocks")) / BATCH;
        println!("{pages:>6} pages a contact: {call}");
        if pages > most {
            wrong.push(format!("{pages} pages a contact, more than {most}: {call}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
