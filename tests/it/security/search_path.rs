//! Names that a caller can put in the way: nothing of his is run with rights that he has not.

use sqlx::{PgConnection, raw_sql};
use waypost::{
    store::{
        self, Purpose,
        install::{self, Options},
        intake, pool,
    },
    testing::TestDb,
};

use super::stage::{CONTACT, Two, told};
use crate::sql::support::{one, rows, run};

/// Every call that an application makes, and every write that fires a trigger, on rows of bolt's own. Written so that
/// the statement itself names no type: what is looked up, the functions look up.
const OWN: &[&str] = &[
    "select waypost.emit('x', 'bbbbbbbb-0000-7000-8000-000000000001')",
    "select waypost.emit('x', 'bbbbbbbb-0000-7000-8000-000000000001', '{}', 'k')",
    "select waypost.emit_batch('bolt', '{x,y}', '{null,null}', null, '{a,b}')",
    "select waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.enroll_many('bolt-flow', '{bbbbbbbb-0000-7000-8000-000000000001}', '{k2}')",
    "select waypost.explain('bbbbbbbb-0000-7000-8000-000000000001', 'bolt-flow')",
    "select waypost.pause(execution_id) from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.resume(execution_id) from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.move(execution_id, 'b') from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.retry(execution_id, 'b') from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.skip_wait(execution_id) from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.review(execution_id, 'b', 'approved') from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.cancel(execution_id) from waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'k1')",
    "select waypost.suppress('x@bolt.example')",
    "select waypost.suppress_many('{y@bolt.example}')",
    "select waypost.unsuppress('x@bolt.example')",
    "select waypost.now()",
    "select waypost.require_tenant('bolt')",
    "insert into crm.custom_fields (name, type) values ('n', 'number'), ('d', 'date'), ('i', 'datetime'), ('b', 'boolean'), ('t', 'text')",
    "insert into crm.contacts (id, tags, custom_fields) values ('bbbbbbbb-0000-7000-8000-000000000002', '{x}', '{\"n\": \"1\", \"d\": \"2024-01-01\", \"i\": \"2024-01-01\", \"b\": \"true\", \"t\": 1}')",
    "update crm.contacts set tags = '{y}', dnd = '{\"sms\": true}', first_name = 'x'",
    "insert into crm.form_submissions (form_id, contact_id) values ('f', 'bbbbbbbb-0000-7000-8000-000000000001')",
    "update crm.form_submissions set status = 'submitted'",
    "delete from crm.form_submissions",
    "insert into crm.payments (contact_id, amount, status) values ('bbbbbbbb-0000-7000-8000-000000000001', 1, 'pending')",
    "update crm.payments set status = 'succeeded'",
    "delete from crm.contacts",
];

/// Runs all of [`OWN`]; what was refused, which must not be for a hijacker's sake.
async fn run_own(app: &mut PgConnection) -> Vec<String> {
    let mut refused = Vec::new();
    for sql in OWN {
        if let Err(error) = raw_sql(*sql).execute(&mut *app).await {
            refused.push(format!("{sql}: {error}"));
        }
    }
    refused
}

/// A hijacker: whoever runs it with other rights than those of the session is caught.
fn caught(what: &str) -> String {
    format!(
        "declare v pg_catalog.text := current_user; begin
           if v operator(pg_catalog.<>) session_user then raise exception 'hijacked by {what}, as %', v; end if;"
    )
}

#[tokio::test]
async fn a_type_of_the_temporary_schema_is_not_taken_for_the_systems() {
    // A temporary schema is searched for types before the system's, unless a path says otherwise: a domain of the
    // caller's, with a check of his, would run in every function that casts to what it is called like.
    let mut two = Two::new("sec_types").await;
    let mut app = two.bolt("waypost_app").await;
    let types = [
        "text",
        "jsonb",
        "uuid",
        "timestamptz",
        "int2",
        "int4",
        "int8",
        "date",
        "bytea",
        "name",
        "float8",
        "numeric",
        "bool",
        "interval",
        "timestamp",
        "oid",
    ];
    for name in types {
        let body = caught(name);
        run(&mut app, &format!(
            "create function pg_temp.check_{name}(pg_catalog.{name}) returns pg_catalog.bool language plpgsql as $f${body} return true; end$f$;
             create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.check_{name}(value));"
        )).await;
    }
    // The trap is set: a function of the owner's that leaves the temporary schema where it is falls into it.
    run(&mut two.owner, "create function public.trap() returns void language plpgsql security definer set search_path = '' as $f$declare v text := 1; begin end$f$").await;
    let fell = told(&mut app, "select public.trap()::pg_catalog.text").await;
    assert!(fell.contains("hijacked by text"), "{fell}");
    let refused = run_own(&mut app).await;
    let hijacked: Vec<_> = refused
        .iter()
        .filter(|line| line.contains("hijacked"))
        .collect();
    assert!(hijacked.is_empty(), "{hijacked:#?}");
}

