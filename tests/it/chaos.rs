//! Worker processes killed at random: everything ends, nothing happens twice, nothing goes unrecorded.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;
use waypost::{
    app::verify::verify,
    testing::{
        TestDb,
        fake_http::{FakeHttp, Fault, Received},
    },
};

pub(crate) use crate::figure::Dice;
use crate::{
    checker::{Send, check_requests, ended},
    fleet::{Process, deploy},
    support::database,
};

/// Worker processes at any moment.
const WORKERS: usize = 4;
/// One is killed this often.
const KILL_EVERY: Duration = Duration::from_millis(300);
/// Executions in the long form; the short one has its share, and at least [`FEWEST`].
const EXECUTIONS: u64 = 5_000;
const FEWEST: u64 = 1_000;
/// The long form, in seconds of killing.
const LONG: u64 = 60;
/// Longest the undisturbed workers may take to end what is left.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Two sends of two policies with database steps and a short wait between them. A killed worker counts as a
/// try of what it had claimed under `dedupe`, hence the many tries.
pub(crate) fn journey(provider: &FakeHttp) -> serde_json::Value {
    let body = json!({"contact": "{{ contact.id }}", "execution": "{{ execution.id }}"});
    json!({
        "id": "journey",
        "trigger": {"type": "custom.event", "config": {"name": "arrived"}},
        "actions": [
            {"id": "tell", "type": "http_request", "onSuccess": ["note"],
             "retryConfig": {"maxAttempts": 100, "backoffStrategy": "FIXED", "retryDelay": {"initial": 200}},
             "config": {"url": provider.url("/dedupe"), "policy": "dedupe", "body": body}},
            {"id": "note", "type": "add_note", "onSuccess": ["count"], "config": {"body": "told"}},
            {"id": "count", "type": "update_contact", "onSuccess": ["tag"],
             "config": {"fields": {"told_times": "{{ contact.told_times | default: 0 | plus: 1 }}"}}},
            {"id": "tag", "type": "add_tag", "onSuccess": ["rest"], "config": {"tag": "told"}},
            {"id": "rest", "type": "wait", "onSuccess": ["tell-once"],
             "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "seconds"}}},
            {"id": "tell-once", "type": "http_request",
             "config": {"url": provider.url("/hold"), "policy": "hold", "body": body}},
        ],
    })
}

/// Counts the tags' events: it may be entered as often as they come.
pub(crate) fn counter() -> serde_json::Value {
    json!({
        "id": "counter",
        "trigger": {"type": "contact.tag.added", "config": {"tag": "told"}},
        "enrollmentSettings": {"allowMultipleEnrollments": true},
        "actions": [{"id": "count", "type": "add_note", "config": {"body": "counted"}}],
    })
}

/// New contacts, each enrolled in the same transaction: every second by the call, the others by an event.
pub(crate) async fn arrive(c: &mut PgConnection, count: u64) {
    try_arrive(c, count).await.unwrap();
}

/// The same where the database may be gone: the contacts whose commit was acknowledged.
pub(crate) async fn try_arrive(c: &mut PgConnection, count: u64) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut tx = c.begin().await?;
    tx.execute("set local waypost.tenant = 'default'").await?;
    let contacts: Vec<Uuid> = sqlx::query_scalar(
        "insert into crm.contacts (email)
         select 'c' || g || '@example.com' from generate_series(1, $1::int) g returning id",
    )
    .bind(count as i32)
    .fetch_all(&mut *tx)
    .await?;
    let (called, heard) = contacts.split_at(contacts.len() / 2);
    sqlx::query("select waypost.enroll('journey', c, strict => true) from unnest($1::uuid[]) c")
        .bind(called)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "select waypost.emit('custom.event', c, '{\"name\": \"arrived\"}') from unnest($1::uuid[]) c",
    )
    .bind(heard)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(contacts)
}

/// What is still to be done: executions, sends, events, waiting answers.
pub(crate) async fn open_work(c: &mut PgConnection) -> [i64; 4] {
    let row = sqlx::query(
        "select (select count(*) from waypost.runs), (select count(*) from waypost.sends),
                (select count(*) from waypost.event_queue), (select count(*) from waypost.wakes)",
    )
    .fetch_one(c)
    .await
    .unwrap();
    [row.get(0), row.get(1), row.get(2), row.get(3)]
}

/// Looks until nothing is left to do.
pub(crate) async fn until_done(c: &mut PgConnection) -> Duration {
    until_done_within(c, PATIENCE).await
}

/// The same where there is more to do.
pub(crate) async fn until_done_within(c: &mut PgConnection, patience: Duration) -> Duration {
    let begun = Instant::now();
    let mut look = interval(Duration::from_millis(200));
    loop {
        look.tick().await;
        let open = open_work(c).await;
        if open == [0; 4] {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < patience,
            "after {patience:?} still open (executions, sends, events, wakes): {open:?}"
        );
    }
}

pub(crate) async fn as_worker(db: &TestDb) -> PgConnection {
    let mut c = db.connect().await;
    c.execute("set role waypost_worker").await.unwrap();
    c
}

pub(crate) async fn count(c: &mut PgConnection, sql: &'static str) -> u64 {
    let n: i64 = sqlx::query_scalar(sql).fetch_one(c).await.unwrap();
    n.try_into().unwrap()
}

fn by_key(requests: &[Received]) -> HashMap<String, Vec<&Received>> {
    let mut found: HashMap<String, Vec<&Received>> = HashMap::new();
    for request in requests {
        let key = request.key.clone().expect("every request has its key");
        found.entry(key).or_default().push(request);
    }
    found
}

