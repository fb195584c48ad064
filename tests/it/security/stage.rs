//! Two tenants on one database: `acme`, who has a row in every table, and `bolt`, whose logins ask for them.

use regex::Regex;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgDatabaseError, raw_sql};

use crate::sql::support::{Owner, installed, login, one, rows, run};

/// What stands in every text of acme's, and in nothing else.
pub const MARK: &str = "acme-canary";
/// acme's contact.
pub const CONTACT: &str = "aaaaaaaa-0000-7000-8000-000000000001";
/// Nobody's ids, which must be answered as acme's are.
const NOBODY: &str = "0192a3b4-c5d6-8e7f-8a8b-8c8d8e8f9091";

/// Logins of bolt's, one for each role that a login may be given.
pub const LOGINS: [(&str, &str); 3] = [
    ("waypost_test_bolt_app", "waypost_app"),
    ("waypost_test_bolt_api", "waypost_api"),
    ("waypost_test_bolt_report", "waypost_report"),
];

/// acme's rows. The ids of executions and sends are those that the engine would give.
const ACME: &str = include_str!("acme.sql");
/// bolt's rows: few, so that what is shown to bolt is short.
const BOLT: &str = include_str!("bolt.sql");

/// What a column names, and whose that is.
const NAMES: [(&str, &str); 6] = [
    ("workflow_id", "select id, tenant_id from waypost.workflows"),
    ("execution_id", EXECUTIONS),
    ("parent_id", EXECUTIONS),
    ("child_id", EXECUTIONS),
    (
        "outbox_id",
        "select id, tenant_id from waypost.sends union all select id, tenant_id from waypost.deliveries",
    ),
    ("batch_id", "select id, tenant_id from waypost.batches"),
];
const EXECUTIONS: &str =
    "select id, tenant_id from waypost.runs union all select id, tenant_id from waypost.finished";

