//! The other end of `ask`: holds a process at a fail point until the test says how it goes on.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// Longest a process may take to reach a point.
const PATIENCE: Duration = Duration::from_secs(30);

/// Steers one process.
pub struct Steering {
    address: String,
    desk: Arc<Desk>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Desk {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Default)]
struct Book {
    /// Points at which nobody is held.
    free: HashSet<String>,
    held: VecDeque<Held>,
}

/// A process, or one loop of it, that stands at a point.
#[must_use = "a loop that nobody holds goes on"]
pub struct Held {
    point: String,
    stream: BufReader<TcpStream>,
}

impl Held {
    /// Lets it go on.
    pub async fn go(self) {
        self.told("go").await;
    }

    /// The point fails.
    pub async fn fails(self) {
        self.told("error").await;
    }

    async fn told(mut self, word: &str) {
        // A process that was killed meanwhile hears nothing: that is no error.
        let _ = self.stream.write_all(format!("{word}\n").as_bytes()).await;
    }
}

impl Steering {
    pub async fn new() -> Steering {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let desk = Arc::new(Desk::default());
        let accepting = tokio::spawn(accept(listener, desk.clone()));
        Steering {
            address,
            desk,
            accepting,
        }
    }

    /// For `WAYPOST_FAULTS_AT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on nobody is held at this point; who is, goes on.
    pub async fn free(&self, point: &str) {
        let held: VecDeque<Held> = {
            let mut book = self.desk.book.lock().unwrap();
            book.free.insert(point.to_owned());
            let (here, others): (VecDeque<_>, VecDeque<_>) =
                book.held.drain(..).partition(|held| held.point == point);
            book.held = others;
            here
        };
        for held in held {
            held.go().await;
        }
    }

    /// From now on whoever comes to this point is held.
    pub fn hold(&self, point: &str) {
        self.desk.book.lock().unwrap().free.remove(point);
    }

    /// Waits until the process stands at this point.
    pub async fn reaches(&self, point: &str) -> Result<Held, String> {
        let there = async {
            loop {
                let changed = self.desk.changed.notified();
                if let Some(held) = self.take(point) {
                    return held;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, there)
            .await
            .map_err(|_| format!("{point} was not reached within {PATIENCE:?}"))
    }

    fn take(&self, point: &str) -> Option<Held> {
        let mut book = self.desk.book.lock().unwrap();
        let at = book.held.iter().position(|held| held.point == point)?;
        book.held.remove(at)
    }
}

impl Drop for Steering {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let desk = desk.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            if stream.read_line(&mut line).await.is_err() {
                return;
            }
            let point = line.trim().to_owned();
            let held = Held { point, stream };
            let free = desk.book.lock().unwrap().free.contains(&held.point);
            if free {
                held.go().await;
            } else {
                desk.book.lock().unwrap().held.push_back(held);
                desk.changed.notify_waiters();
            }
        });
    }
}
