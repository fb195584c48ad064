//! Thousands move in one transaction, or none; and back, as long as they have made no step.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::Connection;

use super::{count, enrol, migrate, miscounted, open, publish, sound, until, ways, workflow};
use crate::{
    fleet,
    support::{House, start},
};

fn days(id: &str, amount: i64, next: &str) -> Value {
    json!({ "id": id, "type": "wait", "config": { "duration": { "amount": amount, "unit": "days" } }, "onSuccess": [next] })
}

fn set(id: &str, next: &[&str]) -> Value {
    json!({ "id": id, "type": "update_variable", "config": { "name": "n", "operation": "increment" }, "onSuccess": next })
}

/// Two waits with one between them that the second version does not have.
fn first() -> Value {
    workflow(json!([
        set("a", &["one"]),
        days("one", 2, "gone"),
        days("gone", 2, "two"),
        days("two", 3, "end"),
        set("end", &[]),
    ]))
}

/// A step added in front, one in the middle, one removed, a wait made longer.
fn second() -> Value {
    workflow(json!([
        set("front", &["a"]),
        set("a", &["one"]),
        days("one", 2, "added"),
        set("added", &["two"]),
        days("two", 5, "end"),
        set("end", &[]),
    ]))
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_move_with_a_step_added_one_removed_and_a_wait_counted_anew() {
    let house = House::new("versions_move").await;
    let mut c = house.connect().await;
    let waypost = open(house.db.url(), "t").await;
    publish(&waypost, &first(), &migrate(&[])).await.unwrap();
    let mut driver = house.driver();
    // Enrolled on days 0, 2, 4 and 5, seen on day 6: on `two` since two days, on `gone`, on `one`, on `one`.
    for (day, name, n) in [
        (0, "x", 2_000),
        (2, "y", 1_500),
        (4, "z", 1_000),
        (5, "q", 500),
    ] {
        driver
            .advance_to(start() + TimeDelta::days(day))
            .await
            .unwrap();
        enrol(&mut c, name, n).await;
        driver.settle().await.unwrap();
    }
    let now = start() + TimeDelta::days(5) + TimeDelta::hours(12);
    driver.advance_to(now).await.unwrap();
    enrol(&mut c, "late", 10).await;

    // Nobody guesses where those on `gone` belong, and nothing was changed.
    let refused = publish(&waypost, &second(), &migrate(&[]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("1500 of version 1 stand on \"gone\"")
            && refused.contains("--map gone=exit"),
        "{refused}"
    );
    assert_eq!(
        count(&mut c, "select count(*) from waypost.versions").await,
        1
    );

    let plan = waypost
        .deploy_plan(&[super::checked(&second())], true, &Default::default())
        .await
        .unwrap();
    let told: Vec<_> = plan[0]
        .running
        .iter()
        .map(|row| {
            (
                row.step.as_deref(),
                row.executions,
                row.keep,
                row.retimed,
                row.unanswered,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (None, 10, 10, 0, 0),
            (Some("one"), 1_500, 1_500, 0, 0),
            (Some("gone"), 1_500, 0, 0, 1_500),
            (Some("two"), 2_000, 0, 2_000, 0),
        ]
    );

    let done = publish(&waypost, &second(), &migrate(&[("gone", "added")]))
        .await
        .unwrap();
    let moves = done.moves.unwrap();
    assert_eq!((moves.moved, moves.ended, moves.stayed), (5_010, 0, 0));
    assert_eq!(
        count(
            &mut c,
            "select count(*) from waypost.runs where version <> 2"
        )
        .await,
        0
    );
    sound(&mut c).await;

    // Two of five days have passed on `two` (it began on day 4): three and a half are left.
    let due = "select count(*) from waypost.executions where state ->> 'currentNodeId' = 'two' and due_at = '2024-03-10T09:00:00Z'";
    driver.settle().await.unwrap();
    assert_eq!(count(&mut c, due).await, 2_000);
    driver
        .advance_to(start() + TimeDelta::days(30))
        .await
        .unwrap();
    assert_eq!(
        count(
            &mut c,
            "select count(*) from waypost.finished where status = 4"
        )
        .await,
        5_010
    );
    assert_eq!(
        ways(&mut c).await,
        [
            ("a. one> one. gone> gone. two> two. end.".into(), 2_000),
            ("a. one> one. added. two> two. end.".into(), 1_500),
            ("a. one> one. gone> added. two> two. end.".into(), 1_500),
            ("front. a. one> one. added. two> two. end.".into(), 10),
        ]
    );
    // The variable counts every step that was done: none twice, none lost.
    assert_eq!(miscounted(&mut c, "^(a|front|added|end)$").await, 0);
    // History names its steps by the version that did them, the funnel too.
    let gone = "select sum(completed)::bigint from waypost.step_funnel where version = 1 and step_id = 'gone'";
    assert_eq!(count(&mut c, gone).await, 2_000);
    sound(&mut c).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_puts_back_who_has_made_no_step_since_and_says_how_many_it_could_not() {
    let house = House::new("versions_undo").await;
    let mut c = house.connect().await;
    let waypost = open(house.db.url(), "t").await;
    publish(&waypost, &first(), &migrate(&[])).await.unwrap();
    let mut driver = house.driver();
    enrol(&mut c, "x", 30).await;
    driver
        .advance_to(start() + TimeDelta::days(2))
        .await
        .unwrap();
    enrol(&mut c, "y", 20).await;
    driver.settle().await.unwrap();
    enrol(&mut c, "unbegun", 5).await;
    const ROWS: &str =
        "select id::text, version, status, node, due_at, state from waypost.runs order by id";
    type Row = (
        String,
        i32,
        i16,
        i32,
        Option<chrono::DateTime<chrono::Utc>>,
        Value,
    );
    let before: Vec<Row> = sqlx::query_as(ROWS).fetch_all(&mut c).await.unwrap();

    let to = migrate(&[("gone", "two")]);
    let batch = publish(&waypost, &second(), &to)
        .await
        .unwrap()
        .moves
        .unwrap()
        .batch
        .unwrap();
    // One is held and let go meanwhile: that is no step. One's wait is cut short: that is one.
    let held: uuid::Uuid =
        sqlx::query_scalar("select id from waypost.runs where node >= 0 order by id limit 1")
            .fetch_one(&mut c)
            .await
            .unwrap();
    let skipped: uuid::Uuid =
        sqlx::query_scalar("select id from waypost.runs where node >= 0 order by id desc limit 1")
            .fetch_one(&mut c)
            .await
            .unwrap();
    sqlx::query("select waypost.pause($1)")
        .bind(held)
        .execute(&mut c)
        .await
        .unwrap();
    sqlx::query("select waypost.skip_wait($1)")
        .bind(skipped)
        .execute(&mut c)
        .await
        .unwrap();
    driver
        .advance_to(start() + TimeDelta::days(2) + TimeDelta::hours(1))
        .await
        .unwrap();

    let done = waypost.undo(batch, &|_| {}).await.unwrap();
    // The five that had not begun have begun since.
    assert_eq!((done.matched, done.changed, done.refused), (55, 49, 6));
    assert!(
        done.refusals[0].contains("6 have made a step since"),
        "{:?}",
        done.refusals
    );
    assert!(
        waypost
            .undo(batch, &|_| {})
            .await
            .unwrap_err()
            .to_string()
            .contains("undone already")
    );
    let after: Vec<Row> = sqlx::query_as(ROWS).fetch_all(&mut c).await.unwrap();
    for (was, is) in before.iter().zip(&after).filter(|(_, is)| is.1 == 1) {
        assert_eq!((&was.0, was.1, was.3, &was.5), (&is.0, is.1, is.3, &is.5));
        if is.0 == held.to_string() {
            assert_eq!((is.2, is.4), (3, None), "held it stays");
        } else {
            assert_eq!((was.2, was.4), (is.2, is.4));
        }
    }
    assert_eq!(after.iter().filter(|is| is.1 == 1).count(), 49);
    sound(&mut c).await;

    sqlx::query("select waypost.resume($1)")
        .bind(held)
        .execute(&mut c)
        .await
        .unwrap();
    driver
        .advance_to(start() + TimeDelta::days(30))
        .await
        .unwrap();
    let ways = ways(&mut c).await;
    assert_eq!(
        ways[0],
        ("a. one> one. gone> gone. two> two. end.".into(), 49),
        "{ways:?}"
    );
    assert_eq!(ways.iter().map(|way| way.1).sum::<i64>(), 55);
    sound(&mut c).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_killed_in_the_middle_has_done_nothing() {
    let house = House::new("versions_killed").await;
    let mut c = house.connect().await;
    let waypost = open(house.db.url(), "t").await;
    publish(&waypost, &first(), &migrate(&[])).await.unwrap();
    enrol(&mut c, "x", 2_500).await;
    house.driver().settle().await.unwrap();

    // Somebody holds the last row, so the migration stands still with two pages written.
    let mut app = house.connect().await;
    let mut held = app.begin().await.unwrap();
    sqlx::query("select from waypost.runs order by bucket desc, id desc limit 1 for update")
        .execute(&mut *held)
        .await
        .unwrap();
    let file = std::env::temp_dir().join(format!("waypost-{}.json", house.db.name()));
    std::fs::write(&file, second().to_string()).unwrap();
    let path = file.to_str().unwrap();
    let args = [
        "deploy",
        path,
        "--publish",
        "--tenant",
        "t",
        "--in-flight",
        "migrate",
    ];
    let mut deploy = fleet::waypost(&house.db.url(), &args).spawn().unwrap();
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'waypost'
                      and wait_event_type = 'Lock' and query like '%for update%'";
    until(&mut c, waiting, 1).await;
    let written = "select count(*) from pg_locks where relation = 'waypost.moved_runs'::regclass and mode = 'RowExclusiveLock'";
    assert_eq!(count(&mut c, written).await, 1, "it has begun to write");
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    held.rollback().await.unwrap();
    let alive = "select count(*) from pg_stat_activity a join pg_locks l on l.pid = a.pid
                  where l.relation = 'waypost.moved_runs'::regclass";
    until(&mut c, alive, 0).await;
    assert_eq!(
        count(
            &mut c,
            "select count(*) from waypost.runs where version = 1"
        )
        .await,
        2_500
    );
    assert_eq!(
        count(&mut c, "select count(*) from waypost.moved_runs").await,
        0
    );
    assert_eq!(
        count(&mut c, "select count(*) from waypost.versions").await,
        1
    );
    sound(&mut c).await;

    // Once more, nobody in the way.
    let done = fleet::waypost(&house.db.url(), &args).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        count(
            &mut c,
            "select count(*) from waypost.runs where version = 2"
        )
        .await,
        2_500
    );
    sound(&mut c).await;
}
