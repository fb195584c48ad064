//! F11: the branches of many joins end at the same moment, half of them by answers from the outside, while workers are
//! killed; each join fires once, and the sweep finds nothing to mend.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};
use waypost::{app::verify::verify, testing::fake_http::FakeHttp};

use super::figure::{Figure, form};
use super::stage::Stage;
use crate::{
    chaos::count,
    checker::{check_requests, ended},
    figure::Dice,
    fleet::Process,
};

const FIGURE: Figure = Figure {
    name: "F11",
    fault: "64 branches end at once, 2,000 joins, with kills",
    wanted: "each join fires once, sweep repairs 0",
};
const BRANCHES: usize = 64;
const WORKERS: usize = 4;

/// Half of the branches wait, the others ask a provider; all meet in one note.
fn meeting(provider: &FakeHttp) -> Value {
    let branch = |n: usize| format!("b{n}");
    let mut actions = vec![json!({
        "id": "fork", "type": "parallel",
        "config": {"branches": (0..BRANCHES).map(branch).collect::<Vec<_>>()},
    })];
    for n in 0..BRANCHES {
        let mut step = if n % 2 == 0 {
            json!({"type": "wait", "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "seconds"}}})
        } else {
            json!({"type": "http_request",
                   "retryConfig": {"maxAttempts": 100, "backoffStrategy": "FIXED", "retryDelay": {"initial": 200}},
                   "config": {"url": provider.url("/dedupe"), "policy": "dedupe",
                              "body": {"execution": "{{ execution.id }}", "branch": n}}})
        };
        step["id"] = branch(n).into();
        step["onSuccess"] = json!(["meet"]);
        actions.push(step);
    }
    actions
        .push(json!({"id": "meet", "type": "add_note", "join": "all", "config": {"body": "met"}}));
    json!({
        "id": "meeting",
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": actions,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_a_join_fires_once_however_its_branches_end() {
    let joins: u64 = form(24, 2_000);
    let mut dice = Dice::thrown();
    let mut stage = Stage::new("joins", None).await;
    stage.deploy(&meeting(&stage.provider));
    let mut app = stage.db.connect().await;
    sqlx::query("select set_config('waypost.tenant', 'default', false)")
        .execute(&mut app)
        .await
        .unwrap();
    sqlx::query(
        "with new as (insert into crm.contacts (email) select g || '@example.com' from generate_series(1, $1) g returning id)
         select waypost.enroll('meeting', id, strict => true) from new",
    )
    .bind(joins as i64)
    .execute(&mut app)
    .await
    .unwrap();
    let url = stage.db.url();
    let mut fleet: Vec<Process> = (0..WORKERS).map(|_| Process::start(&url)).collect();
    let begun = Instant::now();
    let patience = Duration::from_secs(form(90, 1_200));
    let mut tick = interval(Duration::from_millis(form(400, 1_000)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kills = 0;
    loop {
        tick.tick().await;
        let open = count(&mut stage.c, "select count(*) from waypost.runs").await;
        if open == 0 {
            break;
        }
        assert!(begun.elapsed() < patience, "{open} joins never fired");
        // The last of them in peace: what a killed worker held comes back after its lease.
        if kills < form(12, 300) {
            let victim = &mut fleet[dice.between(0, WORKERS as u64) as usize];
            assert!(victim.runs(), "a worker ended by itself");
            victim.kill();
            *victim = Process::start(&url);
            kills += 1;
        }
    }
    stage.until_done(Duration::from_secs(30)).await.unwrap();
    let c = &mut stage.c;
    let met = count(c, "select count(*) from crm.notes where body = 'met'").await;
    let by = count(
        c,
        "select count(distinct contact_id) from crm.notes where body = 'met'",
    )
    .await;
    let completed = count(
        c,
        "select count(*) from waypost.executions where status = 'completed'",
    )
    .await;
    assert_eq!(
        (met, by, completed),
        (joins, joins, joins),
        "fired, for, ended"
    );
    let sends = ended(c).await;
    assert_eq!(sends.len() as u64, joins * (BRANCHES as u64 / 2));
    let mended: i64 = verify(c, None, &|_| {})
        .await
        .unwrap()
        .iter()
        .map(|found| found.violations)
        .sum();
    assert_eq!(mended, 0, "nothing is left to mend");
    check_requests(&stage.provider, &stage.requests(), &sends);
    FIGURE.reached(
        kills > 0,
        format!("{joins} joins of {BRANCHES}, {kills} kills: each fired once, 0 to mend"),
    );
}
