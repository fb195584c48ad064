//! Paused and archived workflows: what runs holds or finishes, and none enrol.

use chrono::TimeDelta;
use serde_json::json;
use waypost::model::workflow::WorkflowStatus;

use super::{count, enrol, migrate, open, publish, sound, workflow};
use crate::support::{House, start};

async fn house(name: &str) -> (House, waypost::app::Waypost, sqlx::PgConnection) {
    let house = House::new(name).await;
    let mut c = house.connect().await;
    let waypost = open(house.db.url(), "t").await;
    let wait = json!([
        { "id": "hour", "type": "delay", "config": { "duration": { "amount": 1, "unit": "hours" } }, "onSuccess": ["go"] },
        { "id": "go", "type": "add_tag", "config": { "tag": "gone" } },
    ]);
    publish(&waypost, &workflow(wait), &migrate(&[]))
        .await
        .unwrap();
    enrol(&mut c, "x", 1_200).await;
    (house, waypost, c)
}

async fn refused(c: &mut sqlx::PgConnection, reason: &str) {
    let row: (String, String) = sqlx::query_as(
        "select m.outcome, m.reason from crm.contacts c, waypost.enroll('w', c.id, key => 'other') m limit 1",
    )
    .fetch_one(c)
    .await
    .unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str()), ("blocked", reason));
}

const FINISHED: &str = "select count(*) from waypost.finished where status = 4";

#[tokio::test(flavor = "multi_thread")]
async fn paused_holds_all_at_their_next_step_and_resumed_they_go_on() {
    let (house, waypost, mut c) = house("versions_paused").await;
    let mut driver = house.driver();
    driver.settle().await.unwrap();
    let paused = waypost
        .set_workflow_status("w", WorkflowStatus::Paused, &|_| {})
        .await
        .unwrap();
    assert_eq!((paused.before, paused.status), ("active", "paused"));
    driver
        .advance_to(start() + TimeDelta::hours(5))
        .await
        .unwrap();
    assert_eq!(count(&mut c, FINISHED).await, 0, "they hold");
    refused(&mut c, "workflow_paused").await;
    let resumed = waypost
        .set_workflow_status("w", WorkflowStatus::Active, &|_| {})
        .await
        .unwrap();
    assert_eq!(resumed.released, 1_200);
    driver.settle().await.unwrap();
    assert_eq!(
        count(&mut c, FINISHED).await,
        1_200,
        "what came due meanwhile happens now"
    );
    let at = "select count(*) from waypost.finished where finished_at <> '2024-03-01T14:00:00Z'";
    assert_eq!(count(&mut c, at).await, 0);
    sound(&mut c).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_lets_all_finish_and_none_enrol() {
    let (house, waypost, mut c) = house("versions_archived").await;
    let mut driver = house.driver();
    driver.settle().await.unwrap();
    waypost
        .set_workflow_status("w", WorkflowStatus::Archived, &|_| {})
        .await
        .unwrap();
    refused(&mut c, "workflow_archived").await;
    driver
        .advance_to(start() + TimeDelta::hours(5))
        .await
        .unwrap();
    assert_eq!(count(&mut c, FINISHED).await, 1_200);
    // From paused to archived what was held finishes too.
    waypost
        .set_workflow_status("w", WorkflowStatus::Active, &|_| {})
        .await
        .unwrap();
    enrol(&mut c, "y", 10).await;
    waypost
        .set_workflow_status("w", WorkflowStatus::Paused, &|_| {})
        .await
        .unwrap();
    driver
        .advance_to(start() + TimeDelta::hours(10))
        .await
        .unwrap();
    assert_eq!(count(&mut c, FINISHED).await, 1_200);
    waypost
        .set_workflow_status("w", WorkflowStatus::Archived, &|_| {})
        .await
        .unwrap();
    driver
        .advance_to(start() + TimeDelta::hours(20))
        .await
        .unwrap();
    assert_eq!(count(&mut c, FINISHED).await, 1_210);
    sound(&mut c).await;
}
