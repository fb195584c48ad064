//! F18: old and new binaries together on the upgraded schema; and a dump that is restored, after which nothing under `hold`
//! is sent again.
//!
//! The short form pretends to be old: the schema has one more migration and functions of a newer release. In the long
//! form an older binary (`WAYPOST_OLDER_BINARY`, which `bin/chaos` builds) works beside this one.

use std::{collections::HashMap, env, fs, time::Duration};

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::{MissedTickBehavior, interval};
use waypost::testing::fake_http::{FakeHttp, Fault};

use super::figure::{Figure, form};
use super::{server_crash::as_worker, stage::Stage};
use crate::{
    chaos::{arrive, check_database, count, counter, journey, until_done},
    checker::{check_requests, ended},
    fleet::{self, Process},
    own_server::{OwnServer, as_owner, exit_code},
};

const FIGURE: Figure = Figure {
    name: "F18",
    fault: "old and new binary together on the upgraded schema; dump and restore with restore-guard",
    wanted: "0 lost, 0 double, no `hold` sent again",
};

/// Executions that begin after the restore.
const NEWCOMERS: u64 = 10;

/// A worker of the older release: its own binary, else this one, for which the schema is too new as well.
fn older(url: &str) -> Process {
    let Some(program) = env::var_os("WAYPOST_OLDER_BINARY") else {
        return Process::start(url);
    };
    Process::of(fleet::of_program(&program, url, &["worker"]))
}

async fn side_by_side() -> String {
    let mut stage = Stage::new("releases", None).await;
    stage
        .provider
        .otherwise(Fault::Delay(Duration::from_millis(10)));
    stage.deploy(&journey(&stage.provider));
    stage.deploy(&counter());
    let mut app = stage.db.connect().await;
    let url = stage.db.url();
    let really = env::var_os("WAYPOST_OLDER_BINARY").is_some();
    if !really {
        sqlx::raw_sql(
            "insert into waypost.migrations (name, checksum, expands) values ('migrations/0999_future', '', true);
             update waypost.installed set checksum = 'of the future', release = '999.0.0' where object = 'sql/functions/ring'",
        )
        .execute(&mut app)
        .await
        .unwrap();
        // What the older one migrates on the newer schema is nothing.
        let (code, errors) = exit_code(&url, &["migrate"]);
        assert_eq!(code, Some(0), "{errors}");
        let kept = "select count(*) from waypost.installed where checksum = 'of the future'";
        assert_eq!(count(&mut app, kept).await, 1, "it left the function alone");
    }
    let mut fleet = [
        Process::start(&url),
        older(&url),
        Process::start(&url),
        older(&url),
    ];
    let rounds: u64 = form(15, 300);
    let mut tick = interval(Duration::from_millis(200));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0..rounds {
        tick.tick().await;
        arrive(&mut app, 10).await;
        // One after the other is replaced, as a deployment does it.
        let victim = (round % 4) as usize;
        if round % 5 == 4 {
            assert!(fleet[victim].runs(), "a worker ended by itself");
            fleet[victim].kill();
            fleet[victim] = if victim.is_multiple_of(2) {
                Process::start(&url)
            } else {
                older(&url)
            };
        }
    }
    until_done(&mut stage.c).await;
    check_requests(
        &stage.provider,
        &stage.requests(),
        &ended(&mut stage.c).await,
    );
    check_database(&mut stage.c, rounds * 10).await;
    format!(
        "{} executions by both ({}): 0 lost, 0 double",
        rounds * 10,
        if really {
            "the older one built from its commit"
        } else {
            "a schema from the future"
        }
    )
}

