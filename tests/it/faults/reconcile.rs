//! `reconcile` with a look-up: what the provider says decides what becomes of a doubt. And `Retry-After`.

use std::time::Duration;

use serde_json::json;
use waypost::testing::fake_http::Fault;

use super::stage::{Found, Stage, ensure};

const SOON: Duration = Duration::from_secs(30);

impl Stage {
    /// Publishes `one`, which sends once and can be asked 200 ms later; `tries` in all.
    fn deploy_asked(&self, tries: u32) {
        let lookup = self.provider.url("/lookup?key={key}");
        self.deploy(&json!({
            "id": "one",
            "trigger": {"type": "custom.event", "config": {"name": "never"}},
            "actions": [
                {"id": "tell", "type": "http_request",
                 "retryConfig": {"maxAttempts": tries, "backoffStrategy": "FIXED", "retryDelay": {"initial": 50}},
                 "config": {"url": self.provider.url("/"), "policy": "reconcile",
                            "lookup": {"url": lookup, "after": "200 milliseconds"},
                            "body": {"execution": "{{ execution.id }}"}}}
            ],
        }));
        self.provider.forgets_keys_at("/");
    }

    /// Requests, effects, questions and how the only send ended.
    async fn outcome(&mut self) -> (usize, usize, usize, String) {
        let requests = self.requests();
        let acts = requests.iter().filter(|request| request.acted).count();
        let asked = self.provider.lookups().len();
        (requests.len(), acts, asked, self.send_status().await)
    }
}

/// What the provider does to the call, what to the questions, how many tries there are, and what must come of it.
struct Case {
    name: &'static str,
    call: Fault,
    questions: Vec<Fault>,
    tries: u32,
    wanted: (usize, usize, usize, &'static str),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_can_be_asked_decides_a_doubt() {
    let down = || Fault::status(500);
    let cases = [
        Case {
            name: "it acted, and says so",
            call: Fault::DropReply,
            questions: vec![],
            tries: 5,
            wanted: (1, 1, 1, "sent"),
        },
        Case {
            name: "it did not act, and says so",
            call: Fault::DropRequest,
            questions: vec![],
            tries: 5,
            wanted: (2, 1, 1, "sent"),
        },
        Case {
            name: "it cannot say twice, then says that it acted",
            call: Fault::DropReply,
            questions: vec![down(), Fault::DropRequest],
            tries: 5,
            wanted: (1, 1, 3, "sent"),
        },
        Case {
            name: "it never can say",
            call: Fault::DropReply,
            questions: vec![down(); 20],
            tries: 2,
            wanted: (1, 1, 6, "unknown"),
        },
        Case {
            name: "it did not act, and no try is left",
            call: Fault::DropRequest,
            questions: vec![],
            tries: 1,
            wanted: (1, 0, 1, "failed"),
        },
    ];
    for case in cases {
        let found = play(&case).await;
        assert_eq!(found, Ok(()), "{}", case.name);
    }
}

async fn play(case: &Case) -> Found {
    let mut stage = Stage::new("reconcile", None).await;
    stage.deploy_asked(case.tries);
    stage.provider.next(case.call.clone());
    for question in &case.questions {
        stage.provider.next_lookup(question.clone());
    }
    let _worker = stage.worker("run,dispatch", "").await;
    stage.enrol("one", "Ada").await;
    stage.until_done(SOON).await?;
    let (requests, acts, asked, status) = stage.outcome().await;
    let found = (requests, acts, asked, status.as_str());
    ensure!(
        found == case.wanted,
        "(requests, effects, questions, end) are {found:?}, not {:?}",
        case.wanted
    );
    let keys: Vec<_> = stage.requests().into_iter().map(|r| r.key).collect();
    let wanted = format!("/lookup?key={}", keys[0].as_deref().unwrap_or_default());
    for question in stage.provider.lookups() {
        ensure!(question.path == wanted, "asked {}", question.path);
        ensure!(question.key.is_none(), "a question is not the call");
    }
    Ok(())
}

/// A worker dies past the barrier, before or after its bytes left: the next one asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_past_the_barrier_is_asked_about() {
    for (faults, wanted) in [
        ("send.before=abort", (1, 1, 1, "sent")),
        ("send.answered=abort", (1, 1, 1, "sent")),
    ] {
        let mut stage = Stage::new("reconcile-dies", None).await;
        stage.deploy_asked(5);
        let mut dies = stage.worker("run,dispatch", faults).await;
        stage.enrol("one", "Ada").await;
        dies.process.ends().await;
        stage.leases_run_out().await;
        let _next = stage.worker("run,dispatch,janitor", "").await;
        stage.until_done(SOON).await.unwrap();
        let (requests, acts, asked, status) = stage.outcome().await;
        assert_eq!((requests, acts, asked, status.as_str()), wanted, "{faults}");
    }
}

/// A doubt whose execution is cancelled meanwhile stays a doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_outlives_its_execution() {
    let mut stage = Stage::new("reconcile-cancel", None).await;
    stage.deploy_send("dedupe");
    stage.provider.next(Fault::DropReply);
    let worker = stage.worker("run,dispatch", "finish.committed=ask").await;
    stage.enrol("one", "Ada").await;
    let committed = worker.at.reaches("finish.committed").await.unwrap();
    drop(worker.process);
    let mut app = stage.db.connect().await;
    sqlx::query("select waypost.cancel(id, tenant => 'default') from waypost.executions")
        .execute(&mut app)
        .await
        .unwrap();
    drop(committed);
    assert_eq!(stage.send_status().await, "unknown");
}

/// The provider says when it may be asked again; nobody comes earlier.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    for policy in ["dedupe", "hold", "reconcile", "retry"] {
        let mut stage = Stage::new("retry-after", None).await;
        stage.deploy_send(policy);
        stage.provider.next(Fault::too_many(2));
        let _worker = stage.worker("run,dispatch", "").await;
        stage.enrol("one", "Ada").await;
        stage.until_done(SOON).await.unwrap();
        let at: Vec<_> = stage.requests().iter().map(|request| request.at).collect();
        assert_eq!(at.len(), 2, "{policy}");
        let waited = at[1].duration_since(at[0]).unwrap();
        assert!(waited >= Duration::from_secs(2), "{policy}: {waited:?}");
        assert_eq!(stage.send_status().await, "sent", "{policy}");
    }
}

/// A provider that is slow and has much to do: a claim takes no more than it has room for, and nothing comes late.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_takes_what_its_provider_has_room_for() {
    let mut stage = Stage::new("room", None).await;
    stage.deploy_send("hold");
    stage
        .provider
        .otherwise(Fault::Delay(Duration::from_millis(200)));
    let contacts = stage.crowd(100).await;
    stage.enrol_all("one", &contacts).await;
    let _worker = stage
        .worker_with("run,dispatch", "", &[("WAYPOST_CONCURRENCY", "5")])
        .await;
    let mut most = 0;
    for arrived in [20, 40, 60, 80] {
        stage.provider.arrived(arrived).await;
        let held = stage
            .count("select count(*) from waypost.sends where state <> 0")
            .await;
        most = most.max(held);
    }
    stage.until_done(SOON).await.unwrap();
    // One dispatcher: five on their way, and for each one that waits for its slot.
    assert!((1..=10).contains(&most), "{most} claimed at a time");
    let noted = stage
        .count("select count(*) from waypost.outbox_attempts")
        .await;
    assert_eq!(noted, 100, "each was tried once");
}
