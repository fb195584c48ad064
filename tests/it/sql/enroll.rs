//! The enrollment rules: what `waypost.enroll` answers, and that it answers so under concurrency.

use futures::future::join_all;
use sqlx::{Connection, PgConnection};

use super::support::{installed, one, refused, rows, run, workflow};

const CONTACT: &str = "00000000-0000-7000-8000-0000000000c1";

async fn contact(db: &mut PgConnection) {
    run(
        db,
        &format!("insert into crm.contacts (id, email) values ('{CONTACT}', 'c1@example.com')"),
    )
    .await;
}

#[tokio::test]
async fn each_rule_has_its_answer() {
    let mut db = installed("enroll_rules").await;
    contact(&mut db).await;
    // workflow, its rules, the call's arguments, the answer, and the answer to the same call again
    let table = [
        ("plain", "", "", "enrolled", "duplicate/duplicate"),
        (
            "keyed",
            "",
            ", key => 'k'",
            "enrolled",
            "duplicate/duplicate",
        ),
        ("many", "allow_multiple = true", "", "enrolled", "enrolled"),
        (
            "draft",
            "status = 'draft'",
            "",
            "blocked/workflow_draft",
            "blocked/workflow_draft",
        ),
        (
            "paused",
            "status = 'paused'",
            "",
            "blocked/workflow_paused",
            "blocked/workflow_paused",
        ),
        (
            "archived",
            "status = 'archived'",
            "",
            "blocked/workflow_archived",
            "blocked/workflow_archived",
        ),
        (
            "early",
            "starts_at = '2999-01-01'",
            "",
            "blocked/workflow_not_started",
            "blocked/workflow_not_started",
        ),
        (
            "late",
            "ends_at = '2000-01-01'",
            "",
            "blocked/workflow_ended",
            "blocked/workflow_ended",
        ),
        (
            "resting",
            "pauses = '{[2000-01-01 00:00:00+00,2999-01-01 00:00:00+00)}'",
            "",
            "blocked/paused_dates",
            "blocked/paused_dates",
        ),
        (
            "rested",
            "pauses = '{[2000-01-01 00:00:00+00,2001-01-01 00:00:00+00)}'",
            "",
            "enrolled",
            "duplicate/duplicate",
        ),
        (
            "unpublished",
            "version = null",
            "",
            "blocked/workflow_unpublished",
            "blocked/workflow_unpublished",
        ),
        (
            "listed",
            "suppression_lists = '{rivals}'",
            "",
            "blocked/suppressed",
            "blocked/suppressed",
        ),
        (
            "object",
            "key_path = '{order}'",
            ", data => '{\"order\":{\"id\":7}}'",
            "enrolled",
            "duplicate/duplicate",
        ),
        (
            "rendered",
            "key_required = true",
            "",
            "blocked/key_required",
            "blocked/key_required",
        ),
        (
            "rendered2",
            "key_required = true",
            ", key => 'r'",
            "enrolled",
            "duplicate/duplicate",
        ),
        (
            "path",
            "key_path = '{order,id}'",
            ", data => '{\"order\":{\"id\":7}}'",
            "enrolled",
            "duplicate/duplicate",
        ),
        (
            "once",
            "needs_ledger = true, limit_count = 1, allow_multiple = true",
            "",
            "enrolled",
            "blocked/enrollment_limit",
        ),
        (
            "window",
            "needs_ledger = true, limit_count = 1, limit_amount = 1, limit_unit = 'days', allow_multiple = true",
            "",
            "enrolled",
            "blocked/enrollment_limit",
        ),
        (
            "delay",
            "needs_ledger = true, reenroll_amount = 7, reenroll_unit = 'days', allow_multiple = true",
            "",
            "enrolled",
            "blocked/re_enrollment_delay",
        ),
        // A live key goes before the rules of the ledger.
        (
            "seed",
            "needs_ledger = true, reenroll_amount = 7, reenroll_unit = 'days'",
            "",
            "enrolled",
            "duplicate/duplicate",
        ),
    ];
    run(
        &mut db,
        "select waypost.suppress('example.com', list => 'rivals', reason => 'works there'),
                waypost.suppress('c1@example.com', expires_at => '2001-01-01')",
    )
    .await;
    for (slug, rules, arguments, first, second) in table {
        workflow(&mut db, "default", slug, rules).await;
        let call = format!(
            "select concat_ws('/', outcome, reason) from waypost.enroll('{slug}', '{CONTACT}'{arguments})"
        );
        assert_eq!(one(&mut db, &call).await, first, "{slug}, first");
        assert_eq!(one(&mut db, &call).await, second, "{slug}, second");
    }
    let numbers = rows(
        &mut db,
        "select distinct reason || ' ' || (detail - 'nextAt' - 'lastStart') || (detail ? 'nextAt')
           from waypost.enrollment_blocks where detail is not null order by 1",
    )
    .await;
    assert_eq!(
        numbers,
        [
            r#"enrollment_limit {"used": 1, "limit": 1, "window": {"unit": "days", "amount": 1}}true"#,
            r#"enrollment_limit {"used": 1, "limit": 1}false"#,
            r#"paused_dates {"until": "2999-01-01T00:00:00+00:00"}false"#,
            r#"re_enrollment_delay {"delay": {"unit": "days", "amount": 7}}true"#,
            r#"suppressed {"kind": "domain", "list": "rivals", "reason": "works there"}false"#,
            r#"workflow_ended {"endsAt": "2000-01-01T00:00:00+00:00"}false"#,
            r#"workflow_not_started {"startsAt": "2999-01-01T00:00:00+00:00"}false"#,
        ]
    );
    let keys = rows(&mut db, "select key from waypost.executions where workflow in ('path', 'keyed', 'plain') order by 1").await;
    assert_eq!(keys, [CONTACT, "7", "k"]);
    let unknown = [
        (
            "select concat_ws('/', outcome, reason) from waypost.enroll('nope', gen_random_uuid())",
            "blocked/unknown_workflow",
        ),
        (
            "select concat_ws('/', outcome, reason) from waypost.enroll('plain', gen_random_uuid())",
            "blocked/unknown_contact",
        ),
        (
            "select concat_ws('/', outcome, reason) from waypost.enroll('plain', null)",
            "blocked/unknown_contact",
        ),
        (
            "select concat_ws('/', outcome, reason) from waypost.enroll('plain', gen_random_uuid(), tenant => 'nobody')",
            "blocked/unknown_tenant",
        ),
    ];
    for (call, answer) in unknown {
        assert_eq!(one(&mut db, call).await, answer, "{call}");
    }
}

