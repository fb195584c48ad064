//! One execution's error stops that execution only (I-9), wherever its batch runs: the run loop, the finishing of
//! answers, the reaping of lost leases, the matching of events.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use uuid::Uuid;
use waypost::{
    app::verify::verify,
    store::Scope,
    worker::{janitor, run::Runner},
};

use crate::{
    fleet::deploy,
    support::{House, start},
};

/// Executions of a batch.
pub(crate) const BATCH: usize = 50;
/// The place of the bad one.
pub(crate) const CULPRIT: usize = 17;

/// Sets a field that takes a number; the culprit's first name is none, and the database refuses it (WP004).
pub(crate) fn score() -> Value {
    json!({"id": "score", "type": "update_contact", "config": {"fields": {"score": "{{ contact.firstName }}"}}})
}

pub(crate) fn workflow(first: Value, then: Value) -> Value {
    let mut first = first;
    first["onSuccess"] = json!([then["id"]]);
    json!({"id": "batch", "actions": [first, then]})
}

pub(crate) struct Crowd {
    pub house: House,
    pub c: PgConnection,
    pub people: Vec<Uuid>,
}

impl Crowd {
    /// Fifty contacts, enrolled in the workflow.
    pub async fn new(name: &str, definition: &Value) -> Crowd {
        let house = House::new(name).await;
        deploy(&house.db, "t", definition);
        let mut c = house.connect().await;
        c.execute("insert into crm.custom_fields (name, type) values ('score', 'number')")
            .await
            .unwrap();
        let mut people = Vec::new();
        for n in 0..BATCH {
            let first = if n == CULPRIT {
                "many".into()
            } else {
                n.to_string()
            };
            let id: Uuid = sqlx::query_scalar(
                "insert into crm.contacts (first_name) values ($1) returning id",
            )
            .bind(first)
            .fetch_one(&mut c)
            .await
            .unwrap();
            people.push(id);
        }
        Crowd { house, c, people }
    }

    pub async fn enrolled(name: &str, definition: &Value) -> Crowd {
        let mut crowd = Self::new(name, definition).await;
        sqlx::query("select waypost.enroll('batch', c, strict => true) from unnest($1::uuid[]) c")
            .bind(&crowd.people)
            .execute(&mut crowd.c)
            .await
            .unwrap();
        crowd
    }

    /// Lets two hours go by.
    async fn run(&self) {
        let mut driver = self.house.driver();
        driver
            .advance_to(start() + TimeDelta::hours(2))
            .await
            .unwrap();
    }

    /// `(status, reason, executions)` of those who are not the culprit, and the culprit's status and reason.
    async fn outcomes(&mut self) -> (Vec<(String, i64)>, (String, String)) {
        let culprit = self.people[CULPRIT];
        self.c.execute("set role waypost_worker").await.unwrap();
        let others = sqlx::query_as(
            "select status, count(*) from waypost.executions where contact_id <> $1 group by status",
        )
        .bind(culprit)
        .fetch_all(&mut self.c)
        .await
        .unwrap();
        let culprit = sqlx::query_as(
            "select status, coalesce(reason, '') from waypost.executions where contact_id = $1",
        )
        .bind(culprit)
        .fetch_one(&mut self.c)
        .await
        .unwrap();
        (others, culprit)
    }

    /// All but the culprit completed, the culprit failed for this reason, and every invariant holds.
    async fn only_the_culprit_failed(&mut self, reason: &str) {
        let (others, culprit) = self.outcomes().await;
        assert_eq!(others, [("completed".to_owned(), BATCH as i64 - 1)]);
        assert_eq!(culprit, ("failed".to_owned(), reason.to_owned()));
        self.is_sound().await;
    }

    pub async fn is_sound(&mut self) {
        let found = verify(&mut self.c, None, &|_| {}).await.unwrap();
        let broken: Vec<_> = found.iter().filter(|f| f.violations > 0).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }

    pub async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.c)
            .await
            .unwrap()
    }
}