/// What the database itself holds once everything has ended: each effect once, no execution lost.
pub(crate) async fn check_database(c: &mut PgConnection, executions: u64) {
    for (what, sql, wanted) in [
        (
            "executions that completed",
            "select count(*) from waypost.executions where workflow = 'journey' and status = 'completed'",
            executions,
        ),
        (
            "executions at all",
            "select count(*) from waypost.executions",
            executions * 2,
        ),
        (
            "sends",
            "select count(*) from waypost.outbox",
            executions * 2,
        ),
        (
            "notes",
            "select count(*) from crm.notes where body = 'told'",
            executions,
        ),
        (
            "contacts with a note",
            "select count(distinct contact_id) from crm.notes where body = 'told'",
            executions,
        ),
        (
            "contacts with the tag once",
            "select count(*) from crm.contacts where tags = '{told}'",
            executions,
        ),
        (
            "the tags' events",
            "select count(*) from waypost.event_log where type = 'contact.tag.added'",
            executions,
        ),
        (
            "contacts whose tag was counted",
            "select count(distinct contact_id) from crm.notes where body = 'counted'",
            executions,
        ),
        (
            "counts",
            "select count(*) from crm.notes where body = 'counted'",
            executions,
        ),
    ] {
        assert_eq!(count(c, sql).await, wanted, "{what}");
    }
    let broken: Vec<_> = verify(c, None, &|_| {})
        .await
        .unwrap()
        .into_iter()
        .filter(|finding| finding.violations > 0)
        .collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_at_random_lose_nothing_and_do_nothing_twice() {
    let seconds = number("WAYPOST_CHAOS_SECONDS", 15);
    println!("WAYPOST_CHAOS_SECONDS={seconds}");
    let executions = (EXECUTIONS * seconds / LONG).max(FEWEST);
    let provider = FakeHttp::start().await.unwrap();
    // Long enough that many a send is cut off in the middle.
    provider.otherwise(Fault::Delay(Duration::from_millis(20)));
    let db = database("chaos").await;
    deploy(&db, "default", &journey(&provider));
    deploy(&db, "default", &counter());

    let mut app = db.connect().await;
    let mut dice = Dice::thrown();
    let url = db.url();
    let mut fleet: Vec<Process> = (0..WORKERS).map(|_| Process::start(&url)).collect();
    let rounds = (seconds * 1_000).div_ceil(KILL_EVERY.as_millis() as u64);
    let mut tick = interval(KILL_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut arrived = 0;
    for round in 1..=rounds {
        tick.tick().await;
        let due = executions * round / rounds;
        arrive(&mut app, due - arrived).await;
        arrived = due;
        let victim = &mut fleet[dice.between(0, WORKERS as u64) as usize];
        assert!(victim.runs(), "a worker ended by itself");
        victim.kill();
        *victim = Process::start(&url);
    }
    let mut c = as_worker(&db).await;
    let open = open_work(&mut c).await;
    let settled = until_done(&mut c).await;
    let requests = provider.received();
    let sends = ended(&mut c).await;
    let statuses = |policy: &str, status: &str| {
        let matching = |s: &&Send| s.policy == policy && s.status == status;
        sends.values().filter(matching).count()
    };
    let repeated = requests.len() - by_key(&requests).len();
    for (what, n) in [
        ("executions", executions as usize),
        ("kills", rounds as usize),
        ("open when the killing ended", open[0] as usize),
        ("seconds until all had ended", settled.as_secs() as usize),
        ("requests", requests.len()),
        ("requests that repeat an earlier one", repeated),
        ("dedupe, sent", statuses("dedupe", "sent")),
        ("hold, sent", statuses("hold", "sent")),
        ("hold, unknown", statuses("hold", "unknown")),
    ] {
        println!("{n:>8}  {what}");
    }

    assert!(open[0] > 0, "the killing met no work");
    check_requests(&provider, &requests, &sends);
    check_database(&mut c, executions).await;
    let listed = crate::fleet::waypost(
        &db.url(),
        &[
            "outbox", "list", "--status", "unknown", "--limit", "1000", "--json",
        ],
    )
    .output()
    .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        listed["outbox"].as_array().map(Vec::len),
        Some(statuses("hold", "unknown")),
        "every unknown is listed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_asked_to_end_finishes_what_it_sends_and_gives_the_rest_back() {
    let provider = FakeHttp::start().await.unwrap();
    provider.otherwise(Fault::Delay(Duration::from_millis(400)));
    let db = database("drain").await;
    deploy(&db, "default", &journey(&provider));
    let mut app = db.connect().await;
    arrive(&mut app, 200).await;
    let worker = Process::start(&db.url());
    provider.arrived(10).await;
    let (status, took) = worker.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(30), "{took:?}");

    let mut c = as_worker(&db).await;
    let held = count(
        &mut c,
        "select count(*) from waypost.sends where state <> 0",
    )
    .await;
    assert_eq!(held, 0, "nothing is left claimed or in sending");
    let sent = count(
        &mut c,
        "select count(*) from waypost.deliveries where state = 3",
    )
    .await;
    assert_eq!(
        sent as usize,
        provider.received().len(),
        "each answer is recorded"
    );
    assert!(sent < 30, "{sent} sent: no more than was on its way");
    let untried = "select count(*) from waypost.sends where attempt <> 0";
    assert_eq!(
        count(&mut c, untried).await,
        0,
        "what was given back counts no try"
    );
    let found = verify(&mut c, None, &|_| {}).await.unwrap();
    assert!(
        found.iter().all(|finding| finding.violations == 0),
        "{found:?}"
    );
}
