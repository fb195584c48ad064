//! Installing: many at once, again, over a newer schema, without the right to make roles, without the CRM.

use futures::future::join_all;
use sqlx::Connection;
use waypost::store::install::{
    InstallError, Options, current_version, expected_version, migrate, plan,
};
use waypost::testing::TestDb;

use super::support::{Owner, installed, login, one, rows, run};

const ALL: Options = Options { crm: true };
const BARE: Options = Options { crm: false };

#[tokio::test]
async fn eight_at_once_on_an_empty_database_install_it_once() {
    let database = TestDb::empty("eight").await;
    let installs = (0..8).map(|_| async {
        let mut db = database.connect().await;
        let report = migrate(&mut db, ALL, &|_| {}).await;
        db.close().await.expect("the session ends");
        report
    });
    for report in join_all(installs).await {
        assert!(report.expect("each of them succeeds").isolated);
    }
    let mut db = database.connect().await;
    assert_eq!(
        current_version(&mut db).await.expect("it answers"),
        expected_version()
    );
    assert_eq!(
        one(&mut db, "select count(*)::text from waypost.tenants").await,
        "1"
    );
    assert!(plan(&mut db, ALL).await.expect("it answers").is_empty());
    assert!(
        migrate(&mut db, ALL, &|line| panic!(
            "nothing was to be done: {line}"
        ))
        .await
        .expect("it answers")
        .is_empty()
    );
}

#[tokio::test]
async fn the_plan_of_an_empty_database_does_nothing() {
    let database = TestDb::empty("plan").await;
    let mut db = database.connect().await;
    let report = plan(&mut db, ALL).await.expect("it answers");
    assert_eq!(
        report.migrations.len(),
        usize::try_from(expected_version()).expect("small") + 2
    );
    assert!(!report.objects.is_empty());
    assert_eq!(
        one(&mut db, "select (to_regnamespace('waypost') is null)::text").await,
        "true"
    );
    assert_eq!(current_version(&mut db).await.expect("it answers"), 0);
}

#[tokio::test]
async fn a_function_of_another_text_is_installed_again() {
    let mut db = installed("reinstall").await;
    run(&mut db, "update waypost.installed set checksum = '' where object in ('sql/functions/ring', 'sql/crm/record_events')").await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it installs");
    assert_eq!(
        report.objects,
        ["sql/functions/ring", "sql/crm/record_events"]
    );
    assert!(report.migrations.is_empty());
    assert!(plan(&mut db, ALL).await.expect("it answers").is_empty());
}

