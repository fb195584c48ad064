//! A TCP proxy before Postgres: slow, half-open or broken lines, lost replies to COMMIT, statements that fail.
//!
//! It reads the protocol far enough to know which statement a reply belongs to. What it does is set at any time by
//! [`PgProxy::set`] and counts for every connection from then on; one proxy stands before one worker.

mod line;
mod wire;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use url::Url;
use uuid::Uuid;

use super::TestDb;

/// What the way to Postgres is like.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    /// Each message takes so much longer, in each direction.
    pub latency: Duration,
    /// The most bytes a second that one connection lets through in one direction; none: any number.
    pub bytes_per_second: Option<u64>,
    /// Nothing passes and nothing is closed: a cable that was pulled. What was on its way arrives afterwards.
    pub black_hole: bool,
    /// A connection is reset when so many bytes of the server have passed.
    pub reset_after: Option<u64>,
    /// Notifications do not arrive.
    pub no_notifications: bool,
    /// The reply to what commits this kind of work is lost in this share of cases (0 to 1): the server has committed,
    /// the client never hears it. Names are those given to [`PgProxy::start`].
    pub lost_replies: Vec<(&'static str, f64)>,
    /// This share of the statements (0 to 1) fails with one of these SQLSTATEs, in turn; the server really raises it.
    pub failing: Option<(f64, Vec<&'static str>)>,
}

/// A commit whose reply was lost.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Which kind of work it was.
    pub mark: &'static str,
    /// When the server had answered.
    pub at: SystemTime,
    /// The second column of the rows in the lost reply, where that is a uuid: what a claim had claimed.
    pub ids: Vec<Uuid>,
}

/// A running proxy; its connections end with it.
#[derive(Debug)]
pub struct PgProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// Where the server is.
#[derive(Debug, Clone)]
enum Upstream {
    Tcp(String, u16),
    Socket(PathBuf),
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    weather: watch::Sender<Arc<Weather>>,
    marks: Vec<(&'static str, &'static str)>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    dice: u64,
    lost: Vec<Lost>,
    failed: HashMap<&'static str, usize>,
    raised: usize,
    swallowed: usize,
}

impl PgProxy {
    /// Starts before the server of this database. `marks`: a name for each kind of work, and a part of the statement
    /// by which it is known (the first line of its file will do); `seed` decides what happens by share.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start(
        db: &TestDb,
        marks: &[(&'static str, &'static str)],
        seed: u64,
    ) -> io::Result<Self> {
        let options = db.options();
        let upstream = match options.get_socket() {
            Some(folder) => {
                let name = format!(".s.PGSQL.{}", options.get_port());
                Upstream::Socket(folder.join(name))
            }
            None => Upstream::Tcp(options.get_host().to_owned(), options.get_port()),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            weather: watch::Sender::default(),
            marks: marks.to_vec(),
            book: Mutex::new(Book {
                dice: seed,
                ..Book::default()
            }),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// The database's URL by way of this proxy.
    ///
    /// # Panics
    /// The database's own URL cannot be read.
    #[must_use]
    pub fn url(&self, db: &TestDb) -> String {
        let mut url = Url::parse(&db.url()).expect("a URL");
        let other: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !matches!(&**name, "host" | "port" | "sslmode"))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(other)
            .append_pair("sslmode", "disable");
        let _ = url.set_host(Some("127.0.0.1"));
        let _ = url.set_port(Some(self.address.port()));
        url.into()
    }

    /// From now on the way is like this.
    pub fn set(&self, weather: Weather) {
        self.shared.weather.send_replace(Arc::new(weather));
    }

    /// The commits whose replies were lost so far.
    #[must_use]
    pub fn lost(&self) -> Vec<Lost> {
        self.shared.book().lost.clone()
    }

    /// How many statements were made to fail so far, by SQLSTATE.
    #[must_use]
    pub fn failed(&self) -> HashMap<&'static str, usize> {
        self.shared.book().failed.clone()
    }

    /// How many notifications did not arrive so far.
    #[must_use]
    pub fn swallowed(&self) -> usize {
        self.shared.book().swallowed
    }
}

impl Drop for PgProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn weather(&self) -> Arc<Weather> {
        self.weather.borrow().clone()
    }

    /// Waits while nothing passes.
    async fn open(&self) {
        let mut weather = self.weather.subscribe();
        // The sender lives as long as `self`.
        let _ = weather.wait_for(|weather| !weather.black_hole).await;
    }
}

impl Book {
    /// Whether this case is one of the share (splitmix64).
    fn falls(&mut self, share: f64) -> bool {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.dice;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / ((1_u64 << 53) as f64) < share
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this future, so that connections end with the proxy.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            // A connection that breaks is what this is for.
            let _ = line::carry(client, shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
