//! A session on an installed database of a test's own; logins beside its owner's.

use std::ops::{Deref, DerefMut};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, raw_sql};
use waypost::testing::TestDb;

/// Of the logins that tests make; servers that trust whoever connects do not ask for it.
const PASSWORD: &str = "waypost_test";

/// A session as the database's owner; the database goes with it.
pub struct Owner {
    session: PgConnection,
    pub db: TestDb,
}

impl Owner {
    /// A session on a database, whatever is in it.
    pub async fn of(db: TestDb) -> Owner {
        let session = db.connect().await;
        Owner { session, db }
    }

    /// A session as one of the logins of [`login`].
    pub async fn connect_as(&self, login: &str) -> PgConnection {
        let options = self.db.options().username(login).password(PASSWORD);
        PgConnection::connect_with(&options)
            .await
            .expect("the login may connect")
    }
}

impl Deref for Owner {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.session
    }
}

impl DerefMut for Owner {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.session
    }
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

/// A login that is no superuser and may create nothing, made if it is not there, as a member of these roles.
/// Logins belong to the whole server, which other tests use at the same moment.
pub async fn login(db: &mut PgConnection, name: &str, roles: &[&str]) {
    let grants: String = roles
        .iter()
        .map(|role| {
            format!(
                "if not pg_has_role('{name}', '{role}', 'usage') then grant {role} to {name}; end if;"
            )
        })
        .collect();
    run(
        db,
        &format!(
            "do $$ begin
               for attempt in 1..50 loop
                 begin
                   if not exists (select from pg_roles where rolname = '{name}') then
                     create role {name} login password '{PASSWORD}';
                   end if;
                   {grants}
                   return;
                 exception when duplicate_object or unique_violation or internal_error then
                   perform pg_sleep(0.02);
                 end;
               end loop;
               raise 'the login {name} could not be made';
             end $$"
        ),
    )
    .await;
}

/// An installed database of a test's own and a session as its owner.
pub async fn installed(name: &str) -> Owner {
    Owner::of(crate::support::database(name).await).await
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
