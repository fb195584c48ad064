//! What a round holds in its hand is found by its key: every hot statement that is given rows keeps its plan, kept as a
//! snapshot, and costs what the rows cost, on tables that are full and were never analysed.
//!
//! Plans are told without costs, and all partitions of a table as one, so that one snapshot serves every server.

use std::fmt::Write as _;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use waypost::testing::TestDb;

use crate::{
    plans::{called, explained, fill, leave_unanalysed, nodes, pages, pour, worker_session},
    support::database,
};

/// Rows that a statement is given.
const GIVEN: usize = 500;

/// A statement, what it is called with, and the most pages for one row that it is given.
struct Held {
    name: &'static str,
    sql: &'static str,
    /// A statement that answers the arguments as text.
    args: &'static str,
    pages: usize,
}

macro_rules! held {
    ($name:literal, $args:expr, $pages:literal) => {
        Held {
            name: $name,
            sql: include_str!(concat!("../../sql/queries/", $name, ".sql")),
            args: $args,
            pages: $pages,
        }
    };
}

/// Some live executions: buckets and ids, after which come more columns.
macro_rules! runs {
    ($more:literal) => {
        concat!(
            "select format('%L, %L', array_agg(x.bucket), array_agg(x.id)) || ",
            $more,
            " from (select r.* from waypost.runs r where r.bucket < 100 and r.due_at < clock_timestamp()
                     order by r.bucket, r.id limit 500) x"
        )
    };
}

/// Some sends that are claimed, likewise.
macro_rules! sends {
    ($more:literal) => {
        concat!(
            "select format('%L, %L', array_agg(x.bucket), array_agg(x.id)) || ",
            $more,
            " from (select o.* from waypost.sends o where o.state = 1 order by o.bucket, o.id limit 500) x"
        )
    };
}

