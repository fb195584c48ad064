//! Workflows that begin and end other workflows of their contact.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;
use waypost::{store::Scope, worker::drive::Driver, worker::janitor, worker::run::Runner};

use crate::support::{House, path, publish, start};

/// A house with these workflows, and a contact.
struct Town {
    house: House,
    c: PgConnection,
    ada: Uuid,
    driver: Driver,
}

impl Town {
    async fn new(name: &str, workflows: &[Value]) -> Town {
        let house = House::new(name).await;
        let mut c = house.connect().await;
        for workflow in workflows {
            publish(&house, &mut c, &workflow.to_string()).await;
        }
        let ada = house.contact(&mut c, "ada@example.com").await;
        let driver = house.driver();
        Town {
            house,
            c,
            ada,
            driver,
        }
    }

    async fn enroll(&mut self, workflow: &str) -> Uuid {
        sqlx::query_scalar("select execution_id from waypost.enroll($1, $2)")
            .bind(workflow)
            .bind(self.ada)
            .fetch_one(&mut self.c)
            .await
            .unwrap()
    }

    /// Status and reason of the newest execution of a workflow.
    async fn state(&mut self, workflow: &str) -> (String, Option<String>) {
        sqlx::query_as(
            "select status, reason from waypost.executions where workflow = $1
              order by started_at desc, id desc limit 1",
        )
        .bind(workflow)
        .fetch_one(&mut self.c)
        .await
        .unwrap()
    }

    /// What a step left.
    async fn result(&mut self, execution: Uuid, step: &str) -> Value {
        sqlx::query_scalar(
            "select state -> 'stepResults' -> $2 from waypost.executions where id = $1",
        )
        .bind(execution)
        .bind(step)
        .fetch_one(&mut self.c)
        .await
        .unwrap()
    }

