//! Versions: moving what runs, taking it back, holding and letting go; on a real Postgres.

mod cli;
mod moves;
mod status;
mod under_load;

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use waypost::app::{
    AppResult, Flags, Schema, Settings, Waypost,
    definitions::{Checked, check_text},
    deploy::Deployed,
    verify::verify,
    versions::migrate::{Answer, InFlight, StepMap},
};

/// Opens a database as the command line does.
pub async fn open(url: String, tenant: &str) -> Waypost {
    let flags = Flags {
        database_url: Some(url),
        tenant: Some(tenant.into()),
        ..Flags::default()
    };
    let settings = Settings::from(&flags, &|_| None).unwrap();
    Waypost::open(settings, Schema::Current, &|_| {})
        .await
        .unwrap()
}

/// The workflow `w` of these steps.
pub fn workflow(actions: Value) -> Value {
    json!({ "id": "w", "trigger": { "type": "api.trigger" }, "actions": actions })
}

pub fn checked(definition: &Value) -> Checked {
    let checked = check_text(&definition.to_string(), "w.json");
    assert!(checked.is_valid(), "{}", checked.findings);
    checked
}

pub fn migrate(answers: &[(&str, &str)]) -> InFlight {
    let answers = answers.iter();
    let map: StepMap = answers
        .map(|(old, new)| ((*old).to_owned(), Answer::read(new)))
        .collect();
    InFlight::Migrate { map, force: false }
}

pub async fn publish(
    waypost: &Waypost,
    definition: &Value,
    in_flight: &InFlight,
) -> AppResult<Deployed> {
    let done = waypost
        .deploy_in_flight(&[checked(definition)], true, in_flight)
        .await?;
    Ok(done.into_iter().next().unwrap())
}

/// So many new contacts, enrolled.
pub async fn enrol(c: &mut PgConnection, name: &str, count: i32) {
    sqlx::query("insert into crm.contacts (email) select $1 || g || '@example.com' from generate_series(1, $2) g")
        .bind(name)
        .bind(count)
        .execute(&mut *c)
        .await
        .unwrap();
    let enrolled: i64 = sqlx::query_scalar(
        "select count(*) from waypost.enroll_many('w', (select array_agg(id) from crm.contacts where email like $1 || '%')) m
          where m.outcome = 'enrolled'",
    )
    .bind(name)
    .fetch_one(c)
    .await
    .unwrap();
    assert_eq!(enrolled, i64::from(count));
}

pub async fn count(c: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(c)
        .await
        .unwrap()
}

/// How many executions went each way: `wait> wait. set.` is a wait that began and ended, and a step.
pub async fn ways(c: &mut PgConnection) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select way, count(*) from (
           select string_agg(x.step_id || case x.event when 'execution:waiting' then '>' when 'step:completed' then '.'
                                          else '!' end, ' ' order by x.seq) as way
             from waypost.execution_timeline x where x.step_id is not null group by x.execution_id) w
          group by way order by 2 desc, 1",
    )
    .fetch_all(c)
    .await
    .unwrap()
}

/// Ended executions whose variable `n` does not count what they did: the completed steps whose id matches.
pub async fn miscounted(c: &mut PgConnection, steps: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from waypost.finished f
           left join (select t.execution_id, count(*) as done from waypost.execution_timeline t
                       where t.event = 'step:completed' and t.step_id ~ $1 group by 1) t on t.execution_id = f.id
          where (f.state -> 'v' ->> 'n')::int is distinct from t.done",
    )
    .bind(steps)
    .fetch_one(c)
    .await
    .unwrap()
}

/// Every invariant holds.
pub async fn sound(c: &mut PgConnection) {
    let found = verify(c, None, &|_| {}).await.unwrap();
    assert!(found.iter().all(|one| one.violations == 0), "{found:?}");
}

/// Looks until the query answers `wanted`.
pub async fn until(c: &mut PgConnection, query: &str, wanted: i64) {
    for _ in 0..3_000 {
        if count(c, query).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{query}: {} and not {wanted}", count(c, query).await);
}
