//! What operators do to executions: cancel, pause, resume, retry, skip_wait, move.

use sqlx::PgConnection;

use super::support::{installed, one, refused, rows, run, workflow};

const CONTACT: &str = "00000000-0000-7000-8000-0000000000c1";

/// One execution that waits at step `a`, as the machine leaves it.
async fn waiting(db: &mut PgConnection) -> String {
    run(
        db,
        &format!("insert into crm.contacts (id) values ('{CONTACT}')"),
    )
    .await;
    workflow(db, "default", "w", "").await;
    let id = one(
        db,
        &format!("select execution_id::text from waypost.enroll('w', '{CONTACT}')"),
    )
    .await;
    run(
        db,
        "update waypost.runs set status = 1, node = 0, seq = 2, due_at = '2999-01-01',
           state = '{\"s\":true,\"b\":[{\"p\":{\"k\":\"t\",\"s\":1,\"a\":0,\"u\":32472144000000}}]}'",
    )
    .await;
    id
}

/// An outbox row of the execution, at step `a`.
async fn send(db: &mut PgConnection, seq: i32, state: i16, policy: i16) {
    run(
        db,
        &format!(
            "insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step,
               action, policy, state, due_at, created_at, timeout_ms, request)
             select bucket, waypost.outbox_id(id, {seq}), id, {seq}, tenant_id, workflow_id, version, contact_id, 0,
               'send_email', {policy}, {state}, '2027-01-01', '2027-01-01', 1000, '{{}}' from waypost.runs"
        ),
    )
    .await;
}

#[tokio::test]
async fn a_cancel_takes_what_is_pending_and_leaves_what_may_be_on_the_wire() {
    let mut db = installed("cancel").await;
    let id = waiting(&mut db).await;
    // seq, state, policy: 0 pending 1 claimed 2 sending; 0 dedupe 1 reconcile 2 hold 3 retry
    for (seq, state, policy) in [
        (2, 0, 0),
        (3, 1, 0),
        (4, 1, 1),
        (5, 1, 2),
        (6, 1, 3),
        (7, 2, 2),
    ] {
        send(&mut db, seq, state, policy).await;
    }
    assert_eq!(
        one(
            &mut db,
            &format!("select waypost.cancel('{id}', 'no longer')")
        )
        .await,
        "cancelled"
    );
    let cancelled = rows(
        &mut db,
        "select seq::text from waypost.outbox where status = 'cancelled' order by seq",
    )
    .await;
    assert_eq!(cancelled, ["2", "4", "5"]);
    let left = rows(
        &mut db,
        "select seq::text from waypost.outbox where ended_at is null order by seq",
    )
    .await;
    assert_eq!(left, ["3", "6", "7"]);
    let ended = one(
        &mut db,
        "select concat_ws('/', status, reason) from waypost.executions",
    )
    .await;
    assert_eq!(ended, "cancelled/no longer");
    let last = one(
        &mut db,
        "select event from waypost.execution_timeline order by seq desc limit 1",
    )
    .await;
    assert_eq!(last, "execution:cancelled");
    let (code, _) = refused(&mut db, &format!("select waypost.cancel('{id}')")).await;
    assert_eq!(code, "WP011");
    let (code, _) = refused(&mut db, "select waypost.cancel(gen_random_uuid())").await;
    assert_eq!(code, "WP010");
}

#[tokio::test]
async fn paused_is_held_until_resumed() {
    let mut db = installed("pause").await;
    let id = waiting(&mut db).await;
    for _ in 0..2 {
        assert_eq!(
            one(&mut db, &format!("select waypost.pause('{id}')")).await,
            "paused"
        );
    }
    assert_eq!(
        one(
            &mut db,
            "select concat_ws('/', status, due_at) from waypost.executions"
        )
        .await,
        "paused"
    );
    let (code, _) = refused(&mut db, &format!("select waypost.skip_wait('{id}')")).await;
    assert_eq!(code, "WP012");
    assert_eq!(
        one(&mut db, &format!("select waypost.resume('{id}')")).await,
        "ready"
    );
    assert_eq!(
        one(
            &mut db,
            "select (due_at <= clock_timestamp())::text from waypost.runs"
        )
        .await,
        "true"
    );
    let entries = rows(
        &mut db,
        "select seq || event from waypost.execution_timeline where seq >= 0 order by seq",
    )
    .await;
    assert_eq!(entries, ["2execution:paused", "3execution:resumed"]);
    assert_eq!(
        one(&mut db, "select seq::text from waypost.runs").await,
        "4"
    );
}

