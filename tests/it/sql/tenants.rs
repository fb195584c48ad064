//! Tenants are kept apart in the database itself (I-8), whatever a login sets or calls.

use sqlx::Connection;

use super::support::{Owner, installed, login, one, refused, rows, run, workflow};

/// Two tenants with a contact, a workflow, an execution and an event each; logins that may speak for `a` only.
async fn two(name: &str) -> Owner {
    let mut db = installed(name).await;
    run(
        &mut db,
        "insert into waypost.tenants (name) values ('a'), ('b')",
    )
    .await;
    for tenant in ["a", "b"] {
        workflow(&mut db, tenant, "w", "").await;
        run(&mut db, &format!("set waypost.tenant = '{tenant}'; insert into crm.contacts (id, email) values ('{}', '{tenant}@example.com')", contact(tenant))).await;
        run(&mut db, &format!("select waypost.enroll('w', '{}'); select waypost.emit('x', '{}'); reset waypost.tenant", contact(tenant), contact(tenant))).await;
    }
    for (member, role) in [
        ("waypost_test_app", "waypost_app"),
        ("waypost_test_report", "waypost_report"),
    ] {
        login(&mut db, member, &[role]).await;
        run(&mut db, &format!("insert into waypost.role_tenants (role_name, tenant_id) select '{member}', id from waypost.tenants where name = 'a'")).await;
    }
    db
}

fn contact(tenant: &str) -> String {
    format!("00000000-0000-7000-8000-00000000000{tenant}")
}

#[tokio::test]
async fn an_application_speaks_for_its_tenant_only() {
    let mut owner = two("app").await;
    let of_b = one(
        &mut owner,
        "select id::text from waypost.executions where tenant = 'b'",
    )
    .await;
    let b = contact("b");
    let mut app = owner.connect_as("waypost_test_app").await;

    run(&mut app, "set waypost.tenant = 'a'").await;
    run(
        &mut app,
        "insert into crm.contacts (email) values ('new@example.com')",
    )
    .await;
    assert_eq!(
        one(&mut app, "select count(*)::text from crm.contacts").await,
        "2"
    );
    assert_eq!(
        one(
            &mut app,
            &format!(
                "select concat_ws('/', outcome, reason) from waypost.enroll('w', '{}')",
                contact("a")
            )
        )
        .await,
        "duplicate/duplicate"
    );
    assert_eq!(
        one(
            &mut app,
            &format!("select concat_ws('/', outcome, reason) from waypost.enroll('w', '{b}')")
        )
        .await,
        "blocked/unknown_contact"
    );
    assert_eq!(
        one(
            &mut app,
            &format!(
                "select count(*)::text from waypost.explain('{b}', 'w') where outcome = 'enrolled'"
            )
        )
        .await,
        "0"
    );
    assert_ne!(
        one(
            &mut app,
            &format!(
                "select count(*)::text from waypost.explain('{}', 'w')",
                contact("a")
            )
        )
        .await,
        "0"
    );

    // Whatever it sets: another tenant, none, or what only definer functions may.
    for setting in [
        "set waypost.tenant = 'b'",
        "reset waypost.tenant",
        "set waypost.tenant = 'b'; set waypost.scope = '*'",
    ] {
        run(&mut app, setting).await;
        assert_eq!(
            one(
                &mut app,
                &format!("select concat_ws('/', outcome, reason) from waypost.enroll('w', '{b}')")
            )
            .await,
            "blocked/unknown_tenant",
            "{setting}"
        );
        assert_eq!(
            one(&mut app, "select count(*)::text from crm.contacts").await,
            "0",
            "{setting}"
        );
        let calls = [
            (format!("select waypost.emit('x', '{b}')"), "WP001"),
            ("select waypost.emit_batch(waypost.current_tenant(), '{x}', null)".to_owned(), "WP001"),
            (format!("select * from waypost.explain('{b}', 'w')"), "WP001"),
            (format!("select waypost.cancel('{of_b}')"), "WP001"),
            (format!("select waypost.pause('{of_b}')"), "WP001"),
            (format!("select waypost.resume('{of_b}')"), "WP001"),
            (format!("select waypost.retry('{of_b}')"), "WP001"),
            (format!("select waypost.skip_wait('{of_b}')"), "WP001"),
            (format!("select waypost.move('{of_b}', 'a')"), "WP001"),
            (format!("select waypost.review('{of_b}', null, 'approved')"), "WP001"),
            (format!("select waypost.settle('{of_b}', 'sent')"), "WP001"),
            (format!("insert into crm.contacts (tenant_id, id) values ('b', '{}')", contact("a")), "42501"),
            ("select waypost.secure()".to_owned(), "42501"),
            ("select waypost.enroll_batch(2, '{1}', null, null, null, null, null, null, null, now())".to_owned(), "42501"),
            ("set role waypost_worker".to_owned(), "42501"),
            ("set role waypost_owner".to_owned(), "42501"),
        ];
        for (call, code) in calls {
            assert_eq!(refused(&mut app, &call).await.0, code, "{setting}: {call}");
        }
    }
    run(
        &mut app,
        "set waypost.tenant = 'a'; set waypost.scope = '*'",
    )
    .await;
    for call in ["cancel", "pause", "resume", "retry", "skip_wait"] {
        assert_eq!(
            refused(&mut app, &format!("select waypost.{call}('{of_b}')"))
                .await
                .0,
            "WP010",
            "{call}"
        );
    }
    assert_eq!(
        one(
            &mut app,
            "select count(*)::text from crm.contacts where tenant_id = 'b'"
        )
        .await,
        "0"
    );
    run(
        &mut app,
        "delete from crm.contacts; update crm.contacts set tags = '{x}'",
    )
    .await;
    let of_others = rows(
        &mut owner,
        "select status from waypost.executions where tenant = 'b'",
    )
    .await;
    assert_eq!(of_others, ["ready"]);

    let relations = rows(&mut owner, "select c.oid::regclass::text from pg_class c where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p', 'v')").await;
    assert!(relations.len() > 60, "{}", relations.len());
    for relation in relations {
        assert_eq!(
            refused(&mut app, &format!("select * from {relation}"))
                .await
                .0,
            "42501",
            "{relation}"
        );
    }
}

