//! Whatever a login of one tenant calls, reads or writes with another's ids, it changes and learns nothing (I-8).
//!
//! The lists below are held against the catalog: a function, view, table or path that is in none of them fails here by
//! name, and whoever adds one says who may reach it, and what it answers about rows that are not his.

use std::collections::BTreeMap;

use super::stage::{CONTACT, MARK, Two, told};
use crate::sql::support::{one, rows, run};

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Everybody: it computes, or tells what the caller's own login says.
    All,
    /// Applications, the API and workers.
    App,
    /// The API and workers.
    Api,
    /// Workers.
    Worker,
    /// The owner, in functions of his.
    Owner,
}

/// What applications call, with ids of somebody else's.
const APP: &[(&str, &[&str])] = &[
    (
        "cancel",
        &[
            "select waypost.cancel('{execution}')",
            "select waypost.cancel('{ended}')",
            "select waypost.cancel('{execution}', tenant => '{tenant}')",
        ],
    ),
    (
        "emit",
        &[
            "select waypost.emit('acme-canary', '{contact}', dedupe_key => 'acme-canary-key')::text",
            "select waypost.emit('x', '{contact}', tenant => '{tenant}')::text",
            "select waypost.emit('x', null, tenant => '{tenant}')::text",
        ],
    ),
    (
        "emit_batch",
        &[
            "select waypost.emit_batch('bolt', '{acme-canary}', array['{contact}'::uuid], null, '{acme-canary-key}')::text",
            "select waypost.emit_batch('{tenant}', '{x}', array['{contact}'::uuid])::text",
        ],
    ),
    (
        "enroll",
        &[
            "select e::text from waypost.enroll('{workflow}', 'bbbbbbbb-0000-7000-8000-000000000001') e",
            "select e::text from waypost.enroll('bolt-flow', '{contact}') e",
            "select e::text from waypost.enroll('bolt-flow', '{contact}', strict => true) e",
            "select e::text from waypost.enroll('{workflow}', '{contact}', 'acme-canary-live', tenant => '{tenant}') e",
        ],
    ),
    (
        "enroll_many",
        &[
            "select e::text from waypost.enroll_many('{workflow}', array['{contact}'::uuid]) e",
            "select e::text from waypost.enroll_many('{workflow}', array['{contact}'::uuid], tenant => '{tenant}') e",
        ],
    ),
    (
        "explain",
        &[
            "select (stage, outcome, reason, detail)::text from waypost.explain('{contact}', '{workflow}')",
            "select (stage, outcome, reason, detail)::text from waypost.explain('{contact}', 'bolt-flow')",
            "select e::text from waypost.explain('{contact}', '{workflow}', '{tenant}') e",
        ],
    ),
    (
        "move",
        &[
            "select waypost.move('{execution}', 'acme-canary-wait')",
            "select waypost.move('{ended}', 'acme-canary-wait', true)",
            "select waypost.move('{execution}', 'acme-canary-wait', tenant => '{tenant}')",
        ],
    ),
    (
        "pause",
        &[
            "select waypost.pause('{execution}')",
            "select waypost.pause('{execution}', '{tenant}')",
        ],
    ),
    (
        "resume",
        &[
            "select waypost.resume('{execution}')",
            "select waypost.resume('{execution}', '{tenant}')",
        ],
    ),
    (
        "retry",
        &[
            "select waypost.retry('{execution}')",
            "select waypost.retry('{ended}', 'acme-canary-wait', true)",
            "select waypost.retry('{execution}', tenant => '{tenant}')",
        ],
    ),
    (
        "review",
        &[
            "select waypost.review('{execution}', null, 'approved')",
            "select waypost.review('{execution}', 'acme-canary-review', 'approved', tenant => '{tenant}')",
        ],
    ),
    (
        "settle",
        &[
            "select waypost.settle('{unknown}', 'sent')",
            "select waypost.settle('{send}', 'failed', '{\"acme-canary\": 1}')",
            "select waypost.settle('{unknown}', 'failed', source => 'operator', tenant => '{tenant}')",
        ],
    ),
    (
        "skip_wait",
        &[
            "select waypost.skip_wait('{execution}')",
            "select waypost.skip_wait('{execution}', '{tenant}')",
        ],
    ),
    (
        "suppress",
        &[
            "select waypost.suppress('{workflow}@example.com', 'email', 'acme-canary')::text",
            "select waypost.suppress('x@example.com', tenant => '{tenant}')::text",
        ],
    ),
    (
        "suppress_many",
        &["select waypost.suppress_many('{x@example.com}', tenant => '{tenant}')::text"],
    ),
    (
        "unsuppress",
        &[
            "select waypost.unsuppress('{contact}', list => null)::text",
            "select waypost.unsuppress('acme-canary@example.com', list => null, tenant => '{tenant}')::text",
        ],
    ),
];