#[tokio::test]
async fn a_duplicate_names_the_live_execution_and_refusals_are_kept() {
    let mut db = installed("enroll_blocks").await;
    contact(&mut db).await;
    workflow(&mut db, "default", "w", "").await;
    let first = one(
        &mut db,
        &format!("select execution_id::text from waypost.enroll('w', '{CONTACT}')"),
    )
    .await;
    let again = one(
        &mut db,
        &format!("select execution_id::text from waypost.enroll('w', '{CONTACT}')"),
    )
    .await;
    assert_eq!(first, again);
    run(&mut db, "update waypost.workflows set status = 'paused'").await;
    run(&mut db, &format!("select waypost.enroll('w', '{CONTACT}')")).await;
    let kept = rows(
        &mut db,
        "select reason from waypost.enrollment_blocks order by at",
    )
    .await;
    assert_eq!(kept, ["duplicate", "workflow_paused"]);
    let (code, message) = refused(
        &mut db,
        &format!("select waypost.enroll('w', '{CONTACT}', strict => true)"),
    )
    .await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("WP003", "not enrolled in \"w\": workflow_paused")
    );
    let explained = rows(
        &mut db,
        &format!("select concat_ws('/', stage, outcome, reason) from waypost.explain('{CONTACT}', 'w') order by at"),
    )
    .await;
    assert_eq!(
        explained,
        [
            "enrollment/enrolled",
            "enrollment/duplicate/duplicate",
            "enrollment/blocked/workflow_paused"
        ]
    );
}

#[tokio::test]
async fn an_end_frees_the_key_and_a_start_counts() {
    let mut db = installed("enroll_again").await;
    contact(&mut db).await;
    workflow(&mut db, "default", "free", "").await;
    workflow(
        &mut db,
        "default",
        "delay",
        "needs_ledger = true, reenroll_amount = 7, reenroll_unit = 'days'",
    )
    .await;
    for (slug, then) in [("free", "enrolled"), ("delay", "enrolled")] {
        let call = format!(
            "select concat_ws('/', outcome, reason) from waypost.enroll('{slug}', '{CONTACT}')"
        );
        assert_eq!(one(&mut db, &call).await, "enrolled");
        run(&mut db, &format!("select waypost.cancel(id) from waypost.executions where workflow = '{slug}' and ended_at is null")).await;
        // Cancelled before its first burst: it never started, so it does not count.
        assert_eq!(one(&mut db, &call).await, then, "{slug}");
    }
    // As the first burst does it: the reservation becomes a start.
    run(&mut db, "update waypost.enrollments set starts = array[reserved_at - interval '6 days'], reserved_at = null").await;
    run(&mut db, "select waypost.cancel(id) from waypost.executions where workflow = 'delay' and ended_at is null").await;
    let call =
        format!("select concat_ws('/', outcome, reason) from waypost.enroll('delay', '{CONTACT}')");
    assert_eq!(one(&mut db, &call).await, "blocked/re_enrollment_delay");
    run(
        &mut db,
        "update waypost.enrollments set starts = array[starts[1] - interval '2 days']",
    )
    .await;
    assert_eq!(one(&mut db, &call).await, "enrolled");
}

