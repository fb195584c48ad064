//! The main job: a contact goes through the seed's abandoned-cart workflow.

use chrono::TimeDelta;
use sqlx::Row;

use crate::support::{House, abandon, path, publish, start};

#[tokio::test]
async fn a_contact_who_does_not_buy_gets_both_mails() {
    let house = House::new("journey").await;
    let mut c = house.connect().await;
    publish(
        &house,
        &mut c,
        include_str!("../../examples/abandoned-cart.json"),
    )
    .await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    abandon(&mut c, ada).await;
    let mut driver = house.driver();
    driver
        .advance_to(start() + TimeDelta::days(3))
        .await
        .unwrap();

    let row = sqlx::query("select id, status, reason from waypost.finished where contact_id = $1")
        .bind(ada)
        .fetch_one(&mut c)
        .await
        .unwrap();
    assert_eq!(
        row.get::<i16, _>(1),
        4,
        "completed, not {:?}",
        row.get::<Option<String>, _>(2)
    );
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
    let expected: Vec<(String, String, i64)> = expected
        .iter()
        .map(|(s, k, h)| ((*s).into(), (*k).into(), *h))
        .collect();
    assert_eq!(hours, expected);
    assert_eq!(house.sink.count(), 2);
}

#[tokio::test]
async fn a_purchase_in_between_ends_it_at_once() {
    let house = House::new("purchase").await;
    let mut c = house.connect().await;
    publish(
        &house,
        &mut c,
        include_str!("../../examples/abandoned-cart.json"),
    )
    .await;
    let bob = house.contact(&mut c, "bob@example.com").await;
    abandon(&mut c, bob).await;
    let mut driver = house.driver();
    driver
        .advance_to(start() + TimeDelta::hours(5))
        .await
        .unwrap();
    sqlx::query("update crm.contacts set last_purchase_date = $2 where id = $1")
        .bind(bob)
        .bind(start() + TimeDelta::hours(5))
        .execute(&mut c)
        .await
        .unwrap();
    driver
        .advance_to(start() + TimeDelta::hours(5))
        .await
        .unwrap();
    let (status, reason): (i16, Option<String>) =
        sqlx::query_as("select status, reason from waypost.finished where contact_id = $1")
            .bind(bob)
            .fetch_one(&mut c)
            .await
            .unwrap();
    assert_eq!(
        (status, reason.as_deref()),
        (5, Some("goal:purchase-complete"))
    );
    assert_eq!(house.sink.count(), 1);
}
