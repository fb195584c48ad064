//! The reference CRM: its events, timers, and what the engine writes through the mapping.

use sqlx::PgConnection;

use super::support::{installed, one, refused, rows, run, workflow};

const CONTACT: &str = "00000000-0000-7000-8000-0000000000c1";

async fn types(db: &mut PgConnection) -> Vec<String> {
    let all = rows(
        db,
        "select type from waypost.event_queue order by recorded_at, id",
    )
    .await;
    run(db, "delete from waypost.event_queue").await;
    all
}

#[tokio::test]
async fn each_write_makes_its_events() {
    let mut db = installed("crm_events").await;
    let table = [
        (
            format!("insert into crm.contacts (id, tags) values ('{CONTACT}', '{{a}}')"),
            vec!["contact.created", "contact.tag.added"],
        ),
        (
            "update crm.contacts set tags = '{a,b}'".into(),
            vec!["contact.tag.added"],
        ),
        (
            "update crm.contacts set tags = '{b}'".into(),
            vec!["contact.tag.removed"],
        ),
        (
            "update crm.contacts set dnd = '{\"sms\":true}'".into(),
            vec!["contact.dnd.changed"],
        ),
        // Nobody reads these two, and by default they are not kept.
        ("update crm.contacts set city = 'Bonn'".into(), vec![]),
        (
            format!(
                "insert into crm.form_submissions (form_id, contact_id) values ('f', '{CONTACT}')"
            ),
            vec![],
        ),
        (
            "update crm.form_submissions set status = 'submitted'".into(),
            vec!["form.submitted"],
        ),
        ("update crm.form_submissions set page = '/x'".into(), vec![]),
        (
            format!("insert into crm.payments (contact_id, amount) values ('{CONTACT}', 10)"),
            vec!["payment.successful"],
        ),
        (
            "update crm.payments set status = 'refunded'".into(),
            vec!["payment.refunded"],
        ),
        (
            format!(
                "insert into crm.payments (contact_id, amount, status) values ('{CONTACT}', 10, 'failed')"
            ),
            vec!["payment.failed"],
        ),
        (
            format!(
                "insert into crm.payments (contact_id, amount, status) values ('{CONTACT}', 10, 'pending')"
            ),
            vec![],
        ),
    ];
    for (write, events) in table {
        run(&mut db, &write).await;
        assert_eq!(types(&mut db).await, events, "{write}");
    }
    assert_eq!(
        one(
            &mut db,
            "select (last_purchase_date is not null)::text from waypost.contacts"
        )
        .await,
        "true"
    );
}

