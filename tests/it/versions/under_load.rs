//! Executions move while worker processes run them.

use serde_json::{Value, json};
use sqlx::Executor;

use super::{count, enrol, migrate, miscounted, open, publish, sound, until, ways, workflow};
use crate::{fleet::Process, support::database};

const PEOPLE: i64 = 3_000;

fn blink(id: &str, next: &str) -> Value {
    json!({ "id": id, "type": "delay", "config": { "duration": { "amount": 300, "unit": "milliseconds" } }, "onSuccess": [next] })
}

fn note(id: &str, next: &[&str]) -> Value {
    json!({ "id": id, "type": "update_variable", "config": { "name": "n", "operation": "increment" }, "onSuccess": next })
}

/// Ten short waits with a step between any two; the second version has them in another order of the list and one
/// step more.
fn version(second: bool) -> Value {
    let mut steps = Vec::new();
    for n in 0..10 {
        let (wait, step, next) = (format!("w{n}"), format!("s{n}"), format!("w{}", n + 1));
        let next = match (n, second) {
            (9, false) => vec![],
            (9, true) => vec!["more"],
            _ => vec![next.as_str()],
        };
        steps.push(blink(&wait, &step));
        steps.push(note(&step, &next));
    }
    let mut whole = workflow(json!([]));
    if second {
        steps.push(note("more", &[]));
        steps.reverse();
        whole["startStepId"] = json!("w0");
    }
    whole["actions"] = json!(steps);
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_is_lost_or_done_twice_by_those_that_move_while_they_run() {
    let db = database("versions_load").await;
    let mut c = db.connect().await;
    c.execute("set waypost.tenant = 'default'").await.unwrap();
    let waypost = open(db.url(), "default").await;
    publish(&waypost, &version(false), &migrate(&[]))
        .await
        .unwrap();
    let workers = [Process::start(&db.url()), Process::start(&db.url())];
    for wave in 0..3 {
        enrol(&mut c, &format!("wave{wave}-"), 1_000).await;
    }
    let moving =
        "select (count(*) > 500)::int::bigint from waypost.all_bursts where steps && '{7}'";
    until(&mut c, moving, 1).await;
    // There, back by restoring, and there again, while they run.
    let mut moved = 0;
    for definition in [version(true), version(false), version(true)] {
        let done = publish(&waypost, &definition, &migrate(&[])).await;
        // On the way back `more` may have somebody standing on it: then nothing is moved.
        moved += done.map_or(0, |done| done.moves.unwrap().moved);
    }
    assert!(moved > 0, "somebody was on the way");
    until(&mut c, "select count(*) from waypost.runs", 0).await;
    drop(workers);
    assert_eq!(
        count(
            &mut c,
            "select count(*) from waypost.finished where status = 4"
        )
        .await,
        PEOPLE
    );
    let plain: String = (0..10).map(|n| format!("w{n}> w{n}. s{n}. ")).collect();
    for (way, n) in ways(&mut c).await {
        let way = way.strip_suffix(" more.").unwrap_or(&way);
        assert_eq!(way, plain.trim(), "{n} of them");
    }
    assert_eq!(miscounted(&mut c, "^[^w]").await, 0);
    sound(&mut c).await;
}
