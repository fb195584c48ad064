//! At the limits: the largest definition runs, and what cannot work fails its step and nothing else.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};
use waypost::{app::verify::verify, catalog::parse::MAX_BYTES};

use crate::{
    fleet::{deploy, waypost},
    support::{House, start},
};

/// 500 steps in a row, close to 1 MiB.
fn largest() -> Value {
    let steps: Vec<Value> = (0..500)
        .map(|n| {
            let next = if n < 499 { json!([format!("s{}", n + 1)]) } else { json!([]) };
            let text = "x".repeat(1_950);
            json!({"id": format!("s{n}"), "type": "set_variable", "onSuccess": next,
                "config": {"name": format!("v{n}"), "value": format!("{{{{ contact.firstName }}}}{text}")}})
        })
        .collect();
    json!({"id": "largest", "trigger": {"type": "contact.created"}, "actions": steps})
}

#[tokio::test]
async fn the_largest_definition_is_checked_deployed_and_run() {
    let definition = largest();
    let text = definition.to_string();
    assert!(
        text.len() < MAX_BYTES && text.len() > MAX_BYTES * 9 / 10,
        "{}",
        text.len()
    );
    let house = House::new("largest").await;
    let begun = Instant::now();
    deploy(&house.db, "t", &definition);
    let took = begun.elapsed();
    println!("deployed in {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let mut c = house.connect().await;
    let ada = house.contact(&mut c, "ada@example.com").await;
    house
        .driver()
        .advance_to(start() + TimeDelta::hours(1))
        .await
        .unwrap();
    let status: String =
        sqlx::query_scalar("select status from waypost.executions where contact_id = $1")
            .bind(ada)
            .fetch_one(&mut c)
            .await
            .unwrap();
    assert_eq!(status, "completed");
}

/// (step, error class): what no check can see before it runs.
#[tokio::test]
async fn what_cannot_work_fails_its_step_with_an_error_and_its_neighbour_runs() {
    let wait = |value: &str| json!({"id": "a", "type": "wait", "config": {"waitType": "until_date", "waitUntil": value}});
    let set = |value: &str| json!({"id": "a", "type": "set_variable", "config": {"name": "x", "value": value}});
    let endless = "{% for i in (1..1000) %}{% for j in (1..1000) %}{{ i | times: j }}{% endfor %}{% endfor %}";
    let rows = [
        ("fuel", set(endless), "template_error"),
        ("date", wait("{{ contact.firstName }}"), "invalid_date"),
        ("far-date", wait("{{ contact.lastName }}"), "invalid_date"),
        (
            "decimal",
            json!({"id": "a", "type": "math", "config": {"operation": "multiply",
                "operands": ["{{ vars.big }}", "{{ vars.big }}"]}}),
            "overflow",
        ),
    ];
    let house = House::new("limits").await;
    for (id, step, _) in &rows {
        let definition = json!({"id": id, "trigger": {"type": "contact.created"}, "actions": [step],
            "variables": {"big": "79228162514264337593543950335"}});
        deploy(&house.db, "t", &definition);
    }
    let fine = json!({"id": "fine", "trigger": {"type": "contact.created"}, "actions": [
        {"id": "a", "type": "add_tag", "config": {"tag": "seen"}}]});
    deploy(&house.db, "t", &fine);
    let mut c = house.connect().await;
    sqlx::query("insert into crm.contacts (email, first_name, last_name, timezone) values ('a@example.com', 'soon', '999999-01-01', 'Mars/Base')")
        .execute(&mut c)
        .await
        .unwrap();
    house
        .driver()
        .advance_to(start() + TimeDelta::hours(1))
        .await
        .unwrap();
    for (id, _, error) in &rows {
        let (status, result): (String, Value) = sqlx::query_as(
            "select e.status, coalesce(l.result, 'null')
               from waypost.executions e
               left join waypost.execution_timeline l on l.execution_id = e.id and l.event = 'step:failed'
              where e.workflow = $1",
        )
        .bind(id)
        .fetch_one(&mut c)
        .await
        .unwrap();
        assert_eq!(status, "failed", "{id} {result}");
        assert!(result.to_string().contains(error), "{id} {result}");
    }
    let status: String =
        sqlx::query_scalar("select status from waypost.executions where workflow = 'fine'")
            .fetch_one(&mut c)
            .await
            .unwrap();
    assert_eq!(status, "completed");
    let found = verify(&mut c, None, &|_| {}).await.unwrap();
    assert!(found.iter().all(|one| one.violations == 0), "{found:?}");
}

/// A loop whose wait is over at once: 10,000 times round, in bursts, until it has come as often as it may.
#[tokio::test]
async fn ten_thousand_times_round_ends_by_itself() {
    let definition = json!({"id": "round", "trigger": {"type": "contact.created"}, "actions": [
        {"id": "wait", "type": "wait", "maxPasses": 10_000, "onSuccess": ["again"], "config": {"waitType": "until_condition",
            "condition": {"field": "contact.email", "operator": "exists"}}},
        {"id": "again", "type": "go_to", "maxPasses": 10_000, "config": {"stepId": "wait"}}]});
    let house = House::new("round").await;
    deploy(&house.db, "t", &definition);
    let mut c = house.connect().await;
    house.contact(&mut c, "ada@example.com").await;
    let begun = Instant::now();
    house
        .driver()
        .advance_to(start() + TimeDelta::hours(1))
        .await
        .unwrap();
    println!("went round in {:?}", begun.elapsed());
    let (status, entries): (String, i64) = sqlx::query_as(
        "select e.status, (select count(*) from waypost.execution_timeline l where l.execution_id = e.id)
           from waypost.executions e",
    )
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert_eq!(status, "failed");
    assert!(entries > 10_000, "{entries}");
}

/// Texts that are refused, each with the path of its finding.
#[tokio::test]
async fn beyond_the_limits_a_finding_says_where() {
    let leaf = json!({"field": "contact.email", "operator": "exists"});
    let deep = (0..64).fold(leaf.clone(), |inner, _| json!({"conditions": [inner]}));
    let template =
        |text: String| json!([{"id": "a", "type": "add_note", "config": {"body": text}}]);
    let when = |condition: Value| json!([{"id": "a", "type": "add_note", "config": {"body": "x"}, "executeIf": condition}]);
    let unknown: Vec<String> = (0..40_000).map(|n| format!("nobody-{n}")).collect();
    let many: Vec<Value> = (0..500)
        .map(|n| json!({"id": format!("step-{n}"), "type": "add_note", "config": {"body": "x"}, "onSuccess": &unknown[n * 50..][..50]}))
        .collect();
    let bomb = json!({"field": "contact.email", "operator": "matches_regex", "value": "(((a{1000}){1000}){1000})"});
    let rows = [
        (when(deep), "too_deep", "actions[0].executeIf.conditions[0]"),
        (
            when(json!({"conditions": vec![leaf; 5_000]})),
            "condition_too_large",
            "actions[0].executeIf",
        ),
        (when(bomb), "bad_value", "actions[0].executeIf.value"),
        (
            template("{{ x }}".repeat(20_000)),
            "bad_template",
            "actions[0].config.body",
        ),
        (
            template(format!(
                "{}x{}",
                "{% if contact.email %}".repeat(2_000),
                "{% endif %}".repeat(2_000)
            )),
            "bad_template",
            "actions[0].config.body",
        ),
        (json!(many), "unknown_step", "actions[0].onSuccess[0]"),
        (
            json!([{"id": "a", "type": "wait", "config": {"waitType": "until_date", "waitUntil": "2026-02-30"}}]),
            "invalid_date",
            "actions[0].config.waitUntil",
        ),
        (
            json!([{"id": "a", "type": "delay", "config": {"duration": {"amount": 1e300, "unit": "years"}}}]),
            "invalid_value",
            "actions[0].config.duration",
        ),
    ];
    let file = std::env::temp_dir().join(format!("waypost-limits-{}.json", std::process::id()));
    for (steps, code, path) in rows {
        let definition =
            json!({"id": "x", "trigger": {"type": "contact.created"}, "actions": steps});
        std::fs::write(&file, definition.to_string()).unwrap();
        let begun = Instant::now();
        let out = waypost(
            "postgres://nowhere/",
            &["validate", "--json", file.to_str().unwrap()],
        )
        .output()
        .unwrap();
        let took = begun.elapsed();
        assert_eq!(
            out.status.code(),
            Some(1),
            "{code}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        let said: Value = serde_json::from_slice(&out.stdout).unwrap();
        let found = said["findings"].as_array().unwrap();
        let here =
            |one: &&Value| one["code"] == code && one["path"].as_str().unwrap().starts_with(path);
        assert!(
            found.iter().any(|one| here(&one)),
            "{code} {path}: {found:?}"
        );
        assert!(took < Duration::from_secs(10), "{code} took {took:?}");
    }
    std::fs::remove_file(&file).unwrap();
}