/// Both tenants, and a session as the owner.
pub struct Two {
    pub owner: Owner,
    /// Ids to put into calls: acme's, then nobody's.
    acme: Vec<(&'static str, String)>,
    nobody: Vec<(&'static str, String)>,
}

impl Two {
    /// A database with both.
    pub async fn new(name: &str) -> Two {
        let mut owner = installed(name).await;
        run(&mut owner, ACME).await;
        run(&mut owner, BOLT).await;
        for (member, role) in LOGINS {
            login(&mut owner, member, &[role]).await;
            run(&mut owner, &format!("insert into waypost.role_tenants (role_name, tenant_id) select '{member}', id from waypost.tenants where name = 'bolt'")).await;
        }
        let mut acme = vec![
            ("{tenant}", "acme".to_owned()),
            ("{contact}", CONTACT.to_owned()),
        ];
        let mut nobody = vec![
            ("{tenant}", "none".to_owned()),
            ("{contact}", NOBODY.to_owned()),
        ];
        for (name, query, other) in [
            (
                "{tenant_id}",
                "select id::text from waypost.tenants where name = 'acme'",
                "999999",
            ),
            (
                "{workflow_id}",
                "select min(id)::text from waypost.workflows where slug like 'acme%'",
                "999999",
            ),
            ("{workflow}", "select 'acme-canary-flow'", "unheard-flow"),
            (
                "{execution}",
                "select id::text from waypost.runs where key = 'acme-canary-live'",
                NOBODY,
            ),
            (
                "{ended}",
                "select id::text from waypost.finished where key = 'acme-canary-ended'",
                NOBODY,
            ),
            ("{send}", "select min(id::text) from waypost.sends", NOBODY),
            (
                "{unknown}",
                "select min(id::text) from waypost.deliveries where state = 5",
                NOBODY,
            ),
            (
                "{submission}",
                "select id::text from crm.form_submissions where tenant_id = 'acme'",
                NOBODY,
            ),
            (
                "{payment}",
                "select id::text from crm.payments where tenant_id = 'acme'",
                NOBODY,
            ),
        ] {
            acme.push((name, one(&mut owner, query).await));
            nobody.push((name, other.to_owned()));
        }
        Two {
            owner,
            acme,
            nobody,
        }
    }

    /// A session of one of bolt's logins that speaks for bolt.
    pub async fn bolt(&self, role: &str) -> PgConnection {
        let (member, _) = LOGINS
            .iter()
            .find(|(_, r)| *r == role)
            .expect("a role with a login");
        let mut session = self.owner.connect_as(member).await;
        run(&mut session, "set waypost.tenant = 'bolt'").await;
        session
    }

    /// A call with acme's ids in it, and the same with nobody's.
    pub fn both(&self, call: &str) -> [String; 2] {
        [&self.acme, &self.nobody].map(|ids| {
            ids.iter()
                .fold(call.to_owned(), |text, (name, id)| text.replace(name, id))
        })
    }

    /// What the caller learns, with every id, number of acme's and time made alike: where he learns the same of
    /// acme's as of nobody's, he learns nothing.
    pub fn plain(&self, answer: &str) -> String {
        let ids = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
            .expect("a regex");
        let times =
            Regex::new(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(Z|\+00(:00)?)?").expect("a regex");
        let text = times
            .replace_all(&ids.replace_all(answer, "<id>"), "<at>")
            .into_owned();
        // The longest first: the tenant's name is part of others.
        let mut names: Vec<_> = self.acme.iter().chain(&self.nobody).collect();
        names.sort_by_key(|(_, id)| std::cmp::Reverse(id.len()));
        names.iter().fold(text, |text, (name, id)| {
            let word = Regex::new(&format!(r"\b{}\b", regex::escape(id))).expect("a regex");
            word.replace_all(&text, *name).into_owned()
        })
    }

    /// A digest of acme's rows in each table that has rows of tenants, partitions by their parents.
    pub async fn digest(&mut self) -> Vec<String> {
        let mut digests = Vec::new();
        for (table, of_acme) in self.tables().await {
            let query = format!(
                "select concat('{table} ', count(*), ' ', md5(coalesce(string_agg(to_jsonb(x)::text, '' order by to_jsonb(x)::text), '')))
                 from {table} x where {of_acme}"
            );
            digests.push(one(&mut self.owner, &query).await);
        }
        digests
    }

    /// The tables whose rows name a workflow, an execution, a send or a batch, and the columns that do.
    pub async fn naming(&mut self) -> Vec<(String, Vec<&'static str>)> {
        let lines = rows(
            &mut self.owner,
            "select c.oid::regclass::text || ' ' || string_agg(a.attname, ' ' order by a.attnum)
             from pg_class c join pg_attribute a on a.attrelid = c.oid
             where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
               and a.attname in ('workflow_id', 'execution_id', 'parent_id', 'child_id', 'outbox_id', 'batch_id')
             group by c.oid order by 1",
        )
        .await;
        lines
            .into_iter()
            .map(|line| {
                let mut words = line.split(' ');
                let table = words.next().expect("a table").to_owned();
                let columns = words.map(|word| {
                    NAMES
                        .iter()
                        .find(|(name, _)| *name == word)
                        .expect("a column that names something")
                        .0
                });
                (table, columns.collect())
            })
            .collect()
    }

    /// Rows that name something of another tenant's: table, column and how many.
    pub async fn named(&mut self) -> Vec<String> {
        let mut queries = Vec::new();
        for (table, columns) in self.naming().await {
            for column in columns {
                let (_, of) = NAMES
                    .iter()
                    .find(|(name, _)| *name == column)
                    .expect("it is one");
                queries.push(format!(
                    "select concat('{table} ', '{column} ', count(*)) from {table} x join ({of}) o
                     on o.id = x.{column} and o.tenant_id <> x.tenant_id having count(*) > 0"
                ));
            }
        }
        rows(&mut self.owner, &queries.join(" union all ")).await
    }

    /// Every table of tenants' rows, and which rows of it are acme's.
    pub async fn tables(&mut self) -> Vec<(String, &'static str)> {
        rows(
            &mut self.owner,
            "select c.oid::regclass::text || case when c.oid = 'waypost.tenants'::regclass then ' id' else ' ' || a.atttypid::regtype end
             from pg_class c
             left join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
             where c.relnamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and c.relkind in ('r', 'p')
               and not c.relispartition and (a.attname is not null or c.oid = 'waypost.tenants'::regclass)
             order by 1",
        )
        .await
        .into_iter()
        .map(|line| {
            let (table, kind) = line.split_once(' ').expect("a table and the type of its tenant");
            let of_acme = match kind {
                "id" => "x.name = 'acme'",
                "text" => "x.tenant_id = 'acme'",
                _ => "x.tenant_id = (select t.id from waypost.tenants t where t.name = 'acme')",
            };
            (table.to_owned(), of_acme)
        })
        .collect()
    }
}

/// Whatever a session is told: the rows of the last statement, or the error with all that it says.
pub async fn told(session: &mut PgConnection, sql: &str) -> String {
    let answer = raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(&mut *session)
        .await;
    match answer {
        Ok(found) => found
            .iter()
            .map(|row| {
                row.try_get::<Option<String>, _>(0)
                    .expect("the call casts to text")
                    .unwrap_or("null".into())
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Err(error) => {
            let error = error.as_database_error().expect("Postgres refuses it");
            let error = error.downcast_ref::<PgDatabaseError>();
            format!(
                "{} {} / {:?} / {:?}",
                error.code(),
                error.message(),
                error.detail(),
                error.hint()
            )
        }
    }
}
