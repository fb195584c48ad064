//! Hostile text: whatever stands in a name, key, field or argument is kept as it is or refused in words; none of it runs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use chrono::TimeDelta;
use regex::Regex;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use super::stage::Two;
use crate::{
    cli::Shell,
    sql::support::{one, rows, run},
    support::{House, publish, start},
};

/// Texts that would end a literal, a name or a path somewhere.
const HOSTILE: [&str; 18] = [
    "'; drop table waypost.runs; --",
    "\"; drop schema waypost cascade; --",
    "$$; drop table waypost.runs; $$",
    "$f$ or true; $f$",
    "\\'; drop table waypost.runs; --",
    "ends with a backslash \\",
    "%I %L %s %1$s %%",
    "$.b[*] ? (@ == 1)",
    "{\"a\": {b,c}}",
    "null",
    "E'\\x41' U&'\\0041'",
    "a' || pg_sleep(10) || 'b",
    "1) q(c); drop table waypost.runs; select 1 from (select 1",
    "/* */ -- \n ; drop table waypost.runs",
    "ünïcødé \u{202e}\u{feff} '",
    "control \u{1}\u{7f}\u{1b}[2J '",
    "{{contact.email}} {% raw %}",
    "../../etc/passwd",
];

/// Everything that one of those could have made, changed or dropped.
async fn shape(db: &mut PgConnection) -> Vec<String> {
    rows(db, "select c.oid::regclass::text || ' ' || c.relkind::text || coalesce(c.relacl::text, '') from pg_class c where c.relnamespace in ('waypost'::regnamespace, 'crm'::regnamespace)
              union all select p.oid::regprocedure::text || md5(p.prosrc) || coalesce(p.proacl::text, '') from pg_proc p where p.pronamespace in ('waypost'::regnamespace, 'crm'::regnamespace)
              union all select p.polrelid::regclass::text || p.polname::text || pg_get_expr(p.polqual, p.polrelid) from pg_policy p
              order by 1").await
}

/// Asks with parameters, as drivers do; the answer as text, or the error's words.
async fn ask(db: &mut PgConnection, sql: &str, text: &str) -> Result<String, String> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .bind(text)
        .fetch_optional(db)
        .await
        .map(|row| {
            row.map_or_else(String::new, |row| {
                row.get::<Option<String>, _>(0).unwrap_or_default()
            })
        })
        .map_err(|error| {
            error
                .as_database_error()
                .map_or(error.to_string(), |e| e.message().to_owned())
        })
}

