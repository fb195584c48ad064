//! Canaries: secrets and personal data are put in at every door, and looked for in everything that comes out.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use uuid::Uuid;
use waypost::testing::TestDb;

use crate::{
    sql::support::{one, rows, run},
    support::database,
};

/// Secrets, by the door they come in at.
const SECRETS: [(&str, &str); 6] = [
    ("WAYPOST_SECRET_TOKEN", "canary-token-5d1f"),
    ("WAYPOST_SECRET_KEY", "canary-key-77ab"),
    ("WAYPOST_SECRET_PATH", "canary-path-0c9e"),
    ("WAYPOST_SECRET_SIGN", "canary-sign-41ce"),
    ("password of DATABASE_URL", "canary-database-b2d6"),
    ("password of WAYPOST_SMTP_URL", "canary-mail-9f03"),
];
/// What is nobody's business in a log.
const PERSONAL: [&str; 3] = ["canary.person@example.com", "+15559870001", "Canarina"];

/// How the texts of this test may be written on their way out.
fn written(text: &str) -> Vec<String> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    vec![
        text.to_owned(),
        text.replace('-', "%2D"),
        STANDARD.encode(text),
        STANDARD.encode(format!("user:{text}")),
        STANDARD.encode(format!("\0user\0{text}")),
    ]
}

/// Fails where a secret stands in a text.
fn no_secret(place: &str, text: &str) {
    for (door, secret) in SECRETS {
        for form in written(secret) {
            if let Some(at) = text.find(&form) {
                panic!("{door} stands in {place}: {}", around(text, at));
            }
        }
    }
}

/// Fails where a person's data stands in a text.
fn nobody(place: &str, text: &str) {
    for data in PERSONAL {
        if let Some(at) = text.find(data) {
            panic!("personal data stands in {place}: {}", around(text, at));
        }
    }
}

fn around(text: &str, at: usize) -> String {
    text.get(at.saturating_sub(200)..(at + 80).min(text.len()))
        .unwrap_or("...")
        .to_owned()
}

/// The URL with the canary as its password; the test's server asks nobody for one.
fn database_url(db: &TestDb) -> String {
    let mut url = url::Url::parse(&db.url()).expect("a URL");
    if url.username().is_empty() {
        let user = db.options().get_username().to_owned();
        url.set_username(&user).expect("a user");
    }
    if url.password().is_none() {
        url.set_password(Some(SECRETS[4].1)).expect("a password");
    }
    url.into()
}

/// A mail server that wants a password and takes no recipient called `refused`; it repeats what it was told.
async fn mail_server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let lines = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let lines = lines.clone();
            tokio::spawn(async move {
                let (reading, mut writing) = stream.split();
                let mut reading = BufReader::new(reading).lines();
                let _ = writing.write_all(b"220 hello\r\n").await;
                let mut content = false;
                while let Ok(Some(line)) = reading.next_line().await {
                    lines.lock().expect("lock").push(line.clone());
                    let verb = line
                        .split([' ', ':'])
                        .next()
                        .unwrap_or_default()
                        .to_ascii_uppercase();
                    let answer = match verb.as_str() {
                        _ if content && line != "." => continue,
                        "." => {
                            content = false;
                            "250 taken".into()
                        }
                        "EHLO" => "250-hello\r\n250 AUTH PLAIN LOGIN".into(),
                        "AUTH" => "235 welcome".into(),
                        "DATA" => {
                            content = true;
                            "354 go on".into()
                        }
                        "RCPT" if line.contains("refused") => format!("550 no such user: {line}"),
                        _ => format!("250 ok {line}"),
                    };
                    let _ = writing.write_all(format!("{answer}\r\n").as_bytes()).await;
                }
            });
        }
    });
    (port, heard)
}

/// A provider that refuses everything and repeats what it was told, in every part of its answer.
async fn echo() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let all = told.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let all = all.clone();
            tokio::spawn(async move {
                let mut heard = vec![0; 64 * 1024];
                let count = stream.read(&mut heard).await.unwrap_or(0);
                let heard = String::from_utf8_lossy(&heard[..count]).into_owned();
                let line = heard.lines().next().unwrap_or_default().replace(' ', "_");
                let auth = heard
                    .lines()
                    .find_map(|line| line.strip_prefix("authorization: "));
                let answer = format!(
                    "HTTP/1.1 422 {line}\r\nLocation: {line}\r\nX-Request-Id: {}\r\nServer: {line}\r\nSet-Cookie: {line}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{heard}",
                    auth.unwrap_or_default(),
                    heard.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                all.lock().expect("lock").push(heard);
            });
        }
    });
    (base, told)
}