#[tokio::test]
async fn commands_wait_for_the_claim_in_the_words_of_the_machine() {
    let mut db = installed("commands").await;
    let id = waiting(&mut db).await;
    let table = [
        (format!("waypost.skip_wait('{id}')"), "skip_wait", None),
        (format!("waypost.move('{id}', 'b')"), "move", Some("b")),
        (format!("waypost.retry('{id}', 'a')"), "retry", Some("a")),
        (format!("waypost.retry('{id}')"), "retry", None),
    ];
    for (call, word, step) in table {
        assert_eq!(one(&mut db, &format!("select {call}")).await, "waiting");
        let input = one(
            &mut db,
            "select input::text from waypost.wakes where kind = 1 and seq = 0",
        )
        .await;
        let command: waypost::model::transition::Command =
            serde_json::from_str(&input).expect(&input);
        let back = serde_json::to_value(command).expect("it serialises");
        assert_eq!(back["command"], word);
        assert_eq!(back.get("step").and_then(|s| s.as_str()), step, "{call}");
        assert_eq!(
            one(
                &mut db,
                "select (due_at <= clock_timestamp())::text from waypost.runs"
            )
            .await,
            "true"
        );
    }
    let (code, message) = refused(&mut db, &format!("select waypost.move('{id}', 'c')")).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("WP014", "there is no step \"c\" in version 1")
    );
    run(&mut db, "update waypost.runs set state = '{\"s\":true,\"b\":[{\"p\":{\"k\":\"o\",\"s\":1,\"a\":0}}]}'").await;
    let (code, _) = refused(&mut db, &format!("select waypost.skip_wait('{id}')")).await;
    assert_eq!(code, "WP013");
    // Its path has ended, and it waits for a goal.
    run(
        &mut db,
        "update waypost.runs set state = '{\"s\":true,\"pe\":0}'",
    )
    .await;
    let done = one(&mut db, &format!("select waypost.skip_wait('{id}')")).await;
    assert_eq!(done, "waiting");
}

#[tokio::test]
async fn an_ended_execution_comes_back_unless_its_key_is_taken_or_a_send_is_unsettled() {
    let mut db = installed("bring_back").await;
    let id = waiting(&mut db).await;
    run(&mut db, &format!("select waypost.cancel('{id}')")).await;
    let (code, _) = refused(&mut db, &format!("select waypost.retry('{id}')")).await;
    assert_eq!(code, "WP015", "it did not fail");
    assert_eq!(
        one(&mut db, &format!("select waypost.retry('{id}', 'a')")).await,
        "ready"
    );
    assert_eq!(
        one(&mut db, "select count(*)::text from waypost.executions").await,
        "1"
    );

    send(&mut db, 9, 2, 2).await;
    let (code, message) = refused(&mut db, &format!("select waypost.move('{id}', 'a')")).await;
    assert_eq!(code, "WP017");
    assert!(message.starts_with("unresolved_effect"), "{message}");
    assert_eq!(
        one(&mut db, &format!("select waypost.move('{id}', 'b')")).await,
        "ready",
        "another step is free"
    );
    assert_eq!(
        one(
            &mut db,
            &format!("select waypost.move('{id}', 'a', force => true)")
        )
        .await,
        "ready"
    );

    run(
        &mut db,
        &format!("select waypost.cancel('{id}'); select waypost.enroll('w', '{CONTACT}')"),
    )
    .await;
    let (code, message) = refused(&mut db, &format!("select waypost.move('{id}', 'b')")).await;
    assert_eq!(code, "WP016");
    assert!(message.starts_with("key_in_use"), "{message}");
    assert_eq!(
        one(&mut db, "select count(*)::text from waypost.executions").await,
        "2",
        "nothing was lost"
    );
}