#[tokio::test]
async fn the_sql_api_keeps_hostile_text_as_it_is_or_refuses_it() {
    let mut two = Two::new("sec_hostile").await;
    let before = shape(&mut two.owner).await;
    let digest = two.digest().await;
    let mut app = two.bolt("waypost_app").await;
    let contact = "bbbbbbbb-0000-7000-8000-000000000001";
    // What is kept, where it can be read, as the owner reads it.
    let kept = [
        (format!("select waypost.emit($1, '{contact}')::text"), "select type from waypost.event_queue where type = $1"),
        (format!("select waypost.emit('x', '{contact}', jsonb_build_object($1::text, $1::text))::text"), "select data ->> $1 from waypost.event_queue where data ? $1"),
        (format!("select waypost.emit('x', '{contact}', '{{}}', $1)::text"), "select key from waypost.event_keys where key = $1"),
        (format!("select (waypost.enroll('bolt-flow', '{contact}', $1)).outcome"), "select key from waypost.runs where key = $1"),
        (format!("select (waypost.enroll('bolt-flow', '{contact}', 'd' || $1, jsonb_build_object('k', $1::text))).outcome"), "select state #>> '{e,data,k}' from waypost.runs where state #>> '{e,data,k}' = $1"),
        (format!("select waypost.cancel(execution_id, $1) from waypost.enroll('bolt-flow', '{contact}', 'c' || $1)"), "select reason from waypost.finished where reason = $1"),
        (format!("select waypost.skip_wait(execution_id, $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select waypost.move(execution_id, $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select waypost.retry(execution_id, $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select waypost.review(execution_id, $1, 'approved', $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select waypost.review(execution_id, 'a', $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select waypost.settle(execution_id, $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select waypost.settle(execution_id, 'sent', null, $1) from waypost.enroll('bolt-flow', '{contact}')"), ""),
        (format!("select (waypost.enroll($1, '{contact}')).reason"), ""),
        (format!("select (waypost.enroll($1, '{contact}', tenant => $1)).reason"), ""),
        (format!("select waypost.emit('x', '{contact}', tenant => $1)::text"), ""),
        (format!("select reason from waypost.explain('{contact}', $1)"), ""),
        ("select waypost.suppress($1)::text".into(), ""),
        ("select waypost.suppress('x@bolt.example', 'email', $1)::text".into(), ""),
        ("select waypost.suppress('x@bolt.example', $1)::text".into(), ""),
        ("select waypost.suppress('x@bolt.example', reason => $1)::text".into(), "select reason from waypost.suppressed where reason = $1"),
        ("select waypost.unsuppress('y@bolt.example', list => $1)::text".into(), ""),
        (format!("with w as (update crm.contacts set first_name = $1, tags = array[$1], custom_fields = jsonb_build_object($1::text, $1::text) where id = '{contact}' returning 1) select count(*)::text from w"), "select first_name from crm.contacts where tags = array[$1] and custom_fields ->> $1 = first_name"),
        (format!("with w as (insert into crm.notes (contact_id, body) values ('{contact}', $1) returning 1) select count(*)::text from w"), "select body from crm.notes where body = $1"),
        ("with w as (insert into crm.custom_fields (name, type) values ($1, 'text') returning 1) select count(*)::text from w".into(), "select name from crm.custom_fields where name = $1"),
        ("with w as (insert into crm.forms (id, name) values ($1, $1) returning 1) select count(*)::text from w".into(), "select id from crm.forms where name = $1"),
        (format!("with w as (insert into crm.form_submissions (form_id, contact_id, session_id) values ($1, '{contact}', $1) returning 1) select count(*)::text from w"), "select form_id from crm.form_submissions where session_id = $1"),
        (format!("with w as (insert into crm.payments (contact_id, amount, product) values ('{contact}', 1, $1) returning 1) select count(*)::text from w"), "select product from crm.payments where product = $1"),
    ];
    for text in HOSTILE {
        for (sql, read) in &kept {
            let answer = ask(&mut app, sql, text).await;
            if read.is_empty() {
                // Nothing of that name, or a refusal in our words: never Postgres' about a statement.
                let words = answer.unwrap_or_else(|refused| refused);
                assert!(
                    !words.contains("syntax error") && !words.contains("does not exist in"),
                    "{sql}: {words}"
                );
            } else {
                answer.unwrap_or_else(|refused| panic!("{sql} with {text:?}: {refused}"));
                assert_eq!(
                    ask(&mut two.owner, read, text).await.as_deref(),
                    Ok(text),
                    "{sql}"
                );
            }
        }
    }
    assert_eq!(before, shape(&mut two.owner).await);
    assert_eq!(digest, two.digest().await);
}

#[tokio::test]
async fn hostile_settings_of_a_session_are_refused_or_nothing() {
    let mut two = Two::new("sec_settings").await;
    let before = shape(&mut two.owner).await;
    let mut app = two.bolt("waypost_app").await;
    for text in HOSTILE {
        for setting in [
            "waypost.tenant",
            "waypost.scope",
            "waypost.cause",
            "waypost.enrolled_by",
        ] {
            run(&mut app, "begin; set local waypost.tenant = 'bolt'").await;
            sqlx::query("select set_config($1, $2, true)")
                .bind(setting)
                .bind(text)
                .execute(&mut app)
                .await
                .expect("it is set");
            let answer = ask(&mut app, "select waypost.emit($1, null)::text", "x").await;
            match setting {
                "waypost.tenant" => assert!(
                    answer
                        .as_ref()
                        .is_err_and(|words| words.contains("may not speak for it")),
                    "{answer:?}"
                ),
                "waypost.cause" => assert!(
                    answer.is_ok() || answer.as_ref().is_err_and(|words| words.contains("json")),
                    "{answer:?}"
                ),
                _ => assert!(answer.is_ok(), "{setting}: {answer:?}"),
            }
            run(&mut app, "rollback").await;
        }
    }
    assert_eq!(before, shape(&mut two.owner).await);
}

