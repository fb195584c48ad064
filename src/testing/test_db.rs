//! A migrated database for one test, cloned from the template and dropped at the test's end.

use std::{
    fmt::Display,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    server::test_server,
    template::{ensure_template, run},
};

/// What clones are called, before the process id.
const PREFIX: &str = "waypost_test_";

/// A database of its own. Its login owns it, may create roles, and is no superuser.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    admin: PgConnectOptions,
    options: PgConnectOptions,
}

impl TestDb {
    /// An empty database without the schema, for tests of the installation itself.
    pub async fn empty(name: &str) -> TestDb {
        Self::create(name, async |_, _| "template0".to_owned()).await
    }

    /// A database that `migrate` brought to its state. It runs once for each state of
    /// `migrations/` and `sql/` and each `kind` of migrator; every test gets a clone.
    ///
    /// # Panics
    /// When there is no server, or `migrate` fails: the test cannot run.
    pub async fn with_migrator<F, E>(name: &str, kind: &str, migrate: F) -> TestDb
    where
        F: AsyncFnOnce(&mut PgConnection) -> Result<(), E>,
        E: Display,
    {
        Self::create(name, async |admin, options| {
            ensure_template(admin, options, kind, migrate).await
        })
        .await
    }

    async fn create<T>(name: &str, template: T) -> TestDb
    where
        T: AsyncFnOnce(&mut PgConnection, &PgConnectOptions) -> String,
    {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = test_server().await;
        let mut admin = PgConnection::connect_with(&server.options)
            .await
            .unwrap_or_else(|error| panic!("connecting to the test server: {error}"));
        drop_leftovers(&mut admin).await;
        let template = template(&mut admin, &server.options).await;
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .take(24)
            .collect();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}_{count}_{name}", std::process::id());
        run(
            &mut admin,
            &format!("create database {name} template {template}"),
        )
        .await;
        let _ = admin.close().await;
        let options = server.options.clone().database(&name);
        TestDb {
            name,
            admin: server.options.clone(),
            options,
        }
    }

    /// The database's name on its server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect, for callers that set more.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// The URL, for other processes: the `waypost` binary, `psql`, another language's driver.
    pub fn url(&self) -> String {
        let mut url = self.options.to_url_lossy();
        // A socket stands as `host=` in the query, which every driver reads.
        if let Some(socket) = self.options.get_socket() {
            let _ = url.set_host(Some("localhost"));
            url.set_query(Some(&format!("host={}", socket.display())));
        }
        url.into()
    }

    /// A connection of its own.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options)
            .await
            .unwrap_or_else(|error| panic!("connecting to {}: {error}", self.name))
    }

    /// A pool of at most `max` connections.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn pool(&self, max: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(max)
            .connect_with(self.options.clone())
            .await
            .unwrap_or_else(|error| panic!("connecting to {}: {error}", self.name))
    }
}

impl Drop for TestDb {
    /// Drops the database, whoever is still connected. `WAYPOST_TEST_KEEP=1` keeps it for a look.
    fn drop(&mut self) {
        if std::env::var_os("WAYPOST_TEST_KEEP").is_some_and(|value| !value.is_empty()) {
            eprintln!("kept the database {}", self.url());
            return;
        }
        let sql = format!("drop database if exists {} with (force)", self.name);
        let admin = self.admin.clone();
        // A drop cannot await, and the test's runtime may be the current thread's.
        let dropper = thread::spawn(move || -> Result<(), String> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            let work = async {
                let mut admin = PgConnection::connect_with(&admin).await?;
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut admin)
                    .await?;
                admin.close().await
            };
            runtime
                .block_on(work)
                .map_err(|error: sqlx::Error| error.to_string())
        });
        match dropper.join() {
            Ok(Ok(())) => {}
            // The next test's `drop_leftovers` tries again.
            Ok(Err(error)) => eprintln!("dropping the database {}: {error}", self.name),
            Err(_) => eprintln!("dropping the database {} panicked", self.name),
        }
    }
}

/// Drops what killed tests left behind: databases named for a process that is no more. Only on a
/// server reached by a socket, where process ids mean something.
async fn drop_leftovers(admin: &mut PgConnection) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let names: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database
         where inet_server_addr() is null and starts_with(datname, $1)",
    )
    .bind(PREFIX)
    .fetch_all(&mut *admin)
    .await
    .unwrap_or_default();
    for name in names {
        let pid = name[PREFIX.len()..].split('_').next().unwrap_or_default();
        if pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
            // Another test may be at it too: whoever comes second finds nothing, and that is fine.
            let sql = format!("drop database if exists {name}");
            let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *admin).await;
        }
    }
}