pub(crate) fn an_hour() -> Value {
    json!({"id": "rest", "type": "wait",
           "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "hours"}}})
}

pub(crate) fn a_call(policy: &str) -> Value {
    json!({"id": "call", "type": "webhook", "config": {"url": "https://example.com/", "policy": policy}})
}

#[tokio::test]
async fn a_write_that_is_refused_when_its_time_has_come() {
    let mut crowd = Crowd::enrolled("refused_run", &workflow(an_hour(), score())).await;
    crowd.run().await;
    crowd.only_the_culprit_failed("sqlstate_WP004").await;
    let scored = "select count(*) from crm.contacts where custom_fields ? 'score'";
    assert_eq!(crowd.count(scored).await, BATCH as i64 - 1);
}

#[tokio::test]
async fn a_write_that_is_refused_at_the_very_start_leaves_no_reservation() {
    let mut definition = workflow(score(), an_hour());
    definition["enrollmentSettings"] = json!({"enrollmentLimit": 3});
    let mut crowd = Crowd::enrolled("refused_start", &definition).await;
    crowd.run().await;
    crowd.only_the_culprit_failed("sqlstate_WP004").await;
    let started = "select count(*) from waypost.enrollments where reserved_at is null and cardinality(starts) = 1";
    assert_eq!(
        crowd.count(started).await,
        BATCH as i64,
        "the failed one counts too"
    );
}

#[tokio::test]
async fn a_write_that_is_refused_after_a_send_leaves_the_send_recorded() {
    let mut crowd = Crowd::enrolled("refused_send", &workflow(a_call("dedupe"), score())).await;
    crowd.run().await;
    crowd.only_the_culprit_failed("sqlstate_WP004").await;
    let sent = "select count(*) from waypost.deliveries where state = 3 and attempt = 1";
    assert_eq!(crowd.count(sent).await, BATCH as i64);
    assert_eq!(
        crowd.house.sink.count(),
        BATCH as u64,
        "nothing is sent again"
    );
}

#[tokio::test]
async fn a_write_that_is_refused_after_a_lost_lease() {
    let mut crowd = Crowd::enrolled("refused_reap", &workflow(a_call("hold"), score())).await;
    let scope = Scope::Driven {
        tenant: crowd.house.tenant,
        now: start(),
    };
    Runner::new(crowd.house.shared.clone())
        .run_once(&scope)
        .await
        .unwrap();
    // As a dispatcher leaves them that ended after the barrier.
    crowd.c.execute("set role waypost_worker").await.unwrap();
    let lost = crowd
        .c
        .execute(
            "update waypost.sends set state = 2, fence = 1, attempt = 1, first_at = clock_timestamp(),
                    claimed_at = clock_timestamp(), lease_until = clock_timestamp() - interval '1 second'",
        )
        .await
        .unwrap();
    assert_eq!(lost.rows_affected(), BATCH as u64);
    janitor::run_once(&crowd.house.shared, &scope)
        .await
        .unwrap();
    crowd.run().await;
    crowd.only_the_culprit_failed("sqlstate_WP004").await;
    let unknown = "select count(*) from waypost.deliveries where state = 5";
    assert_eq!(crowd.count(unknown).await, BATCH as i64);
    assert_eq!(crowd.house.sink.count(), 0, "a held send is not repeated");
}

#[tokio::test]
async fn a_write_that_is_refused_upon_an_event() {
    let wait = json!({"id": "rest", "type": "wait", "config": {"waitType": "until_event", "event": "order.shipped"}});
    let mut crowd = Crowd::enrolled("refused_event", &workflow(wait, score())).await;
    crowd.run().await;
    // The culprit has an event before and one after the one that it cannot bear.
    for kind in ["order.seen", "order.shipped", "order.seen"] {
        sqlx::query("select waypost.emit($1, c) from unnest($2::uuid[]) c")
            .bind(kind)
            .bind(&crowd.people)
            .execute(&mut crowd.c)
            .await
            .unwrap();
    }
    crowd.house.driver().settle().await.unwrap();
    crowd.only_the_culprit_failed("sqlstate_WP004").await;
    let logged =
        "select count(*) from waypost.events where type like 'order.%' and decisions is null";
    assert_eq!(
        crowd.count(logged).await,
        3 * BATCH as i64,
        "no event is at fault"
    );
}

#[tokio::test]
async fn a_state_that_cannot_be_read() {
    let note = json!({"id": "note", "type": "add_note", "config": {"body": "here"}});
    let mut crowd = Crowd::enrolled("corrupt", &workflow(an_hour(), note)).await;
    crowd.house.driver().settle().await.unwrap();
    crowd.c.execute("set role waypost_worker").await.unwrap();
    sqlx::query("update waypost.runs set state = '{\"b\": 7}' where contact_id = $1")
        .bind(crowd.people[CULPRIT])
        .execute(&mut crowd.c)
        .await
        .unwrap();
    crowd.run().await;
    crowd.only_the_culprit_failed("corrupt_state").await;
}

#[tokio::test]
async fn an_event_that_cannot_be_handled_is_logged_as_such() {
    let mut definition = workflow(an_hour(), score());
    definition["trigger"] = json!({"type": "order.placed"});
    definition["enrollmentKey"] = json!("{{ event.data.number }}");
    let mut crowd = Crowd::new("poison", &definition).await;
    // Longer than a key may be, and not to be compressed.
    let numbers: Vec<String> = (0..BATCH)
        .map(|n| {
            let blocks = if n == CULPRIT { 0..200 } else { 0..1 };
            blocks
                .map(|i| {
                    Uuid::from_u128(0x9e37_79b9_7f4a_7c15_u128.wrapping_pow(7 * i + 3))
                        .simple()
                        .to_string()
                })
                .collect()
        })
        .collect();
    for number in ["order.placed", "order.seen"] {
        sqlx::query(
            "select waypost.emit($3, c, jsonb_build_object('number', n)) from unnest($1::uuid[], $2::text[]) u(c, n)",
        )
        .bind(&crowd.people)
        .bind(&numbers)
        .bind(number)
        .execute(&mut crowd.c)
        .await
        .unwrap();
    }
    sqlx::query("update crm.contacts set first_name = '1'")
        .execute(&mut crowd.c)
        .await
        .unwrap();
    crowd.run().await;
    crowd.c.execute("set role waypost_worker").await.unwrap();
    for (what, sql, wanted) in [
        (
            "enrolled",
            "select count(*) from waypost.finished where status = 4",
            BATCH as i64 - 1,
        ),
        ("events left", "select count(*) from waypost.event_queue", 0),
        (
            "events at fault",
            "select count(*) from waypost.events where type = 'order.placed' and decisions -> 0 ->> 'outcome' = 'error'",
            1,
        ),
        (
            "events after it",
            "select count(*) from waypost.events where type = 'order.seen' and decisions is null",
            BATCH as i64,
        ),
    ] {
        assert_eq!(crowd.count(sql).await, wanted, "{what}");
    }
    crowd.is_sound().await;
}