/// What only the API and workers call; here by an API that speaks for somebody else.
const API: &[(&str, &[&str])] = &[
    (
        "add_notes",
        &[
            "select waypost.add_notes('{{tenant}}', array['{contact}'::uuid], '{x}')::text",
            "select waypost.add_notes('{bolt}', array['{contact}'::uuid], '{x}')::text",
        ],
    ),
    (
        "advance_clock",
        &["select waypost.advance_clock('{tenant}', '2030-01-01')::text"],
    ),
    (
        "lock_contacts",
        &["select c::text from waypost.lock_contacts('{{tenant}}', array['{contact}'::uuid]) c"],
    ),
    (
        "plan_timers",
        &["select waypost.plan_timers({workflow_id})::text"],
    ),
    (
        "reads_event",
        &["select waypost.reads_event({tenant_id}, 'contact.updated', 'acme-canary')::text"],
    ),
    ("ring", &["select waypost.ring(true)::text"]),
    (
        "suppression_of",
        &[
            "select waypost.suppression_of({tenant_id}, '{global,acme-canary}', '{contact}', 'acme-canary@example.com', null, now())::text",
        ],
    ),
    (
        "write_contacts",
        &[
            "select waypost.write_contacts('{{tenant}}', array['{contact}'::uuid], array['[\"x\"]'::jsonb], null, null)::text",
            "select waypost.write_contacts('{bolt}', array['{contact}'::uuid], null, null, array['{\"email\": \"x\"}'::jsonb])::text",
        ],
    ),
];

/// What everybody calls. Those without a call touch no row, or only such as the caller may read himself.
const ALL: &[(&str, &[&str])] = &[
    ("as_date", &[]),
    ("as_instant", &[]),
    ("assemble_id", &[]),
    ("bucket_in", &[]),
    ("bucket_of", &[]),
    (
        "coerce_custom_fields",
        &["select crm.coerce_custom_fields('{tenant}', '{\"acme-canary-field\": 1}')::text"],
    ),
    ("contact_id", &[]),
    ("contact_json", &[]),
    ("current_tenant", &[]),
    ("current_tenant_id", &[]),
    ("derive_id", &[]),
    ("enrolled_event", &[]),
    ("enrolled_state", &[]),
    ("entry_name", &[]),
    (
        "execution_state",
        &[
            "select waypost.execution_state(waypost.bucket_in('{execution}'), '{execution}', {workflow_id}, 1, 0, true, '{}')::text",
        ],
    ),
    ("from_millis", &[]),
    ("home_bucket", &[]),
    ("instant_text", &[]),
    ("isolation", &[]),
    ("key_at", &[]),
    ("limit_numbers", &[]),
    ("local_instant", &[]),
    ("millis", &[]),
    ("new_id", &[]),
    (
        "now",
        &["select (waypost.now('{tenant}') > '2025-01-01')::text"],
    ),
    ("outbox_id", &[]),
    ("outbox_state_name", &[]),
    ("policy_name", &[]),
    ("proportion_p_value", &[]),
    ("refused_at_start", &[]),
    (
        "require_tenant",
        &["select waypost.require_tenant('{tenant}')::text"],
    ),
    ("span_shift", &[]),
    ("status_name", &[]),
    ("suppression_kind", &[]),
    ("suppression_value", &[]),
    (
        "tenant_number",
        &["select waypost.tenant_number('{tenant}')::text"],
    ),
    ("zone_or", &[]),
];

const WORKER: &[&str] = &[
    "cancel_executions",
    "drop_partition",
    "drop_partitions",
    "eligible",
    "enroll_batch",
    "ensure_partitions",
    "remove_executions",
    "wake_parents",
];

