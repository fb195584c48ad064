//! F19: a tenant with a mountain of due rows of every kind beside many small ones; what the small ones begin starts at once.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::figure::{Figure, form};
use super::stage::Stage;
use crate::{
    figure::quantile,
    fleet::{Process, deploy},
};

const FIGURE: Figure = Figure {
    name: "F19",
    fault: "tenant with 1 M due rows beside 1,000 small ones",
    wanted: "small ones' p99 start at most 1 s",
};

/// Whether the mountain still has executions and events. Probes, no counts: to count a mountain takes the processor from
/// those who carry it off.
const LEFT: &str = "select exists (select from waypost.runs r where r.tenant_id = t.id),
                           exists (select from waypost.event_queue q where q.tenant_id = t.id)
                      from waypost.tenants t where t.name = 'big'";

/// Half of the mountain is due executions, the other half events, and timers that become events.
async fn heap(app: &mut PgConnection, c: &mut PgConnection, rows: i64) {
    app.execute("set waypost.tenant = 'big'").await.unwrap();
    sqlx::query("insert into crm.contacts (email) select 'big' from generate_series(1, $1)")
        .bind(rows / 4)
        .execute(app)
        .await
        .unwrap();
    let of_big = "from waypost.workflows w
                  join waypost.tenants t on t.id = w.tenant_id and t.name = 'big'
                  join crm.contacts c on c.email = 'big'
                 cross join lateral (select waypost.bucket_of(t.id, c.id) as bucket) b";
    for insert in [
        format!(
            "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
             select b.bucket, waypost.derive_id(1700000000000, b.bucket, w.id::text, c.id::text, g::text), t.id, w.id,
                    w.version, c.id, g::text, clock_timestamp(), clock_timestamp() - interval '1 minute'
               {of_big} cross join generate_series(1, 2) g"
        ),
        format!(
            "insert into waypost.event_queue (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data)
             select b.bucket, clock_timestamp() - interval '1 minute', gen_random_uuid(), t.id, c.id, 'custom.event',
                    clock_timestamp(), '{{\"name\": \"arrived\"}}' {of_big}"
        ),
        format!(
            "insert into waypost.timers (bucket, id, tenant_id, contact_id, due_at, event_type, workflow_id, trigger_id,
                    subject, occurrence_key, data)
             select b.bucket, gen_random_uuid(), t.id, c.id, clock_timestamp() - interval '1 minute', 'custom.event', w.id,
                    't', 's', c.id::text, '{{\"name\": \"noise\"}}' {of_big}"
        ),
    ] {
        c.execute(AssertSqlSafe(insert)).await.unwrap();
    }
}

/// Tenants `s1` and so on, each with the workflow that `default` published.
async fn small_ones(app: &mut PgConnection, count: i64) {
    sqlx::query("insert into waypost.tenants (name) select 's' || g from generate_series(1, $1) g")
        .bind(count)
        .execute(&mut *app)
        .await
        .unwrap();
    for copy in [
        "insert into waypost.workflows (tenant_id, slug, name, status, version, needs_ledger)
         select t.id, w.slug, w.name, w.status, w.version, w.needs_ledger
           from waypost.workflows w join waypost.tenants d on d.id = w.tenant_id and d.name = 'default'
           join waypost.tenants t on t.name like 's%'",
        "insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum)
         select n.id, v.version, n.tenant_id, v.definition, v.steps, v.goals, v.checksum
           from waypost.workflows n join waypost.tenants t on t.id = n.tenant_id and t.name like 's%'
           join waypost.workflows w on w.slug = n.slug join waypost.tenants d on d.id = w.tenant_id and d.name = 'default'
           join waypost.versions v on v.workflow_id = w.id",
        "insert into waypost.trigger_index (tenant_id, event_type, workflow_id, trigger_id, version)
         select n.tenant_id, i.event_type, n.id, i.trigger_id, i.version
           from waypost.workflows n join waypost.tenants t on t.id = n.tenant_id and t.name like 's%'
           join waypost.workflows w on w.slug = n.slug join waypost.tenants d on d.id = w.tenant_id and d.name = 'default'
           join waypost.trigger_index i on i.workflow_id = w.id",
    ] {
        sqlx::query(copy).execute(&mut *app).await.unwrap();
    }
}

