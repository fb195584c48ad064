//! What an app or an operator holds is passed by, not waited for: the rest of the batch goes on, and what was held
//! comes later, whole.

use chrono::TimeDelta;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{
    isolation::{BATCH, CULPRIT, Crowd, a_call, an_hour, workflow},
    support::start,
};

/// All but the one that is held.
const OTHERS: i64 = BATCH as i64 - 1;
const COMPLETED: &str = "select count(*) from waypost.finished where status = 4";

fn tag() -> serde_json::Value {
    json!({"id": "tag", "type": "add_tag", "config": {"tag": "done"}})
}

/// Holds the contact's row until the connection ends, as an app's open transaction does.
async fn hold_contact(crowd: &Crowd, contact: Uuid) -> PgConnection {
    let mut app = crowd.house.connect().await;
    app.execute("begin").await.unwrap();
    sqlx::query("update crm.contacts set city = 'Ghent' where id = $1")
        .bind(contact)
        .execute(&mut app)
        .await
        .unwrap();
    app
}

async fn commit(mut app: PgConnection) {
    app.execute("commit").await.unwrap();
    app.close().await.unwrap();
}

/// Every tag is there once, the app's own write too, and every invariant holds.
async fn ended_whole(crowd: &mut Crowd) {
    assert_eq!(crowd.count(COMPLETED).await, BATCH as i64);
    let tagged = "select count(*) from crm.contacts where tags = '{done}'";
    assert_eq!(crowd.count(tagged).await, BATCH as i64);
    assert_eq!(crowd.count("select count(*) from waypost.wakes").await, 0);
    crowd.is_sound().await;
}

async fn as_worker(crowd: &mut Crowd) {
    crowd.c.execute("set role waypost_worker").await.unwrap();
}

#[tokio::test]
async fn a_contact_that_an_app_holds_when_its_time_has_come() {
    let mut crowd = Crowd::enrolled("held_run", &workflow(an_hour(), tag())).await;
    as_worker(&mut crowd).await;
    let mut driver = crowd.house.driver();
    driver.settle().await.unwrap();
    let app = hold_contact(&crowd, crowd.people[CULPRIT]).await;
    let then = start() + TimeDelta::hours(1);
    driver.jump(then).await.unwrap();
    assert_eq!(crowd.count(COMPLETED).await, OTHERS);
    // Looked at again, and left again, for longer each time.
    for (after, next) in [(50, 150), (150, 350)] {
        driver
            .jump(then + TimeDelta::milliseconds(after))
            .await
            .unwrap();
        let due = driver.next_due().await.unwrap();
        assert_eq!(due, Some(then + TimeDelta::milliseconds(next)));
    }
    commit(app).await;
    driver.jump(then + TimeDelta::seconds(1)).await.unwrap();
    ended_whole(&mut crowd).await;
    let kept = "select count(*) from crm.contacts where city = 'Ghent'";
    assert_eq!(crowd.count(kept).await, 1, "the app's write stands");
}

#[tokio::test]
async fn a_contact_that_an_app_holds_when_an_answer_comes() {
    let mut crowd = Crowd::enrolled("held_reply", &workflow(a_call("hold"), tag())).await;
    as_worker(&mut crowd).await;
    let mut driver = crowd.house.driver();
    let app = hold_contact(&crowd, crowd.people[CULPRIT]).await;
    driver.settle().await.unwrap();
    assert_eq!(crowd.count(COMPLETED).await, OTHERS);
    let sent = "select count(*) from waypost.deliveries where state = 3";
    assert_eq!(
        crowd.count(sent).await,
        BATCH as i64,
        "the answer is recorded all the same"
    );
    commit(app).await;
    driver.jump(start() + TimeDelta::seconds(2)).await.unwrap();
    ended_whole(&mut crowd).await;
    assert_eq!(crowd.house.sink.count(), BATCH as u64);
}

#[tokio::test]
async fn a_contact_that_an_app_holds_when_its_event_comes() {
    let wait = json!({"id": "rest", "type": "wait", "config": {"waitType": "until_event", "event": "order.shipped"}});
    let mut crowd = Crowd::enrolled("held_event", &workflow(wait, tag())).await;
    let mut driver = crowd.house.driver();
    driver.settle().await.unwrap();
    sqlx::query("select waypost.emit('order.shipped', c) from unnest($1::uuid[]) c")
        .bind(&crowd.people)
        .execute(&mut crowd.c)
        .await
        .unwrap();
    as_worker(&mut crowd).await;
    let app = hold_contact(&crowd, crowd.people[CULPRIT]).await;
    driver.settle().await.unwrap();
    assert_eq!(crowd.count(COMPLETED).await, OTHERS);
    let queued = "select count(*) from waypost.event_queue";
    assert_eq!(crowd.count(queued).await, 1, "its event waits in its place");
    commit(app).await;
    driver.settle().await.unwrap();
    ended_whole(&mut crowd).await;
    assert_eq!(crowd.count(queued).await, 0);
}

#[tokio::test]
async fn a_live_key_behind_an_open_enrolment() {
    let mut definition = workflow(an_hour(), tag());
    definition["trigger"] = json!({"type": "order.placed"});
    let mut crowd = Crowd::new("held_key", &definition).await;
    let mut driver = crowd.house.driver();
    let mut app = crowd.house.connect().await;
    app.execute("begin").await.unwrap();
    sqlx::query("select waypost.enroll('batch', $1, strict => true)")
        .bind(crowd.people[CULPRIT])
        .execute(&mut app)
        .await
        .unwrap();
    sqlx::query("select waypost.emit('order.placed', c) from unnest($1::uuid[]) c")
        .bind(&crowd.people)
        .execute(&mut crowd.c)
        .await
        .unwrap();
    as_worker(&mut crowd).await;
    driver.settle().await.unwrap();
    let live = "select count(*) from waypost.runs";
    assert_eq!(crowd.count(live).await, OTHERS, "the others are enrolled");
    commit(app).await;
    driver.settle().await.unwrap();
    assert_eq!(crowd.count(live).await, BATCH as i64);
    let twice =
        "select count(*) from waypost.events where decisions -> 0 ->> 'outcome' = 'duplicate'";
    assert_eq!(
        crowd.count(twice).await,
        1,
        "the event met the app's own enrolment"
    );
    driver.jump(start() + TimeDelta::hours(2)).await.unwrap();
    ended_whole(&mut crowd).await;
}

#[tokio::test]
async fn an_execution_that_an_operator_holds() {
    let mut crowd = Crowd::enrolled("held_pause", &workflow(an_hour(), tag())).await;
    let mut driver = crowd.house.driver();
    driver.settle().await.unwrap();
    let mut operator = crowd.house.connect().await;
    operator.execute("begin").await.unwrap();
    let paused: String = sqlx::query_scalar(
        "select waypost.pause(id) from waypost.executions where contact_id = $1",
    )
    .bind(crowd.people[CULPRIT])
    .fetch_one(&mut operator)
    .await
    .unwrap();
    assert_eq!(paused, "paused");
    as_worker(&mut crowd).await;
    driver.jump(start() + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(crowd.count(COMPLETED).await, OTHERS);
    operator.execute("commit").await.unwrap();
    driver.jump(start() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(crowd.count(COMPLETED).await, OTHERS, "it is paused now");
    operator
        .execute("select waypost.resume(id) from waypost.executions where status = 'paused'")
        .await
        .unwrap();
    driver.jump(start() + TimeDelta::hours(3)).await.unwrap();
    ended_whole(&mut crowd).await;
}
