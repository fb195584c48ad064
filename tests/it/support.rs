//! A whole engine in a test: a database of its own, a tenant with a clock of its own, a sink.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Executor, PgConnection, Row};
use uuid::Uuid;
use waypost::{
    catalog::parse,
    connect::{Connectors, NoSecrets, memory::Memory},
    engine::program::{Numbers, Program, TenantInfo},
    store::install::{self, Options},
    testing::TestDb,
    worker::{Shared, WorkerSettings, drive::Driver},
};

/// The engine under test.
pub struct House {
    pub db: TestDb,
    pub shared: Shared,
    pub sink: Arc<Memory>,
    pub tenant: i32,
}

/// The start of every test's business time.
pub fn start() -> DateTime<Utc> {
    "2024-03-01T09:00:00Z".parse().unwrap()
}

/// A migrated database.
pub async fn database(name: &str) -> TestDb {
    TestDb::with_migrator(name, "waypost", async |c: &mut PgConnection| {
        install::migrate(c, Options { crm: true }, &|_| {})
            .await
            .map(drop)
    })
    .await
}

impl House {
    /// A house whose tenant `t` has a clock that stands at [`start`].
    pub async fn new(name: &str) -> House {
        Self::with(name, WorkerSettings::default()).await
    }

    /// With settings of its own.
    pub async fn with(name: &str, settings: WorkerSettings) -> House {
        let db = database(name).await;
        let mut c = db.connect().await;
        let tenant: i32 = sqlx::query_scalar(
            "insert into waypost.tenants (name, clock) values ('t', $1) returning id",
        )
        .bind(start())
        .fetch_one(&mut c)
        .await
        .unwrap();
        let sink = Arc::new(Memory::new());
        let mut connectors = Connectors::default();
        for action in ["send_email", "webhook", "http_request"] {
            connectors = connectors.with(action, sink.clone());
        }
        let shared = Shared::new(&db.url(), connectors, Arc::new(NoSecrets), settings).unwrap();
        House {
            db,
            shared,
            sink,
            tenant,
        }
    }

    /// Drives the tenant's clock.
    pub fn driver(&self) -> Driver {
        Driver::new(self.shared.clone(), self.tenant, start())
    }

    /// A connection that speaks for the tenant.
    pub async fn connect(&self) -> PgConnection {
        let mut c = self.db.connect().await;
        c.execute("set waypost.tenant = 't'").await.unwrap();
        c
    }

    /// One contact of the reference CRM.
    pub async fn contact(&self, c: &mut PgConnection, email: &str) -> Uuid {
        sqlx::query_scalar("insert into crm.contacts (email) values ($1) returning id")
            .bind(email)
            .fetch_one(c)
            .await
            .unwrap()
    }
}

/// `[(step or '', entry name)]` of an execution, in order.
pub async fn path(c: &mut PgConnection, execution: Uuid) -> Vec<(String, String, DateTime<Utc>)> {
    sqlx::query(
        "select coalesce(v.steps[u.step + 1], ''), u.kind, b.at
           from waypost.all_bursts b
           join lateral unnest(b.steps, b.kinds) with ordinality u(step, kind, o) on true
           join (select workflow_id, id, version from waypost.runs union all
                 select workflow_id, id, version from waypost.finished) e on e.id = b.execution_id
           join waypost.versions v on v.workflow_id = e.workflow_id and v.version = e.version
          where b.execution_id = $1
          order by b.seq, u.o",
    )
    .bind(execution)
    .fetch_all(c)
    .await
    .unwrap()
    .iter()
    .map(|row| {
        let kind: i16 = row.get(1);
        let name = waypost::model::transition::EntryKind::ALL[(kind - 1) as usize].1;
        (row.get(0), name.to_owned(), row.get(2))
    })
    .collect()
}

/// Value of a JSON text.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Publishes a definition the way `deploy` does.
pub async fn publish(house: &House, c: &mut PgConnection, text: &str) {
    let source = parse::read(text, "test.json").unwrap();
    let info = TenantInfo {
        name: "t".into(),
        timezone: chrono_tz::UTC,
    };
    let program = Program::compile(
        &source.definition,
        Numbers {
            workflow: 1,
            version: 1,
        },
        &info,
    )
    .unwrap();
    let id: i32 = sqlx::query_scalar(
        "insert into waypost.workflows (tenant_id, slug, name, status, needs_ledger, reenroll_amount, reenroll_unit)
         values ($1, $2, $2, 'active', $3, 7, 'days') returning id",
    )
    .bind(house.tenant)
    .bind(&source.definition.id)
    .bind(program.rules().needs_ledger)
    .fetch_one(&mut *c)
    .await
    .unwrap();
    sqlx::query(
        "insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum)
         values ($1, 1, $2, $3, $4, $5, 'x')",
    )
    .bind(id)
    .bind(house.tenant)
    .bind(&source.value)
    .bind(program.step_ids())
    .bind(program.goal_ids())
    .execute(&mut *c)
    .await
    .unwrap();
    sqlx::query("update waypost.workflows set version = 1 where id = $1")
        .bind(id)
        .execute(&mut *c)
        .await
        .unwrap();
    for trigger in &program.triggers {
        sqlx::query(
            "insert into waypost.trigger_index (tenant_id, event_type, workflow_id, trigger_id, version)
             values ($1, $2, $3, $4, 1)",
        )
        .bind(house.tenant)
        .bind(&trigger.kind)
        .bind(id)
        .bind(&trigger.id)
        .execute(&mut *c)
        .await
        .unwrap();
    }
    for (kind, field) in program.interests() {
        sqlx::query("insert into waypost.interests values ($1, $2, $3, $4, 1)")
            .bind(house.tenant)
            .bind(kind)
            .bind(field)
            .bind(id)
            .execute(&mut *c)
            .await
            .unwrap();
    }
}

/// The contact leaves the checkout form.
pub async fn abandon(c: &mut PgConnection, contact: Uuid) {
    sqlx::query("select waypost.emit('form.abandoned', $1, $2)")
        .bind(contact)
        .bind(json(r#"{"formId": "checkout-form"}"#))
        .execute(c)
        .await
        .unwrap();
}
