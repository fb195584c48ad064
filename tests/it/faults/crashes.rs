//! F2: a worker dies at every fail point in the middle of work; what it held is free again within its lease and a
//! little, everything ends, and nothing happens twice.
//!
//! `WAYPOST_FAULT_ROUNDS` deaths at each point: the first time it is met, the second, and so on, as often as it is.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;
use waypost::{
    app::verify::verify,
    faults::POINTS,
    testing::fake_http::{FakeHttp, Fault},
};

use super::{
    figure::Figure,
    stage::{Actor, Stage},
};
use crate::{
    chaos::{arrive, counter, journey, until_done},
    checker::{check_requests, ended},
    fleet::waypost,
};

/// Deaths at each point, unless more are asked for.
const ROUNDS: u32 = 1;
/// Points side by side: most of the time passes in waiting for leases.
const LANES: usize = 4;
/// Executions that a death is met in.
const LOAD: u64 = 4;
/// Lease of a claimed send, and what the rest may take on top of it.
const LEASE: Duration = Duration::from_secs(6);
const GRACE: Duration = Duration::from_secs(5);

/// Longest until a point is met, and until it is met again: some are met once in ten minutes.
const FIRST: Duration = Duration::from_secs(25);
const AGAIN: Duration = Duration::from_secs(3);

const EVERYTHING: &str = "match,run,dispatch,schedule,janitor";

/// The points on the ways that a refused batch takes.
const FALLBACKS: [&str; 11] = [
    "match.alone",
    "match.giving-up",
    "match.gave-up",
    "run.alone",
    "run.alone-written",
    "run.failing",
    "run.failed",
    "wakes.alone",
    "finish.alone",
    "finish.apart",
    "reap.apart",
];
/// A dispatcher died past the barrier, a while ago.
const DIED: &str = "update waypost.sends s
    set state = 2, fence = 1, attempt = 1, first_at = clock_timestamp(), claimed_at = clock_timestamp(),
        lease_until = clock_timestamp() - interval '1 second'
   from waypost.workflows w
  where w.id = s.workflow_id and w.slug = 'score-unknown' and s.state = 0";
/// Executions that are refused in one batch.
const TOGETHER: usize = 6;

/// Workflows whose write the database refuses: the field is a number, and the contact's name is none. Each comes to it in
/// another loop.
fn refused(provider: &FakeHttp) -> Vec<Value> {
    let score = json!({"id": "score", "type": "update_contact",
                       "config": {"fields": {"score": "{{ contact.firstName }}"}}});
    let send = |policy: &str| {
        json!({"id": "first", "type": "http_request", "onSuccess": ["score"], "onUnknown": ["score"],
               "config": {"url": provider.url("/refused"), "policy": policy, "body": {}}})
    };
    let wait = |config: Value| json!({"id": "first", "type": "wait", "onSuccess": ["score"], "config": config});
    let hour = json!({"waitType": "duration", "duration": {"amount": 1, "unit": "hours"}});
    let told = json!({"waitType": "until_event", "event": "score.told"});
    let of = |id: &str, actions: Vec<Value>| json!({"id": id, "trigger": {"type": "custom.event", "config": {"name": "never"}}, "actions": actions});
    vec![
        of("score", vec![score.clone()]),
        of("score-later", vec![wait(hour), score.clone()]),
        of("score-told", vec![wait(told), score.clone()]),
        of("score-answered", vec![send("dedupe"), score.clone()]),
        of("score-unknown", vec![send("hold"), score]),
    ]
}

/// One database with its provider; the points of a lane come one after the other.
struct Lane {
    stage: Stage,
    app: PgConnection,
    arrived: u64,
    /// Point, time of the death, time until all had ended.
    deaths: Vec<(&'static str, u32, Duration)>,
}

impl Lane {
    async fn new(n: usize) -> Lane {
        let stage = Stage::new(&format!("crashes-{n}"), None).await;
        // Long enough that a death falls into the middle of some.
        stage
            .provider
            .otherwise(Fault::Delay(Duration::from_millis(20)));
        stage.deploy(&journey(&stage.provider));
        stage.deploy(&counter());
        stage.deploy(&json!({
            "id": "rests",
            "trigger": {"type": "custom.event", "config": {"name": "never"}},
            "actions": [{"id": "rest", "type": "wait",
                         "config": {"waitType": "duration", "duration": {"amount": 1, "unit": "hours"}}}],
        }));
        stage.deploy(&json!({
            "id": "brief",
            "trigger": {"type": "custom.event", "config": {"name": "never"}},
            "actions": [{"id": "note", "type": "add_note", "config": {"body": "brief"}}],
        }));
        for definition in refused(&stage.provider) {
            stage.deploy(&definition);
        }
        let mut app = stage.db.connect().await;
        app.execute("set waypost.tenant = 'default'").await.unwrap();
        app.execute("insert into crm.custom_fields (name, type) values ('score', 'number')")
            .await
            .unwrap();
        Lane {
            stage,
            app,
            arrived: 0,
            deaths: Vec::new(),
        }
    }