#[tokio::test]
async fn reports_show_their_tenant_in_every_view() {
    let mut owner = two("report").await;
    let mut report = owner.connect_as("waypost_test_report").await;
    let views = rows(&mut owner, "select c.relname::text from pg_class c where c.relnamespace = 'waypost'::regnamespace and c.relkind = 'v'").await;
    let mut seen = 0;
    for view in &views {
        for (tenant, others) in [("a", "tenant <> 'a'"), ("b", "true"), ("default", "true")] {
            run(
                &mut report,
                &format!("set waypost.tenant = '{tenant}'; set waypost.scope = '*'"),
            )
            .await;
            // This one is for other views, which probe it: a join would keep the planner from its indexes.
            let others = match &**view {
                "all_bursts" => others.replace(
                    "tenant",
                    "coalesce((select t.name from waypost.tenants t where t.id = tenant_id), '?')",
                ),
                _ => others.to_owned(),
            };
            let count = one(
                &mut report,
                &format!("select count(*)::text from waypost.{view} where {others}"),
            )
            .await;
            assert_eq!(count, "0", "{view} as {tenant}");
        }
        run(&mut report, "set waypost.tenant = 'a'").await;
        seen += one(
            &mut report,
            &format!("select count(*)::text from waypost.{view}"),
        )
        .await
        .parse::<u32>()
        .expect("a number");
        // Every column can be computed by who may only read.
        rows(
            &mut report,
            &format!("select to_jsonb(v)::text from waypost.{view} v"),
        )
        .await;
    }
    assert!(seen > 5, "its own rows are there");
    assert_eq!(
        refused(&mut report, "delete from waypost.runs").await.0,
        "42501"
    );
    assert_eq!(
        refused(&mut report, "select waypost.emit('x', null)")
            .await
            .0,
        "42501"
    );
}

#[tokio::test]
async fn a_worker_serves_every_tenant_and_the_api_one_at_a_time() {
    let mut db = two("worker").await;
    run(&mut db, "set role waypost_worker").await;
    assert_eq!(
        one(&mut db, "select count(*)::text from waypost.executions").await,
        "2"
    );
    let enrolled = rows(&mut db, "select outcome from waypost.tenants t, waypost.workflows w, waypost.contacts c,
        waypost.enroll_batch(t.id, array[w.id], array[c.id], array['k2'], array[gen_random_uuid()], null, null, null, null, clock_timestamp())
        where w.tenant_id = t.id and c.tenant = t.name").await;
    assert_eq!(enrolled, ["enrolled", "enrolled"]);
    let wrote = one(&mut db, "select waypost.write_contacts(array_agg(tenant), array_agg(id), array_agg('[\"x\"]'::jsonb), null, null)::text from waypost.contacts").await;
    assert_eq!(wrote, "2");
    assert_eq!(
        one(
            &mut db,
            "select count(*)::text from waypost.event_queue where type = 'contact.tag.added'"
        )
        .await,
        "2"
    );
    run(&mut db, "select waypost.emit('x', null, tenant => 'a'); select waypost.emit('x', null, tenant => 'b')").await;

    run(&mut db, "set role waypost_api").await;
    for tenant in ["a", "b"] {
        let mut tx = db.begin().await.expect("it begins");
        run(&mut tx, &format!("set local waypost.tenant = '{tenant}'")).await;
        assert_eq!(
            rows(&mut tx, "select distinct tenant from waypost.executions").await,
            [tenant]
        );
        assert_eq!(
            rows(&mut tx, "select tenant_id from crm.contacts").await,
            [tenant]
        );
        run(&mut tx, "insert into waypost.workflows (tenant_id, slug, name) values (waypost.current_tenant_id(), 'n', 'n')").await;
        let other = refused(
            &mut tx,
            "insert into waypost.workflows (tenant_id, slug, name) values (1, 'n', 'n')",
        )
        .await;
        assert_eq!(other.0, "42501");
        tx.rollback().await.expect("it ends");
    }
}
