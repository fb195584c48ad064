//! One answer is one attempt in the books, however often its transaction is done.

use std::time::Duration;

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