/// A definition with this text wherever a definition takes one.
fn definition(text: &str) -> Value {
    json!({
        "id": "hostile", "name": text, "trigger": { "type": "custom.event" },
        "actions": [
            { "id": "set", "type": "set_variable", "onSuccess": ["tag"], "config": { "name": "v", "value": text } },
            { "id": "tag", "type": "add_tag", "onSuccess": ["note"], "config": { "tags": [text] } },
            { "id": "note", "type": "add_note", "onSuccess": ["field"], "config": { "body": text } },
            { "id": "field", "type": "update_contact", "onSuccess": ["has"], "config": { "fields": { "firstName": text, "hostileField": text } } },
            { "id": "has", "type": "if_else", "config": {
                "condition": { "field": "contact.hostileField", "operator": "equals", "value": text },
                "trueBranch": ["call"], "falseBranch": [] } },
            { "id": "call", "type": "webhook", "config": { "url": "https://example.com/", "body": { "text": text } } },
        ]
    })
}

#[tokio::test]
async fn a_workflow_carries_hostile_text_through_to_its_end() {
    let house = House::new("sec_carry").await;
    let mut c = house.connect().await;
    let before = shape(&mut c).await;
    let mut driver = house.driver();
    for (n, text) in HOSTILE.iter().enumerate() {
        // Templates of its own are rendered; the rest is text.
        if text.contains("{{") {
            continue;
        }
        let mut made = definition(text);
        made["id"] = json!(format!("hostile-{n}"));
        publish(&house, &mut c, &made.to_string()).await;
        let contact = house.contact(&mut c, "h@example.com").await;
        let enrolled: Uuid =
            sqlx::query_scalar("select execution_id from waypost.enroll($1, $2, $3)")
                .bind(format!("hostile-{n}"))
                .bind(contact)
                .bind(text)
                .fetch_one(&mut c)
                .await
                .expect("it enrols");
        let until = start() + TimeDelta::minutes(i64::try_from(n).expect("small") + 1);
        driver.advance_to(until).await.expect("it runs");
        let ended = one(
            &mut c,
            &format!(
                "select concat(status, ' ', reason) from waypost.finished where id = '{enrolled}'"
            ),
        )
        .await;
        assert_eq!(ended, "4 ", "{text:?}");
        for read in [
            "select first_name from crm.contacts where id = $2 and tags = array[$1] and custom_fields ->> 'hostileField' = $1",
            "select body from crm.notes where contact_id = $2 and body = $1",
            "select request #>> '{body,text}' from waypost.deliveries where contact_id = $2 and $1 is not null",
        ] {
            let found: Option<String> = sqlx::query_scalar(read)
                .bind(text)
                .bind(contact)
                .fetch_optional(&mut c)
                .await
                .expect("it is read");
            let whole = rows(
                &mut c,
                &format!("select to_jsonb(x)::text from crm.contacts x where id = '{contact}'"),
            )
            .await;
            assert_eq!(found.as_deref(), Some(*text), "{read}: {whole:?}");
        }
    }
    assert_eq!(before, shape(&mut c).await);
}

/// Commands with a place for a text each; `@` is where it goes.
const COMMANDS: &[&[&str]] = &[
    &["emit", "@"],
    &["emit", "x", "--dedupe-key", "@"],
    &["emit", "x", "--data", "@"],
    &["emit", "x", "--contact", "@"],
    &[
        "enroll",
        "@",
        "--contact",
        "00000000-0000-7000-8000-000000000001",
    ],
    &[
        "enroll",
        "w",
        "--contact",
        "00000000-0000-7000-8000-000000000001",
        "--key",
        "@",
    ],
    &[
        "explain",
        "--contact",
        "00000000-0000-7000-8000-000000000001",
        "--workflow",
        "@",
    ],
    &["executions", "list", "--workflow", "@", "--step", "@"],
    &["executions", "list", "--cursor", "@"],
    &["executions", "list", "--status", "@"],
    &["executions", "show", "@"],
    &["executions", "cancel", "--workflow", "@", "--reason", "@"],
    &[
        "executions",
        "move",
        "--workflow",
        "@",
        "--step",
        "@",
        "--to",
        "@",
    ],
    &[
        "executions",
        "retry",
        "00000000-0000-7000-8000-000000000001",
        "--from",
        "@",
    ],
    &["outbox", "list", "--workflow", "@", "--cursor", "@"],
    &["outbox", "show", "@"],
    &["suppressions", "add", "@", "--list", "@", "--reason", "@"],
    &["suppressions", "add", "ok@example.com", "--reason", "@"],
    &["suppressions", "list", "--list", "@"],
    &["suppressions", "remove", "@", "--all"],
    &["tenants", "create", "@"],
    &["tenants", "create", "zoned", "--timezone", "@"],
    &["workflows", "show", "@"],
    &["workflows", "versions", "@"],
    &["workflows", "pause", "@"],
    &["workflows", "archive", "@"],
    &["workflows", "restore", "@", "--version", "1"],
    &[
        "backtest",
        "@",
        "--from",
        "2024-01-01T00:00:00Z",
        "--until",
        "2024-01-02T00:00:00Z",
    ],
    &["executions", "list", "--tenant", "@"],
    &["verify", "--tenant", "@"],
    &["undo", "@"],
    &["validate", "@"],
    &["deploy", "@"],
];