#[tokio::test]
async fn a_schema_of_ones_own_first_in_the_path_is_not_looked_into() {
    let mut two = Two::new("sec_path").await;
    run(&mut two.owner, "create schema evil; grant all on schema evil to waypost_test_bolt_app; grant create, usage on schema public to waypost_test_bolt_app").await;
    let mut app = two.bolt("waypost_app").await;
    // Tables of the engine's and of transition rows, functions that fit better than the system's, operators.
    let tables = rows(&mut two.owner, "select distinct c.relname::text from pg_class c where c.relnamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and c.relkind in ('r', 'p', 'v') and not c.relispartition").await;
    for table in tables
        .iter()
        .map(String::as_str)
        .chain(["added", "removed", "before", "after"])
    {
        run(
            &mut app,
            &format!("create table evil.{table} (id int); create temp table {table} (id int)"),
        )
        .await;
    }
    let functions = [
        ("unnest(text[])", "setof text", "return;"),
        ("unnest(uuid[])", "setof uuid", "return;"),
        ("cardinality(text[])", "int", "return 0;"),
        ("cardinality(uuid[])", "int", "return 0;"),
        ("array_fill(text, int[])", "text[]", "return null;"),
        ("jsonb_build_object(text, text)", "jsonb", "return null;"),
        ("jsonb_build_object(text, uuid)", "jsonb", "return null;"),
        ("to_jsonb(text)", "jsonb", "return null;"),
        ("to_jsonb(text[])", "jsonb", "return null;"),
        ("format(text, text)", "text", "return null;"),
        ("format(text, uuid)", "text", "return null;"),
        (
            "concat_ws(text, text, text, text, text)",
            "text",
            "return null;",
        ),
        ("array_position(text[], text)", "int", "return 0;"),
        ("isfinite(text)", "boolean", "return true;"),
    ];
    for schema in ["evil", "public"] {
        for (function, returns, ends) in functions {
            let body = caught(&format!("{schema}.{function}"));
            run(&mut app, &format!("create function {schema}.{function} returns {returns} language plpgsql as $f${body} {ends} end$f$")).await;
        }
        for (name, left, right) in [
            ("=", "uuid", "uuid"),
            ("=", "text", "text"),
            ("->>", "jsonb", "text"),
            ("||", "jsonb", "jsonb"),
            ("=", "text[]", "text[]"),
            ("<>", "text[]", "text[]"),
        ] {
            let (op, body) = (
                format!(
                    "{schema}.op_{}",
                    [left, right, &name.len().to_string()]
                        .concat()
                        .replace("[]", "s")
                ),
                caught("an operator"),
            );
            let returns = if name == "->>" {
                "text"
            } else if name == "||" {
                "jsonb"
            } else {
                "boolean"
            };
            run(&mut app, &format!("create or replace function {op}({left}, {right}) returns {returns} language plpgsql as $f${body} return null; end$f$;
                create operator {schema}.{name} (function = {op}, leftarg = {left}, rightarg = {right})")).await;
        }
    }
    for path in [
        "evil, public, pg_catalog",
        "pg_temp, evil, pg_catalog",
        "evil",
        "public, pg_temp, pg_catalog, evil",
    ] {
        run(
            &mut app,
            &format!("set search_path = {path}; set waypost.tenant = 'bolt'"),
        )
        .await;
        let refused = run_own(&mut app).await;
        let hijacked: Vec<_> = refused
            .iter()
            .filter(|line| line.contains("hijacked"))
            .collect();
        assert!(hijacked.is_empty(), "{path}: {hijacked:#?}");
    }
}

#[tokio::test]
async fn nobody_hangs_a_function_of_the_crm_on_a_table_of_his_own() {
    // The triggers of the CRM act for whatever tenant a row names. On a table of the caller's own, whose rows name whom
    // he likes, they would write another tenant's events and cancel another tenant's executions.
    let mut two = Two::new("sec_triggers").await;
    let before = two.digest().await;
    let mut app = two.bolt("waypost_app").await;
    let functions = rows(&mut two.owner, "select p.oid::regproc::text from pg_proc p where p.pronamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and p.prorettype = 'trigger'::regtype").await;
    assert!(functions.len() > 8, "{functions:?}");
    run(&mut app, "create temp table forged (like crm.contacts)").await;
    for function in functions {
        for event in ["insert", "update", "delete"] {
            let rows = match event {
                "insert" => "new table as added",
                "update" => "old table as before new table as after",
                _ => "old table as removed",
            };
            let hung = told(&mut app, &format!("create trigger t after {event} on forged referencing {rows} for each statement execute function {function}()")).await;
            assert!(hung.starts_with("42501"), "{function} on {event}: {hung}");
        }
    }
    let forge = format!(
        "insert into forged (tenant_id, id, tags, dnd, custom_fields, created_at, updated_at)
           values ('acme', '{CONTACT}', '{{}}', '{{}}', '{{}}', now(), now());
         update forged set tags = '{{x}}'; delete from forged"
    );
    run(&mut app, &forge).await;
    assert_eq!(before, two.digest().await);

    // Given the right, one of them does it: it is the right that stands in the way.
    run(
        &mut two.owner,
        "grant execute on function crm.contacts_deleted to waypost_test_bolt_app",
    )
    .await;
    run(&mut app, "create trigger t after delete on forged referencing old table as removed for each statement execute function crm.contacts_deleted()").await;
    run(&mut app, &forge).await;
    assert_ne!(
        before,
        two.digest().await,
        "acme's executions are cancelled"
    );
}

#[tokio::test]
async fn what_lies_in_public_is_no_part_of_what_is_installed_or_run() {
    // A database made before Postgres 15 lets everybody create functions in `public`. Ours are installed, and workers
    // run, without looking there.
    let db = TestDb::empty("sec_public").await;
    let mut owner = db.connect().await;
    for (function, returns) in [
        ("unnest(text[])", "setof text"),
        ("unnest(uuid[])", "setof uuid"),
        ("cardinality(uuid[])", "int"),
        ("cardinality(text[])", "int"),
        ("jsonb_build_object(text, text)", "jsonb"),
        ("jsonb_build_object(text, uuid)", "jsonb"),
        ("to_jsonb(text)", "jsonb"),
        ("lpad(text, int, text)", "text"),
        ("count(uuid)", "bigint"),
        ("array_position(text[], text)", "int"),
        ("greatest(bigint, int)", "bigint"),
    ] {
        let quoted = function.replacen("greatest", "\"greatest\"", 1);
        run(&mut owner, &format!("create function public.{quoted} returns {returns} language plpgsql as $f$begin raise exception 'hijacked'; end$f$")).await;
    }
    run(&mut owner, "create function public.same(uuid, uuid) returns boolean language plpgsql as $f$begin raise exception 'hijacked'; end$f$;
        create operator public.= (function = public.same, leftarg = uuid, rightarg = uuid)").await;
    assert!(
        told(&mut owner, "select cardinality('{}'::uuid[])::text")
            .await
            .contains("hijacked"),
        "the trap is set"
    );
    install::migrate(&mut owner, Options { crm: true }, &|_| {})
        .await
        .expect("it installs");
    let of_public = rows(&mut owner, "select distinct d.classid::regclass || ' ' || d.objid
        from pg_depend d join pg_proc p on d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
        where p.pronamespace = 'public'::regnamespace and d.classid in ('pg_proc'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_attrdef'::regclass)").await;
    assert!(of_public.is_empty(), "{of_public:?}");
    for purpose in [Purpose::Worker, Purpose::Api, Purpose::Owner] {
        let pool = store::connect(&db.url(), purpose, 1).expect("a pool");
        let mut session = pool.acquire().await.expect("a session");
        assert_eq!(
            one(&mut session, "show search_path").await,
            "pg_catalog, pg_temp",
            "{purpose:?}"
        );
        assert_eq!(
            one(&mut session, "select cardinality('{}'::uuid[])::text").await,
            "0",
            "{purpose:?}"
        );
    }
}

#[tokio::test]
async fn an_operators_own_query_is_read_by_his_own_path() {
    let db = crate::support::database("sec_query").await;
    let mut owner = db.connect().await;
    run(&mut owner, "create table public.vips (id uuid); insert into public.vips values ('00000000-0000-7000-8000-000000000001')").await;
    let mut session = pool::single(&db.url(), Purpose::Owner)
        .await
        .expect("a session");
    run(&mut session, "begin").await;
    let mut found = Vec::new();
    intake::contacts_of(&mut session, "select id from vips", 10, async |ids| {
        found.extend(ids);
        Ok::<_, sqlx::Error>(())
    })
    .await
    .expect("it is found");
    assert_eq!(found.len(), 1);
}