/// One more contact of this tenant, which begins by the call or by an event.
async fn begin(app: &mut PgConnection, tenant: i64, called: bool) -> Uuid {
    let mut tx = app.begin().await.unwrap();
    sqlx::query("select set_config('waypost.tenant', 's' || $1::text, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await
        .unwrap();
    let contact: Uuid =
        sqlx::query_scalar("insert into crm.contacts (email) values ('small') returning id")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    let how = if called {
        "select waypost.enroll('greet', $1, strict => true)"
    } else {
        "select waypost.emit('custom.event', $1, '{\"name\": \"arrived\"}')"
    };
    sqlx::query(how)
        .bind(contact)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    contact
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_small_tenants_start_at_once_beside_a_mountain() {
    let rows: i64 = form(200_000, 1_000_000);
    let tenants: i64 = form(200, 1_000);
    let lasts = Duration::from_secs(form(8, 60));
    let at_least: usize = form(60, 400);
    let mut stage = Stage::new("crowded", None).await;
    let greet = json!({
        "id": "greet",
        "trigger": {"type": "custom.event", "config": {"name": "arrived"}},
        "actions": [{"id": "note", "type": "add_note", "config": {"body": "hello"}}],
    });
    let mut app = stage.db.connect().await;
    for tenant in ["default", "big"] {
        sqlx::query("insert into waypost.tenants (name) values ($1) on conflict do nothing")
            .bind(tenant)
            .execute(&mut app)
            .await
            .unwrap();
        deploy(&stage.db, tenant, &greet);
    }
    small_ones(&mut app, tenants).await;
    heap(&mut app, &mut stage.c, rows).await;
    let _worker = Process::as_shipped(&stage.db.url());
    stage
        .until_none(
            "workers not in full swing",
            "select (case when count(*) < 4000 then 1 else 0 end)::int8 from waypost.finished",
            Duration::from_secs(90),
        )
        .await
        .unwrap();
    let mut open: HashMap<Uuid, Instant> = HashMap::new();
    let mut starts = Vec::new();
    let mut tick = interval(Duration::from_millis(40));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    let mut next = 0;
    // However fast the mountain is carried off: only what began beside it counts.
    let mut beside = true;
    let mut looked = begun;
    while beside || !open.is_empty() {
        tick.tick().await;
        if beside && looked.elapsed() >= Duration::from_millis(200) {
            looked = Instant::now();
            let left: (bool, bool) = sqlx::query_as(LEFT).fetch_one(&mut stage.c).await.unwrap();
            beside = left == (true, true) && begun.elapsed() < lasts;
        }
        if beside {
            for _ in 0..2 {
                next = next % tenants + 1;
                let contact = begin(&mut app, next, next % 2 == 0).await;
                open.insert(contact, Instant::now());
            }
        }
        // The note is committed with the end; it has an index by contact, so that to look costs the server little.
        let ended: Vec<Uuid> = sqlx::query_scalar(
            "select n.contact_id from crm.notes n where n.contact_id = any ($1)",
        )
        .bind(open.keys().copied().collect::<Vec<_>>())
        .fetch_all(&mut stage.c)
        .await
        .unwrap();
        for contact in ended {
            if let Some(at) = open.remove(&contact) {
                starts.push(at.elapsed());
            }
        }
        assert!(
            begun.elapsed() < lasts + Duration::from_secs(60),
            "{} of the small ones never began",
            open.len()
        );
    }
    assert!(
        starts.len() >= at_least,
        "the mountain was gone after {} of the small ones",
        starts.len()
    );
    // Where the time goes, for whoever wants to know.
    let parts: String = sqlx::query_scalar(
        "select format('called %s s, heard: matched after %s s, then %s s',
                round(avg(extract(epoch from b.at - f.enrolled_at)) filter (where e.id is null), 2),
                round(avg(extract(epoch from e.matched_at - e.recorded_at)), 2),
                round(avg(extract(epoch from b.at - e.matched_at)), 2))
           from waypost.finished f join waypost.tenants t on t.id = f.tenant_id and t.name like 's%'
           join waypost.all_bursts b on b.execution_id = f.id
           left join waypost.events e on e.contact_id = f.contact_id and e.type = 'custom.event'",
    )
    .fetch_one(&mut stage.c)
    .await
    .unwrap();
    println!("{parts}");
    let of = starts.len();
    let (p50, p99) = (quantile(&mut starts, 0.5), quantile(&mut starts, 0.99));
    FIGURE.reached(
        p99 <= Duration::from_secs(1),
        format!(
            "{rows} rows due of one, {tenants} others; of {of} begun p50 {:.2} s, p99 {:.2} s (to their end, seen from outside)",
            p50.as_secs_f64(),
            p99.as_secs_f64()
        ),
    );
}
