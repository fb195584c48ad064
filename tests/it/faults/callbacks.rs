//! A provider that tells later what became of a send: after its reply was lost, twice, before its own reply, or never.

use std::time::Duration;

use sqlx::{PgConnection, Row};
use tokio::{sync::mpsc, task::JoinHandle};
use waypost::testing::fake_http::{Callback, Called, Fault};

use super::stage::{Found, Stage, ensure};
use crate::{
    checker::Books,
    sql::support::{one, refused},
};

const SOON: Duration = Duration::from_secs(8);
/// Longer than a send takes to end as unknown.
const LATER: Duration = Duration::from_millis(600);

/// The application that the provider calls: it tells the engine, and answers once the engine has taken it in.
fn app(mut c: PgConnection) -> (mpsc::UnboundedSender<Called>, JoinHandle<Vec<String>>) {
    let (calls, mut called) = mpsc::unbounded_channel::<Called>();
    let told = tokio::spawn(async move {
        let mut answers = Vec::new();
        while let Some(call) = called.recv().await {
            let answer: String = sqlx::query_scalar(
                "select waypost.settle($1::uuid, 'sent', '{\"by\": \"provider\"}')",
            )
            .bind(&call.key)
            .fetch_one(&mut c)
            .await
            .unwrap();
            answers.push(answer);
            call.heard.send(()).ok();
        }
        answers
    });
    (calls, told)
}

/// The stage with its only send under this policy, and a provider that acts, loses its first reply and calls back.
async fn stage(
    name: &str,
    policy: &str,
    when: Option<Callback>,
) -> (Stage, Option<JoinHandle<Vec<String>>>) {
    let stage = Stage::new(&format!("callback-{name}"), None).await;
    stage.deploy_send(policy);
    stage.provider.next(Fault::DropReply);
    let told = if let Some(when) = when {
        let mut c = stage.db.connect().await;
        one(
            &mut c,
            "select set_config('waypost.tenant', 'default', false)",
        )
        .await;
        let (calls, told) = app(c);
        stage.provider.calls_back(when, calls);
        Some(told)
    } else {
        None
    };
    (stage, told)
}