fn statements() -> Vec<Held> {
    vec![
        held!("claim_ids", runs!("''"), 12),
        held!("present_ids", runs!("''"), 5),
        held!(
            "claim_contact_runs",
            "select format('%L, %L, %L', array_agg(x.bucket), array_agg(x.tenant_id), array_agg(x.contact_id))
               from (select * from waypost.runs where bucket < 100 order by bucket, contact_id limit 500) x",
            12
        ),
        held!(
            "count_contact_runs",
            "select format('%L, %L, %L', array_agg(x.bucket), array_agg(x.tenant_id), array_agg(x.contact_id))
               from (select * from waypost.runs where bucket < 100 order by bucket, contact_id limit 500) x",
            // Four to find the first of a contact, four to see that there is no other.
            9
        ),
        held!(
            "postpone",
            runs!("format(', %L', array_agg(clock_timestamp()))"),
            45
        ),
        held!(
            "update_runs",
            "select format('%L, %L, %L, %L, %L, %L, %L, %L, %L', array_agg(x.id), array_agg(1), array_agg(1), array_agg(0),
                           array_agg(x.due_at), array_agg('{}'::text), array_agg(x.ctid) filter (where x.bucket % 2 = 0),
                           array_agg(x.bucket) filter (where x.bucket % 2 = 1), array_agg(x.id) filter (where x.bucket % 2 = 1))
               from (select r.ctid, r.* from waypost.runs r where r.bucket < 100 order by r.bucket, r.id limit 500) x",
            45
        ),
        // Those that leave the hot table; the rows of the cold one are made of the arrays alone.
        held!(
            "insert_finished",
            "select repeat('''{}'', ', 27)
                    || format('%L, %L, %L', array_agg(x.ctid) filter (where x.bucket % 2 = 0),
                              array_agg(x.bucket) filter (where x.bucket % 2 = 1), array_agg(x.id) filter (where x.bucket % 2 = 1))
               from (select r.ctid, r.* from waypost.runs r where r.bucket < 100 and r.due_at < clock_timestamp()
                      order by r.bucket, r.id limit 500) x",
            12
        ),
        held!(
            "debounce",
            "select format('%L, %L, %L, %L, %L, %L, %L, %L', array_agg(x.bucket), array_agg(x.tenant_id),
                           array_agg(x.contact_id), array_agg(x.workflow_id), array_agg(x.key), array_agg(x.due_at),
                           array_agg('{}'::text), clock_timestamp())
               from (select * from waypost.runs where bucket < 100 and due_at > clock_timestamp()
                      order by bucket, id limit 500) x",
            45
        ),
        held!(
            "barrier",
            sends!("format(', %L', array_agg(x.fence))"),
            45
        ),
        held!(
            "lock_outbox",
            sends!("format(', %L', array_agg(x.fence))"),
            12
        ),
        held!(
            "present_outbox",
            sends!("format(', %L', array_agg(x.fence))"),
            5
        ),
        held!(
            "release_outbox",
            sends!("format(', %L', array_agg(x.fence))"),
            45
        ),
        held!(
            "retry_outbox",
            sends!(
                "format(', %L, %L, %L, %L, %L, %L, %L', array_agg(x.fence), array_agg(x.due_at), array_agg('ok'::text),
                        array_agg('e'::text), array_agg('{}'::text), array_agg(0), array_agg(false))"
            ),
            60
        ),
        held!(
            "finish_outbox",
            sends!(
                "format(', %L, %L, %L, %L, %L', array_agg(x.fence), array_agg(3), array_agg('{}'::text),
                        array_agg('e'::text), array_agg(clock_timestamp()))"
            ),
            30
        ),
        held!("lock_sends", sends!("''"), 12),
        held!(
            "cancel_sends",
            sends!("format(', %L', clock_timestamp())"),
            30
        ),
        held!(
            "log_stale",
            sends!(
                "format(', %L, %L, %L, %L, %L', array_agg(1), array_agg(x.fence), array_agg('ok'::text),
                        array_agg('e'::text), array_agg('{}'::text))"
            ),
            60
        ),
        held!("claim_buckets", "select '0::smallint, 128'", 5),
        held!(
            "claim_buckets_since",
            "select '0::smallint, 128, ''2026-01-01'''",
            50
        ),
        held!(
            "read_turn",
            "select format('%L, %L, %L', array_agg(x.bucket), array_agg(x.recorded_at), array_agg(x.id))
               from (select * from waypost.event_queue order by bucket, recorded_at, id limit 500) x",
            // Four for the event, and to see whether its contact has executions.
            10
        ),
        held!(
            "log_events",
            "select format('%L, %L, %L, %L, %L', array_agg(x.bucket), array_agg(x.recorded_at), array_agg(x.id),
                           array_agg('[]'::text), clock_timestamp())
               from (select * from waypost.event_queue order by bucket, recorded_at, id limit 500) x",
            45
        ),
        held!("claim_wakes", "select '1000, null, ''{}'''", 1),
        held!(
            "claim_wakes_of",
            "select format('%L, %L', r.bucket, r.id) from waypost.runs r limit 1",
            1
        ),
        held!("arm_doorbell", "select ''", 1),
        held!(
            "fold_changes",
            "select '1000'",
            1
        ),
        // New rows: given none here, for the plan alone.
        held!(
            "insert_runs",
            "select array_to_string(array_fill('''{}'''::text, array[14]), ', ')",
            1
        ),
        held!(
            "insert_bursts",
            "select array_to_string(array_fill('''{}'''::text, array[12]), ', ')",
            1
        ),
        held!(
            "insert_outbox",
            "select array_to_string(array_fill('''{}'''::text, array[15]), ', ')",
            1
        ),
        held!(
            "insert_blocks",
            "select array_to_string(array_fill('''{}'''::text, array[9]), ', ')",
            1
        ),
    ]
}

/// Tables that are read whole, and why.
const WHOLE: [&str; 1] = [
    // All but empty, without an index, read to be emptied.
    "workflow_changes",
];

