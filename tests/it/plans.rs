//! The hot statements go by their index with bounded work, on tables that are full and were never analysed.
//!
//! Without the worker's session settings the planner reads and sorts all due rows for every claim there.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use waypost::{
    store::{Purpose, pool},
    testing::TestDb,
};

use crate::support::database;

/// Due rows of each table, and rows of each that are not.
const ROWS: i32 = 150_000;
/// Lost leases, beside them.
const LOST: i32 = 20_000;
/// Rows that a claim asks for.
const BATCH: usize = 1_000;

/// The first 128 buckets, 200 events each; filled in by [`explained`].
const EVENTS: &str = "'{buckets}', 200, '{}', null, 2000";

/// A statement of the hot path as the loops call it.
struct Hot {
    name: &'static str,
    sql: &'static str,
    args: &'static str,
    index: &'static str,
    /// Whether it puts what it returns in order.
    sorts: bool,
    /// Rows that come back.
    rows: usize,
    /// Most pages that one row may cost, all in all: its index entry, the row, its lock or its new version
    /// in every index.
    pages: usize,
}

impl Hot {
    fn args(&self) -> String {
        let buckets: Vec<String> = (0..128).map(|bucket: i32| bucket.to_string()).collect();
        self.args.replace("buckets", &buckets.join(","))
    }
}

const CLAIM_DUE: &str = include_str!("../../sql/queries/claim_due.sql");
const CLAIM_TURNS: &str = include_str!("../../sql/queries/claim_turns.sql");
const CLAIM_OUTBOX: &str = include_str!("../../sql/queries/claim_outbox.sql");
const CLAIM_OUTBOX_TURNS: &str = include_str!("../../sql/queries/claim_outbox_turns.sql");
const EVENT_TURNS: &str = include_str!("../../sql/queries/event_turns.sql");
const FIRE_TIMERS: &str = include_str!("../../sql/queries/fire_timers.sql");
const FIRE_TURN: &str = include_str!("../../sql/queries/fire_turn.sql");
const CLAIM_OUTBOX_ROOM: &str = include_str!("../../sql/queries/claim_outbox_room.sql");
const CLAIM_BUCKETS: &str = include_str!("../../sql/queries/claim_buckets.sql");
const CLAIM_BUCKETS_SINCE: &str = include_str!("../../sql/queries/claim_buckets_since.sql");
const READ_EVENTS: &str = include_str!("../../sql/queries/read_events.sql");
const EXPIRED_LEASES: &str = include_str!("../../sql/queries/expired_leases.sql");

fn hot() -> Vec<Hot> {
    vec![
        Hot {
            name: "claim_due",
            sql: CLAIM_DUE,
            args: "timestamptz 'epoch', 1000, '{}'",
            index: "runs_due",
            sorts: false,
            rows: BATCH,
            pages: 4,
        },
        Hot {
            name: "claim_turns",
            sql: CLAIM_TURNS,
            args: "timestamptz 'epoch', 1000, '{}', 0, 1000, 1000",
            index: "runs_turns",
            sorts: false,
            rows: BATCH,
            pages: 4,
        },
        Hot {
            name: "claim_outbox",
            sql: CLAIM_OUTBOX,
            args: "timestamptz 'epoch', 1000, 60000, '{}'",
            index: "sends_due",
            sorts: false,
            rows: BATCH,
            pages: 25,
        },
        Hot {
            name: "claim_outbox_turns",
            sql: CLAIM_OUTBOX_TURNS,
            args: "timestamptz 'epoch', 1000, 60000, '{1}', 1000, '{}', '{}', 1000",
            index: "sends_turns",
            // Room goes round by place.
            sorts: true,
            rows: BATCH,
            pages: 25,
        },
        Hot {
            name: "claim_outbox_room",
            sql: CLAIM_OUTBOX_ROOM,
            args: "timestamptz 'epoch', 1000, 60000, '{}', '{}', '{}', 1000",
            index: "sends_due",
            sorts: true,
            rows: BATCH,
            pages: 25,
        },
        Hot {
            name: "event_turns",
            sql: EVENT_TURNS,
            args: "'{}', 0, 1000, 1000, 1000",
            index: "event_queue_turns",
            sorts: false,
            rows: BATCH,
            pages: 4,
        },
        // These two take a thousand timers and answer with their number.
        Hot {
            name: "fire_timers",
            sql: FIRE_TIMERS,
            args: "null, null, '{}', 1000",
            index: "timers_due",
            sorts: false,
            rows: 1,
            pages: 50_000,
        },
        Hot {
            name: "fire_turn",
            sql: FIRE_TURN,
            args: "'{1}', 1000",
            index: "timers_turns",
            sorts: false,
            rows: 1,
            pages: 50_000,
        },
        Hot {
            name: "expired_leases",
            sql: EXPIRED_LEASES,
            args: "500, null, '{}'",
            index: "sends_lease",
            sorts: false,
            rows: 500,
            pages: 25,
        },
        Hot {
            name: "claim_buckets",
            sql: CLAIM_BUCKETS,
            args: "0::smallint, 128",
            index: "event_queue_pk",
            sorts: false,
            rows: 128,
            pages: 12,
        },
        Hot {
            name: "claim_buckets_since",
            sql: CLAIM_BUCKETS_SINCE,
            args: "0::smallint, 128, timestamptz 'epoch'",
            index: "event_queue_pk",
            sorts: false,
            rows: 128,
            pages: 12,
        },
        Hot {
            name: "read_events",
            sql: READ_EVENTS,
            args: EVENTS,
            index: "event_queue_pk",
            sorts: false,
            rows: 2_000,
            // Two for the event, three to see whether its contact has executions, one to see that the row found there,
            // another contact's, is none that has gone.
            pages: 6,
        },
    ]
}

