//! The figures that `workflow_stats` adds up are what counting gives, whatever happened, in whatever order.

use chrono::TimeDelta;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use uuid::Uuid;
use waypost::{
    store::{Purpose, counts, pool},
    worker::{WorkerSettings, janitor},
};

use crate::{
    retention::days_of_march,
    support::{House, publish},
};

/// Every figure of every workflow, as text.
const STATS: &str = "select coalesce(string_agg(s::text, E'\\n' order by s.workflow), '') from waypost.workflow_stats s";
const WRONG: &str = include_str!("../../sql/queries/verify/figures_right.sql");
const STEPS: u32 = 150;

/// Numbers that look like chance and repeat.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn workflow(id: &str) -> String {
    json!({
        "id": id, "trigger": { "type": "custom.event", "config": { "name": id } },
        "goals": [{ "id": "bought", "onAchievement": if id == "leaves" { "exit" } else { "continue" },
                    "conditions": { "field": "contact.tags", "operator": "includes", "value": "buyer" } }],
        "enrollmentSettings": { "entryConditions": { "field": "contact.city", "operator": "not_equals", "value": "Rome" } },
        "actions": [
            { "id": "night", "type": "wait", "config": { "waitType": "duration", "duration": { "amount": 7, "unit": "hours" } },
              "onSuccess": ["tag"] },
            { "id": "tag", "type": "add_tag", "config": { "tag": "told" }, "onSuccess": ["rest"] },
            { "id": "rest", "type": "wait", "config": { "waitType": "duration", "duration": { "amount": 31, "unit": "hours" } } },
        ],
    })
    .to_string()
}

async fn text(c: &mut PgConnection, sql: &str) -> String {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(c)
        .await
        .unwrap()
}

async fn wrong(c: &mut PgConnection) -> i64 {
    sqlx::query_scalar(WRONG)
        .bind(None::<i32>)
        .fetch_one(c)
        .await
        .unwrap()
}

/// One of these rows, where there is one.
async fn any(c: &mut PgConnection, dice: &mut Dice, from: &str) -> Option<Uuid> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar(AssertSqlSafe(format!("select id from {from} order by id")))
            .fetch_all(c)
            .await
            .unwrap();
    let n = dice.below(ids.len().max(1) as u64) as usize;
    ids.get(n).copied()
}

