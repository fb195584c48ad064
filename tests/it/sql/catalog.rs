//! The rules S1 to S9 of the design, read out of the system catalog; each is shown to find a planted violation.

use sqlx::Connection;

use super::support::{installed, rows, run};

/// A rule: what it says, a query for what breaks it, and a statement that breaks it.
struct Rule {
    says: &'static str,
    finds: &'static str,
    planted: &'static str,
}

const RULES: [Rule; 13] = [
    Rule {
        says: "S1: what belongs to a contact, execution or outbox row has a bucket",
        finds: "select c.relname::text from pg_class c
                where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p')
                  and exists (select from pg_attribute a where a.attrelid = c.oid
                              and a.attname in ('contact_id', 'execution_id', 'outbox_id'))
                  and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'bucket')",
        planted: "create table waypost.planted (contact_id uuid)",
    },
    Rule {
        says: "S1: bucket is a smallint, not null, not generated",
        finds: "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'bucket'
                where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p')
                  and not (a.atttypid = 'smallint'::regtype and a.attnotnull and a.attgenerated = '')",
        planted: "create table waypost.planted (bucket int not null)",
    },
    Rule {
        says: "S1: bucket comes first in every primary and unique key of a table that has it",
        finds: "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid
                join pg_attribute a on a.attrelid = c.oid and a.attname = 'bucket'
                where c.relnamespace = 'waypost'::regnamespace and i.indisunique and i.indkey[0] <> a.attnum",
        planted: "create table waypost.planted (bucket smallint not null, id uuid, constraint planted_pk primary key (id, bucket))",
    },
    Rule {
        says: "S1: every table that has a bucket has a primary key",
        finds: "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'bucket'
                where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p')
                  and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)",
        planted: "create table waypost.planted (bucket smallint not null)",
    },
    Rule {
        says: "S5: no triggers on engine tables",
        finds: "select t.tgname::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
                where c.relnamespace = 'waypost'::regnamespace and not t.tgisinternal",
        planted: "create trigger planted before update on waypost.runs for each row
                  execute function suppress_redundant_updates_trigger()",
    },
    Rule {
        says: "S6: every constraint is named table_..._pk, _uq, _fk or _ck",
        finds: "select k.conname::text from pg_constraint k join pg_class c on c.oid = k.conrelid
                where c.relnamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and not c.relispartition
                  and k.contype in ('p', 'u', 'f', 'c')
                  and (left(k.conname, length(c.relname) + 1) <> c.relname || '_' or right(k.conname, 3) <>
                       case k.contype when 'p' then '_pk' when 'u' then '_uq' when 'f' then '_fk' else '_ck' end)",
        planted: "alter table waypost.runs add check (seq >= 0)",
    },
    Rule {
        says: "no foreign key from an engine table to the CRM",
        finds: "select k.conname::text from pg_constraint k join pg_class c on c.oid = k.conrelid
                join pg_class f on f.oid = k.confrelid
                where c.relnamespace = 'waypost'::regnamespace and f.relnamespace <> c.relnamespace",
        planted: "create table waypost.planted (t text, id uuid, constraint planted_contact_fk foreign key (t, id) references crm.contacts)",
    },
    Rule {
        says: "I-8: every engine table, partitions included, forces row security and has its three policies",
        finds: "select c.relname::text from pg_class c
                where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p')
                  and not (c.relrowsecurity and c.relforcerowsecurity
                           and (select count(*) from pg_policy p where p.polrelid = c.oid) = 3)",
        planted: "create table waypost.bursts_20200101 partition of waypost.bursts for values from ('2020-01-01') to ('2020-01-02')",
    },
    Rule {
        says: "I-8: every CRM table has row security and its two policies",
        finds: "select c.relname::text from pg_class c
                where c.relnamespace = 'crm'::regnamespace and c.relkind in ('r', 'p')
                  and not (c.relrowsecurity and (select count(*) from pg_policy p where p.polrelid = c.oid) = 2)",
        planted: "alter table crm.notes disable row level security",
    },
    Rule {
        says: "I-8: views run with the rights of who asks",
        finds: "select c.relname::text from pg_class c where c.relnamespace = 'waypost'::regnamespace and c.relkind = 'v'
                  and not coalesce(c.reloptions @> '{security_invoker=true}', false)",
        planted: "create view waypost.planted as select 1 as one",
    },
    Rule {
        says: "views say what each column is",
        finds: "select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
                where c.relnamespace = 'waypost'::regnamespace and c.relkind = 'v' and c.relname <> 'contacts'
                  and col_description(c.oid, a.attnum) is null",
        planted: "create view waypost.planted with (security_invoker = true) as select 1 as one",
    },
    Rule {
        says: "functions of text find nothing by the caller's search_path, nor types of his temporary schema",
        finds: "select p.oid::regprocedure::text from pg_proc p
                where p.pronamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and p.prosqlbody is null
                  and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)",
        planted: "create function waypost.planted() returns int language sql as 'select 1'",
    },
    Rule {
        says: "the role for applications reads no table, and nobody runs a function that was not given to him",
        finds: "select c.relname::text from pg_class c
                where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p', 'v')
                  and has_table_privilege('waypost_app', c.oid, 'select, insert, update, delete')
                union all
                select p.oid::regprocedure::text from pg_proc p
                where p.pronamespace = 'waypost'::regnamespace and p.prosecdef and p.proname not in ('now', 'tenant_number')
                  and has_function_privilege('public', p.oid, 'execute')",
        planted: "create function waypost.planted() returns int language sql security definer set search_path = pg_catalog, pg_temp as 'select 1'",
    },
];

