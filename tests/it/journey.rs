//! The main job: a contact goes through the seed's abandoned-cart workflow.

use crate::support::{House, json, path, start};
use chrono::TimeDelta;
use sqlx::{PgConnection, Row};
use uuid::Uuid;
use waypost::{
    catalog::parse,
    engine::program::{Numbers, Program, TenantInfo},
};

/// Publishes a definition the way `deploy` does.
async fn publish(house: &House, c: &mut PgConnection, text: &str) {
    let source = parse::read(text, "test.json").unwrap();
    let info = TenantInfo { name: "t".into(), timezone: chrono_tz::UTC };
    let program =
        Program::compile(&source.definition, Numbers { workflow: 1, version: 1 }, &info).unwrap();
    let id: i32 = sqlx::query_scalar(
        "insert into waypost.workflows (tenant_id, slug, name, status, needs_ledger, reenroll_amount, reenroll_unit)
         values ($1, $2, $2, 'active', $3, 7, 'days') returning id",
    )
    .bind(house.tenant)
    .bind(&source.definition.id)
    .bind(program.rules().needs_ledger)
    .fetch_one(&mut *c)
    .await
    .unwrap();
    sqlx::query(
        "insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum)
         values ($1, 1, $2, $3, $4, $5, 'x')",
    )
    .bind(id)
    .bind(house.tenant)
    .bind(&source.value)
    .bind(program.step_ids())
    .bind(program.goal_ids())
    .execute(&mut *c)
    .await
    .unwrap();
    sqlx::query("update waypost.workflows set version = 1 where id = $1")
        .bind(id)
        .execute(&mut *c)
        .await
        .unwrap();
    for trigger in &program.triggers {
        sqlx::query(
            "insert into waypost.trigger_index (tenant_id, event_type, workflow_id, trigger_id, version)
             values ($1, $2, $3, $4, 1)",
        )
        .bind(house.tenant)
        .bind(&trigger.kind)
        .bind(id)
        .bind(&trigger.id)
        .execute(&mut *c)
        .await
        .unwrap();
    }
    for (kind, field) in program.interests() {
        sqlx::query("insert into waypost.interests values ($1, $2, $3, $4, 1)")
            .bind(house.tenant)
            .bind(kind)
            .bind(field)
            .bind(id)
            .execute(&mut *c)
            .await
            .unwrap();
    }
}

async fn abandon(c: &mut PgConnection, contact: Uuid) {
    sqlx::query("select waypost.emit('form.abandoned', $1, $2)")
        .bind(contact)
        .bind(json(r#"{"formId": "checkout-form"}"#))
        .execute(c)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_contact_who_does_not_buy_gets_both_mails() {
    let house = House::new("journey").await;
    let mut c = house.connect().await;
    publish(&house, &mut c, include_str!("../../examples/abandoned-cart.json")).await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    abandon(&mut c, ada).await;
    let mut driver = house.driver();
    driver.advance_to(start() + TimeDelta::days(3)).await.unwrap();

    let row = sqlx::query("select id, status, reason from waypost.finished where contact_id = $1")
        .bind(ada)
        .fetch_one(&mut c)
        .await
        .unwrap();
    assert_eq!(row.get::<i16, _>(1), 4, "completed, not {:?}", row.get::<Option<String>, _>(2));
    let hours: Vec<(String, String, i64)> = path(&mut c, row.get(0))
        .await
        .into_iter()
        .map(|(step, kind, at)| (step, kind, (at - start()).num_hours()))
        .collect();
    let expected = [
        ("", "execution:started", 0),
        ("wait-1hr", "execution:waiting", 0),
        ("wait-1hr", "step:completed", 1),
        ("send-email-1", "action:dispatched", 1),
        ("send-email-1", "step:completed", 1),
        ("wait-24hr", "execution:waiting", 1),
        ("wait-24hr", "step:completed", 25),
        ("check-purchase", "step:completed", 25),
        ("send-email-2", "action:dispatched", 25),
        ("send-email-2", "step:completed", 25),
        ("", "execution:completed", 25),
    ];
    let expected: Vec<(String, String, i64)> =
        expected.iter().map(|(s, k, h)| ((*s).into(), (*k).into(), *h)).collect();
    assert_eq!(hours, expected);
    assert_eq!(house.sink.count(), 2);
}

#[tokio::test]
async fn a_purchase_in_between_ends_it_at_once() {
    let house = House::new("purchase").await;
    let mut c = house.connect().await;
    publish(&house, &mut c, include_str!("../../examples/abandoned-cart.json")).await;
    let bob = house.contact(&mut c, "bob@example.com").await;
    abandon(&mut c, bob).await;
    let mut driver = house.driver();
    driver.advance_to(start() + TimeDelta::hours(5)).await.unwrap();
    sqlx::query("update crm.contacts set last_purchase_date = $2 where id = $1")
        .bind(bob)
        .bind(start() + TimeDelta::hours(5))
        .execute(&mut c)
        .await
        .unwrap();
    driver.advance_to(start() + TimeDelta::hours(5)).await.unwrap();
    let (status, reason): (i16, Option<String>) =
        sqlx::query_as("select status, reason from waypost.finished where contact_id = $1")
            .bind(bob)
            .fetch_one(&mut c)
            .await
            .unwrap();
    assert_eq!((status, reason.as_deref()), (5, Some("goal:purchase-complete")));
    assert_eq!(house.sink.count(), 1);
}