/// An operator or an app calls one of our functions; what it refuses, it refuses.
async fn call(c: &mut PgConnection, sql: &str, id: Uuid) {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned()))
        .bind(id)
        .execute(c)
        .await;
    if let Err(error) = done {
        let code = error.as_database_error().and_then(|e| e.code()).unwrap();
        assert!(code.starts_with("WP"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn figures_are_what_counting_gives_after_every_step() {
    // Ids are drawn, so a seed is not the same walk each time: a few at the most until one has moved every figure.
    let mut moved = 0;
    for seed in 1..=6 {
        moved += u32::from(after_every_step(seed).await);
        if seed > 1 && moved > 0 {
            return;
        }
    }
    panic!("no walk moved every figure");
}

/// Whether every figure was moved by something, and retention dropped something.
async fn after_every_step(seed: u64) -> bool {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let settings = WorkerSettings {
        keep_history: 30,
        ..WorkerSettings::default()
    };
    let house = House::with(&format!("figures_{seed}"), settings).await;
    let mut c = house.connect().await;
    days_of_march(&mut c, 6).await;
    let names = ["goes_on", "leaves", "sleeps"];
    for name in names {
        publish(&house, &mut c, &workflow(name)).await;
    }
    c.execute("update waypost.workflows set status = 'paused' where slug = 'sleeps'")
        .await
        .unwrap();
    let mut people = Vec::new();
    for n in 0..12 {
        people.push(house.contact(&mut c, &format!("p{n}@example.com")).await);
    }
    c.execute("update crm.contacts set city = 'Rome' where email < 'p2'")
        .await
        .unwrap();
    let mut folding = pool::single(&house.db.url(), Purpose::Worker)
        .await
        .unwrap();
    let mut driver = house.driver();
    for step in 0..STEPS {
        let person = people[dice.below(12) as usize];
        let what = dice.below(12);
        match what {
            0..=4 => {
                let name = names[dice.below(3) as usize];
                let enrol = format!("select * from waypost.enroll('{name}', $1)");
                call(&mut c, &enrol, person).await;
            }
            5 => {
                let buys = "update crm.contacts set tags = case when tags = '{}' then '{buyer}' else '{}' end::text[] where id = $1";
                call(&mut c, buys, person).await;
            }
            6 => {
                if let Some(id) = any(&mut c, &mut dice, "waypost.runs").await {
                    call(&mut c, "select waypost.cancel($1, 'because')", id).await;
                }
            }
            7 => {
                if let Some(id) = any(&mut c, &mut dice, "waypost.finished").await {
                    call(&mut c, "select waypost.move($1, 'night')", id).await;
                }
            }
            8 | 9 => {
                let then = driver.now() + TimeDelta::hours(1 + dice.below(20) as i64);
                driver.advance_to(then).await.unwrap();
            }
            10 => {
                let before = text(&mut c, STATS).await;
                let most = 1 + dice.below(5) as i32;
                counts::fold(&mut folding, most).await.unwrap();
                assert_eq!(text(&mut c, STATS).await, before, "step {step}: folding");
            }
            _ if step % 3 == 0 => {
                let before = text(&mut c, STATS).await;
                janitor::drop_old(&house.shared).await.unwrap();
                assert_eq!(text(&mut c, STATS).await, before, "step {step}: retention");
            }
            _ => driver.settle().await.unwrap(),
        }
        assert_eq!(
            wrong(&mut c).await,
            0,
            "seed {seed}, step {step}: after {what}"
        );
    }
    janitor::drop_old(&house.shared).await.unwrap();
    while counts::fold(&mut folding, 100).await.unwrap() > 0 {}
    let stats = text(&mut c, STATS).await;
    println!("{stats}");
    let moved = "select (min(x) > 0)::text from (select sum(completed), sum(exited), sum(cancelled), sum(blocked), sum(goals)
                   from waypost.workflow_counts) s(a, b, c, d, e), unnest(array[a, b, c, d, e]) x";
    let dropped = "select (sum(completed + cancelled) > 0)::text from waypost.workflow_counts where forgotten";
    let everything = text(&mut c, moved).await == "true" && text(&mut c, dropped).await == "true";

    // What somebody spoilt is counted anew; what was dropped stays.
    c.execute("update waypost.workflow_counts set completed = completed + 5, goals = 0 where not forgotten")
        .await
        .unwrap();
    assert!(wrong(&mut c).await > 0);
    let mended = text(&mut c, "select waypost.recount_workflows()::text").await;
    assert_ne!(mended, "0");
    assert_eq!(wrong(&mut c).await, 0);
    assert_eq!(text(&mut c, STATS).await, stats);
    assert_eq!(
        text(&mut c, "select waypost.recount_workflows()::text").await,
        "0"
    );
    everything
}

/// Every snapshot of a drain, with somebody who adds up beside it, shows every execution once.
#[tokio::test(flavor = "multi_thread")]
async fn no_snapshot_shows_one_twice_or_never() {
    const MANY: i64 = 3_000;
    let settings = WorkerSettings {
        batch: 40,
        ..WorkerSettings::default()
    };
    let house = House::with("figures_drain", settings).await;
    let mut c = house.connect().await;
    publish(
        &house,
        &mut c,
        &json!({ "id": "pure", "trigger": { "type": "custom.event", "config": { "name": "pure" } },
                 "actions": [{ "id": "tag", "type": "add_tag", "config": { "tag": "told" } }] })
        .to_string(),
    )
    .await;
    let crowd = format!(
        "with new as (insert into crm.contacts (city) select 'Oslo' from generate_series(1, {MANY}) returning id)
         select count((waypost.enroll('pure', id)).outcome) from new"
    );
    c.execute(AssertSqlSafe(crowd)).await.unwrap();
    let mut driver = house.driver();
    let drain = tokio::spawn(async move { driver.settle().await.unwrap() });
    let url = house.db.url();
    let mut folding = pool::single(&url, Purpose::Worker).await.unwrap();
    let (mut looks, mut between) = (0, 0);
    loop {
        let over = drain.is_finished();
        let (total, active): (i64, i64) = sqlx::query_as(
            "select total_enrollments, active_enrollments from waypost.workflow_stats",
        )
        .fetch_one(&mut c)
        .await
        .unwrap();
        assert_eq!(total, MANY, "{active} of them live");
        looks += 1;
        between += i32::from(active > 0 && active < MANY);
        counts::fold(&mut folding, 1 + looks % 3).await.unwrap();
        if over {
            assert_eq!(active, 0);
            break;
        }
    }
    drain.await.unwrap();
    println!("{looks} looks, {between} in the midst of it");
    assert!(between > 3, "it was never looked at in the midst of it");
}