#[tokio::test]
async fn the_schema_keeps_every_rule_and_every_rule_can_be_broken() {
    let mut db = installed("catalog").await;
    for rule in RULES {
        let broken = rows(&mut db, rule.finds).await;
        assert!(broken.is_empty(), "{}: {broken:?}", rule.says);
        let mut tx = db.begin().await.expect("it begins");
        run(&mut tx, "set local role waypost_owner").await;
        run(&mut tx, rule.planted).await;
        let found = rows(&mut tx, rule.finds).await;
        assert!(
            !found.is_empty(),
            "{}: {} was not found",
            rule.says,
            rule.planted
        );
        tx.rollback().await.expect("it ends");
    }
}

#[tokio::test]
async fn new_partitions_are_covered_and_old_ones_dropped() {
    let mut db = installed("partitions").await;
    let count = "select count(*)::text from pg_class where relnamespace = 'waypost'::regnamespace and relname ~ '_[0-9]{8}$' and relkind = 'r'";
    assert_eq!(
        rows(&mut db, count).await,
        ["28"],
        "seven tables, today and three days"
    );
    run(&mut db, "set role waypost_worker").await;
    assert_eq!(
        rows(&mut db, "select waypost.ensure_partitions(3)::text").await,
        ["0"]
    );
    assert_eq!(
        rows(&mut db, "select waypost.ensure_partitions(5)::text").await,
        ["14"]
    );
    assert_eq!(rows(&mut db, RULES[7].finds).await, [""; 0]);
    assert_eq!(rows(&mut db, "select waypost.drop_partitions(date_trunc('day', clock_timestamp(), 'UTC') + interval '2 days')::text").await, ["14"]);
    assert_eq!(rows(&mut db, count).await, ["28"]);
    // A row of a day without a partition is kept, and makes no trouble when the day comes.
    run(&mut db, "insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds)
                  select 0, gen_random_uuid(), 0, 1, 1, clock_timestamp(), '{}', '{}';
                  select waypost.ensure_partitions(0)").await;
    assert_eq!(
        rows(&mut db, "select count(*)::text from waypost.bursts_default").await,
        ["1"]
    );
}