/// Dumps the database and restores it as another one; answers the URL of that.
fn restored(server: &OwnServer) -> String {
    let postgres = server.postgres();
    let owner = fs::metadata(postgres.data_dir()).unwrap();
    let run = |program: &str, args: &[&str]| {
        let done = as_owner(&postgres.bin_dir().join(program), &owner)
            .args(args)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{program} {args:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    let file = env::temp_dir().join(format!("wp-dump-{}", std::process::id()));
    let file_name = file.to_str().unwrap();
    let first = postgres.url_for("waypost_superuser", "waypost");
    let maintenance = postgres.url_for("waypost_superuser", "postgres");
    run("pg_dump", &["-Fc", "-f", file_name, "-d", &first]);
    run(
        "createdb",
        &[
            "--maintenance-db",
            &maintenance,
            "-O",
            "waypost_login",
            "-T",
            "template0",
            "restored",
        ],
    );
    let second = postgres.url_for("waypost_superuser", "restored");
    run("pg_restore", &["-d", &second, file_name]);
    fs::remove_file(&file).unwrap();
    postgres.url_for("waypost_login", "restored")
}

async fn dump_and_restore() -> Option<String> {
    let provider = FakeHttp::start().await.unwrap();
    provider.otherwise(Fault::Delay(Duration::from_millis(250)));
    let server = OwnServer::start("restored");
    if !server.postgres().bin_dir().join("pg_dump").exists() {
        assert!(env::var_os("CI").is_none(), "no pg_dump");
        return None;
    }
    let body = json!({"execution": "{{ execution.id }}"});
    server.deploy(&[json!({
        "id": "journey",
        "trigger": {"type": "custom.event", "config": {"name": "arrived"}},
        "actions": [
            {"id": "tell-once", "type": "http_request", "onSuccess": ["rest"], "onUnknown": ["rest"],
             "config": {"url": provider.url("/hold"), "policy": "hold", "body": body}},
            {"id": "rest", "type": "wait", "onSuccess": ["tell-later"],
             "config": {"waitType": "duration", "duration": {"amount": 2, "unit": "seconds"}}},
            {"id": "tell-later", "type": "http_request",
             "config": {"url": provider.url("/hold"), "policy": "hold", "body": body}},
        ],
    })]);
    let executions: u64 = form(80, 2_000);
    let url = server.url();
    let mut app = PgConnection::connect(&url).await.unwrap();
    arrive(&mut app, executions).await;
    let worker = Process::start(&url);
    let mut c = as_worker(&url).await;
    // Everybody has come to the step; some have been sent, some are on their way, some wait.
    let mut look = interval(Duration::from_millis(20));
    let asked =
        "select (select count(*) from waypost.sends) + (select count(*) from waypost.deliveries)";
    while count(&mut c, asked).await < executions {
        look.tick().await;
    }
    provider.arrived(8).await;
    let second = restored(&server);
    // What happened after the backup, the restored database does not know.
    until_done(&mut c).await;
    assert_eq!(worker.terminate().0.code(), Some(0));
    let first_time = provider.received().len();
    assert_eq!(first_time as u64, 2 * executions);

    let (code, errors) = exit_code(&second, &["restore-guard"]);
    assert_eq!(code, Some(0), "{errors}");
    let mut c = as_worker(&second).await;
    // Steps that were reached after the dump only, and executions that begin after the restore.
    let later = "select count(*) from waypost.sends";
    let open = count(&mut c, later).await;
    let mut app = PgConnection::connect(&second).await.unwrap();
    arrive(&mut app, NEWCOMERS).await;
    let worker = Process::start(&second);
    until_done(&mut c).await;
    drop(worker);
    let mut asked: HashMap<String, usize> = HashMap::new();
    for request in provider.received() {
        *asked.entry(request.key.unwrap()).or_default() += 1;
    }
    let twice = asked.values().filter(|times| **times > 1).count();
    let unknown = count(
        &mut c,
        "select count(*) from waypost.outbox where status = 'unknown'",
    )
    .await;
    let born = count(
        &mut c,
        "select count(*) from waypost.outbox where status = 'unknown' and step_id = 'tell-later'",
    )
    .await;
    let new = count(
        &mut c,
        "select count(*) from waypost.outbox o join waypost.executions e on e.id = o.execution_id
          where o.status = 'sent' and e.started_at > (select at from waypost.restores)",
    )
    .await;
    assert!(unknown > born, "the dump held nothing open");
    assert_eq!(open, 0, "the guard left sends open");
    assert_eq!(born, executions, "steps that the dump had not reached");
    assert_eq!(twice, 0, "sent again after the restore");
    assert_eq!(
        new,
        2 * NEWCOMERS,
        "sends of executions from after the restore"
    );
    Some(format!(
        "{executions} executions with two `hold` each over dump and restore: {unknown} unknown, {born} of them reached \
         after the dump, 0 sent again; {new} of {NEWCOMERS} new executions sent"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_releases_work_together_and_a_restore_sends_nothing_held_again() {
    let together = side_by_side().await;
    let restored = dump_and_restore().await;
    FIGURE.reached(
        true,
        format!(
            "{together}; {}",
            restored.as_deref().unwrap_or("left out: no pg_dump")
        ),
    );
}
