//! Answers that nobody waits for any more.

use std::time::Duration;

use serde_json::json;

use super::stage::Stage;

/// Longest that anything undisturbed may take.
const SOON: Duration = Duration::from_secs(8);

/// A runner has just taken an answer that nobody waits for, when the execution's own time comes: the answer moves
/// nothing, and the execution is still due.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_waits_for_leaves_a_due_execution_due() {
    let mut stage = Stage::new("moot", None).await;
    stage.deploy(&json!({
        "id": "rests",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [{"id": "rest", "type": "wait",
                     "config": {"waitType": "duration", "duration": {"amount": 3, "unit": "seconds"}}}],
    }));
    let one = [("WAYPOST_RUNNERS", "1")];
    let worker = stage
        .worker_with("match,run", "wakes.claimed=ask", &one)
        .await;
    stage.enrol("rests", "Ada").await;
    let begins = "select count(*) from waypost.runs where seq = 0";
    stage.until_none("not begun", begins, SOON).await.unwrap();
    stage
        .change(
            r#"insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
               select bucket, id, 0, 99, tenant_id, '{"seq": 99, "outcome": "sent"}', now() from waypost.runs"#,
        )
        .await;
    let taken = worker.at.reaches("wakes.claimed").await.unwrap();
    let early = "select count(*) from waypost.runs where due_at > clock_timestamp()";
    stage.until_none("not due yet", early, SOON).await.unwrap();
    taken.go().await;
    stage.until_done(SOON).await.unwrap();
}