#[tokio::test]
async fn a_view_of_another_shape_gives_way() {
    let mut db = installed("reshape").await;
    run(&mut db, "set role waypost_owner; drop view waypost.messages; create view waypost.messages as select 1 as one; reset role;
                  update waypost.installed set checksum = '' where object = 'sql/views/messages'").await;
    migrate(&mut db, ALL, &|_| {}).await.expect("it installs");
    assert!(
        rows(&mut db, "select recipient from waypost.messages")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_old_binary_goes_on_with_a_schema_that_was_only_expanded() {
    let mut db = installed("expanded").await;
    run(
        &mut db,
        "insert into waypost.migrations (name, checksum, expands) values ('migrations/0999_future', '', true);
         update waypost.installed set checksum = 'of the future' where object = 'sql/functions/ring'",
    )
    .await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it serves");
    assert!(report.is_empty(), "it leaves everything alone: {report:?}");
    // At the same migrations, functions of a newer release.
    run(
        &mut db,
        "delete from waypost.migrations where name = 'migrations/0999_future';
         update waypost.installed set release = '999.0.0' where object = 'sql/functions/ring'",
    )
    .await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it serves");
    assert!(report.is_empty(), "{report:?}");
    // Of this release or an older one, they are replaced.
    run(
        &mut db,
        "update waypost.installed set release = '0.0.1' where object = 'sql/functions/ring'",
    )
    .await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it installs");
    assert_eq!(report.objects, ["sql/functions/ring"]);
}

#[tokio::test]
async fn a_schema_from_before_releases_were_kept_is_brought_up() {
    let mut db = installed("before-releases").await;
    run(
        &mut db,
        "set role waypost_owner; alter table waypost.migrations drop column expands;
         alter table waypost.installed drop column release; reset role;
         update waypost.installed set checksum = '' where object = 'sql/functions/ring'",
    )
    .await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it installs");
    assert_eq!(report.objects, ["sql/functions/ring"]);
    assert!(plan(&mut db, ALL).await.expect("it answers").is_empty());
}

#[tokio::test]
async fn an_old_binary_says_that_the_schema_is_newer() {
    let mut db = installed("newer").await;
    run(
        &mut db,
        "insert into waypost.migrations (name, checksum) values ('migrations/9999_future', '')",
    )
    .await;
    let error = migrate(&mut db, ALL, &|_| {})
        .await
        .expect_err("it is newer");
    assert!(matches!(error, InstallError::SchemaNewer { .. }), "{error}");
    assert!(
        error.to_string().contains("migrations/9999_future"),
        "{error}"
    );
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let mut db = installed("changed").await;
    run(
        &mut db,
        "update waypost.migrations set checksum = '' where name = 'migrations/0002_events'",
    )
    .await;
    let error = migrate(&mut db, ALL, &|_| {})
        .await
        .expect_err("it was changed");
    assert!(
        matches!(&error, InstallError::Changed { name } if name == "migrations/0002_events"),
        "{error}"
    );
}

/// From PostgreSQL 16 on, a second login with CREATEROLE cannot join roles that the first one made.
#[tokio::test]
async fn a_login_that_was_given_the_roles_needs_no_right_to_make_them() {
    const LOGIN: &str = "waypost_test_granted";
    let _first = installed("first").await;
    let roles = ["owner", "worker", "api", "report", "app"].map(|role| format!("waypost_{role}"));
    let second = owned_by(LOGIN, &roles.each_ref().map(String::as_str), "second").await;
    let mut db = second.connect_as(LOGIN).await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it installs");
    assert!(report.isolated);
}

/// An empty database that a login with these roles owns.
async fn owned_by(name: &str, roles: &[&str], database: &str) -> Owner {
    let mut maker = Owner::of(TestDb::empty(database).await).await;
    login(&mut maker, name, roles).await;
    if one(
        &mut maker,
        &format!("select pg_has_role('{name}', 'usage')::text"),
    )
    .await
        != "true"
    {
        run(&mut maker, &format!("grant {name} to current_user")).await;
    }
    let give = format!("alter database {} owner to {name}", maker.db.name());
    run(&mut maker, &give).await;
    maker
}

#[tokio::test]
async fn without_the_right_to_make_roles_it_works_and_says_what_is_missing() {
    let owner = owned_by("waypost_test_plain", &[], "plain").await;
    let mut db = owner.connect_as("waypost_test_plain").await;
    let report = migrate(&mut db, ALL, &|_| {}).await.expect("it installs");
    assert!(!report.isolated);
    assert_eq!(
        one(&mut db, "select waypost.isolation()::text").await,
        "false"
    );
    super::support::workflow(&mut db, "default", "w", "").await;
    let outcome = one(
        &mut db,
        "with c as (insert into crm.contacts (email) values ('x@example.com') returning id)
         select id::text from c",
    )
    .await;
    let outcome = one(
        &mut db,
        &format!("select outcome from waypost.enroll('w', '{outcome}')"),
    )
    .await;
    assert_eq!(outcome, "enrolled");
    run(&mut db, "select waypost.ensure_partitions(5)").await;
    assert!(plan(&mut db, ALL).await.expect("it answers").is_empty());
}

#[tokio::test]
async fn without_the_crm_contacts_are_a_teams_own_and_stay_so() {
    let database = TestDb::empty("bare").await;
    let mut db = database.connect().await;
    migrate(&mut db, BARE, &|_| {}).await.expect("it installs");
    assert_eq!(
        one(&mut db, "select (to_regnamespace('crm') is null)::text").await,
        "true"
    );
    assert!(
        rows(&mut db, "select email from waypost.contacts")
            .await
            .is_empty()
    );
    assert_eq!(
        one(
            &mut db,
            "select waypost.write_contacts('{}', '{}', '{}', '{}', '{}')::text"
        )
        .await,
        "0"
    );

    let columns = one(
        &mut db,
        "select pg_get_viewdef('waypost.contacts'::regclass)",
    )
    .await;
    let own = columns
        .replace("WHERE false", "")
        .replace("NULL::uuid", "'00000000-0000-7000-8000-0000000000c1'::uuid")
        .replacen("NULL::text", "'default'::text", 1);
    run(&mut db, &format!("set role waypost_owner; create or replace view waypost.contacts with (security_invoker = true) as {own}; reset role;
                           update waypost.installed set checksum = '' where object = 'sql/functions/ring'")).await;
    migrate(&mut db, BARE, &|_| {}).await.expect("it installs");
    super::support::workflow(&mut db, "default", "w", "").await;
    assert_eq!(
        one(
            &mut db,
            "select outcome from waypost.enroll('w', '00000000-0000-7000-8000-0000000000c1')"
        )
        .await,
        "enrolled"
    );

    run(&mut db, "select waypost.install_crm()").await;
    assert!(
        rows(&mut db, "select email from waypost.contacts")
            .await
            .is_empty()
    );
    assert!(plan(&mut db, ALL).await.expect("it answers").is_empty());
}