/// A process of ours with every canary in its environment.
fn waypost(url: &str, smtp: u16, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .args(args)
        .env("DATABASE_URL", url)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1");
    command.env(
        "WAYPOST_SMTP_URL",
        format!(
            "smtp://user:{}@127.0.0.1:{smtp}?tls=none&from=shop@example.com",
            SECRETS[5].1
        ),
    );
    command
        .env("WAYPOST_OUTBOUND_ALLOW", "127.0.0.0/8")
        .env_remove("WAYPOST_TENANT");
    for (name, value) in &SECRETS[..4] {
        command.env(name, value);
    }
    command
}

/// Everything that a command says.
fn said(mut command: Command) -> String {
    let out = command.output().expect("it runs");
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

/// A step that goes outside; `id` tells the fake provider's answer.
fn steps(base: &str, dead: u16) -> Vec<Value> {
    let auth = json!({ "type": "bearer", "token": "{{secrets.token}}" });
    let call = |id: &str, config: Value| json!({ "id": id, "type": "webhook", "config": config, "retryConfig": { "maxAttempts": 1 } });
    vec![
        call(
            "fine",
            json!({ "url": format!("{base}/fine"), "auth": auth, "headers": { "X-Api-Key": "{{secrets.key}}" }, "body": { "to": "{{contact.email}}" } }),
        ),
        call(
            "echo",
            json!({ "url": format!("{base}/echo/{{{{secrets.path}}}}?k={{{{secrets.key}}}}"), "auth": auth, "body": { "phone": "{{contact.phone}}" } }),
        ),
        call(
            "basic",
            json!({ "url": format!("{base}/basic"), "auth": { "type": "basic", "username": "user", "password": "{{secrets.key}}" } }),
        ),
        call(
            "signed",
            json!({ "url": format!("{base}/signed"), "auth": { "type": "hmac", "secret": "{{secrets.sign}}" }, "body": { "name": "{{contact.firstName}}" } }),
        ),
        call(
            "dead",
            json!({ "url": format!("http://127.0.0.1:{dead}/{{{{secrets.path}}}}?e={{{{contact.email}}}}"), "auth": auth }),
        ),
        call(
            "header",
            json!({ "url": format!("{base}/x"), "headers": { "X-Bad": "{{secrets.token}}\n{{contact.email}}" } }),
        ),
        call(
            "missing",
            json!({ "url": format!("{base}/x"), "auth": { "type": "bearer", "token": "{{secrets.missing}}" } }),
        ),
        call(
            "private",
            json!({ "url": "http://10.0.0.1/{{secrets.path}}", "auth": auth }),
        ),
        json!({ "id": "mail", "type": "send_email", "config": { "subject": "Hello {{contact.firstName}}", "body": "x" } }),
        json!({ "id": "refused", "type": "send_email", "config": { "to": "refused-{{contact.email}}", "subject": "x", "body": "x" } }),
        json!({ "id": "nowhere", "type": "send_email", "config": { "to": "{{contact.phone}}", "subject": "x", "body": "x" } }),
        json!({ "id": "date", "type": "update_contact", "config": { "fields": { "birthDate": "{{contact.email}}" } } }),
    ]
}

struct Standing(Child);

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Every path that the program answers.
fn paths() -> Vec<String> {
    let paths: Vec<String> = include_str!("../../../src/api/mod.rs")
        .split(".route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect();
    assert!(paths.len() >= 4, "{paths:?}");
    paths
}

/// A directory of this test's own.
fn scratch() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("keys-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

async fn ended(c: &mut PgConnection) -> bool {
    one(c, "select (count(*) = 0)::text from waypost.runs").await == "true"
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_comes_out_anywhere() {
    let db = database("sec_canaries").await;
    let mut c = db.connect().await;
    let url = database_url(&db);
    let (base, told) = echo().await;
    let (smtp, heard) = mail_server().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = closed.local_addr().expect("an address").port();
    drop(closed);
    // One workflow a step, so that no failure hides the next step.
    let dir = scratch();
    let ids: Vec<String> = {
        let mut ids = Vec::new();
        for step in steps(&base, dead) {
            let id = format!("canary-{}", step["id"].as_str().expect("an id"));
            let file = dir.join(format!("{id}.json"));
            let definition = json!({ "id": id, "name": id, "trigger": { "type": "custom.event" }, "actions": [step] });
            fs::write(&file, definition.to_string()).expect("it is written");
            let text = said(waypost(
                &url,
                smtp,
                &["deploy", "--publish", file.to_str().expect("a path")],
            ));
            no_secret("deploy", &text);
            assert_eq!(one(&mut c, &format!("select count(*)::text from waypost.workflows where slug = '{id}' and status = 'active'")).await, "1", "{text}");
            ids.push(id);
        }
        ids
    };
    let contact: Uuid = one(&mut c, &format!("insert into crm.contacts (email, phone, first_name) values ('{}', '{}', '{}') returning id::text", PERSONAL[0], PERSONAL[1], PERSONAL[2])).await.parse().expect("an id");
    for id in &ids {
        run(
            &mut c,
            &format!("select waypost.enroll('{id}', '{contact}')"),
        )
        .await;
    }

    // A process that does everything, at the loudest level, with proxies that it must not use.
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let by = format!("http://{}", proxy.local_addr().expect("an address"));
    let mut command = waypost(
        &url,
        smtp,
        &["serve", "--worker", "--listen", "127.0.0.1:0", "-vvv"],
    );
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(name, &by);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = Arc::new(Mutex::new(String::new()));
    let readers: Vec<_> = [
        Box::new(child.stdout.take().expect("a pipe")) as Box<dyn Read + Send>,
        Box::new(child.stderr.take().expect("a pipe")),
    ]
    .into_iter()
    .map(|mut pipe| {
        let log = log.clone();
        thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut piece) {
                log.lock()
                    .expect("lock")
                    .push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        })
    })
    .collect();
    let standing = Standing(child);
    let patience = Instant::now() + Duration::from_secs(90);
    while !ended(&mut c).await && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let base = log
        .lock()
        .expect("lock")
        .split("serving ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .map(str::to_owned)
        .expect("it says where");
    for path in paths().iter().map(String::as_str).chain(["/unknown"]) {
        let text = reqwest::get(format!("{base}{path}"))
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text");
        no_secret(path, &text);
        nobody(path, &text);
        assert!(
            !text.contains(&contact.to_string()) && !text.contains("canary-"),
            "{path}: {text}"
        );
    }
    drop(standing);
    for reader in readers {
        reader.join().expect("it was read");
    }
    let log = log.lock().expect("lock").clone();

    // Everything happened: calls with their secrets, mails by their password, failures of every kind.
    assert!(ended(&mut c).await, "not all ended: {:?}", rows(&mut c, "select w.slug || r.state from waypost.runs r join waypost.workflows w on w.id = r.workflow_id").await);
    let told = told.lock().expect("lock").join("\n");
    for (_, secret) in &SECRETS[..3] {
        assert!(told.contains(secret), "{secret} was never told");
    }
    assert!(told.contains(PERSONAL[1]) && told.contains("webhook-signature"));
    assert!(
        heard
            .lock()
            .expect("lock")
            .iter()
            .any(|line| line.contains(&written(SECRETS[5].1)[4])),
        "the mail server was told the password"
    );
    let errors = rows(&mut c, "select distinct error from waypost.outbox_attempts where error is not null union select distinct error from waypost.deliveries where error is not null").await;
    for class in [
        "http_422",
        "connect",
        "invalid_header",
        "secret_missing",
        "address_not_allowed",
        "smtp_550",
        "invalid_address",
    ] {
        assert!(
            errors.iter().any(|error| error == class),
            "{class} did not happen: {errors:?}"
        );
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(50), proxy.accept())
            .await
            .is_err(),
        "a proxy was used"
    );

    assert!(
        log.len() > 10_000 && log.contains("TRACE"),
        "the loudest level says more: {}",
        log.len()
    );
    no_secret("the log", &log);
    nobody("the log", &log);

    // In the tables: no secret at all, and no personal data in what is called an error.
    for table in rows(&mut c, "select c.oid::regclass::text from pg_class c where c.relnamespace in ('waypost'::regnamespace, 'crm'::regnamespace) and c.relkind in ('r', 'v', 'p') and c.relname not in ('crm_sources')").await {
        no_secret(&table, &rows(&mut c, &format!("select x::text from {table} x")).await.join("\n"));
    }
    for query in [
        "select error from waypost.deliveries",
        "select error from waypost.attempt_log",
        "select error from waypost.sends",
        "select reason from waypost.finished",
        "select detail::text from waypost.blocks",
        "select r ->> 'error' from waypost.all_bursts b, jsonb_array_elements(b.results) r where jsonb_typeof(b.results) = 'array'",
        "select r ->> 'message' from waypost.all_bursts b, jsonb_array_elements(b.results) r where jsonb_typeof(b.results) = 'array'",
    ] {
        nobody(query, &rows(&mut c, query).await.join("\n"));
    }

    // What commands print, for people and for programs.
    let executions = rows(&mut c, "select id::text from waypost.executions").await;
    let sends = rows(&mut c, "select id::text from waypost.outbox").await;
    let id = contact.to_string();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["config"],
        vec!["outbox", "list"],
        vec!["executions", "list"],
        vec!["workflows", "list"],
        vec!["verify"],
        vec!["tenants", "list"],
        vec!["healthcheck"],
        vec!["suppressions", "list"],
        vec!["restore-guard"],
        vec!["migrate", "--plan"],
        vec!["workflows", "show", &ids[0]],
        vec!["explain", "--contact", &id, "--workflow", &ids[1]],
    ];
    commands.extend(executions.iter().map(|id| vec!["executions", "show", id]));
    commands.extend(sends.iter().map(|id| vec!["outbox", "show", id]));
    for args in &commands {
        for more in [&[][..], &["--json"]] {
            no_secret(
                &format!("{args:?}"),
                &said(waypost(&url, smtp, &[args, more].concat())),
            );
        }
    }
    fs::remove_dir_all(dir).expect("it is removed");
}

#[test]
fn no_refusal_repeats_a_password() {
    let secret = SECRETS[4].1;
    let dir = scratch().join("refusals");
    fs::create_dir_all(&dir).expect("a directory");
    let file = dir.join("plain.json");
    // Secrets in plain text, where a finding warns of them.
    let plain = json!({ "id": "plain", "name": "plain", "trigger": { "type": "custom.event" }, "actions": [
        { "id": "a", "type": "webhook", "config": { "url": format!("https://user:{secret}@example.com/"), "headers": { "Authorization": format!("Bearer {}", SECRETS[0].1) }, "auth": { "type": "bearer", "token": SECRETS[1].1 } } },
        { "id": "b", "type": "webhook", "config": { "url": "https://example.com/", "body": { "k": format!("sk_live_{}", SECRETS[2].1.replace('-', "")) } } } ] });
    fs::write(&file, plain.to_string()).expect("it is written");
    let file = file.to_str().expect("a path");
    for (n, url) in [
        format!("postgres://user:{secret}@127.0.0.1:1/x"),
        format!("postgres://user:{secret}@127.0.0.1:1,127.0.0.2:1/x"),
        format!("postgres://user@127.0.0.1:1/x?password={secret}"),
        format!("postgres://user:{secret}@127.0.0.1:notaport/x"),
        format!("postgres://user:{secret}@/x?host=/no/such/socket"),
        format!("postgres:user:{secret}@127.0.0.1"),
        format!("mysql://user:{secret}@127.0.0.1/x"),
        format!("{secret}@nothing"),
        format!("postgres://user:{secret}@127.0.0.1:1/x?sslmode=odd"),
    ]
    .iter()
    .enumerate()
    {
        // All of them on the first, whose host refuses.
        let commands: [&[&str]; 13] = [
            &["config"],
            &["executions", "list"],
            &["healthcheck"],
            &["config", "--json"],
            &["migrate"],
            &["worker"],
            &["serve", "--listen", "127.0.0.1:0"],
            &["deploy", file],
            &["validate", file],
            &["validate", file, "--json"],
            &["db", "url"],
            &["db", "psql"],
            &["bench", "--executions", "1"],
        ];
        let count = if n == 0 { commands.len() } else { 3 };
        for args in &commands[..count] {
            // Those that stay would wait for the database.
            let mut command = Command::new("timeout");
            let waiting = waypost(url, 1, args);
            command
                .arg("3")
                .arg(waiting.get_program())
                .args(waiting.get_args());
            command.envs(
                waiting
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
            let text = said(command);
            no_secret(
                &format!("{args:?} with {}", url.replace(secret, "***")),
                &text,
            );
            assert!(!text.contains("panicked"), "{text}");
        }
    }
    for smtp in [
        format!("smtp://user:{secret}@"),
        format!("http://user:{secret}@x"),
        format!("smtp://user:{secret}@x?tls=odd&from=a@b"),
        secret.to_owned(),
    ] {
        let mut command = waypost("postgres://127.0.0.1:1/x", 1, &["config"]);
        command.env("WAYPOST_SMTP_URL", &smtp);
        no_secret(&smtp.replace(secret, "***"), &said(command));
    }
    fs::remove_dir_all(dir).expect("it is removed");
}