/// The plan as people read it: what is done, over which index, on which table. A partition's day is left out, and
/// what is done to each partition stands once.
fn told(plan: &Value) -> String {
    fn tell(plan: &Value, depth: usize, text: &mut String) {
        let of = |name: &str| plan[name].as_str().unwrap_or_default().to_owned();
        let day = regex::Regex::new("_([0-9]{8}|default)(_|$)").unwrap();
        let mut line = of("Node Type");
        if line == "ModifyTable" {
            line = of("Operation");
        }
        for (word, name) in [
            (" using ", "Index Name"),
            (" on ", "Relation Name"),
            (" of ", "CTE Name"),
            (" of ", "Function Name"),
            (" as ", "Subplan Name"),
        ] {
            if !of(name).is_empty() {
                let shown = day.replace(&of(name), "_*$2").into_owned();
                // Some servers say what it returns.
                let shown = shown.split(" (").next().unwrap_or_default();
                let _ = write!(line, "{word}{shown}");
            }
        }
        let mut inner = Vec::new();
        for one in plan["Plans"].as_array().into_iter().flatten() {
            let mut part = String::new();
            tell(one, depth + 1, &mut part);
            if inner.last() != Some(&part) {
                inner.push(part);
            }
        }
        let _ = writeln!(text, "{}{line}", "  ".repeat(depth));
        text.extend(inner);
    }
    let mut text = String::new();
    tell(plan, 0, &mut text);
    text
}

async fn arguments(c: &mut PgConnection, held: &Held) -> String {
    sqlx::query_scalar(AssertSqlSafe(held.args.to_owned()))
        .fetch_one(c)
        .await
        .unwrap_or_else(|e| panic!("{}: {e}", held.name))
}

/// A worker plans a statement when it meets it first, which may be on a new database, and keeps the plan.
#[tokio::test]
async fn plans_that_were_made_on_empty_tables_serve_full_ones() {
    let db = database("plans_early").await;
    let mut owner = db.connect().await;
    leave_unanalysed(&mut owner).await;
    serve(&db, "early").await;
}

/// While somebody holds a snapshot the dead rows stay, and whoever counts the rows of the table meanwhile finds next to
/// none: then every index looks good for everything.
#[tokio::test]
async fn plans_that_were_made_among_dead_rows_walk_none() {
    let db = database("plans_worn").await;
    let mut owner = db.connect().await;
    leave_unanalysed(&mut owner).await;
    let mut holder = db.connect().await;
    for statement in [
        "begin isolation level repeatable read",
        "select from waypost.runs",
    ] {
        holder.execute(statement).await.unwrap();
    }
    for statement in [
        "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
         select g % 1024, gen_random_uuid(), 1, 1, 1, gen_random_uuid(), g, clock_timestamp(), 'epoch'
           from generate_series(1, 100000) g",
        "delete from waypost.runs",
        "vacuum (analyze) waypost.runs",
    ] {
        owner.execute(statement).await.unwrap();
    }
    serve(&db, "worn").await;
    holder.execute("rollback").await.unwrap();
}

