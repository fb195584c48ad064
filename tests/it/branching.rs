//! Splits that remember, goals that are waited for, replies and reviews, on the real engine.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::support::{House, publish, start};

async fn emit(c: &mut PgConnection, kind: &str, contact: Uuid, data: Value) {
    sqlx::query("select waypost.emit($1, $2, $3)")
        .bind(kind)
        .bind(contact)
        .bind(data)
        .execute(c)
        .await
        .unwrap();
}

async fn texts(c: &mut PgConnection, sql: &str) -> Vec<String> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
        .fetch_all(c)
        .await
        .unwrap()
}

fn experiment(percentages: &[(&str, f64)]) -> Value {
    let branches = percentages.iter().map(|(id, share)| match *id {
        "none" => json!({ "id": id, "percentage": share, "kind": "holdout" }),
        id => json!({ "id": id, "percentage": share, "actions": ["mail"] }),
    });
    let branches: Vec<Value> = branches.collect();
    json!({
        "id": "w", "trigger": { "type": "visit" },
        "goals": [{ "id": "bought", "onUnmet": "wait", "maxWaitDuration": { "amount": 2, "unit": "days" },
                    "conditions": { "field": "contact.tags", "operator": "includes", "value": "buyer" } }],
        "actions": [
            { "id": "s", "type": "split", "config": { "branches": branches } },
            { "id": "mail", "type": "add_note", "config": { "body": "mailed" } },
        ],
    })
}

#[tokio::test]
async fn a_sticky_split_remembers_over_executions_and_versions() {
    let house = House::new("sticky").await;
    let mut c = house.connect().await;
    let only_a = experiment(&[("a", 100.0), ("none", 0.0)]);
    publish(&house, &mut c, &only_a.to_string()).await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    emit(&mut c, "visit", ada, json!({})).await;
    let mut driver = house.driver();
    driver
        .advance_to(start() + TimeDelta::days(3))
        .await
        .unwrap();

    // The next version gives everybody the other variant.
    let none = experiment(&[("a", 0.0), ("none", 100.0)]);
    sqlx::query(
        "with next as (
           insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum)
           select workflow_id, 2, tenant_id, $1, steps, goals, 'y' from waypost.versions returning workflow_id),
         listens as (update waypost.trigger_index set version = 2)
         update waypost.workflows set version = 2",
    )
    .bind(&none)
    .execute(&mut c)
    .await
    .unwrap();
    let bob = house.contact(&mut c, "bob@example.com").await;
    for who in [ada, bob] {
        emit(&mut c, "visit", who, json!({})).await;
    }
    driver
        .advance_to(start() + TimeDelta::days(4))
        .await
        .unwrap();
    emit(&mut c, "visit", bob, json!({})).await;
    sqlx::query("update crm.contacts set tags = array['buyer'] where id = $1")
        .bind(bob)
        .execute(&mut c)
        .await
        .unwrap();
    driver
        .advance_to(start() + TimeDelta::days(9))
        .await
        .unwrap();

    let ways = texts(
        &mut c,
        "select concat_ws(' ', k.email, e.version, e.status, t.result ->> 'variant')
           from waypost.executions e join crm.contacts k on k.id = e.contact_id
           join waypost.execution_timeline t on t.execution_id = e.id and t.step_id = 's'
          order by 1",
    )
    .await;
    assert_eq!(
        ways,
        [
            "ada@example.com 1 completed a",
            "ada@example.com 2 completed a",
            "bob@example.com 2 completed none",
        ],
        "bob came back while he was waited for: a duplicate"
    );
    let kept = texts(
        &mut c,
        "select concat_ws(' ', c.step, c.variant) from waypost.choices c order by 1",
    )
    .await;
    assert_eq!(kept, ["s a", "s none"]);
    // The held back contact bought after its path had ended: it counts, since the goal was waited for.
    let figures = texts(
        &mut c,
        "select concat_ws(' ', variant, entered, goals, holdout) from waypost.split_results order by 1",
    )
    .await;
    assert_eq!(figures, ["a 2 0 f", "none 1 1 t"]);
    let goals = texts(
        &mut c,
        "select concat_ws(' ', goal_id, total_achievements, unique_contacts, conversion_rate, median_time_to_goal)
           from waypost.goal_stats",
    )
    .await;
    assert_eq!(goals, ["bought 1 1 0.5 24:00:00"]);
}

