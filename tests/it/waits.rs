//! Waits on a real database: a change of zone moves them at once, and `wait_stats` has their figures.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::support::{House, publish, start};

fn workflow(id: &str, wait: &Value) -> String {
    json!({ "id": id, "trigger": { "type": "custom.event", "config": { "name": id } },
            "actions": [{ "id": "rest", "type": "wait", "config": wait }] })
    .to_string()
}

async fn enrol(c: &mut PgConnection, workflow: &str, contact: Uuid) {
    sqlx::query("select * from waypost.enroll($1, $2)")
        .bind(workflow)
        .bind(contact)
        .execute(c)
        .await
        .unwrap();
}

async fn due(c: &mut PgConnection, contact: Uuid) -> Option<DateTime<Utc>> {
    sqlx::query_scalar("select due_at from waypost.runs where contact_id = $1")
        .bind(contact)
        .fetch_optional(c)
        .await
        .unwrap()
        .flatten()
}

#[tokio::test]
async fn nine_o_clock_is_where_the_contact_is() {
    let house = House::new("waits_zone").await;
    let mut c = house.connect().await;
    let wait = json!({ "waitType": "until_time", "time": "09:00" });
    publish(&house, &mut c, &workflow("morning", &wait)).await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    enrol(&mut c, "morning", ada).await;
    let mut driver = house.driver();
    driver.advance_to(start()).await.unwrap();
    // It is nine in the tenant's zone just now, so it is nine tomorrow.
    assert_eq!(due(&mut c, ada).await, Some(start() + TimeDelta::days(1)));
    let rows = [
        ("America/New_York", "2024-03-01T14:00:00Z"),
        ("Asia/Kathmandu", "2024-03-02T03:15:00Z"),
        ("Europe/Berlin", "2024-03-02T08:00:00Z"),
    ];
    for (zone, wanted) in rows {
        sqlx::query("update crm.contacts set timezone = $2 where id = $1")
            .bind(ada)
            .bind(zone)
            .execute(&mut c)
            .await
            .unwrap();
        driver
            .advance_to(driver.now() + TimeDelta::minutes(1))
            .await
            .unwrap();
        assert_eq!(
            due(&mut c, ada).await,
            Some(wanted.parse().unwrap()),
            "{zone}"
        );
    }
    let end = "2024-03-02T08:00:00Z".parse().unwrap();
    driver.advance_to(end).await.unwrap();
    assert_eq!(due(&mut c, ada).await, None);
    let ended: DateTime<Utc> =
        sqlx::query_scalar("select ended_at from waypost.executions where contact_id = $1")
            .bind(ada)
            .fetch_one(&mut c)
            .await
            .unwrap();
    assert_eq!(ended, end);
}

/// One line of the figures, times in minutes.
#[derive(Debug, PartialEq)]
struct Figures {
    workflow: String,
    wait_type: String,
    /// Now, started, ended, timed out, skipped, due within an hour, within a day.
    counts: [i64; 7],
    /// Mean, median and 95 of 100.
    minutes: [Option<f64>; 3],
}

async fn figures(c: &mut PgConnection) -> Vec<Figures> {
    let rows = sqlx::query(
        "select workflow, wait_type,
                array[waiting_now, waits_started, waits_ended, timed_out, skipped, due_within_hour, due_within_day],
                array[extract(epoch from average_wait) / 60, extract(epoch from median_wait) / 60,
                      extract(epoch from p95_wait) / 60]::float8[]
           from waypost.wait_stats where tenant = 't' and step_id = 'rest' order by 1",
    )
    .fetch_all(c)
    .await
    .unwrap();
    rows.iter()
        .map(|row| Figures {
            workflow: row.get(0),
            wait_type: row.get(1),
            counts: row.get::<Vec<i64>, _>(2).try_into().unwrap(),
            minutes: row.get::<Vec<Option<f64>>, _>(3).try_into().unwrap(),
        })
        .collect()
}

#[tokio::test]
async fn each_wait_has_its_figures() {
    let house = House::new("waits_stats").await;
    let mut c = house.connect().await;
    let until_event =
        json!({ "waitType": "until_event", "event": "seen", "maxWaitDuration": "2 hours" });
    publish(&house, &mut c, &workflow("a-event", &until_event)).await;
    publish(
        &house,
        &mut c,
        &workflow("b-span", &json!({ "duration": "10 hours" })),
    )
    .await;
    let mut people = Vec::new();
    for n in 0..4 {
        let who = house.contact(&mut c, &format!("{n}@example.com")).await;
        enrol(&mut c, "a-event", who).await;
        enrol(&mut c, "b-span", who).await;
        people.push(who);
    }
    let mut driver = house.driver();
    driver.advance_to(start()).await.unwrap();
    let nothing = [None, None, None];
    let line = |workflow: &str, wait_type: &str, counts, minutes| Figures {
        workflow: workflow.into(),
        wait_type: wait_type.into(),
        counts,
        minutes,
    };
    assert_eq!(
        figures(&mut c).await,
        [
            line("a-event", "until_event", [4, 4, 0, 0, 0, 0, 4], nothing),
            line("b-span", "duration", [4, 4, 0, 0, 0, 0, 4], nothing),
        ]
    );

    // After half an hour one has seen it, after an hour one is let go, one ends by command.
    let half = start() + TimeDelta::minutes(30);
    driver.advance_to(half).await.unwrap();
    sqlx::query("select waypost.emit('seen', $1)")
        .bind(people[0])
        .execute(&mut c)
        .await
        .unwrap();
    let hour = start() + TimeDelta::minutes(60);
    driver.advance_to(hour).await.unwrap();
    let command = |verb: &str| {
        format!(
            "select waypost.{verb} from waypost.executions e
              where e.contact_id = $1 and e.workflow = 'a-event'"
        )
    };
    for (verb, who) in [
        ("skip_wait(e.id)", people[1]),
        ("cancel(e.id, 'enough')", people[2]),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(command(verb)))
            .bind(who)
            .execute(&mut c)
            .await
            .unwrap();
    }
    driver
        .advance_to(hour + TimeDelta::minutes(1))
        .await
        .unwrap();
    let [events, spans] = figures(&mut c).await.try_into().unwrap();
    assert_eq!(events.counts, [1, 4, 2, 0, 1, 1, 1], "{events:?}");
    assert_eq!(spans.counts, [4, 4, 0, 0, 0, 0, 4], "{spans:?}");

    driver
        .advance_to(start() + TimeDelta::hours(11))
        .await
        .unwrap();
    let [events, spans] = figures(&mut c).await.try_into().unwrap();
    assert_eq!(events.counts, [0, 4, 3, 1, 1, 0, 0], "{events:?}");
    let minutes = events.minutes.map(|minutes| minutes.unwrap().round());
    assert_eq!((minutes[1], minutes[2]), (60.0, 114.0), "{events:?}");
    assert_eq!(spans.counts, [0, 4, 4, 0, 0, 0, 0], "{spans:?}");
    assert_eq!(spans.minutes, [Some(600.0); 3], "{spans:?}");
}