#[tokio::test]
async fn a_field_change_is_written_where_somebody_reads_it() {
    let mut db = installed("crm_interest").await;
    workflow(&mut db, "default", "w", "").await;
    run(&mut db, &format!("insert into crm.contacts (id) values ('{CONTACT}'); delete from waypost.event_queue;
        insert into waypost.interests (tenant_id, event_type, field, workflow_id, version)
          select tenant_id, 'contact.field.changed', 'lastPurchaseDate', id, 1 from waypost.workflows")).await;
    run(
        &mut db,
        "update crm.contacts set city = 'Bonn', last_purchase_date = '2027-01-02T03:04:05Z'",
    )
    .await;
    let data = one(
        &mut db,
        "select data ->> 'field' || (new ->> 'lastPurchaseDate') from waypost.event_queue",
    )
    .await;
    assert_eq!(data, "lastPurchaseDate2027-01-02T03:04:05Z");
    // Nothing changed: nothing happened.
    run(
        &mut db,
        "delete from waypost.event_queue; update crm.contacts set city = 'Bonn'",
    )
    .await;
    assert!(types(&mut db).await.is_empty());
}

#[tokio::test]
async fn the_cause_of_a_workers_write_travels_with_its_events() {
    let mut db = installed("crm_cause").await;
    run(&mut db, &format!("insert into crm.contacts (id) values ('{CONTACT}'), (waypost.new_id()); delete from waypost.event_queue;
        begin; set local waypost.cause = '{{\"{CONTACT}\": {{\"execution\": \"{CONTACT}\", \"workflow\": 1, \"depth\": 2}}}}';
        update crm.contacts set tags = '{{x}}'; commit")).await;
    let depths = rows(
        &mut db,
        "select cause ->> 'depth' from waypost.event_queue order by 1",
    )
    .await;
    assert_eq!(depths, ["2", ""]);
}

#[tokio::test]
async fn many_rows_are_one_statement_and_roll_back_with_their_writer() {
    let mut db = installed("crm_bulk").await;
    run(&mut db, "begin; insert into crm.contacts (email) select g || '@example.com' from generate_series(1, 20000) g; rollback").await;
    assert!(types(&mut db).await.is_empty());
    run(&mut db, "insert into crm.contacts (email) select g || '@example.com' from generate_series(1, 20000) g").await;
    assert_eq!(
        one(
            &mut db,
            "select count(*) || ' ' || count(distinct contact_id) from waypost.event_queue"
        )
        .await,
        "20000 20000"
    );
}

#[tokio::test]
async fn an_open_form_plans_its_abandonment_and_a_submission_takes_it_back() {
    let mut db = installed("crm_forms").await;
    workflow(&mut db, "default", "w", "").await;
    run(&mut db, &format!("insert into crm.contacts (id) values ('{CONTACT}');
        insert into crm.form_submissions (form_id, contact_id, started_at) values
          ('checkout', '{CONTACT}', '2027-01-01T00:00:00Z'), ('other', '{CONTACT}', '2027-01-01T00:00:00Z');
        insert into waypost.trigger_index (tenant_id, event_type, workflow_id, trigger_id, version, discriminator, config)
          select tenant_id, 'form.abandoned', id, 't', 1, 'checkout', '{{\"formId\":\"checkout\",\"after\":{{\"amount\":30,\"unit\":\"minutes\"}}}}'
          from waypost.workflows")).await;
    let timers = "select to_char(due_at at time zone 'UTC', 'HH24:MI') || ' ' || (data ->> 'formId') from waypost.timers order by 1";
    assert!(rows(&mut db, timers).await.is_empty());
    assert_eq!(
        one(
            &mut db,
            "select waypost.plan_timers(id)::text from waypost.workflows"
        )
        .await,
        "1"
    );
    assert_eq!(rows(&mut db, timers).await, ["00:30 checkout"]);
    run(
        &mut db,
        "update crm.form_submissions set started_at = '2027-01-01T01:00:00Z'",
    )
    .await;
    assert_eq!(rows(&mut db, timers).await, ["01:30 checkout"]);
    run(&mut db, "insert into waypost.occurrences (bucket, tenant_id, occurrence_key, event_id)
                  select bucket, tenant_id, occurrence_key, id from waypost.timers; delete from waypost.timers;
                  select waypost.plan_timers(id) from waypost.workflows").await;
    assert!(rows(&mut db, timers).await.is_empty(), "it fired already");
    run(&mut db, &format!("insert into crm.form_submissions (form_id, contact_id) values ('checkout', '{CONTACT}')")).await;
    assert_eq!(rows(&mut db, timers).await.len(), 1);
    run(
        &mut db,
        "update crm.form_submissions set status = 'submitted'",
    )
    .await;
    assert!(rows(&mut db, timers).await.is_empty());
}

#[tokio::test]
async fn a_deleted_contact_takes_its_executions_along() {
    let mut db = installed("crm_delete").await;
    workflow(&mut db, "default", "w", "").await;
    run(&mut db, &format!("insert into crm.contacts (id) values ('{CONTACT}'); select waypost.enroll('w', '{CONTACT}')")).await;
    run(&mut db, "begin; delete from crm.contacts; rollback").await;
    assert_eq!(
        one(&mut db, "select status from waypost.executions").await,
        "ready"
    );
    run(&mut db, "delete from crm.contacts").await;
    assert_eq!(
        one(
            &mut db,
            "select concat_ws('/', status, reason) from waypost.executions"
        )
        .await,
        "cancelled/contact_deleted"
    );
}

#[tokio::test]
async fn contacts_are_written_as_deltas_in_the_order_given() {
    let mut db = installed("crm_write").await;
    run(&mut db, &format!("insert into crm.contacts (id, tags, custom_fields) values ('{CONTACT}', '{{a,b}}', '{{\"old\":1}}');
        insert into crm.custom_fields (name, type) values ('score', 'number'), ('day', 'date'), ('ok', 'boolean')")).await;
    let wrote = one(&mut db, &format!("select waypost.write_contacts('{{default,default,default}}', array['{CONTACT}', '{CONTACT}', gen_random_uuid()]::uuid[],
        array['[\"c\",\"d\"]', '[\"b\"]', '[\"z\"]']::jsonb[], array['[\"b\"]', '[\"c\"]', null]::jsonb[],
        array['{{\"first_name\":\"Ann\",\"score\":\"12\",\"old\":null}}', '{{\"score\":13,\"birth_date\":\"2000-02-29\",\"ok\":\"true\"}}', null]::jsonb[])::text")).await;
    assert_eq!(wrote, "1");
    let contact = one(
        &mut db,
        "select concat_ws(' ', tags, first_name, birth_date, fields) from waypost.contacts",
    )
    .await;
    assert_eq!(
        contact,
        "{a,d,b} Ann 2000-02-29 {\"ok\": true, \"score\": 13}"
    );
    for (field, value) in [
        ("score", "\"x\""),
        ("day", "\"x\""),
        ("ok", "\"x\""),
        ("birth_date", "\"x\""),
        ("full_name", "\"x\""),
    ] {
        let (code, message) = refused(&mut db, &format!("select waypost.write_contacts('{{default}}', array['{CONTACT}']::uuid[], null, null,
            array['{{\"{field}\":{value}}}']::jsonb[])")).await;
        assert_eq!(code, "WP004", "{field}");
        assert!(message.contains(field), "{message}");
    }
    assert_eq!(one(&mut db, &format!("select waypost.add_notes('{{default,default}}', array['{CONTACT}', gen_random_uuid()]::uuid[], '{{hello,lost}}')::text")).await, "1");
    assert_eq!(one(&mut db, &format!("select waypost.lock_contacts('{{default,default}}', array['{CONTACT}', gen_random_uuid()]::uuid[])::text")).await, CONTACT);
}

#[tokio::test]
async fn local_times_follow_the_one_rule() {
    let mut db = installed("spans").await;
    // Berlin, spring: 02:30 does not exist, the next valid instant is 03:00 CEST = 01:00Z. Autumn: 02:30 is twice, the first.
    let table = [
        ("2027-03-27 01:30Z", 1, "days", "2027-03-28T01:00:00Z"),
        ("2027-03-27 01:30Z", 24, "hours", "2027-03-28T01:30:00Z"),
        ("2027-10-30 00:30Z", 1, "days", "2027-10-31T00:30:00Z"),
        ("2027-01-31 12:00Z", 1, "months", "2027-02-28T12:00:00Z"),
        ("2027-03-29 12:00Z", -1, "weeks", "2027-03-22T13:00:00Z"),
    ];
    for (at, amount, unit, then) in table {
        let shifted = one(&mut db, &format!(
            "select to_char(waypost.span_shift('{at}', {amount}, '{unit}', 'Europe/Berlin') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        )).await;
        assert_eq!(shifted, then, "{at} {amount} {unit}");
    }
    assert_eq!(
        one(
            &mut db,
            "select waypost.zone_or('Mars/Base', 'UTC') || waypost.zone_or('Asia/Tokyo', 'UTC')"
        )
        .await,
        "UTCAsia/Tokyo"
    );
}
