//! A send of an execution that was cancelled while the row was claimed is not sent again.

use sqlx::Executor;
use waypost::connect::{Reply, Verdict};

use crate::support::{House, publish};

const WORKFLOW: &str = r#"{"id": "call", "actions": [
    {"id": "hook", "type": "webhook", "config": {"url": "https://sink.invalid/hook", "body": {}}}]}"#;

#[tokio::test]
async fn a_claimed_row_that_comes_back_after_the_end_is_not_sent() {
    let house = House::new("cancelled").await;
    let mut c = house.connect().await;
    publish(&house, &mut c, WORKFLOW).await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    let execution: uuid::Uuid =
        sqlx::query_scalar("select execution_id from waypost.enroll('call', $1)")
            .bind(ada)
            .fetch_one(&mut c)
            .await
            .unwrap();
    house
        .sink
        .otherwise(Reply::failed(Verdict::Retryable, "http_429", "later"));
    let mut driver = house.driver();
    driver.settle().await.unwrap();
    assert_eq!(house.sink.count(), 1);

    // A dispatcher has claimed it and is gone; meanwhile somebody cancels.
    let mut worker = house.db.connect().await;
    worker
        .execute(
            "set role waypost_worker;
             update waypost.sends set state = 1, fence = fence + 1, attempt = attempt + 1,
                    lease_until = clock_timestamp() - interval '1 minute'",
        )
        .await
        .unwrap();
    let status: String = sqlx::query_scalar("select waypost.cancel($1, 'changed our mind')")
        .bind(execution)
        .fetch_one(&mut c)
        .await
        .unwrap();
    assert_eq!(status, "cancelled");
    let left: i64 = sqlx::query_scalar("select count(*) from waypost.sends")
        .fetch_one(&mut worker)
        .await
        .unwrap();
    assert_eq!(left, 1, "a claimed dedupe row may be on the wire: it stays");

    house.sink.otherwise(Reply::ok(serde_json::Value::Null));
    driver
        .advance_to(driver.now() + chrono::TimeDelta::hours(1))
        .await
        .unwrap();
    assert_eq!(house.sink.count(), 1, "nothing is sent after the end");
    let (state, error): (i16, String) =
        sqlx::query_as("select state, error from waypost.deliveries")
            .fetch_one(&mut worker)
            .await
            .unwrap();
    assert_eq!(
        (state, error.as_str()),
        (5, "execution_ended"),
        "the lost try may have been done"
    );
}