#[tokio::test]
async fn no_argument_of_the_command_line_becomes_a_statement() {
    let shell = Shell::new("sec_args").await;
    let mut c = shell.db.connect().await;
    let before = shape(&mut c).await;
    // All of them at once, and two that end early.
    let all = HOSTILE.concat();
    for text in [all.as_str(), HOSTILE[0], "a' or 'a' = 'a"] {
        for command in COMMANDS {
            let args: Vec<String> = command
                .iter()
                .map(|arg| {
                    if *arg == "@" {
                        text.to_owned()
                    } else {
                        (*arg).to_owned()
                    }
                })
                .collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let out = shell.run(&args);
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
            let code = out.status.code();
            assert!(
                matches!(code, Some(0..=2)),
                "{args:?} ended with {code:?}: {said}"
            );
            for bad in ["syntax error", "panicked", "SQLSTATE 42", "unterminated"] {
                assert!(!said.contains(bad), "{args:?}: {said}");
            }
        }
    }
    // Filters find what is so called, and not everything.
    assert_eq!(
        shell
            .json(&["suppressions", "list", "--list", "a' or 'a' = 'a"])
            .as_array()
            .map_or(0, Vec::len),
        0
    );
    assert_eq!(before, shape(&mut c).await);
}

#[tokio::test]
async fn a_query_of_the_operators_reads_and_does_nothing_else() {
    let shell = Shell::new("sec_query_args").await;
    let mut c = shell.db.connect().await;
    let before = shape(&mut c).await;
    for query in [
        "select 1) q(c); drop table waypost.runs; select q.c from (select '1'",
        "delete from crm.contacts returning id",
        "with w as (insert into crm.contacts (email) values ('x') returning id) select id from w",
        "select set_config('transaction_read_only', 'off', true)",
        "select id from crm.contacts for update",
    ] {
        let (code, said) = shell.refused(&["enroll", "w", "--sql", query]);
        assert_eq!(code, 1, "{query}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(before, shape(&mut c).await);
    assert_eq!(
        one(&mut c, "select count(*)::text from crm.contacts").await,
        "0"
    );
}

#[tokio::test]
async fn a_nul_is_refused_or_replaced_where_it_cannot_be_kept() {
    let shell = Shell::new("sec_nul").await;
    let dir = tempfile_dir();
    let events = dir.join("events.jsonl");
    fs::write(&events, "{\"type\": \"a\\u0000b\"}\n").expect("it is written");
    let (code, said) = shell.refused(&["emit", "--file", events.to_str().expect("a path")]);
    assert!(
        matches!(code, 1 | 2) && !said.contains("panicked"),
        "{code}: {said}"
    );
    // Within JSON it is kept as what stands for a character that cannot be shown.
    shell.text(&["emit", "x", "--data", "{\"a\": \"<\\u0000>\"}"]);
    let mut c = shell.db.connect().await;
    let kept = one(
        &mut c,
        "select data ->> 'a' from waypost.event_queue where type = 'x'",
    )
    .await;
    assert_eq!(kept, "<\u{fffd}>");
    let file = dir.join("nul.json");
    let mut nul = definition("x");
    nul["actions"][1]["config"]["tags"] = json!(["a\u{0}b"]);
    fs::write(&file, nul.to_string()).expect("it is written");
    let out = shell.run(&["deploy", file.to_str().expect("a path")]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        matches!(out.status.code(), Some(0..=2)) && !said.contains("panicked"),
        "{said}"
    );
    fs::remove_dir_all(dir).expect("it is removed");
}

/// A directory of this test's own.
fn tempfile_dir() -> PathBuf {
    let dir =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("injection-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

/// Where SQL is put together at run time: the file, how many statements, and why none of it can be a caller's text.
const DYNAMIC: &[(&str, usize, &str)] = &[
    (
        "sql/functions/drop_partition.sql",
        11,
        "a partition's and its table's name out of the catalog as %I, days as %L, conditions that stand in the file",
    ),
    (
        "sql/functions/ensure_partitions.sql",
        2,
        "a table's name out of the catalog as %I, days as %L",
    ),
    (
        "sql/functions/install_crm.sql",
        2,
        "texts of waypost.crm_sources, which the owner alone writes",
    ),
    (
        "sql/functions/secure.sql",
        10,
        "names out of the catalog, as %I or regprocedure; conditions of this very file",
    ),
    (
        "sql/security/0001_roles.sql",
        4,
        "role names of this very file and the login's own, as %I and %L",
    ),
    (
        "sql/security/0002_schema.sql",
        2,
        "the owner's and the database's name, as %I",
    ),
];

/// The same in the program: everywhere else a statement is a constant, or does not compile.
const ASSERTED: &[(&str, usize, &str)] = &[
    (
        "src/app/bench/ground.rs",
        5,
        "names of databases and tables that the bench itself makes",
    ),
    (
        "src/app/demo/crm.rs",
        1,
        "a table's name out of the catalog of our own schema",
    ),
    (
        "src/store/contacts.rs",
        1,
        "columns of the built-in contact; custom fields are parameters",
    ),
    (
        "src/store/dead_rows.rs",
        1,
        "a table's name out of the catalog, one of five that the statement names",
    ),
    (
        "src/store/install/objects.rs",
        1,
        "the name of a file that is compiled in",
    ),
    (
        "src/store/intake.rs",
        1,
        "the operator's own query, read-only and with his rights",
    ),
    ("src/store/pool.rs", 1, "a role's name out of this program"),
];

#[test]
fn every_statement_put_together_at_run_time_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let execute = Regex::new(r"\bexecute\s+(?:format\(|v_|'|\()").expect("a regex");
    let runner =
        Regex::new(r"\b(dblink|query_to_xml|ts_stat|database_to_xml|crosstab)\b").expect("a regex");
    let mut found = BTreeMap::new();
    let mut unquoted = Vec::new();
    for file in files(&root.join("sql"), "sql")
        .into_iter()
        .chain(files(&root.join("migrations"), "sql"))
    {
        let text = fs::read_to_string(&file).expect("it is text");
        let name = file
            .strip_prefix(root)
            .expect("below")
            .to_string_lossy()
            .into_owned();
        let code: String = text
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n");
        // `execute` of a grant and of a trigger are no statements put together.
        let made = execute.find_iter(&code).count();
        if made > 0 {
            found.insert(name.clone(), made);
        }
        for line in code.lines().filter(|line| execute.is_match(line)) {
            // What goes in unquoted is a signature or a condition that stands in the file itself, nothing else.
            let conditions = ["secure.sql", "drop_partition.sql"];
            if line.contains("%s") && !conditions.iter().any(|file| name.ends_with(file)) {
                unquoted.push(format!("{name}: {line}"));
            }
            if line.contains("execute '") {
                unquoted.push(format!("{name}: {line}"));
            }
        }
        assert!(!runner.is_match(&code), "{name} runs text by a function");
    }
    assert!(unquoted.is_empty(), "{unquoted:#?}");
    let known: BTreeMap<String, usize> = DYNAMIC
        .iter()
        .map(|(file, count, _)| ((*file).to_owned(), *count))
        .collect();
    assert_eq!(found, known, "dynamic SQL: say in DYNAMIC why it is safe");

    let mut asserted = BTreeMap::new();
    for file in files(&root.join("src"), "rs") {
        let name = file
            .strip_prefix(root)
            .expect("below")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&file).expect("it is text");
        let made = text.matches("AssertSqlSafe(").count();
        if made > 0 && !name.starts_with("src/testing/") {
            asserted.insert(name, made);
        }
    }
    let known: BTreeMap<String, usize> = ASSERTED
        .iter()
        .map(|(file, count, _)| ((*file).to_owned(), *count))
        .collect();
    assert_eq!(
        asserted, known,
        "AssertSqlSafe: say in ASSERTED why it is safe"
    );
}

/// All files below a folder with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            all.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            all.push(path);
        }
    }
    all.sort();
    all
}
