//! A database for each test, installed once and copied; logins that are no superusers.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgConnectOptions, raw_sql};
use tokio::sync::OnceCell;
use waypost::store::install::{self, Options};

/// Where the tests may make databases and logins. No test works as this login.
const ADMIN: &str = "WAYPOST_TEST_ADMIN_URL";

/// Owns the test databases: may create roles, nothing more.
pub const OWNER: &str = "waypost_test_owner";

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static COPYING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How to reach a database as a login.
pub fn options(database: &str, login: &str) -> PgConnectOptions {
    let url = std::env::var(ADMIN).expect("WAYPOST_TEST_ADMIN_URL names a scratch server");
    let options: PgConnectOptions = url
        .parse()
        .expect("WAYPOST_TEST_ADMIN_URL is a Postgres URL");
    options.database(database).username(login)
}

/// A session as a login.
pub async fn connect(database: &str, login: &str) -> PgConnection {
    PgConnection::connect_with(&options(database, login))
        .await
        .expect("the scratch server answers")
}

/// The login that may make databases and logins.
async fn admin() -> PgConnection {
    let url = std::env::var(ADMIN).expect("WAYPOST_TEST_ADMIN_URL names a scratch server");
    PgConnection::connect(&url)
        .await
        .expect("the scratch server answers")
}

/// Runs statements; for setting up.
pub async fn run(db: &mut PgConnection, sql: &str) {
    raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(db)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Runs statements that must be refused; the SQLSTATE and the message.
pub async fn refused(db: &mut PgConnection, sql: &str) -> (String, String) {
    let error = raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(db)
        .await
        .expect_err(sql);
    let error = error.into_database_error().expect("Postgres refuses it");
    (
        error.code().unwrap_or_default().into_owned(),
        error.message().to_owned(),
    )
}

/// The first column of each row as text; null is the empty string. The statement casts to text itself.
pub async fn rows(db: &mut PgConnection, sql: &str) -> Vec<String> {
    raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(db)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
        .iter()
        .map(|row| row.get::<Option<String>, _>(0).unwrap_or_default())
        .collect()
}

/// The only value of the only row, as text.
pub async fn one(db: &mut PgConnection, sql: &str) -> String {
    let mut all = rows(db, sql).await;
    assert_eq!(all.len(), 1, "{sql}");
    all.remove(0)
}

/// An empty database of a test's own, owned by `owner`.
pub async fn empty(name: &str, owner: &str, attributes: &str) -> String {
    let mut admin = admin().await;
    let database = format!("waypost_test_{name}");
    run(
        &mut admin,
        &format!("drop database if exists {database} with (force)"),
    )
    .await;
    login(owner, attributes).await;
    run(
        &mut admin,
        &format!("create database {database} owner {owner}"),
    )
    .await;
    database
}

/// A login, made if it is not there.
pub async fn login(name: &str, attributes: &str) {
    run(
        &mut admin().await,
        &format!(
            "do $$ begin create role {name} login nosuperuser {attributes};
             exception when duplicate_object or unique_violation then null; end $$"
        ),
    )
    .await;
}

/// Membership in one of the engine's roles, given as the administrator would.
pub async fn grant(role: &str, login: &str) {
    let _guard = COPYING.lock().await;
    run(&mut admin().await, &format!("grant {role} to {login}")).await;
}

/// An installed database of a test's own and a session as its owner; the workflows of `enroll.rs` are in it.
pub async fn installed(name: &str) -> (String, PgConnection) {
    let template = TEMPLATE
        .get_or_init(|| async {
            let database = empty("template", OWNER, "createrole").await;
            let mut owner = connect(&database, OWNER).await;
            install::migrate(&mut owner, Options { crm: true }, &|_| {})
                .await
                .expect("it installs");
            owner.close().await.expect("the session ends");
            database
        })
        .await;
    let database = format!("waypost_test_{name}");
    {
        // A template may have no other session while it is copied.
        let _guard = COPYING.lock().await;
        let mut admin = admin().await;
        run(
            &mut admin,
            &format!("drop database if exists {database} with (force)"),
        )
        .await;
        run(
            &mut admin,
            &format!("create database {database} owner {OWNER} template {template}"),
        )
        .await;
    }
    let owner = connect(&database, OWNER).await;
    (database, owner)
}

/// A published workflow of two steps, `a` and `b`, and a goal `g`; `rules` sets further columns.
pub async fn workflow(db: &mut PgConnection, tenant: &str, slug: &str, rules: &str) {
    run(
        db,
        &format!(
            "with w as (
               insert into waypost.workflows (tenant_id, slug, name, status, version)
               select id, '{slug}', '{slug}', 'active', 1 from waypost.tenants where name = '{tenant}'
               returning id, tenant_id)
             insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum, published_at)
             select id, 1, tenant_id, '{{}}', '{{a,b}}', '{{g}}', '', clock_timestamp() from w"
        ),
    )
    .await;
    if !rules.is_empty() {
        run(
            db,
            &format!("update waypost.workflows set {rules} where slug = '{slug}'"),
        )
        .await;
    }
}