#[tokio::test]
async fn one_call_for_many_keeps_the_limit_within_itself() {
    let mut db = installed("enroll_many").await;
    run(&mut db, "insert into crm.contacts (email) select g || '@example.com' from generate_series(1, 500) g").await;
    workflow(
        &mut db,
        "default",
        "twice",
        "needs_ledger = true, limit_count = 2, allow_multiple = true",
    )
    .await;
    let outcomes = rows(
        &mut db,
        "select outcome || ' ' || count(*) from waypost.enroll_many('twice',
           (select array_agg(id) || array_agg(id) || array_agg(id) from crm.contacts)) group by outcome order by 1",
    )
    .await;
    assert_eq!(outcomes, ["blocked 500", "enrolled 1000"]);
}

#[tokio::test]
async fn of_32_sessions_exactly_as_many_enrol_as_may() {
    for (rules, may) in [
        ("", 1),
        (
            "needs_ledger = true, limit_count = 1, allow_multiple = true",
            1,
        ),
        (
            "needs_ledger = true, limit_count = 5, allow_multiple = true",
            5,
        ),
    ] {
        let mut db = installed("enroll_32").await;
        contact(&mut db).await;
        workflow(&mut db, "default", "w", rules).await;
        let database = &db.db;
        let sessions = (0..32).map(|_| async {
            let mut session = database.connect().await;
            let answer = one(
                &mut session,
                &format!("select outcome from waypost.enroll('w', '{CONTACT}')"),
            )
            .await;
            session.close().await.expect("the session ends");
            answer
        });
        let answers = join_all(sessions).await;
        assert_eq!(
            answers.iter().filter(|a| *a == "enrolled").count(),
            may,
            "{rules}: {answers:?}"
        );
        assert_eq!(
            one(&mut db, "select count(*)::text from waypost.executions").await,
            may.to_string()
        );
    }
}

#[tokio::test]
async fn a_rolled_back_enrolment_never_was() {
    let mut db = installed("enroll_rollback").await;
    workflow(&mut db, "default", "w", "").await;
    for round in 0..20 {
        let mut tx = db.begin().await.expect("it begins");
        let id = one(
            &mut tx,
            "insert into crm.contacts (email) values ('x@example.com') returning id::text",
        )
        .await;
        run(
            &mut tx,
            &format!(
                "select waypost.enroll('w', '{id}'); select waypost.emit('order.placed', '{id}')"
            ),
        )
        .await;
        if round % 2 == 0 {
            tx.commit().await
        } else {
            tx.rollback().await
        }
        .expect("it ends");
    }
    assert_eq!(
        one(&mut db, "select count(*)::text from waypost.executions").await,
        "10"
    );
    assert_eq!(
        one(
            &mut db,
            "select count(*)::text from waypost.event_log where type = 'order.placed'"
        )
        .await,
        "10"
    );
}

#[tokio::test]
async fn an_event_has_one_id_for_one_dedupe_key() {
    let mut db = installed("emit").await;
    let keyed =
        format!("select waypost.emit('order.placed', '{CONTACT}', dedupe_key => 'o1')::text");
    let first = one(&mut db, &keyed).await;
    assert_eq!(one(&mut db, &keyed).await, first);
    let other = one(
        &mut db,
        "select waypost.emit('order.placed', null, dedupe_key => 'o1')::text",
    )
    .await;
    assert_ne!(
        other, first,
        "without a contact the key has the tenant's scope"
    );
    let batch = rows(
        &mut db,
        &format!("select e::text from waypost.emit_batch('default', '{{a,b,c}}', array['{CONTACT}','{CONTACT}','{CONTACT}']::uuid[],
                   null, '{{o1,o2,o2}}') e"),
    )
    .await;
    assert_eq!((batch[0] == first, batch[1] == batch[2]), (true, true));
    assert_eq!(
        one(&mut db, "select count(*)::text from waypost.event_log").await,
        "3"
    );
    let (code, _) = refused(
        &mut db,
        "select waypost.emit('x', null, tenant => 'nobody')",
    )
    .await;
    assert_eq!(code, "WP001");
}

#[tokio::test]
async fn sets_in_opposite_orders_do_not_deadlock() {
    let mut db = installed("enroll_orders").await;
    run(&mut db, "insert into crm.contacts (email) select g || '@example.com' from generate_series(1, 300) g").await;
    workflow(&mut db, "default", "plain", "").await;
    workflow(
        &mut db,
        "default",
        "ledger",
        "needs_ledger = true, limit_count = 1, allow_multiple = true",
    )
    .await;
    let sessions = (0..8).map(|n| {
        let (database, order) = (&db.db, if n % 2 == 0 { "asc" } else { "desc" });
        async move {
            let mut session = database.connect().await;
            for slug in ["plain", "ledger"] {
                run(&mut session, &format!("select waypost.enroll_many('{slug}', (select array_agg(id order by id {order}) from crm.contacts))")).await;
            }
            session.close().await.expect("the session ends");
        }
    });
    join_all(sessions).await;
    let live = rows(
        &mut db,
        "select workflow || ' ' || count(*) from waypost.executions group by workflow order by 1",
    )
    .await;
    assert_eq!(live, ["ledger 300", "plain 300"]);
}