/// Until the provider was heard about its only key, so often.
async fn heard(stage: &Stage) {
    while stage.provider.called_back().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the history says of the send: events and who settled it, in order of time.
async fn history(stage: &mut Stage) -> String {
    sqlx::query(
        "select coalesce(string_agg(event || coalesce(' ' || (result ->> 'by'), ''), ', ' order by at, seq), '')
           from waypost.execution_timeline where event in ('action:dispatched', 'action:settled', 'step:completed')",
    )
    .fetch_one(&mut stage.c)
    .await
    .unwrap()
    .get(0)
}

async fn must_hold(stage: &mut Stage) {
    Books::read(&mut stage.c, &stage.provider)
        .await
        .check()
        .must_hold();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_settled_by_a_callback_and_the_history_says_so() -> Found {
    let (mut stage, _app) = stage("later", "hold", Some(Callback::After(LATER))).await;
    let _worker = stage.worker("run,dispatch", "").await;
    stage.enrol("one", "Ada").await;
    stage.until_done(SOON).await?;
    let before = stage.send_status().await;
    ensure!(before == "unknown", "before the callback it is {before}");
    let path = "select string_agg(status || coalesce(reason, ''), ' ') from waypost.executions";
    let ended = one(&mut stage.c, path).await;
    heard(&stage).await;
    let after = stage.send_status().await;
    ensure!(after == "sent", "after the callback it is {after}");
    ensure!(
        one(&mut stage.c, path).await == ended,
        "the path has changed"
    );
    let told = history(&mut stage).await;
    ensure!(told.ends_with("action:settled callback"), "{told}");
    must_hold(&mut stage).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_comes_twice_says_the_same() -> Found {
    let (mut stage, app) = stage("twice", "hold", Some(Callback::Twice(LATER))).await;
    let _worker = stage.worker("run,dispatch", "").await;
    stage.enrol("one", "Ada").await;
    stage.until_done(SOON).await?;
    tokio::time::timeout(SOON, heard(&stage))
        .await
        .map_err(|e| e.to_string())?;
    // Not a wait for something to happen: the second call comes this much later.
    tokio::time::sleep(LATER * 2).await;
    let told = history(&mut stage).await;
    ensure!(told.matches("action:settled").count() == 1, "{told}");
    let noted = stage
        .count("select count(*) from waypost.outbox_attempts where error = 'settled_by_callback'")
        .await;
    ensure!(noted == 1, "it is noted {noted} times");
    must_hold(&mut stage).await;
    let Some(app) = app else { return Ok(()) };
    drop(stage);
    let answers = tokio::time::timeout(SOON, app)
        .await
        .map_err(|e| e.to_string())?
        .unwrap();
    ensure!(answers == ["sent", "sent"], "{answers:?}");
    Ok(())
}

/// Under every policy: what is still open ends by the callback, its execution goes on as after a reply, and a policy that
/// repeats has nothing to repeat.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_before_the_reply_ends_the_send() -> Found {
    for policy in ["hold", "reconcile", "dedupe", "retry"] {
        let (mut stage, _app) = stage(
            &format!("before-{policy}"),
            policy,
            Some(Callback::BeforeReply),
        )
        .await;
        let _worker = stage.worker("run,dispatch", "").await;
        stage.enrol("one", "Ada").await;
        stage.until_done(SOON).await?;
        heard(&stage).await;
        let (asked, status) = (stage.requests().len(), stage.send_status().await);
        ensure!(
            asked == 1 && status == "sent",
            "{policy}: {status} after {asked} requests"
        );
        let told = history(&mut stage).await;
        ensure!(
            told == "action:dispatched, step:completed provider",
            "{policy}: {told}"
        );
        must_hold(&mut stage).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_callback_a_doubt_stays() -> Found {
    let (mut stage, _) = stage("never", "hold", None).await;
    let _worker = stage.worker("run,dispatch", "").await;
    stage.enrol("one", "Ada").await;
    stage.until_done(SOON).await?;
    let status = stage.send_status().await;
    ensure!(
        status == "unknown",
        "nobody said anything, and it is {status}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_certain_is_not_settled_otherwise() -> Found {
    let stage = Stage::new("callback-certain", None).await;
    stage.deploy_send("hold");
    let mut app = stage.db.connect().await;
    one(
        &mut app,
        "select set_config('waypost.tenant', 'default', false)",
    )
    .await;
    // Asked for, and not yet sent: nobody can know of it.
    let runner = stage.worker("run", "").await;
    stage.enrol("one", "Ada").await;
    let mut stage = stage;
    stage
        .until_none(
            "has not asked",
            "select 1 - count(*) from waypost.sends",
            SOON,
        )
        .await?;
    let id = one(&mut app, "select id::text from waypost.outbox").await;
    let settle = |outcome: &str| format!("select waypost.settle('{id}', '{outcome}')");
    let early = refused(&mut app, &settle("sent")).await;
    ensure!(early.0 == "WP022", "{early:?}");
    drop(runner);
    let _worker = stage.worker("run,dispatch", "").await;
    stage.until_done(SOON).await?;
    ensure!(stage.send_status().await == "sent", "it was answered");
    let same = one(&mut app, &settle("sent")).await;
    ensure!(same == "sent", "{same}");
    let other = refused(&mut app, &settle("failed")).await;
    ensure!(
        other.0 == "WP022" && other.1.contains("certain"),
        "{other:?}"
    );
    ensure!(
        refused(&mut app, &settle("perhaps")).await.0 == "WP021",
        "no outcome"
    );
    let nobodys = "select waypost.settle('0192a3b4-c5d6-8e7f-8a8b-8c8d8e8f9091', 'sent')";
    ensure!(
        refused(&mut app, nobodys).await.0 == "WP023",
        "nobody's key"
    );
    let told = history(&mut stage).await;
    ensure!(!told.contains("settled"), "{told}");
    Ok(())
}
