//! A Postgres that belongs to one test, which may stop it, crash it, or take its disk away.

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::{Connection, PgConnection};
use waypost::private_pg::{self, Options, PrivatePg, Profile};

use crate::fleet::waypost;

/// A server of its own. Its files are gone when it is dropped.
pub struct OwnServer {
    dir: PathBuf,
    running: Option<PrivatePg>,
}

impl OwnServer {
    /// A new one, empty.
    pub fn start(name: &str) -> OwnServer {
        let name = format!("{name}-{}", std::process::id());
        Self::start_in(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// A new one in this directory.
    pub fn start_in(dir: PathBuf) -> OwnServer {
        fs::create_dir_all(&dir).unwrap();
        let mut server = OwnServer { dir, running: None };
        server.again();
        server
    }

    /// Starts it where it was, with what it held.
    pub fn again(&mut self) {
        self.try_again().unwrap();
    }

    /// The same, where it may not come up.
    pub fn try_again(&mut self) -> Result<(), String> {
        let options = Options {
            linger_seconds: Some(0),
            profile: Profile::Throwaway,
            ..Options::from_env()
        };
        self.running = None;
        let started = PrivatePg::ensure_with(&self.dir, &options, &|_| {});
        self.running = Some(started.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn running(&self) -> &PrivatePg {
        self.running.as_ref().unwrap()
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        self.running().url()
    }

    /// The running server, for who needs its directories.
    pub fn postgres(&self) -> &PrivatePg {
        self.running()
    }

    /// An orderly stop: sessions are told, transactions under way are rolled back.
    pub fn stop(&mut self) {
        assert!(self.running.take().unwrap().stop().unwrap());
    }

    /// A crash (`pg_ctl stop -m immediate`): nobody is told, and the next start recovers.
    pub fn crash(&mut self) {
        let file = self.running().data_dir().join("postmaster.pid");
        let pid = fs::read_to_string(file).unwrap();
        let sent = Command::new("kill")
            .args(["-QUIT", pid.lines().next().unwrap()])
            .status()
            .unwrap();
        assert!(sent.success());
        // Its supervisor ends with it; an orderly stop of what is gone waits for that.
        self.running.take().unwrap().stop().unwrap();
    }

    /// Installs the schema and publishes these definitions.
    pub fn deploy(&self, definitions: &[Value]) {
        let url = self.url();
        let run = |args: &[&str]| {
            let (code, errors) = exit_code(&url, args);
            assert_eq!(code, Some(0), "{args:?}: {errors}");
        };
        run(&["migrate"]);
        for definition in definitions {
            let file = self.dir.join("definition.json");
            fs::write(&file, definition.to_string()).unwrap();
            run(&["deploy", file.to_str().unwrap(), "--publish"]);
        }
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.running = None;
        let _ = private_pg::destroy(&self.dir);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A server process on a data directory, started without a supervisor: a standby, or one under a clock of its own.
pub struct RawServer {
    process: Child,
    sockets: PathBuf,
    data: PathBuf,
    bin: PathBuf,
}

impl RawServer {
    /// Starts it on these data, as their owner, and waits until it accepts connections.
    pub async fn start(bin: &Path, data: &Path, env: &[(&str, &str)]) -> RawServer {
        let owner = fs::metadata(data).unwrap();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short: the path of a socket has to stay under 100 bytes.
        let sockets = env::temp_dir().join(format!("wp-raw-{}-{n}", std::process::id()));
        fs::create_dir_all(&sockets).unwrap();
        chown(&sockets, Some(owner.uid()), Some(owner.gid())).unwrap();
        let mut command = as_owner(&bin.join("postgres"), &owner);
        command
            .arg("-D")
            .arg(data)
            .arg("-k")
            .arg(&sockets)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=200",
            ])
            .args(["-c", "unix_socket_permissions=0777"])
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = RawServer {
            process: command.spawn().unwrap(),
            sockets,
            data: data.to_owned(),
            bin: bin.to_owned(),
        };
        let begun = Instant::now();
        let url = server.url("waypost_superuser", "postgres");
        while PgConnection::connect(&url).await.is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it does not start"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Where it is reached.
    pub fn url(&self, role: &str, database: &str) -> String {
        let sockets = self.sockets.display();
        format!("postgres://{role}@localhost:5432/{database}?host={sockets}")
    }

    /// Where its socket is.
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// Makes a primary of the standby, and waits until it is one.
    pub fn promote(&self) {
        let owner = fs::metadata(&self.data).unwrap();
        let done = as_owner(&self.bin.join("pg_ctl"), &owner)
            .args(["promote", "-w", "-D"])
            .arg(&self.data)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.sockets);
    }
}

/// A program of the server, as the user who owns its data.
pub fn as_owner(program: &Path, owner: &fs::Metadata) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C");
    if fs::metadata("/proc/self").unwrap().uid() != owner.uid() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}

/// How a command ends, and what it says on stderr.
pub fn exit_code(url: &str, args: &[&str]) -> (Option<i32>, String) {
    let out = waypost(url, args).output().unwrap();
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}
