//! A stage for scripted faults: one database, one provider, and workers that are held where the script wants them.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;
use waypost::testing::{
    TestDb,
    fake_http::{FakeHttp, Received},
};

use super::steering::Steering;
use crate::{
    fleet::{self, Process, waypost},
    support::database,
};

/// What a script finds: `Err` is a broken rule, in words.
pub type Found = Result<(), String>;

/// Fails a script with what is wrong.
macro_rules! ensure {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}
pub(super) use ensure;

/// Everything a script needs.
pub struct Stage {
    pub db: TestDb,
    pub provider: FakeHttp,
    /// As the engine's own login.
    pub c: PgConnection,
    plant: Option<&'static str>,
}

/// A worker process and who steers it.
pub struct Actor {
    pub process: Process,
    pub at: Steering,
}

impl Stage {
    /// An empty stage; with a plant every worker on it has that defect.
    pub async fn new(name: &str, plant: Option<&'static str>) -> Stage {
        let db = database(name).await;
        let mut c = db.connect().await;
        // The days that a janitor would add at its start: it locks whole tables for that, and scripts read many at once.
        c.execute("select waypost.ensure_partitions(7)")
            .await
            .unwrap();
        c.execute("set role waypost_worker").await.unwrap();
        Stage {
            provider: FakeHttp::start().await.unwrap(),
            c,
            db,
            plant,
        }
    }

    /// A worker in these roles; `faults` as in `WAYPOST_FAULTS`.
    pub async fn worker(&self, roles: &str, faults: &str) -> Actor {
        self.worker_with(roles, faults, &[]).await
    }

    /// The same with more settings.
    pub async fn worker_with(&self, roles: &str, faults: &str, env: &[(&str, &str)]) -> Actor {
        let at = Steering::new().await;
        let mut command = waypost(&self.db.url(), &["worker", "--roles", roles]);
        command
            .env("WAYPOST_FAULTS", faults)
            .env("WAYPOST_FAULTS_AT", at.address())
            .env("WAYPOST_IDLE", "0.2")
            // Long: a script lets a lease run out where it wants to.
            .env("WAYPOST_LEASE", "60")
            .envs(env.iter().copied())
            .envs(self.plant.map(|plant| ("WAYPOST_PLANT", plant)));
        Actor {
            process: Process::of(command),
            at,
        }
    }

    /// Publishes a workflow.
    pub fn deploy(&self, definition: &Value) {
        fleet::deploy(&self.db, "default", definition);
    }

    /// Publishes `one`, which sends once under this policy.
    pub fn deploy_send(&self, policy: &str) {
        let body = json!({"execution": "{{ execution.id }}"});
        self.deploy(&json!({
            "id": "one",
            "trigger": {"type": "custom.event", "config": {"name": "never"}},
            "actions": [
                {"id": "tell", "type": "http_request",
                 "retryConfig": {"maxAttempts": 5, "backoffStrategy": "FIXED", "retryDelay": {"initial": 50}},
                 "config": {"url": self.provider.url("/"), "policy": policy, "body": body}}
            ],
        }));
    }

    /// A contact, enrolled in this workflow.
    pub async fn enrol(&self, workflow: &str, first_name: &str) -> Uuid {
        let mut app = self.db.connect().await;
        app.execute("set waypost.tenant = 'default'").await.unwrap();
        let contact: Uuid =
            sqlx::query_scalar("insert into crm.contacts (first_name) values ($1) returning id")
                .bind(first_name)
                .fetch_one(&mut app)
                .await
                .unwrap();
        sqlx::query("select waypost.enroll($1, $2, strict => true)")
            .bind(workflow)
            .bind(contact)
            .execute(&mut app)
            .await
            .unwrap();
        contact
    }

    /// So many new contacts of this first name, enrolled in this workflow in one transaction.
    pub async fn named(&self, first_name: &str, workflow: &str, count: usize) -> Vec<Uuid> {
        let mut app = self.db.connect().await;
        app.execute("set waypost.tenant = 'default'").await.unwrap();
        let contacts: Vec<Uuid> = sqlx::query_scalar(
            "insert into crm.contacts (first_name) select $1 from generate_series(1, $2::int) returning id",
        )
        .bind(first_name)
        .bind(i32::try_from(count).unwrap())
        .fetch_all(&mut app)
        .await
        .unwrap();
        self.enrol_all(workflow, &contacts).await;
        contacts
    }

    /// So many new contacts.
    pub async fn crowd(&self, count: usize) -> Vec<Uuid> {
        let mut app = self.db.connect().await;
        app.execute("set waypost.tenant = 'default'").await.unwrap();
        sqlx::query_scalar(
            "insert into crm.contacts (first_name)
             select 'c' || g from generate_series(1, $1::int) g returning id",
        )
        .bind(i32::try_from(count).unwrap())
        .fetch_all(&mut app)
        .await
        .unwrap()
    }

    /// All of them, enrolled in this workflow in one transaction.
    pub async fn enrol_all(&self, workflow: &str, contacts: &[Uuid]) {
        let mut app = self.db.connect().await;
        app.execute("set waypost.tenant = 'default'").await.unwrap();
        sqlx::query("select waypost.enroll($1, c, strict => true) from unnest($2::uuid[]) c")
            .bind(workflow)
            .bind(contacts)
            .execute(&mut app)
            .await
            .unwrap();
    }

    /// Every lease that stands has run out.
    pub async fn leases_run_out(&mut self) {
        self.change("update waypost.sends set lease_until = clock_timestamp() - interval '1 second' where state > 0")
            .await;
    }

    /// Changes rows behind the engine's back.
    pub async fn change(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.c).await.unwrap();
    }

    /// One number.
    pub async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.c)
            .await
            .unwrap()
    }

    /// The word for how the only send stands.
    pub async fn send_status(&mut self) -> String {
        sqlx::query_scalar("select coalesce(string_agg(status, '+'), 'none') from waypost.outbox")
            .fetch_one(&mut self.c)
            .await
            .unwrap()
    }

    /// What the provider was asked so far.
    pub fn requests(&self) -> Vec<Received> {
        self.provider.received()
    }

    /// Waits until this counts nothing any more.
    pub async fn until_none(&mut self, what: &str, sql: &'static str, patience: Duration) -> Found {
        let begun = Instant::now();
        let mut look = interval(Duration::from_millis(50));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let left = self.count(sql).await;
            if left == 0 {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < patience,
                "{left} {what} after {patience:?}"
            );
        }
    }

    /// Waits until every execution has ended and every send is settled; events are not looked at, since many a
    /// stage has no matcher.
    pub async fn until_done(&mut self, patience: Duration) -> Found {
        let open =
            "select (select count(*) from waypost.runs) + (select count(*) from waypost.sends)
                         + (select count(*) from waypost.wakes)";
        self.until_none("executions, sends and wakes are open", open, patience)
            .await
    }
}
