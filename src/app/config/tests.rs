//! What settings become, row by row.

use super::*;

fn read(flags: Flags, env: &[(&str, &str)]) -> AppResult<Settings> {
    let env: Vec<(String, String)> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::from(&flags, &move |name| {
        env.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    })
}

fn origin(settings: &Settings, name: &str) -> (String, Origin) {
    let line = settings
        .lines
        .iter()
        .find(|line| line.name == name)
        .expect(name);
    (line.value.clone(), line.origin)
}

#[test]
fn flags_win_over_the_environment_over_defaults() {
    let flags = Flags {
        tenant: Some("acme".into()),
        ..Flags::default()
    };
    let settings = read(
        flags,
        &[("WAYPOST_TENANT", "other"), ("WAYPOST_BATCH", "50")],
    )
    .expect("ok");
    assert_eq!(settings.tenant, "acme");
    assert!(settings.tenant_named);
    assert_eq!(
        origin(&settings, "WAYPOST_TENANT"),
        ("acme".into(), Origin::Flag)
    );
    assert_eq!(settings.worker.batch, 50);
    assert_eq!(
        origin(&settings, "WAYPOST_BATCH"),
        ("50".into(), Origin::Environment)
    );
    assert_eq!(origin(&settings, "WAYPOST_RUNNERS").1, Origin::Default);
    assert_eq!(settings.database, Database::Private(".waypost".into()));
}

#[test]
fn databases_by_what_is_set() {
    let url = |text: &str| Database::Url(text.to_owned());
    for (env, wanted) in [
        (
            vec![("DATABASE_URL", "postgres://a/b")],
            url("postgres://a/b"),
        ),
        (
            vec![("DATABASE_URL", " ")],
            Database::Private(".waypost".into()),
        ),
        (vec![("PGHOST", "/tmp")], url("postgres://")),
        (vec![("PGDATABASE", "x")], url("postgres://")),
        (
            vec![("DATABASE_URL", "postgres://a/b"), ("PGHOST", "c")],
            url("postgres://a/b"),
        ),
    ] {
        assert_eq!(
            read(Flags::default(), &env).expect("ok").database,
            wanted,
            "{env:?}"
        );
    }
}

#[test]
fn no_line_shows_a_password() {
    let settings = read(
        Flags::default(),
        &[
            ("DATABASE_URL", "postgres://me:hidden@db/x?password=hidden"),
            ("WAYPOST_LISTEN_URL", "postgres://me:hidden@db/x"),
            (
                "WAYPOST_SMTP_URL",
                "smtp://u:hidden@mail:25?from=a@example.com",
            ),
        ],
    )
    .expect("ok");
    let shown = format!("{:?} {:?}", settings.lines, settings.database);
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(shown.contains("***"), "{shown}");
    assert_eq!(settings.connect.smtp.expect("smtp").from, "a@example.com");
}

#[test]
fn wrong_values_are_named_with_what_would_be_right() {
    for (name, value, part) in [
        ("WAYPOST_BATCH", "0", "from 1 to 10000"),
        ("WAYPOST_BATCH", "many", "whole number"),
        ("WAYPOST_LEASE", "soon", "seconds"),
        ("WAYPOST_LEASE", "-1", "above 0"),
        ("WAYPOST_POOLER", "statement", "`transaction` or `none`"),
        ("WAYPOST_CAPTURE", "maybe", "true or false"),
        ("WAYPOST_OUTBOUND_ALLOW", "10.0.0.0/8, home", "\"home\""),
        ("WAYPOST_TENANT", "a b", "letters, digits"),
        ("WAYPOST_SMTP_URL", "smtp://u:hidden@mail", "?from="),
        (
            "WAYPOST_SMTP_URL",
            "http://u:hidden@mail?from=a@b.c",
            "smtp://",
        ),
    ] {
        let error = read(Flags::default(), &[(name, value)]).expect_err(name);
        assert_eq!(error.exit_code(), 2, "{name}={value}");
        let text = error.to_string();
        assert!(text.contains(part), "{name}={value}: {text}");
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn a_transaction_pooler_turns_listening_off() {
    for (env, listens) in [
        (vec![], true),
        (vec![("WAYPOST_POOLER", "transaction")], false),
        (
            vec![
                ("WAYPOST_POOLER", "transaction"),
                ("WAYPOST_LISTEN_URL", "postgres://d/x"),
            ],
            true,
        ),
    ] {
        assert_eq!(
            read(Flags::default(), &env).expect("ok").worker.listen,
            listens,
            "{env:?}"
        );
    }
}

#[test]
fn secrets_have_a_variable_each() {
    assert_eq!(secret_variable("api-key"), "WAYPOST_SECRET_API_KEY");
    assert_eq!(secret_variable("stripe"), "WAYPOST_SECRET_STRIPE");
}