    async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.c)
            .await
            .unwrap()
    }

    async fn later(&mut self, hours: i64) {
        let to = self.driver.now() + TimeDelta::hours(hours);
        self.driver.advance_to(to).await.unwrap();
    }

    /// Every invariant holds, and nothing is left lying about.
    async fn is_sound(&mut self) {
        let found = waypost::app::verify::verify(&mut self.c, None, &|_| {}).await;
        let broken: Vec<_> = found
            .unwrap()
            .into_iter()
            .filter(|f| f.violations > 0)
            .collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

fn hour(next: &[&str]) -> Value {
    json!({ "id": "hour", "type": "delay", "config": { "duration": "1 hour" }, "onSuccess": next })
}

fn parent() -> Value {
    json!({ "id": "parent", "actions": [
        { "id": "ask", "type": "enroll_in_workflow", "onSuccess": ["on"], "onFailure": ["bad"],
          "config": { "workflow": "child", "waitForEnd": true, "outputs": ["total"], "data": { "n": 6 } } },
        { "id": "on", "type": "set_variable", "config": { "name": "x", "value": "{{ steps.ask.result.status }}" } },
        { "id": "bad", "type": "set_variable", "config": { "name": "x", "value": "{{ steps.ask.result.error }}" } },
    ] })
}

fn child(last: Value) -> Value {
    json!({ "id": "child", "actions": [
        hour(&["sum"]),
        { "id": "sum", "type": "math", "onSuccess": ["last"],
          "config": { "operation": "multiply", "operands": ["{{ event.data.n }}", 7], "name": "total" } },
        last,
    ] })
}

fn nothing() -> Value {
    json!({ "id": "last", "type": "set_variable", "config": { "name": "y", "value": 1 } })
}

#[tokio::test]
async fn a_parent_waits_for_its_child() {
    let mut town = Town::new("others_end", &[parent(), child(nothing())]).await;
    let id = town.enroll("parent").await;
    town.driver.settle().await.unwrap();
    assert_eq!(town.state("parent").await.0, "waiting");
    assert_eq!(town.count("select count(*) from waypost.awaited").await, 1);
    town.is_sound().await;
    town.later(1).await;
    let result = town.result(id, "ask").await;
    let child: Uuid = result["executionId"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        result,
        json!({ "workflow": "child", "outcome": "enrolled", "executionId": child, "status": "completed",
                "outputs": { "total": 42 } })
    );
    let told = path(&mut town.c, id).await;
    let at = start() + TimeDelta::hours(1);
    let told: Vec<_> = told
        .iter()
        .map(|(step, kind, at)| (&**step, &**kind, *at))
        .collect();
    assert_eq!(
        told,
        [
            ("", "execution:started", start()),
            ("ask", "execution:waiting", start()),
            ("ask", "step:completed", at),
            ("on", "step:completed", at),
            ("", "execution:completed", at),
        ]
    );
    assert_eq!(town.count("select count(*) from waypost.awaited").await, 0);
    assert_eq!(town.count("select count(*) from waypost.wakes").await, 0);
    town.is_sound().await;
}

#[tokio::test]
async fn a_child_that_fails_is_cancelled_or_ended_by_nobody_we_know() {
    let bad = json!({ "id": "last", "type": "math", "config": { "operation": "divide", "operands": [1, 0] } });
    let mut town = Town::new("others_bad", &[parent(), child(bad)]).await;
    let table = [
        ("fails", "child_failed"),
        ("cancelled", "child_cancelled"),
        ("lost", "child_cancelled"),
    ];
    for (how, wanted) in table {
        let id = town.enroll("parent").await;
        town.driver.settle().await.unwrap();
        match how {
            "cancelled" => {
                town.c
                    .execute("select waypost.cancel(id, 'enough') from waypost.executions where workflow = 'child' and status = 'waiting'")
                    .await
                    .unwrap();
            }
            // Somebody ends it who knows nothing of parents: the sweep finds it.
            "lost" => {
                let mut worker = town.house.db.connect().await;
                worker
                    .execute(
                        "set role waypost_worker;
                         with gone as (delete from waypost.runs r using waypost.awaited a
                                       where a.bucket = r.bucket and a.child_id = r.id returning r.*)
                         insert into waypost.finished
                         select bucket, id, tenant_id, workflow_id, version, contact_id, key, 6, 'x', priority, seq, node,
                                enrolled_at, due_at, state from gone",
                    )
                    .await
                    .unwrap();
            }
            _ => town.later(1).await,
        }
        town.driver.settle().await.unwrap();
        assert_eq!(town.state("parent").await.0, "completed", "{how}");
        assert_eq!(town.result(id, "ask").await["error"], wanted, "{how}");
        assert_eq!(town.count("select count(*) from waypost.awaited").await, 0);
        town.driver
            .jump(town.driver.now() + TimeDelta::minutes(1))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_child_that_is_there_already_is_not_waited_for() {
    let mut town = Town::new("others_duplicate", &[parent(), child(nothing())]).await;
    let first = town.enroll("child").await;
    let id = town.enroll("parent").await;
    town.driver.settle().await.unwrap();
    let wanted = json!({ "workflow": "child", "outcome": "duplicate", "executionId": first });
    assert_eq!(town.result(id, "ask").await, wanted);
    assert_eq!(town.state("parent").await.0, "completed");
    town.later(1).await;
    town.is_sound().await;
}

#[tokio::test]
async fn a_child_goes_on_without_its_parent() {
    let mut town = Town::new("others_orphan", &[parent(), child(nothing())]).await;
    let id = town.enroll("parent").await;
    town.driver.settle().await.unwrap();
    sqlx::query("select waypost.cancel($1, 'enough')")
        .bind(id)
        .execute(&mut town.c)
        .await
        .unwrap();
    town.later(1).await;
    assert_eq!(town.state("child").await.0, "completed");
    assert_eq!(town.state("parent").await.0, "cancelled");
    assert_eq!(town.count("select count(*) from waypost.wakes").await, 0);
    town.is_sound().await;
}

#[tokio::test]
async fn a_workflow_that_is_not_there() {
    let mut lonely = parent();
    lonely["actions"][0]
        .as_object_mut()
        .unwrap()
        .remove("onFailure");
    lonely["id"] = json!("lonely");
    let mut town = Town::new("others_unknown", &[parent(), lonely]).await;
    let id = town.enroll("parent").await;
    town.enroll("lonely").await;
    town.driver.settle().await.unwrap();
    assert_eq!(town.state("parent").await.0, "completed");
    assert_eq!(town.result(id, "ask").await["error"], "unknown_workflow");
    let failed = ("failed".to_owned(), Some("unknown_workflow".to_owned()));
    assert_eq!(town.state("lonely").await, failed);
    town.is_sound().await;
}

/// What an app holds is waited for a tenth of a second, then that contact is left for later; nobody else is.
#[tokio::test]
async fn an_app_that_holds_the_key_stops_its_contact_only() {
    let mut town = Town::new("others_held", &[parent(), child(nothing())]).await;
    let bob = town.house.contact(&mut town.c, "bob@example.com").await;
    let id = town.enroll("parent").await;
    sqlx::query("select waypost.enroll('parent', $1)")
        .bind(bob)
        .execute(&mut town.c)
        .await
        .unwrap();
    let mut app = town.house.connect().await;
    app.execute("begin").await.unwrap();
    sqlx::query("select waypost.enroll('child', $1, data => '{\"n\": 1}')")
        .bind(town.ada)
        .execute(&mut app)
        .await
        .unwrap();
    town.driver.settle().await.unwrap();
    let started = "select count(*) from waypost.runs where state ? 's'";
    let mut worker = town.house.db.connect().await;
    worker.execute("set role waypost_worker").await.unwrap();
    let begun: i64 = sqlx::query_scalar(started)
        .fetch_one(&mut worker)
        .await
        .unwrap();
    assert_eq!(begun, 2, "the other contact's parent, and its child");
    app.execute("commit").await.unwrap();
    app.close().await.unwrap();
    town.driver
        .jump(start() + TimeDelta::seconds(2))
        .await
        .unwrap();
    assert_eq!(town.result(id, "ask").await["outcome"], "duplicate");
    town.later(2).await;
    assert_eq!(
        town.count("select count(*) from waypost.executions where status <> 'completed'")
            .await,
        0
    );
    town.is_sound().await;
}

#[tokio::test]
async fn a_worker_that_dies_before_the_commit_leaves_neither_half() {
    let mut town = Town::new("others_crash", &[parent(), child(nothing())]).await;
    town.enroll("parent").await;
    // History cannot be written, neither apart nor with an execution that ends: everything up to there is undone, the
    // child too.
    let mut owner = town.house.db.connect().await;
    owner
        .execute(
            "set role waypost_owner; set waypost.scope = '*'; 
             alter table waypost.bursts add constraint no check (false) not valid;
             alter table waypost.finished add constraint no check (false) not valid",
        )
        .await
        .unwrap();
    let scope = Scope::Driven {
        tenant: town.house.tenant,
        now: start(),
    };
    let mut runner = Runner::new(town.house.shared.clone());
    runner.run_once(&scope).await.ok();
    assert_eq!(
        town.count("select count(*) from waypost.executions").await,
        1
    );
    owner
        .execute("alter table waypost.bursts drop constraint no; alter table waypost.finished drop constraint no")
        .await
        .unwrap();
    for table in ["awaited", "wakes"] {
        let sql = format!("select count(*) from waypost.{table}");
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut owner)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
    town.driver.settle().await.unwrap();
    town.later(1).await;
    assert_eq!(
        town.count("select count(*) from waypost.executions where status = 'completed'")
            .await,
        2
    );
    town.is_sound().await;
}

fn remover(config: Value) -> Value {
    json!({ "id": "remover", "actions": [
        { "id": "out", "type": "remove_from_workflow", "config": config, "onSuccess": ["last"] }, nothing()] })
}

fn waits(id: &str) -> Value {
    json!({ "id": id, "actions": [hour(&["last"]), nothing()] })
}

#[tokio::test]
async fn executions_are_removed() {
    let table = [
        (json!({ "workflow": "a" }), "cancelled", "waiting"),
        (json!({ "all": true }), "cancelled", "cancelled"),
        (json!({ "except": ["a"] }), "waiting", "cancelled"),
        (json!({ "workflows": ["none"] }), "waiting", "waiting"),
    ];
    for (n, (config, a, b)) in table.into_iter().enumerate() {
        let workflows = [waits("a"), waits("b"), remover(config.clone())];
        let mut town = Town::new(&format!("others_remove_{n}"), &workflows).await;
        town.enroll("a").await;
        town.enroll("b").await;
        town.driver.settle().await.unwrap();
        town.enroll("remover").await;
        town.driver.settle().await.unwrap();
        assert_eq!(town.state("a").await.0, a, "{config}");
        assert_eq!(town.state("b").await.0, b, "{config}");
        assert_eq!(town.state("remover").await.0, "completed");
        if a == "cancelled" {
            assert_eq!(
                town.state("a").await.1.as_deref(),
                Some("removed_by:remover")
            );
        }
        town.is_sound().await;
    }
}

/// What is held at that moment ends as soon as it is not; what it has not sent yet is not sent.
#[tokio::test]
async fn what_is_held_is_removed_a_moment_later() {
    let call = json!({ "id": "call", "actions": [
        { "id": "call", "type": "webhook", "config": { "url": "https://sink.invalid/" } }] });
    let workflows = [waits("a"), call, remover(json!({ "all": true }))];
    let mut town = Town::new("others_remove_held", &workflows).await;
    let a = town.enroll("a").await;
    town.driver.settle().await.unwrap();
    town.enroll("call").await;
    let scope = Scope::Driven {
        tenant: town.house.tenant,
        now: start(),
    };
    let mut runner = Runner::new(town.house.shared.clone());
    runner.run_once(&scope).await.unwrap();
    let mut other = town.house.db.connect().await;
    other
        .execute("set role waypost_worker; begin")
        .await
        .unwrap();
    sqlx::query("select 1 from waypost.runs where id = $1 for update")
        .bind(a)
        .execute(&mut other)
        .await
        .unwrap();
    town.enroll("remover").await;
    runner.run_once(&scope).await.unwrap();
    assert_eq!(town.state("a").await.0, "waiting");
    assert_eq!(town.state("call").await.0, "cancelled");
    other.execute("rollback").await.unwrap();
    town.driver.settle().await.unwrap();
    let ended = (
        "cancelled".to_owned(),
        Some("removed_by:remover".to_owned()),
    );
    assert_eq!(town.state("a").await, ended);
    let entries = path(&mut town.c, a).await;
    let ends = entries
        .iter()
        .filter(|(_, kind, _)| kind == "execution:cancelled");
    assert_eq!(ends.count(), 1, "once");
    assert_eq!(
        town.house.sink.count(),
        0,
        "nothing is sent for what has ended"
    );
    town.later(2).await;
    town.is_sound().await;
}

/// A sweep that finds nothing to tell says so.
#[tokio::test]
async fn the_sweep_goes_page_by_page_and_tells_once() {
    let mut town = Town::new("others_sweep", &[parent(), child(nothing())]).await;
    town.enroll("parent").await;
    town.driver.settle().await.unwrap();
    let scope = Scope::Everyone { except: vec![] };
    let round = janitor::sweep(&town.house.shared, &scope).await.unwrap();
    assert_eq!(round, waypost::worker::Round::Idle, "the child lives");
    let mut worker = town.house.db.connect().await;
    worker.execute("set role waypost_worker; delete from waypost.runs where workflow_id = (select id from waypost.workflows where slug = 'child')").await.unwrap();
    let round = janitor::sweep(&town.house.shared, &scope).await.unwrap();
    assert_eq!(round, waypost::worker::Round::Worked);
    let round = janitor::sweep(&town.house.shared, &scope).await.unwrap();
    assert_eq!(round, waypost::worker::Round::Idle);
    town.driver.settle().await.unwrap();
    let (status, _) = town.state("parent").await;
    assert_eq!(
        status, "completed",
        "a child that is nowhere is a failed one"
    );
}