    async fn arrive(&mut self) {
        let mut app = self.stage.db.connect().await;
        arrive(&mut app, LOAD).await;
        self.arrived += LOAD;
    }

    async fn worker(&self, roles: &str, faults: &str, env: &[(&str, &str)]) -> Actor {
        let lease = LEASE.as_secs().to_string();
        let mut env = env.to_vec();
        env.push(("WAYPOST_LEASE", &lease));
        self.stage.worker_with(roles, faults, &env).await
    }

    /// What the loop of this point needs beside the ordinary load.
    async fn prepare(&mut self, point: &str) {
        if FALLBACKS.contains(&point) {
            return self.be_refused(point).await;
        }
        match point.split('.').next() {
            Some("wakes") => {
                self.stage.enrol("rests", "Ada").await;
                let runner = self.worker("run", "", &[]).await;
                let begins = "select count(*) from waypost.runs where seq = 0";
                self.stage
                    .until_none("have not begun", begins, LEASE)
                    .await
                    .unwrap();
                drop(runner);
                self.app
                    .execute("select waypost.skip_wait(id) from waypost.executions where workflow = 'rests' and status = 'waiting'")
                    .await
                    .unwrap();
            }
            Some("reap") => {
                let mut dies = self
                    .worker("match,run,dispatch", "send.answered=abort", &[])
                    .await;
                dies.process.ends().await;
                self.stage.leases_run_out().await;
            }
            Some("schedule") => {
                let timer = "insert into waypost.timers (bucket, id, tenant_id, due_at, event_type, workflow_id,
                                                         trigger_id, subject, occurrence_key, data)
                    select 1, gen_random_uuid(), id, now(), 'date.birthday', 1, 'trigger', 'ada',
                           gen_random_uuid()::text, '{}' from waypost.tenants limit 1";
                self.stage.change(timer).await;
            }
            _ => {}
        }
    }

    /// What the database refuses: the batch falls apart into rows, and this point lies on that way.
    async fn be_refused(&mut self, point: &str) {
        let contacts = match point.split_once('.') {
            Some(("wakes", _)) => self.waits_for("score-later", TOGETHER).await,
            Some(("match", _)) => self.waits_for("score-told", TOGETHER).await,
            Some(("finish", _)) => self.stage.named("many", "score-answered", TOGETHER).await,
            Some(("reap", _)) => self.stage.named("many", "score-unknown", 1).await,
            // One half of the batch is well: tried by itself, it goes on.
            _ => {
                self.stage.named("7", "score", TOGETHER / 2).await;
                self.stage.named("many", "score", TOGETHER / 2).await
            }
        };
        let then = match point.split_once('.') {
            Some(("wakes", _)) => {
                "select waypost.skip_wait(id) from waypost.executions where workflow = 'score-later' and status = 'waiting'
                    and contact_id = any ($1)"
            }
            Some(("match", _)) => "select waypost.emit('score.told', c, '{}') from unnest($1::uuid[]) c",
            Some(("reap", _)) => {
                // Its contact's events are handled too: the matcher is not to hold the execution when the janitor comes.
                let runner = self.worker("match,run", "", &[]).await;
                let asked = "select (select count(*) from waypost.event_queue)
                                  + (select count(*) from waypost.runs r join waypost.workflows w on w.id = r.workflow_id
                                      where w.slug = 'score-unknown' and r.status <> 2)";
                self.stage
                    .until_none("have not asked", asked, FIRST)
                    .await
                    .unwrap();
                drop(runner);
                // As a dispatcher leaves it that died past the barrier.
                return self.stage.change(DIED).await;
            }
            _ => return,
        };
        sqlx::query(then)
            .bind(contacts)
            .execute(&mut self.app)
            .await
            .unwrap();
    }

    /// So many executions of this workflow that wait.
    async fn waits_for(&mut self, workflow: &str, count: usize) -> Vec<Uuid> {
        let contacts = self.stage.named("many", workflow, count).await;
        let runner = self.worker("run", "", &[]).await;
        let begins = "select count(*) from waypost.runs where seq = 0";
        self.stage
            .until_none("have not begun", begins, LEASE)
            .await
            .unwrap();
        drop(runner);
        contacts
    }

    /// A worker dies the `nth` time it meets this point; the next one ends everything.
    /// False: it was not met as often.
    async fn death(&mut self, point: &'static str, nth: u32) -> bool {
        self.arrive().await;
        self.prepare(point).await;
        // Answers that come while one is being recorded are recorded together.
        let slow = match point {
            "finish.alone" => ",finish.begun=sleep:300",
            _ => "",
        };
        let faults = format!("{point}=abort@{nth},listener.listens=ask{slow}");
        // Without LISTEN a worker goes by the sequence.
        let pooler = if point == "hint.seen" {
            "transaction"
        } else {
            "none"
        };
        let mut victim = match point.split_once('.') {
            Some(("enroll" | "emit", _)) => self.command(point).await,
            _ => {
                self.worker(EVERYTHING, &faults, &[("WAYPOST_POOLER", pooler)])
                    .await
            }
        };
        victim.at.free("listener.listens").await;
        let died = tokio::select! {
            _ = victim.process.ends() => true,
            () = self.more_for(if nth == 1 { FIRST } else { AGAIN }) => false,
        };
        assert!(died || nth > 1, "{point} was not met");
        drop(victim);
        let begun = Instant::now();
        let rescue = self.worker(EVERYTHING, "", &[]).await;
        until_done(&mut self.stage.c).await;
        drop(rescue);
        if died {
            self.deaths.push((point, nth, begun.elapsed()));
        }
        died
    }