const OWNER: &[&str] = &[
    "bring_back",
    "command",
    "contacts_before",
    "contacts_deleted",
    "contacts_inserted",
    "contacts_updated",
    "enter",
    "form_submissions_deleted",
    "form_submissions_inserted",
    "form_submissions_updated",
    "form_submitted",
    "install_crm",
    "lock_live",
    "payments_inserted",
    "payments_settled",
    "payments_updated",
    "plan_form_timers",
    "record_events",
    "recount_workflows",
    "redirect",
    "secure",
    "step_index",
];

fn who() -> BTreeMap<&'static str, Who> {
    let of =
        |names: &[&'static str], who| names.iter().map(|name| (*name, who)).collect::<Vec<_>>();
    let with = |cases: &[(&'static str, &[&str])], who| {
        cases
            .iter()
            .map(|(name, _)| (*name, who))
            .collect::<Vec<_>>()
    };
    [
        with(ALL, Who::All),
        with(APP, Who::App),
        with(API, Who::Api),
        of(WORKER, Who::Worker),
        of(OWNER, Who::Owner),
    ]
    .concat()
    .into_iter()
    .collect()
}

#[tokio::test]
async fn every_function_is_for_those_who_may_call_it() {
    let mut two = Two::new("sec_who").await;
    let known = who();
    let found = rows(
        &mut two.owner,
        "select p.proname || ' ' || concat_ws('', case when has_function_privilege('public', p.oid, 'execute') then 'p' end,
                case when has_function_privilege('waypost_app', p.oid, 'execute') then 'a' end,
                case when has_function_privilege('waypost_report', p.oid, 'execute') then 'r' end,
                case when has_function_privilege('waypost_api', p.oid, 'execute') then 'i' end,
                case when has_function_privilege('waypost_worker', p.oid, 'execute') then 'w' end)
                || ' ' || p.prosecdef
         from pg_proc p where p.pronamespace in ('waypost'::regnamespace, 'crm'::regnamespace) order by p.oid::regprocedure::text",
    )
    .await;
    let mut seen = Vec::new();
    for line in &found {
        let [name, may, definer] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let who = known
            .get(name)
            .unwrap_or_else(|| panic!("{name} is a function that has no case in this file"));
        let expected = match who {
            Who::All => "pariw",
            Who::App => "aiw",
            Who::Api => "iw",
            Who::Worker => "w",
            Who::Owner => "",
        };
        assert_eq!(may, expected, "{name} is for {who:?}");
        if let Some((_, calls)) = ALL.iter().find(|(n, _)| *n == name) {
            // Who runs with the owner's rights for everybody is shown to tell nothing.
            let innocent = ["isolation", "current_tenant_id"].contains(&name);
            assert!(
                definer == "false" || !calls.is_empty() || innocent,
                "{name} needs a call"
            );
        }
        assert!(
            !seen.contains(&name),
            "{name} is there twice: give each its own name, and its own case"
        );
        seen.push(name);
    }
    let gone: Vec<_> = known.keys().filter(|name| !seen.contains(*name)).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
}

#[tokio::test]
async fn no_call_with_foreign_ids_changes_or_tells_anything() {
    let mut two = Two::new("sec_calls").await;
    let before = two.digest().await;
    let mut calls = 0;
    for (role, cases) in [
        ("waypost_app", [APP, ALL].concat()),
        ("waypost_api", [APP, ALL, API].concat()),
    ] {
        // Whatever a caller sets: definer functions put their own scope in its place.
        for scope in ["", "*"] {
            let mut bolt = two.bolt(role).await;
            run(&mut bolt, &format!("set waypost.scope = '{scope}'")).await;
            for (name, texts) in &cases {
                for text in *texts {
                    let [ours, theirs] = two.both(text);
                    let [ours, theirs] =
                        [told(&mut bolt, &ours).await, told(&mut bolt, &theirs).await];
                    assert!(
                        !ours.contains("acme-canary@") && !ours.contains("+1555"),
                        "{role}: {name}: {ours}"
                    );
                    assert_eq!(
                        two.plain(&ours),
                        two.plain(&theirs),
                        "{role} tells by {text} what is there"
                    );
                    calls += 1;
                }
            }
        }
    }
    assert!(calls > 140, "{calls}");
    let after = two.digest().await;
    assert_eq!(before, after, "bolt changed what is acme's");
    assert_eq!(
        two.named().await,
        [""; 0],
        "bolt's rows name what is acme's"
    );
}

