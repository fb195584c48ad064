//! A backtest over the log of a real engine goes the way that was really gone.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::{
    fleet::{deploy, waypost},
    support::{House, start},
};

/// A journey whose path rests on what its contacts were like at the time, on events and on its own writes.
fn journey() -> Value {
    json!({
        "id": "journey",
        "trigger": {"type": "form.submitted", "filters": [
            {"field": "contact.plan", "operator": "equals", "value": "free"}]},
        "actions": [
            {"id": "mark", "type": "add_tag", "config": {"tag": "asked"}, "onSuccess": ["split"]},
            {"id": "split", "type": "split", "config": {"splitType": "percentage", "branches": [
                {"id": "a", "percentage": 50, "actions": ["pause"]},
                {"id": "b", "percentage": 50, "actions": ["mail"]}]}},
            {"id": "pause", "type": "delay", "config": {"duration": {"amount": 2, "unit": "days"}}, "onSuccess": ["rich"]},
            {"id": "rich", "type": "if_else", "config": {
                "condition": {"field": "contact.score", "operator": "greater_than", "value": 50},
                "trueBranch": ["mail"], "falseBranch": []}},
            {"id": "mail", "type": "send_email", "config": {"subject": "{{ contact.plan }}", "body": "x"}},
        ],
        "goals": [{"id": "upgraded", "onAchievement": "exit",
            "conditions": {"field": "contact.plan", "operator": "equals", "value": "gold"}}],
        // Never true; but what is watched is logged, and what is only looked at by a step may not be.
        "enrollmentSettings": {"exitConditions": {"field": "contact.score", "operator": "less_than", "value": 0}},
    })
}

/// The last line of `waypost backtest --json`.
fn backtest(house: &House, more: &[&str]) -> Value {
    let until = (start() + TimeDelta::days(10)).to_rfc3339();
    let from = start().to_rfc3339();
    let args = [
        "backtest", "journey", "--from", &from, "--until", &until, "--tenant", "t", "--json",
    ];
    let out = waypost(&house.db.url(), &[&args, more].concat())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    let text = String::from_utf8(out.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn the_log_of_what_happened_gives_the_same_way_again() {
    let house = House::new("backtest").await;
    deploy(&house.db, "t", &journey());
    let mut c = house.connect().await;
    // 40 contacts, all free; every fourth has a high score.
    c.execute(
        "insert into crm.contacts (email, custom_fields)
         select g || '@example.com', jsonb_build_object('plan', 'free', 'score', case when g % 4 = 0 then 80 else 20 end)
           from generate_series(1, 40) g",
    )
    .await
    .unwrap();
    let mut driver = house.driver();
    let hour = |hours: i64| start() + TimeDelta::hours(hours);
    driver.advance_to(hour(1)).await.unwrap();
    let number = "substr(email, 1, strpos(email, '@') - 1)::int";
    let submit = format!(
        "select waypost.emit('form.submitted', id, '{{\"formId\": \"f\"}}') from crm.contacts where {number} <= 30"
    );
    c.execute(sqlx::AssertSqlSafe(submit)).await.unwrap();
    driver.advance_to(hour(24)).await.unwrap();
    // In between some upgrade, some lose their score: later nobody is as they were.
    let change = format!(
        "update crm.contacts set custom_fields = custom_fields
           || case {number} % 3 when 0 then '{{\"plan\": \"gold\"}}'::jsonb when 1 then '{{\"score\": 5}}' else '{{}}' end"
    );
    c.execute(sqlx::AssertSqlSafe(change)).await.unwrap();
    driver.advance_to(hour(24 * 4)).await.unwrap();
    // Nobody is free any more: only the log knows that they were.
    c.execute("update crm.contacts set custom_fields = custom_fields || '{\"plan\": \"none\", \"score\": 1}'")
        .await
        .unwrap();
    driver.advance_to(hour(24 * 12)).await.unwrap();

    let done = backtest(&house, &["--compare"]);
    let found = &done["comparison"];
    assert_eq!(found["examples"], json!([]), "{done:#}");
    assert_eq!(
        (&found["same"], &found["different"]),
        (&json!(30), &json!(0)),
        "{done:#}"
    );
    assert_eq!(done["summary"]["total_enrollments"], 30);
    assert!(
        done["summary"]["goal_achievements"].as_u64() > Some(0),
        "{done:#}"
    );
    assert!(done["approximated"].as_array().unwrap().len() >= 3);

    // A new definition over the same past: another path, and a type of event that the log lacks.
    let mut other = journey();
    other["actions"][3]["config"]["condition"]["value"] = json!(0);
    other["triggers"] = json!([other["trigger"].clone(), {"type": "order.placed", "id": "order"}]);
    other.as_object_mut().unwrap().shift_remove("trigger");
    let file = std::env::temp_dir().join(format!("waypost-backtest-{}.json", std::process::id()));
    std::fs::write(&file, other.to_string()).unwrap();
    let done = backtest(&house, &["--compare", "--file", file.to_str().unwrap()]);
    assert!(
        done["comparison"]["different"].as_u64() > Some(0),
        "{done:#}"
    );
    assert!(
        done["lacking"]
            .as_array()
            .unwrap()
            .contains(&json!("order.placed")),
        "{done:#}"
    );
    let before: i64 = sqlx::query_scalar("select count(*) from waypost.executions")
        .fetch_one(&mut c)
        .await
        .unwrap();
    assert_eq!(before, 30, "a backtest enrols nobody");

    // What cannot be tested says why.
    let window = [
        "--from",
        "2024-03-01T00:00:00Z",
        "--until",
        "2024-03-02T00:00:00Z",
        "--tenant",
        "t",
    ];
    for (args, code, text) in [
        (vec!["backtest", "nobody"], 1, "no workflow \"nobody\""),
        (
            vec!["backtest", "other", "--file", file.to_str().unwrap()],
            2,
            "not \"other\"",
        ),
    ] {
        let out = waypost(&house.db.url(), &[&args, &window[..]].concat())
            .output()
            .unwrap();
        let errors = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{errors}");
        assert!(errors.contains(text), "{errors}");
    }
    std::fs::remove_file(file).unwrap();
}