/// Due rows and as many that are not, bulk-loaded; nobody analyses them. Due times are spread over ids, as
/// they are in life.
pub async fn fill(db: &TestDb) {
    let mut owner = db.connect().await;
    leave_unanalysed(&mut owner).await;
    pour(db).await;
}

/// Nobody analyses the tables of the hot path.
pub async fn leave_unanalysed(owner: &mut PgConnection) {
    for table in ["runs", "sends", "event_queue", "timers"] {
        let off = format!("alter table waypost.{table} set (autovacuum_enabled = off)");
        owner.execute(AssertSqlSafe(off)).await.unwrap();
    }
}

/// The rows of [`fill`].
pub async fn pour(db: &TestDb) {
    let mut c = db.connect().await;
    c.execute(
        "insert into waypost.tenants (id, name) overriding system value values (1, 'large'), (2, 'small')
             on conflict do nothing",
    )
    .await
    .unwrap();
    c.execute("set role waypost_worker").await.unwrap();
    let spread = "clock_timestamp() - (g * 7919 % 100000 + 1) * interval '1 millisecond'";
    let ahead = "clock_timestamp() + (g * 7919 % 100000 + 3600000) * interval '1 millisecond'";
    let sends = |at: &str, state: i32, lease: &str, rows: i32| {
        format!(
            "insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step,
                    action, policy, state, due_at, lease_until, created_at, timeout_ms, request)
             select g % 1024, gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 1, gen_random_uuid(), 0, 'webhook', 0,
                    {state}, {at}, {lease}, clock_timestamp(), 1000, '{{\"url\": \"https://example.com/\"}}'
               from generate_series(1, {rows}) g"
        )
    };
    let runs = |at: &str| {
        format!(
            "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
             select g % 1024, gen_random_uuid(), 1, 1, 1, gen_random_uuid(), g, clock_timestamp(), {at}
               from generate_series(1, {ROWS}) g"
        )
    };
    for statement in [
        runs(spread),
        runs(ahead),
        sends(spread, 0, "null", ROWS),
        sends(ahead, 0, "null", ROWS),
        sends(spread, 1, spread, LOST),
        format!(
            "insert into waypost.timers (bucket, id, tenant_id, due_at, event_type, workflow_id, trigger_id, subject,
                    occurrence_key, data)
             select g % 1024, gen_random_uuid(), 1, {spread}, 'a.b', 1, 't', 's', g, '{{}}'
               from generate_series(1, {ROWS}) g"
        ),
        format!(
            "insert into waypost.event_queue (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data)
             select g % 1024, {spread}, gen_random_uuid(), 1, gen_random_uuid(), 'a.b', clock_timestamp(), '{{}}'
               from generate_series(1, {ROWS}) g"
        ),
    ] {
        c.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

/// What running it read and did: the plan as JSON.
pub async fn explained(c: &mut PgConnection, sql: &str, args: &str, mode: &str) -> Value {
    let mut tx = c.begin().await.unwrap();
    for statement in [
        format!("set local plan_cache_mode = force_{mode}_plan"),
        format!("prepare hot as {sql}"),
    ] {
        tx.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let args = called(args);
    let explain = format!("explain (analyze, buffers, timing off, format json) execute hot{args}");
    let row = tx.fetch_one(AssertSqlSafe(explain)).await.unwrap();
    let plan: Value = row.get(0);
    tx.execute("deallocate hot").await.unwrap();
    tx.rollback().await.unwrap();
    plan[0]["Plan"].clone()
}

/// Arguments as `execute` takes them.
pub fn called(args: &str) -> String {
    if args.is_empty() {
        String::new()
    } else {
        format!("({args})")
    }
}

/// Every plan node with its kind, index and table.
pub fn nodes<'p>(plan: &'p Value, found: &mut Vec<(&'p str, &'p str, &'p str)>) {
    found.push((
        plan["Node Type"].as_str().unwrap(),
        plan["Index Name"].as_str().unwrap_or(""),
        plan["Relation Name"].as_str().unwrap_or(""),
    ));
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        nodes(inner, found);
    }
}

pub fn pages(plan: &Value) -> usize {
    ["Shared Hit Blocks", "Shared Read Blocks"]
        .iter()
        .map(|name| plan[*name].as_u64().unwrap() as usize)
        .sum()
}

pub async fn worker_session(db: &TestDb) -> PgConnection {
    pool::single(&db.url(), Purpose::Worker).await.unwrap()
}

/// What is wrong with how it ran.
fn judge(hot: &Hot, mode: &str, plan: &Value) -> Vec<String> {
    let (mut wrong, mut found) = (Vec::new(), Vec::new());
    nodes(plan, &mut found);
    let rows = plan["Actual Rows"].as_f64().unwrap() as usize;
    let (pages, most) = (pages(plan), hot.pages * hot.rows);
    let name = hot.name;
    println!("{name:<15} {mode:<8} {rows:>6} rows {pages:>7} pages");
    if !found.iter().any(|node| node.1 == hot.index) {
        wrong.push(format!("{name}, {mode}: not by {}: {found:?}", hot.index));
    }
    for (kind, _, _) in &found {
        let full = ["Seq Scan", "Bitmap Heap Scan", "Merge Join"].contains(kind);
        if full || (*kind == "Sort" && !hot.sorts) {
            wrong.push(format!("{name}, {mode}: a {kind}: {found:?}"));
        }
    }
    if rows.abs_diff(hot.rows) > hot.rows / 10 {
        wrong.push(format!(
            "{name}, {mode}: {rows} rows instead of {}",
            hot.rows
        ));
    }
    if pages > most {
        wrong.push(format!("{name}, {mode}: {pages} pages, more than {most}"));
    }
    wrong
}

#[tokio::test]
async fn hot_statements_go_by_their_index_on_tables_never_analysed() {
    let db = database("plans").await;
    fill(&db).await;
    let mut c = worker_session(&db).await;
    let mut wrong = Vec::new();
    for hot in hot() {
        for mode in ["custom", "generic"] {
            let plan = explained(&mut c, hot.sql, &hot.args(), mode).await;
            wrong.extend(judge(&hot, mode, &plan));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    what_is_not_due_costs_a_handful_of_pages(&db, &mut c).await;
}

/// A worker plans a statement when it meets it first, which may be on a new database, and keeps the plan.
#[tokio::test]
async fn plans_that_were_made_on_empty_tables_serve_full_ones() {
    let db = database("plans-early").await;
    let mut owner = db.connect().await;
    leave_unanalysed(&mut owner).await;
    let mut c = worker_session(&db).await;
    let hot = hot();
    for (n, hot) in hot.iter().enumerate() {
        let prepare = format!("prepare hot{n} as {}", hot.sql);
        c.execute(AssertSqlSafe(prepare)).await.unwrap();
        let plan = format!("explain execute hot{n}({})", hot.args());
        c.execute(AssertSqlSafe(plan)).await.unwrap();
    }
    pour(&db).await;
    let mut wrong = Vec::new();
    for (n, hot) in hot.iter().enumerate() {
        let mut tx = c.begin().await.unwrap();
        let explain = format!(
            "explain (analyze, buffers, timing off, format json) execute hot{n}({})",
            hot.args()
        );
        let row = tx.fetch_one(AssertSqlSafe(explain)).await.unwrap();
        let plan: Value = row.get(0);
        wrong.extend(judge(hot, "early", &plan[0]["Plan"]));
        tx.rollback().await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tables as they are analysed while one tenant has nearly everything: what another has is found by his own entries.
#[tokio::test]
async fn a_turn_is_found_beside_a_mountain_that_the_statistics_know() {
    let db = database("plans-mountain").await;
    fill(&db).await;
    let mut c = worker_session(&db).await;
    for one in [
        "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
         select bucket, gen_random_uuid(), 2, 1, 1, contact_id, 'small', enrolled_at, clock_timestamp() from waypost.runs limit 1",
        "insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action,
                policy, state, due_at, created_at, timeout_ms, request)
         select bucket, gen_random_uuid(), execution_id, 1, 2, 1, 1, contact_id, 0, action, 0, 0, clock_timestamp(), created_at,
                timeout_ms, request from waypost.sends limit 1",
        "insert into waypost.timers (bucket, id, tenant_id, due_at, event_type, workflow_id, trigger_id, subject,
                occurrence_key, data)
         select bucket, gen_random_uuid(), 2, clock_timestamp(), event_type, 1, 't', 's', 'small', data
           from waypost.timers limit 1",
        "insert into waypost.event_queue (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data)
         select bucket, clock_timestamp(), gen_random_uuid(), 2, contact_id, type, occurred_at, data
           from waypost.event_queue limit 1",
    ] {
        c.execute(one).await.unwrap();
    }
    let mut owner = db.connect().await;
    for table in ["runs", "sends", "event_queue", "timers"] {
        let analyse = format!("analyze waypost.{table}");
        owner.execute(AssertSqlSafe(analyse)).await.unwrap();
    }
    for (name, args) in [
        ("claim_turns", "timestamptz 'epoch', 1000, '{}', 1, 50, 100"),
        (
            "claim_outbox_turns",
            "timestamptz 'epoch', 1000, 60000, '{2}', 50, '{}', '{}', 1000",
        ),
        ("event_turns", "'{}', 1, 50, 1000, 100"),
        ("fire_turn", "'{2}', 50"),
    ] {
        let hot = hot().into_iter().find(|hot| hot.name == name).unwrap();
        for mode in ["custom", "generic"] {
            let plan = explained(&mut c, hot.sql, args, mode).await;
            let pages = pages(&plan);
            println!("{name:<20} {mode:<8} {pages:>7} pages");
            assert_eq!(plan["Actual Rows"].as_f64(), Some(1.0), "{name}, {mode}");
            assert!(pages <= 100, "{name}, {mode}: {pages} pages: {plan:#}");
        }
    }
}

async fn what_is_not_due_costs_a_handful_of_pages(db: &TestDb, c: &mut PgConnection) {
    // What is due is taken by somebody and committed.
    for statement in [
        "update waypost.runs set due_at = null where due_at < clock_timestamp()",
        "delete from waypost.sends where due_at < clock_timestamp()",
        "delete from waypost.event_queue",
        "delete from waypost.timers",
    ] {
        c.execute(statement).await.unwrap();
    }
    // As autovacuum leaves it, without statistics; an analysis of another table that is under way would keep the dead.
    let mut owner = db.connect().await;
    let others = "select count(*) from pg_stat_activity where usesysid is null and datname = current_database()";
    let kept = "select sum(n_dead_tup)::bigint from pg_stat_user_tables
                 where schemaname = 'waypost' and relname in ('runs', 'sends', 'event_queue', 'timers')";
    loop {
        let busy: i64 = sqlx::query_scalar(others)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        if busy == 0 {
            for table in ["runs", "sends", "event_queue", "timers"] {
                let vacuum = format!("vacuum (analyze false) waypost.{table}");
                owner.execute(AssertSqlSafe(vacuum)).await.unwrap();
            }
            // One that began after the look keeps them too: then once more.
            let dead: i64 = sqlx::query_scalar(kept)
                .fetch_one(&mut owner)
                .await
                .unwrap();
            if dead == 0 {
                break;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for hot in hot() {
        let plan = explained(c, hot.sql, &hot.args(), "generic").await;
        let (rows, pages) = (plan["Actual Rows"].as_f64().unwrap(), pages(&plan));
        println!("{:<15} {rows:>6} rows {pages:>7} pages", hot.name);
        // Of timers, how many there were.
        let none = match hot.name {
            "fire_timers" | "fire_turn" => 1.0,
            _ => 0.0,
        };
        assert!(rows == none, "{}: {rows} rows", hot.name);
        // A probe into each bucket, else one into the table.
        let most = match hot.name {
            "read_events" => 128 * 4,
            "claim_buckets_since" => 1024 * 4,
            _ => 40,
        };
        assert!(pages <= most, "{}: {pages} pages to find nothing", hot.name);
    }
}
