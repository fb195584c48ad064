//! Every check of `waypost verify` is clean after real work, and counts a planted row.

use chrono::TimeDelta;
use sqlx::{AssertSqlSafe, Connection, Executor};
use waypost::app::verify::{CHECKS, verify};

use crate::support::{House, abandon, publish, start};

/// `(check, statements that break it)`. The house has one finished and one live (waiting) execution of the
/// seed's example, with deliveries, events and a ledger.
const PLANTS: [(&str, &str); 17] = [
    (
        "live_or_finished",
        "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
         select bucket, id, tenant_id, workflow_id, version, contact_id, key || 'x', enrolled_at, enrolled_at
           from waypost.finished limit 1",
    ),
    ("definitions_fixed", "update waypost.runs set version = 99"),
    ("final_entry", "update waypost.finished set status = 7"),
    ("history_whole", "update waypost.runs set seq = seq + 1"),
    (
        "started_once",
        "insert into waypost.bursts select bucket, execution_id, seq + 1000, tenant_id, workflow_id, at, '{-1}', '{1}', null
           from waypost.all_bursts where seq = 0",
    ),
    ("send_asked_for", "update waypost.deliveries set seq = seq + 1"),
    (
        "send_once",
        "insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step,
                                    action, policy, due_at, created_at, timeout_ms, request)
         select bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy,
                created_at, created_at, 1000, request from waypost.deliveries limit 1",
    ),
    ("attempt_recorded", "update waypost.deliveries set first_at = null"),
    ("settled_once", "update waypost.deliveries set settled_at = finished_at, settled_by = 'callback', state = 5"),
    ("can_wake", "update waypost.runs set due_at = null"),
    (
        "wakes_consumed",
        "update waypost.tenants set clock = null;
         insert into waypost.wakes select bucket, id, 0, 7, tenant_id, '{}', clock_timestamp() - interval '2 minutes'
           from waypost.runs",
    ),
    (
        "leases_kept",
        "insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step,
                                    action, policy, state, lease_until, due_at, created_at, timeout_ms, request)
         select bucket, waypost.outbox_id(id, 77), id, 77, tenant_id, workflow_id, version, contact_id, 0, 'webhook', 0,
                1, clock_timestamp() - interval '5 minutes', enrolled_at, enrolled_at, 1000, '{}' from waypost.runs",
    ),
    (
        "reservations_kept",
        "insert into waypost.enrollments (bucket, tenant_id, contact_id, workflow_id, reserved_at)
         select 5, tenant_id, gen_random_uuid(), workflow_id, clock_timestamp() from waypost.runs",
    ),
    (
        "events_once",
        "insert into waypost.event_queue (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data)
         select bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data from waypost.events limit 1",
    ),
    ("buckets_right", "update waypost.runs set contact_id = gen_random_uuid()"),
    (
        "tenants_apart",
        "insert into waypost.tenants (name) values ('other');
         update waypost.bursts set tenant_id = (select id from waypost.tenants where name = 'other')",
    ),
    ("figures_right", "update waypost.finished set enrolled_at = enrolled_at - interval '1 second'"),
];

#[tokio::test]
async fn clean_after_work_and_each_check_counts_a_planted_row() {
    let house = House::new("verify").await;
    let mut c = house.connect().await;
    publish(
        &house,
        &mut c,
        include_str!("../../examples/abandoned-cart.json"),
    )
    .await;
    let mut driver = house.driver();
    let first = house.contact(&mut c, "first@example.com").await;
    abandon(&mut c, first).await;
    driver
        .advance_to(start() + TimeDelta::days(2))
        .await
        .unwrap();
    let second = house.contact(&mut c, "second@example.com").await;
    abandon(&mut c, second).await;
    driver
        .advance_to(start() + TimeDelta::days(2))
        .await
        .unwrap();

    let mut worker = house.db.connect().await;
    worker.execute("set role waypost_worker").await.unwrap();
    let clean = verify(&mut worker, None, &|_| {}).await.unwrap();
    let broken: Vec<_> = clean.iter().filter(|f| f.violations != 0).collect();
    assert!(broken.is_empty(), "{broken:?}");

    let checks: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(
        PLANTS.map(|p| p.0).to_vec(),
        checks,
        "every check has its plant"
    );
    let mut owner = house.db.connect().await;
    for (name, plant) in PLANTS {
        let mut tx = owner.begin().await.unwrap();
        // Reference tables belong to the owner, the rest is written as workers write.
        for statement in plant.split(";\n") {
            let role = if statement.contains("waypost.tenants") && !statement.contains("bursts") {
                "reset role"
            } else {
                "set role waypost_worker"
            };
            tx.execute(role).await.unwrap();
            tx.execute(AssertSqlSafe(statement))
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        tx.execute("set role waypost_worker").await.unwrap();
        let found = verify(&mut tx, None, &|_| {}).await.unwrap();
        let found = found.iter().find(|f| f.name == name).unwrap();
        assert!(found.violations > 0, "{name} does not see its planted row");
        tx.rollback().await.unwrap();
    }
}