    /// Work goes on coming, for as long as the victim may take.
    async fn more_for(&self, patience: Duration) {
        let mut app = self.stage.db.connect().await;
        let begun = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        while begun.elapsed() < patience {
            tick.tick().await;
            // Nobody's events: they ring, are matched and logged.
            sqlx::query("select waypost.emit('custom.event', null, '{}', tenant => 'default')")
                .execute(&mut app)
                .await
                .unwrap();
        }
    }

    /// A command that records something dies in the middle of it.
    async fn command(&self, point: &str) -> Actor {
        let at = super::steering::Steering::new().await;
        let contact: uuid::Uuid = sqlx::query_scalar("select id from crm.contacts limit 1")
            .fetch_one(&mut self.stage.db.connect().await)
            .await
            .unwrap();
        let contact = contact.to_string();
        let args = match point.split_once('.') {
            Some(("enroll", _)) => vec!["enroll", "brief", "--contact", &contact],
            _ => vec!["emit", "custom.event", "--contact", &contact],
        };
        let mut command = waypost(&self.stage.db.url(), &args);
        command.env("WAYPOST_FAULTS", format!("{point}=abort"));
        Actor {
            process: crate::fleet::Process::of(command),
            at,
        }
    }

    /// Everything ended, nothing twice, by the books of the database and of the provider.
    async fn is_whole(&mut self) {
        let c = &mut self.stage.c;
        check_requests(
            &self.stage.provider,
            &self.stage.provider.received(),
            &ended(c).await,
        );
        let arrived = i64::try_from(self.arrived).unwrap();
        let refused =
            "select count(*) from waypost.executions e join crm.contacts c on c.id = e.contact_id
             where e.workflow like 'score%' and (e.status = 'failed') <> (c.first_name = 'many')";
        let n: i64 = sqlx::query_scalar(refused)
            .fetch_one(&mut *c)
            .await
            .unwrap();
        assert_eq!(
            n, 0,
            "executions whose writes are refused have failed, and nobody else"
        );
        for (what, sql) in [
            (
                "executions that completed",
                "select count(*) from waypost.executions where workflow = 'journey' and status = 'completed'",
            ),
            (
                "notes",
                "select count(*) from crm.notes where body = 'told'",
            ),
            (
                "contacts with the tag once",
                "select count(*) from crm.contacts where tags = '{told}'",
            ),
            (
                "counts",
                "select count(*) from crm.notes where body = 'counted'",
            ),
        ] {
            let n: i64 = sqlx::query_scalar(sql).fetch_one(&mut *c).await.unwrap();
            assert_eq!(n, arrived, "{what}");
        }
        let found = verify(c, None, &|_| {}).await.unwrap();
        let broken: Vec<_> = found.iter().filter(|f| f.violations > 0).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_worker_dies_at_every_point_and_all_recovers() {
    let rounds = std::env::var("WAYPOST_FAULT_ROUNDS");
    let rounds: u32 = rounds.map_or(ROUNDS, |text| text.parse().unwrap());
    assert!(POINTS.len() >= 30);
    let lanes = (0..LANES).map(async |n| {
        let mut lane = Lane::new(n).await;
        for place in POINTS.iter().skip(n).step_by(LANES) {
            // Some are met once a process, some a few times: then it begins anew with the first.
            let mut most = rounds;
            for round in 0..rounds {
                let nth = round % most + 1;
                if !lane.death(place.name, nth).await {
                    most = nth - 1;
                    lane.death(place.name, 1).await;
                }
            }
        }
        lane.is_whole().await;
        lane.deaths
    });
    let mut deaths: Vec<_> = join_all(lanes).await.into_iter().flatten().collect();
    assert_eq!(deaths.len(), POINTS.len() * rounds as usize);
    deaths.sort_by_key(|death| death.2);
    let (slowest, nth, longest) = *deaths.last().unwrap();
    let measured = format!(
        "{} deaths at {} points; all had ended {:.1} s after the slowest, at {slowest} (time {nth}); lease {} s",
        deaths.len(),
        POINTS.len(),
        longest.as_secs_f64(),
        LEASE.as_secs()
    );
    Figure {
        name: "F2",
        fault: "abort at each fail point × 20",
        wanted: "all recover within lease + 5 s",
    }
    .measured(&measured, longest <= LEASE + GRACE);
}
