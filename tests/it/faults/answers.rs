//! One answer is one attempt in the books, however often its transaction is done.

use std::time::Duration;

use sqlx::{Connection, Executor};
use waypost::testing::fake_http::Fault;

use super::stage::{Found, Stage, ensure};

const SOON: Duration = Duration::from_secs(8);

/// The provider treats the first send so; the reply to the COMMIT of its T3 is lost, and T3 is done again. Answers how
/// the send ended and how often its first claim stands in the books.
async fn recorded_twice(policy: &str, fault: Fault) -> Result<(String, i64), String> {
    let mut stage = Stage::new(&format!("recorded-twice-{policy}"), None).await;
    stage.deploy_send(policy);
    stage.provider.next(fault);
    let faults = "finish.committed=error@1,finish.committed=ask@1,finish.begun=ask";
    let worker = stage.worker("run,dispatch", faults).await;
    stage.enrol("one", "Ada").await;
    worker.at.reaches("finish.begun").await?.go().await;
    // The same answer again: where the first time erred, nobody asked.
    worker.at.reaches("finish.begun").await?.go().await;
    worker.at.free("finish.begun").await;
    worker.at.reaches("finish.committed").await?.go().await;
    worker.at.free("finish.committed").await;
    stage.until_done(SOON).await?;
    let first = "select count(*) from waypost.outbox_attempts where fence = 1";
    Ok((stage.send_status().await, stage.count(first).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_put_its_row_back_is_noted_once() -> Found {
    let (status, noted) = recorded_twice("dedupe", Fault::status(503)).await?;
    ensure!(status == "sent", "it ended as {status}");
    ensure!(noted == 1, "one answer stands as {noted} attempts");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_ended_its_row_is_noted_once() -> Found {
    let (status, noted) = recorded_twice("hold", Fault::DropReply).await?;
    ensure!(status == "unknown", "it ended as {status}");
    ensure!(noted == 1, "one answer stands as {noted} attempts");
    Ok(())
}

/// Somebody holds the row for as long as T3 comes back for it: it gives up, and notes the answer as late. The reply to that
/// COMMIT is lost, the row is free by then, and the answer is recorded after all: once, and not as late.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_given_up_for_nothing_is_noted_once() -> Found {
    let mut stage = Stage::new("given-up", None).await;
    stage.deploy_send("hold");
    let worker = stage
        .worker("run,dispatch", "send.answered=ask,finish.committed=ask@20")
        .await;
    stage.enrol("one", "Ada").await;
    let answered = worker.at.reaches("send.answered").await?;
    let mut holder = stage.db.connect().await;
    let mut held = holder.begin().await.unwrap();
    held.execute("select from waypost.sends for update")
        .await
        .unwrap();
    answered.go().await;
    let given_up = worker.at.reaches("finish.committed").await?;
    let noted =
        "select count(*) from waypost.outbox_attempts where fence = 1 and verdict = 'stale_ok'";
    ensure!(stage.count(noted).await == 1, "it is not noted as late");
    held.rollback().await.unwrap();
    given_up.fails().await;
    stage.until_done(SOON).await?;
    let status = stage.send_status().await;
    ensure!(status == "sent", "it ended as {status}");
    let first = "select count(*) from waypost.outbox_attempts where fence = 1";
    let noted = stage.count(first).await;
    ensure!(noted == 1, "one answer stands as {noted} attempts");
    Ok(())
}
