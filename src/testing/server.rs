//! The one Postgres of a test run: the one given, or a throw-away one below the target directory.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::OnceLock,
};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};

use crate::private_pg::{HARNESS_ROLE, Options, PrivatePg, Profile};

/// A server and the way in as the harness role: it may create databases and roles, and is no
/// superuser, because what tests pass as a superuser proves nothing about row security.
pub(super) struct TestServer {
    pub(super) options: PgConnectOptions,
    /// Held to the end of the process: the kernel lets go of it then.
    _private: Option<PrivatePg>,
}

/// The server of this process's tests, started or asked for once.
pub(super) async fn test_server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    if let Some(server) = SERVER.get() {
        return server;
    }
    let server = match std::env::var("WAYPOST_TEST_URL")
        .ok()
        .filter(|url| !url.is_empty())
    {
        Some(url) => TestServer {
            options: as_harness_role(&url).await,
            _private: None,
        },
        None => tokio::task::spawn_blocking(throwaway)
            .await
            .expect("the server starts"),
    };
    SERVER.get_or_init(|| server)
}

fn throwaway() -> TestServer {
    let options = Options {
        profile: Profile::Throwaway,
        ..Options::from_env()
    };
    let say = |line: &str| eprintln!("test database: {line}");
    let server = PrivatePg::ensure_with(&target_dir().join("test-pg"), &options, &say)
        .unwrap_or_else(|error| panic!("no Postgres for the tests: {error}"));
    let url = server.url_for(HARNESS_ROLE, "postgres");
    TestServer {
        options: parse(&url),
        _private: Some(server),
    }
}

/// A test's program is `<target>/<profile>/deps/<name>`.
fn target_dir() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    match own.ancestors().nth(3) {
        Some(target) if own.parent().is_some_and(|dir| dir.ends_with("deps")) => target.to_owned(),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
    }
}

fn parse(url: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(url)
        .unwrap_or_else(|error| panic!("WAYPOST_TEST_URL is no Postgres URL: {error}"))
}

/// The login as it is given, or, when that is a superuser, a harness role made by it.
async fn as_harness_role(url: &str) -> PgConnectOptions {
    let options = parse(url);
    let mut admin = PgConnection::connect_with(&options)
        .await
        .unwrap_or_else(|error| panic!("the server of WAYPOST_TEST_URL: {error}"));
    let is_super: bool =
        sqlx::query_scalar("select rolsuper from pg_roles where rolname = session_user")
            .fetch_one(&mut admin)
            .await
            .expect("a login can read its own role");
    if !is_super {
        return options;
    }
    // Derived, so that test processes side by side agree on it; it guards nothing that the URL
    // it derives from does not already open.
    let password = hex::encode(&Sha256::digest(url.as_bytes())[..12]);
    // One message is one transaction: the lock is held until what it guards is seen by others.
    let sql = format!(
        "select pg_advisory_xact_lock(7749);
         do $$ begin
           if not exists (select from pg_roles where rolname = '{HARNESS_ROLE}') then
             create role {HARNESS_ROLE};
           end if;
         end $$;
         alter role {HARNESS_ROLE} login nosuperuser createdb createrole password '{password}';
         grant pg_signal_backend to {HARNESS_ROLE};
         -- From 16 on nobody may join roles that another login made; the engine's may be there.
         do $$ declare v_role name; begin
           for v_role in select rolname from pg_roles
             where rolname in ('waypost_owner', 'waypost_worker', 'waypost_api', 'waypost_report', 'waypost_app')
           loop
             execute format('grant %I to {HARNESS_ROLE} with admin option', v_role);
           end loop;
         end $$;"
    );
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut admin)
        .await
        .expect("the harness role");
    options.username(HARNESS_ROLE).password(&password)
}