#[tokio::test]
async fn a_reply_ends_what_waits() {
    let house = House::new("replied").await;
    let mut c = house.connect().await;
    let definition = json!({
        "id": "w", "trigger": { "type": "visit" }, "enrollmentSettings": { "stopOnReply": ["email"] },
        "actions": [
            { "id": "wait", "type": "delay", "config": { "duration": "3 days" }, "onSuccess": ["mail"] },
            { "id": "mail", "type": "send_email", "config": { "subject": "s", "body": "b" } },
        ],
    });
    publish(&house, &mut c, &definition.to_string()).await;
    let people = ["ada", "bob", "cleo"];
    let mut ids = Vec::new();
    for name in people {
        let id = house.contact(&mut c, &format!("{name}@example.com")).await;
        emit(&mut c, "visit", id, json!({})).await;
        ids.push(id);
    }
    let mut driver = house.driver();
    driver
        .advance_to(start() + TimeDelta::days(1))
        .await
        .unwrap();
    emit(
        &mut c,
        "email.replied",
        ids[0],
        json!({ "subject": "Re: s" }),
    )
    .await;
    emit(
        &mut c,
        "email.replied",
        ids[1],
        json!({ "workflow": "another" }),
    )
    .await;
    emit(&mut c, "sms.replied", ids[2], json!({})).await;
    driver
        .advance_to(start() + TimeDelta::days(4))
        .await
        .unwrap();
    let ended = texts(
        &mut c,
        "select concat_ws(' ', k.email, e.status, e.reason, extract(day from e.ended_at - e.started_at))
           from waypost.executions e join crm.contacts k on k.id = e.contact_id order by 1",
    )
    .await;
    assert_eq!(
        ended,
        [
            "ada@example.com exited replied 1",
            "bob@example.com completed 3",
            "cleo@example.com completed 3",
        ]
    );
    assert_eq!(house.sink.count(), 2);
}

#[tokio::test]
async fn reviews_are_listed_decided_and_time_out() {
    let house = House::new("reviews").await;
    let mut c = house.connect().await;
    let definition = json!({
        "id": "w", "trigger": { "type": "refund.asked" },
        "actions": [
            { "id": "tag", "type": "add_tag", "config": { "tag": "asked" }, "onSuccess": ["ask"] },
            { "id": "ask", "type": "manual_review", "timeout": { "amount": 2, "unit": "days" },
              "config": { "instructions": "Refund {{ event.data.amount }} to {{ contact.email }}?",
                          "assignee": "support", "rejectBranch": ["no"] },
              "onSuccess": ["yes"], "onTimeout": ["late"] },
            { "id": "yes", "type": "add_tag", "config": { "tag": "refunded" } },
            { "id": "no", "type": "add_tag", "config": { "tag": "refused" } },
            { "id": "late", "type": "add_tag", "config": { "tag": "late" } },
        ],
    });
    publish(&house, &mut c, &definition.to_string()).await;
    for (n, name) in ["ada", "bob", "cleo"].iter().enumerate() {
        let id = house.contact(&mut c, &format!("{name}@example.com")).await;
        emit(
            &mut c,
            "refund.asked",
            id,
            json!({ "amount": 10 * (n + 1) }),
        )
        .await;
    }
    let mut driver = house.driver();
    driver
        .advance_to(start() + TimeDelta::hours(1))
        .await
        .unwrap();
    let open = texts(
        &mut c,
        "select concat_ws(' | ', workflow, step_id, instructions, assignee, since::date, times_out_at::date)
           from waypost.reviews order by instructions",
    )
    .await;
    assert_eq!(open.len(), 3);
    assert_eq!(
        open[0],
        "w | ask | Refund 10 to ada@example.com? | support | 2024-03-01 | 2024-03-03"
    );
    for (outcome, name) in [("approved", "ada"), ("REJECT", "bob")] {
        let status = texts(
            &mut c,
            &format!(
                "select waypost.review(r.execution_id, 'ask', '{outcome}', 'checked by Ida') from waypost.reviews r
                  join crm.contacts k on k.id = r.contact_id where k.email = '{name}@example.com'"
            ),
        )
        .await;
        assert_eq!(status, ["waiting"], "until a worker takes it");
    }
    for (call, code) in [
        ("waypost.review(execution_id, 'ask', 'perhaps')", "WP019"),
        ("waypost.review(execution_id, 'tag', 'approved')", "WP020"),
        ("waypost.skip_wait(execution_id)", "WP013"),
    ] {
        let sql = format!(
            "select {call} from waypost.reviews r join crm.contacts k on k.id = r.contact_id
              where k.email = 'cleo@example.com'"
        );
        let refused = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut c).await;
        let refused = refused.unwrap_err().into_database_error().unwrap();
        assert_eq!(refused.code().unwrap(), code, "{call}");
    }
    driver
        .advance_to(start() + TimeDelta::days(3))
        .await
        .unwrap();
    let ended = texts(
        &mut c,
        "select concat_ws(' ', k.email, k.tags[2], t.result ->> 'outcome', t.result ->> 'note', t.result ->> 'timedOut')
           from waypost.executions e join crm.contacts k on k.id = e.contact_id
           join waypost.execution_timeline t on t.execution_id = e.id and t.step_id = 'ask' and t.event = 'step:completed'
          where e.status = 'completed' order by 1",
    )
    .await;
    assert_eq!(
        ended,
        [
            "ada@example.com refunded approved checked by Ida",
            "bob@example.com refused rejected checked by Ida",
            "cleo@example.com late true",
        ]
    );
    let open = texts(&mut c, "select execution_id::text from waypost.reviews").await;
    assert!(open.is_empty());
}
