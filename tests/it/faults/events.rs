//! F9 and F10: events that come more than once, and events that come just as a wait for them begins.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::json;
use sqlx::{Executor, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    figure::{Figure, form},
    stage::Stage,
};
use crate::chaos::Dice;

/// Connections that events come over.
const CONNECTIONS: usize = 8;

async fn connect(stage: &Stage) -> PgConnection {
    let mut c = stage.db.connect().await;
    c.execute("set waypost.tenant = 'default'").await.unwrap();
    c
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_each_event_comes_up_to_five_times() {
    let events = form(800, 20_000);
    let mut stage = Stage::new("f9", None).await;
    stage.deploy(&json!({
        "id": "counts",
        "trigger": {"type": "custom.event", "config": {"name": "paid"}},
        "enrollmentSettings": {"allowMultipleEnrollments": true},
        "actions": [{"id": "note", "type": "add_note", "config": {"body": "paid"}}],
    }));
    let contacts = stage.crowd(events / 8).await;
    // Every delivery of every event, shuffled: each key one to five times.
    let mut dice = Dice(9);
    let mut deliveries: Vec<usize> = (0..events)
        .flat_map(|event| std::iter::repeat_n(event, 1 + dice.below(5)))
        .collect();
    for at in (1..deliveries.len()).rev() {
        deliveries.swap(at, dice.below(at + 1));
    }
    let _worker = stage.worker("match,run", "").await;
    let total = deliveries.len();
    let queue = Arc::new(Mutex::new(deliveries));
    let deliver = async || {
        let mut c = connect(&stage).await;
        loop {
            // One alone or some together, in whatever order: as hooks and imports bring them.
            let some: Vec<usize> = {
                let mut queue = queue.lock().await;
                let n = queue.len().min(1 + queue.len() % 4);
                let from = queue.len() - n;
                queue.split_off(from)
            };
            if some.is_empty() {
                return 0;
            }
            let people: Vec<Uuid> = some.iter().map(|e| contacts[e % contacts.len()]).collect();
            let keys: Vec<String> = some.iter().map(|e| format!("paid-{e}")).collect();
            let types = vec!["custom.event"; some.len()];
            let data = vec![json!({"name": "paid"}); some.len()];
            let done = sqlx::query(
                "select waypost.emit_batch('default', $1::text[], $2::uuid[], $3::jsonb[], $4::text[])",
            )
            .bind(types)
            .bind(people)
            .bind(data)
            .bind(keys)
            .execute(&mut c)
            .await;
            if let Err(error) = done {
                println!("an event was not taken: {error}");
                return 1;
            }
        }
    };
    let errors: i32 = join_all((0..CONNECTIONS).map(|_| deliver()))
        .await
        .iter()
        .sum();
    let open =
        "select (select count(*) from waypost.event_queue) + (select count(*) from waypost.runs)";
    stage
        .until_none(
            "events and executions are open",
            open,
            Duration::from_secs(120),
        )
        .await
        .unwrap();
    let executions = stage
        .count("select count(*) from waypost.executions where status = 'completed'")
        .await;
    let all = stage.count("select count(*) from waypost.executions").await;
    let notes = stage.count("select count(*) from crm.notes").await;
    let measured = format!(
        "{events} keys in {total} deliveries: {executions} executions, {notes} effects, {errors} errors"
    );
    let wanted = i64::try_from(events).unwrap();
    let ok = executions == wanted && all == wanted && notes == wanted && errors == 0;
    Figure {
        name: "F9",
        fault: "each event delivered 1 to 5 times over 8 connections",
        wanted: "one execution per dedupe key, no error",
    }
    .measured(&measured, ok);
}

/// Pairs of one round; after each, the aim is corrected.
const ROUND: usize = 200;
/// An event counts as close when it is recorded so long before or after its wait began, in milliseconds.
const CLOSE: f64 = 5.0;

#[tokio::test(flavor = "multi_thread")]
async fn f10_an_event_comes_as_the_wait_for_it_begins() {
    let pairs = form(300, 20_000);
    let mut stage = Stage::new("f10", None).await;
    stage.deploy(&json!({
        "id": "waits",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [{"id": "rest", "type": "wait",
                     "config": {"waitType": "until_event", "event": "order.shipped"}}],
    }));
    let _worker = stage.worker("match,run", "").await;
    let mut dice = Dice(10);
    let (mut close, mut before, mut rounds, mut missed) = (0, 0, 0, 0);
    // From the enrolment to the wait, in milliseconds: where the events aim.
    let mut aim = 20.0_f64;
    while close < pairs {
        rounds += 1;
        assert!(
            rounds < 40 + pairs / 10,
            "{close} close pairs in {rounds} rounds"
        );
        let contacts = stage.crowd(ROUND).await;
        let shares: Vec<Vec<(Uuid, Duration)>> = contacts
            .chunks(ROUND / CONNECTIONS)
            .map(|some| {
                let late = |_: &Uuid| (aim + dice.below(1_000) as f64 / 100.0 - 5.0).max(0.0);
                let mut late = late;
                some.iter()
                    .map(|id| (*id, Duration::from_secs_f64(late(id) / 1_000.0)))
                    .collect()
            })
            .collect();
        let pair = async |share: &[(Uuid, Duration)]| {
            let (mut one, mut other) = (connect(&stage).await, connect(&stage).await);
            for (contact, late) in share {
                sqlx::query("select waypost.enroll('waits', $1, strict => true)")
                    .bind(contact)
                    .execute(&mut one)
                    .await
                    .unwrap();
                tokio::time::sleep(*late).await;
                sqlx::query("select waypost.emit('order.shipped', $1, '{}')")
                    .bind(contact)
                    .execute(&mut other)
                    .await
                    .unwrap();
            }
        };
        join_all(shares.iter().map(|share| pair(share))).await;
        let unbegun = "select (select count(*) from waypost.event_queue)
                            + (select count(*) from waypost.runs where seq = 0)";
        stage
            .until_none(
                "events and beginnings are open",
                unbegun,
                Duration::from_secs(30),
            )
            .await
            .unwrap();
        // By how many milliseconds each event came after its wait; whether the wait has ended.
        let gaps: Vec<(f64, bool)> = sqlx::query_as(
            "select extract(epoch from e.recorded_at - b.at)::float8 * 1000, x.status = 'completed'
               from waypost.executions x
               join waypost.event_log e on e.contact_id = x.contact_id and e.type = 'order.shipped'
               join (select execution_id, min(at) as at from waypost.all_bursts group by 1) b on b.execution_id = x.id
              where x.contact_id = any ($1)",
        )
        .bind(&contacts)
        .fetch_all(&mut stage.c)
        .await
        .unwrap();
        assert_eq!(gaps.len(), ROUND);
        close += gaps.iter().filter(|gap| gap.0.abs() <= CLOSE).count();
        before += gaps.iter().filter(|gap| gap.0 < 0.0).count();
        // An event from before its wait is no business of the wait; any later one is.
        missed += gaps.iter().filter(|gap| gap.0 >= 0.0 && !gap.1).count();
        let mut gaps: Vec<f64> = gaps.iter().map(|gap| gap.0).collect();
        gaps.sort_by(f64::total_cmp);
        aim = (aim - gaps[gaps.len() / 2]).clamp(0.0, 1_000.0);
    }
    let all = rounds * ROUND;
    let measured = format!(
        "{missed} missed of {} events that came after their wait began; {close} pairs within 5 ms of {all}",
        all - before
    );
    Figure {
        name: "F10",
        fault: "event within 5 ms of the wait's registration",
        wanted: "0 missed in 20,000 pairs (300 in the short form)",
    }
    .measured(&measured, missed == 0);
}