#[tokio::test]
async fn what_the_calls_hold_against_is_there() {
    // The cases above mean something only where acme's rows are there, and its own calls succeed.
    let mut two = Two::new("sec_stage").await;
    for (table, of_acme) in two.tables().await {
        let count = one(
            &mut two.owner,
            &format!("select count(*)::text from {table} x where {of_acme}"),
        )
        .await;
        assert_ne!(count, "0", "{table}: acme.sql puts no row of acme's there");
    }
    run(&mut two.owner, "set waypost.tenant = 'acme'").await;
    let mut differs = 0;
    for (_, texts) in [APP, API, ALL].concat() {
        for text in texts {
            run(&mut two.owner, "begin").await;
            let [ours, _] = two.both(text);
            let ours = told(&mut two.owner, &ours).await;
            run(&mut two.owner, "rollback; begin").await;
            let [_, theirs] = two.both(text);
            let theirs = told(&mut two.owner, &theirs).await;
            run(&mut two.owner, "rollback").await;
            differs += u32::from(two.plain(&ours) != two.plain(&theirs));
        }
    }
    assert!(
        differs > 35,
        "asked by acme, {differs} calls tell acme's rows from nobody's"
    );
}

#[tokio::test]
async fn no_view_shows_and_no_table_takes_a_foreign_row() {
    let mut two = Two::new("sec_rows").await;
    let before = two.digest().await;
    let views = rows(&mut two.owner, "select c.oid::regclass::text from pg_class c where c.relnamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and c.relkind in ('v', 'm')").await;
    for view in &views {
        let shown = |text: &str| {
            format!("select count(*)::text from {view} x where x::text like '%{text}%'")
        };
        assert_ne!(
            one(&mut two.owner, &shown(MARK)).await,
            "0",
            "{view}: acme.sql gives it nothing of acme's to show"
        );
        for role in ["waypost_report", "waypost_api"] {
            let mut bolt = two.bolt(role).await;
            for tenant in ["bolt", "acme", "default", "none"] {
                run(
                    &mut bolt,
                    &format!("set waypost.tenant = '{tenant}'; set waypost.scope = '*'"),
                )
                .await;
                assert_eq!(
                    one(&mut bolt, &shown(MARK)).await,
                    "0",
                    "{role} sees acme's in {view} as {tenant}"
                );
            }
        }
        let mut app = two.bolt("waypost_app").await;
        let refused = told(&mut app, &format!("select x::text from {view} x")).await;
        assert!(
            refused.starts_with("42501"),
            "an application reads {view}: {refused}"
        );
    }
    assert!(views.len() > 15, "{views:?}");

    for (table, of_acme) in two.tables().await {
        let row = one(
            &mut two.owner,
            &format!("select to_jsonb(x)::text from {table} x where {of_acme} limit 1"),
        )
        .await;
        let row = row.replace('\'', "''");
        let crm = table.starts_with("crm.");
        for role in ["waypost_app", "waypost_api", "waypost_report"] {
            let mut bolt = two.bolt(role).await;
            let seen = told(
                &mut bolt,
                &format!("select x::text from {table} x where x::text like '%{MARK}%'"),
            )
            .await;
            assert!(
                seen.is_empty() || (!crm && seen.starts_with("42501")),
                "{role} reads {table}: {seen}"
            );
            let (key, set) = if table == "waypost.tenants" {
                ("id", "name = name")
            } else {
                ("tenant_id", "tenant_id = tenant_id")
            };
            for attempt in [
                format!(
                    "insert into {table} overriding system value select * from jsonb_populate_record(null::{table}, '{row}')"
                ),
                format!("update {table} set {set}"),
                format!("delete from {table} where {key}::text in ('acme', (select 'acme'))"),
            ] {
                // Refused, or no row of acme's was found; the digest tells whether it was so. Row security and
                // missing rights come before keys and checks, so that those tell nothing.
                let answer = told(&mut bolt, &attempt).await;
                let insert = attempt.starts_with("insert");
                let generated = answer.starts_with("428C9");
                assert!(
                    answer.starts_with("42501")
                        || (!insert && answer.is_empty())
                        || (insert && crm && generated),
                    "{role}: {attempt}: {answer}"
                );
            }
        }
    }
    let writable = rows(&mut two.owner, "select c.oid::regclass::text from pg_class c where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
        and (case when c.relkind = 'S' then has_sequence_privilege('waypost_app', c.oid, 'usage, select, update')
                  else has_table_privilege('waypost_app', c.oid, 'select, insert, update, delete, truncate, references, trigger') end
             or has_table_privilege('waypost_report', c.oid, 'insert, update, delete, truncate, references, trigger'))").await;
    assert!(writable.is_empty(), "{writable:?}");
    assert_eq!(before, two.digest().await, "bolt changed what is acme's");
}

/// An API's login writes rows of its own tenant that name a workflow, an execution, a send or a batch of another's.
#[tokio::test]
async fn no_row_of_ones_own_names_what_is_anothers() {
    let mut two = Two::new("sec_named").await;
    assert_eq!(two.named().await, [""; 0]);
    let bolt_id = one(
        &mut two.owner,
        "select id::text from waypost.tenants where name = 'bolt'",
    )
    .await;
    let mut bolt = two.bolt("waypost_api").await;
    let mut tried = 0;
    for (table, columns) in two.naming().await {
        let row = one(
            &mut two.owner,
            &format!(
                "select (to_jsonb(x) || '{{\"tenant_id\": {bolt_id}}}')::text from {table} x
                 join waypost.tenants t on t.id = x.tenant_id and t.name = 'acme' limit 1"
            ),
        )
        .await
        .replace('\'', "''");
        let mut attempts = vec![format!(
            "insert into {table} select * from jsonb_populate_record(null::{table}, '{row}')"
        )];
        let changed: Vec<String> = columns
            .iter()
            .map(|column| {
                format!(
                    "{column} = ('{row}'::jsonb ->> '{column}')::{column_type}",
                    column_type = if *column == "workflow_id" {
                        "int"
                    } else {
                        "uuid"
                    }
                )
            })
            .collect();
        attempts.push(format!("update {table} set {}", changed.join(", ")));
        for attempt in attempts {
            let answer = told(&mut bolt, &attempt).await;
            let refused = answer.starts_with("42501") || answer.starts_with("23503");
            // An update may find no row of bolt's to change.
            let nothing = attempt.starts_with("update") && answer.is_empty();
            assert!(refused || nothing, "{attempt}: {answer:?}");
            tried += 1;
        }
        assert_eq!(two.named().await, [""; 0], "{table}");
    }
    assert!(tried > 30, "{tried}");
}

/// The search for such rows finds one: of each table a row of acme's that is given to bolt.
#[tokio::test]
async fn a_row_that_names_what_is_anothers_is_found() {
    let mut two = Two::new("sec_found").await;
    for (table, _) in two.naming().await {
        run(&mut two.owner, "begin; set constraints all deferred").await;
        let moved = format!(
            "update {table} x set tenant_id = (select id from waypost.tenants where name = 'bolt')
             where x.tenant_id = (select id from waypost.tenants where name = 'acme')"
        );
        let answer = told(&mut two.owner, &moved).await;
        // The reference tables cannot even be brought into that state.
        if !answer.starts_with("23503") {
            let found = two.named().await;
            assert!(
                found.iter().any(|line| line.starts_with(&table)),
                "{table}: {found:?}"
            );
        }
        run(&mut two.owner, "rollback").await;
    }
}

#[tokio::test]
async fn a_contact_of_the_same_id_is_another_contact() {
    let mut two = Two::new("sec_same").await;
    let before = two.digest().await;
    let mut app = two.bolt("waypost_app").await;
    run(&mut app, &format!("insert into crm.contacts (id, external_id, email) values ('{CONTACT}', 'acme-canary-1', 'x@bolt.example')")).await;
    run(
        &mut app,
        &format!("select waypost.enroll('bolt-flow', '{CONTACT}', 'acme-canary-live')"),
    )
    .await;
    run(&mut app, &format!("insert into crm.payments (contact_id, amount) values ('{CONTACT}', 1); insert into crm.form_submissions (form_id, contact_id) values ('acme-canary-form', '{CONTACT}')")).await;
    run(&mut app, &format!("update crm.contacts set tags = '{{x}}' where id = '{CONTACT}'; delete from crm.contacts where id = '{CONTACT}'")).await;
    assert_eq!(before, two.digest().await, "bolt changed what is acme's");
}
