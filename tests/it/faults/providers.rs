//! F7: a provider that drops replies after acting, under every policy.

use std::time::Duration;

use serde_json::{Value, json};
use waypost::testing::fake_http::Fault;

use super::{
    figure::{Figure, form},
    stage::Stage,
};
use crate::checker::Books;

const POLICIES: [&str; 4] = ["dedupe", "hold", "reconcile", "retry"];
/// Of the replies.
const DROPPED: f64 = 0.05;

/// One send under this policy; many tries, so that a provider's bad luck does not end one.
pub fn one_send(id: &str, url: &str, policy: &str) -> Value {
    json!({
        "id": id,
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [
            {"id": "tell", "type": "http_request",
             "retryConfig": {"maxAttempts": 100, "backoffStrategy": "FIXED", "retryDelay": {"initial": 100}},
             "config": {"url": url, "policy": policy, "body": {"execution": "{{ execution.id }}"}}},
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_a_provider_drops_replies_after_acting() {
    let each = form(150, 2_500);
    let mut stage = Stage::new("f7", None).await;
    for policy in POLICIES {
        let url = stage.provider.url(&format!("/{policy}"));
        let mut definition = one_send(policy, &url, policy);
        if policy == "reconcile" {
            let lookup = stage.provider.url("/lookup?key={key}");
            definition["actions"][0]["config"]["lookup"] =
                json!({"url": lookup, "after": "1 second"});
        }
        stage.deploy(&definition);
        if policy != "dedupe" {
            // Here a second request is a second effect.
            stage.provider.forgets_keys_at(&format!("/{policy}"));
        }
    }
    stage
        .provider
        .now_and_then(7, vec![(DROPPED, Fault::DropReply)]);
    let contacts = stage.crowd(each).await;
    for policy in POLICIES {
        stage.enrol_all(policy, &contacts).await;
    }
    let _worker = stage
        .worker_with("run,dispatch,janitor", "", &[("WAYPOST_CONCURRENCY", "20")])
        .await;
    stage.until_done(Duration::from_secs(300)).await.unwrap();

    let books = Books::read(&mut stage.c, &stage.provider).await;
    let report = books.check();
    println!("{report}");
    let dropped = |policy: &str| {
        let path = format!("/{policy}");
        let of = books.requests.iter().filter(|r| r.path == path);
        of.filter(|r| r.answered.is_none()).count()
    };
    let all: usize = POLICIES.iter().map(|policy| dropped(policy)).sum();
    let (dedupe, hold) = (report.of("dedupe"), report.of("hold"));
    let (reconcile, retry) = (report.of("reconcile"), report.of("retry"));
    let measured = format!(
        "{all} replies of {} dropped; dedupe: {} effects of {} intents; hold: {} effects of {}, {} unknown of {} \
         in doubt; reconcile: {} effects of {}, {} sent after {} questions; retry: {} repeats, each by an attempt",
        books.requests.len(),
        dedupe.effects,
        dedupe.intents,
        hold.effects,
        hold.intents,
        hold.unknown,
        dropped("hold"),
        reconcile.effects,
        reconcile.intents,
        reconcile.sent,
        stage.provider.lookups().len(),
        retry.repeats,
    );
    let ok = report.broken.is_empty()
        && POLICIES.iter().all(|policy| dropped(policy) > 0)
        && dedupe.effects == each
        && hold.unknown == dropped("hold")
        && reconcile.sent == each
        && reconcile.effects == each
        && retry.repeats == dropped("retry");
    if !report.broken.is_empty() {
        println!("{:#?}", report.broken);
    }
    Figure {
        name: "F7",
        fault: "provider drops 5 % of replies after acting",
        wanted: "by policy, as the checker says: 0 rules broken",
    }
    .measured(&measured, ok);
}