/// Plans first, rows later.
async fn serve(db: &TestDb, mode: &str) {
    let mut owner = db.connect().await;
    let mut c = worker_session(db).await;
    let statements = statements();
    for (n, held) in statements.iter().enumerate() {
        let prepare = format!("prepare held{n} as {}", held.sql);
        c.execute(AssertSqlSafe(prepare)).await.unwrap();
        let asked: i32 = sqlx::query_scalar(
            "select cardinality(parameter_types) from pg_prepared_statements where name = $1",
        )
        .bind(format!("held{n}"))
        .fetch_one(&mut c)
        .await
        .unwrap();
        let nulls = vec!["null"; asked as usize].join(", ");
        let plan = format!("explain execute held{n}{}", called(&nulls));
        c.execute(AssertSqlSafe(plan)).await.unwrap();
    }
    pour(db).await;
    let mut wrong = Vec::new();
    for (n, held) in statements.iter().enumerate() {
        let args = arguments(&mut owner, held).await;
        let explain = format!(
            "explain (analyze, buffers, timing off, format json) execute held{n}{}",
            called(&args)
        );
        let mut tx = c.begin().await.unwrap();
        let row = tx.fetch_one(AssertSqlSafe(explain)).await.unwrap();
        let plan: Value = row.get(0);
        tx.rollback().await.unwrap();
        wrong.extend(judge(held, mode, &plan[0]["Plan"]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with how it ran.
fn judge(held: &Held, mode: &str, plan: &Value) -> Vec<String> {
    let (name, mut wrong, mut found) = (held.name, Vec::new(), Vec::new());
    nodes(plan, &mut found);
    for (kind, _, table) in &found {
        if *kind == "Seq Scan" && !WHOLE.contains(table) {
            wrong.push(format!("{name}, {mode}: reads {table} whole"));
        }
    }
    let (cost, most) = (pages(plan), held.pages * GIVEN);
    println!("{name:<20} {mode:<8} {cost:>7} pages");
    if cost > most {
        wrong.push(format!("{name}, {mode}: {cost} pages, more than {most}"));
    }
    wrong
}

/// Millions of executions wait, thousands in every bucket: what belongs to one contact is found without its neighbours.
#[tokio::test]
async fn a_contact_is_found_in_a_crowded_bucket() {
    let db = database("plans_crowd").await;
    let mut c = db.connect().await;
    for statement in [
        "insert into waypost.tenants (id, name) overriding system value values (1, 'large') on conflict do nothing",
        "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
         select 7, gen_random_uuid(), 1, g % 2 + 1, 1, lpad((g / 3)::text, 32, '0')::uuid, g, clock_timestamp(),
                clock_timestamp() + interval '1 year'
           from generate_series(1, 30000) g",
        "insert into waypost.event_queue (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data)
         select 7, '2026-03-01', lpad(g::text, 32, '0')::uuid, 1, lpad(g::text, 32, '0')::uuid, 'a.b', '2026-03-01', '{}'
           from generate_series(1, 2) g",
        "vacuum (analyze) waypost.runs",
        "vacuum (analyze) waypost.event_queue",
    ] {
        c.execute(statement).await.unwrap();
    }
    let mut worker = worker_session(&db).await;
    let two = "'{7,7}', '{1,1}', '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002}'";
    let events = "'{7,7}', '{2026-03-01,2026-03-01}',
                  '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002}'";
    let later = "'{1,2}', '{3,7}', '{2027-01-01,2027-01-01}', '{\"{}\",\"{}\"}', '2026-01-01'";
    for (name, sql, args, rows) in [
        (
            "claim_contact_runs",
            include_str!("../../sql/queries/claim_contact_runs.sql"),
            two.to_owned(),
            6.0,
        ),
        (
            "count_contact_runs",
            include_str!("../../sql/queries/count_contact_runs.sql"),
            two.to_owned(),
            2.0,
        ),
        (
            "read_events",
            include_str!("../../sql/queries/read_events.sql"),
            "'{7}', 100, '{}', null, 100".to_owned(),
            2.0,
        ),
        (
            "read_turn",
            include_str!("../../sql/queries/read_turn.sql"),
            events.to_owned(),
            2.0,
        ),
        (
            "debounce",
            include_str!("../../sql/queries/debounce.sql"),
            format!("{two}, {later}"),
            1.0,
        ),
    ] {
        for mode in ["custom", "generic"] {
            let plan = explained(&mut worker, sql, &args, mode).await;
            assert_eq!(plan["Actual Rows"].as_f64(), Some(rows), "{name}, {mode}");
            let cost = pages(&plan);
            println!("{name:<20} {mode:<8} {cost:>7} pages");
            assert!(cost < 80, "{name}, {mode}: {cost} pages");
        }
    }
}

#[tokio::test]
async fn hot_statements_keep_their_plans() {
    let db = database("plans_held").await;
    fill(&db).await;
    let mut owner = db.connect().await;
    let mut c = worker_session(&db).await;
    let (mut wrong, mut all) = (Vec::new(), String::new());
    for held in statements() {
        let name = held.name;
        let args = arguments(&mut owner, &held).await;
        for mode in ["custom", "generic"] {
            let plan = explained(&mut c, held.sql, &args, mode).await;
            wrong.extend(judge(&held, mode, &plan));
            if mode == "generic" {
                let _ = writeln!(all, "{name}\n{}", told(&plan));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!("hot_plans", all);
}
