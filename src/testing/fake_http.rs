//! A fake HTTP provider: logs each request, acts once per key, and fails in the ways asked for.
//!
//! It speaks HTTP/1.1 itself, since a web framework always answers and a provider does not: a reply
//! that is dropped after the effect happened is the very case to test.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The largest request that is read, in bytes; a larger one closes the connection.
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// How the provider treats one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// None: act unless this key was seen, answer 200.
    None,
    /// Act, then close the connection without an answer.
    DropReply,
    /// Act, then answer after this time.
    Delay(Duration),
    /// Act, then never answer.
    Hang,
    /// Reset the connection without acting.
    Reset,
    /// Act although this key was seen: a provider that does not honour keys.
    AcceptTwice,
    /// Answer this, and act if it says so.
    Answer(Answer),
}

/// An answer laid down by a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the effect happens all the same.
    pub acts: bool,
}

impl Fault {
    /// An answer with this status, without acting.
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            acts: false,
        })
    }

    /// 429 with `Retry-After` in seconds, without acting.
    pub fn too_many(retry_after: u64) -> Self {
        let headers = vec![("Retry-After".to_owned(), retry_after.to_string())];
        Self::Answer(Answer {
            status: 429,
            headers,
            body: Vec::new(),
            acts: false,
        })
    }

    /// 500 after acting: the answer that lies.
    pub fn failed_after_acting() -> Self {
        Self::Answer(Answer {
            status: 500,
            headers: Vec::new(),
            body: Vec::new(),
            acts: true,
        })
    }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it had been read whole.
    pub at: SystemTime,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// All headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the provider acted on it.
    pub acted: bool,
}

impl Received {
    /// The first header with this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A running fake provider; it stops when dropped.
pub struct FakeHttp {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    arrived: watch::Sender<usize>,
}

struct State {
    next: VecDeque<Fault>,
    otherwise: Fault,
    log: Vec<Received>,
    acts: HashMap<String, usize>,
}

impl FakeHttp {
    /// Starts on a free port of the loopback address.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on this address.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                next: VecDeque::new(),
                otherwise: Fault::None,
                log: Vec::new(),
                acts: HashMap::new(),
            }),
            arrived: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path (with its leading slash) on this provider.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Treats the next request that has no fault waiting for it yet like this.
    pub fn next(&self, fault: Fault) {
        self.shared.lock().next.push_back(fault);
    }

    /// Treats every request like this for which nothing was laid down by [`FakeHttp::next`].
    pub fn otherwise(&self, fault: Fault) {
        self.shared.lock().otherwise = fault;
    }

    /// Every request so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().log.clone()
    }

    /// How often the provider acted on requests with this key.
    pub fn acts(&self, key: &str) -> usize {
        self.shared.lock().acts.get(key).copied().unwrap_or(0)
    }

    /// Waits until this many requests have arrived in all.
    pub async fn arrived(&self, count: usize) {
        let mut arrivals = self.shared.arrived.subscribe();
        // The sender lives as long as `self`.
        let _ = arrivals.wait_for(|arrived| *arrived >= count).await;
    }
}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on a request, acts and logs it: one step, as a provider's transaction would be.
    fn take(&self, mut request: Received) -> Fault {
        let mut state = self.lock();
        let fault = state
            .next
            .pop_front()
            .unwrap_or_else(|| state.otherwise.clone());
        let seen = request
            .key
            .as_ref()
            .is_some_and(|key| state.acts.contains_key(key));
        request.acted = match &fault {
            Fault::Reset => false,
            Fault::AcceptTwice => true,
            Fault::Answer(answer) => answer.acts && !seen,
            Fault::None | Fault::DropReply | Fault::Delay(_) | Fault::Hang => !seen,
        };
        if request.acted {
            let key = request.key.clone().unwrap_or_default();
            *state.acts.entry(key).or_default() += 1;
        }
        state.log.push(request);
        let arrived = state.log.len();
        drop(state);
        self.arrived.send_replace(arrived);
        fault
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this future, so that connections end with the provider.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            // A connection that breaks is the other side's affair.
            let _ = serve(stream, shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await? {
        let answer = match shared.take(request) {
            Fault::None | Fault::AcceptTwice => accepted(),
            Fault::Answer(answer) => answer,
            Fault::DropReply => return Ok(()),
            Fault::Reset => return stream.get_ref().set_zero_linger(),
            Fault::Hang => std::future::pending().await,
            Fault::Delay(delay) => {
                tokio::time::sleep(delay).await;
                accepted()
            }
        };
        stream.write_all(&encode(&answer)).await?;
        stream.flush().await?;
    }
    Ok(())
}

fn accepted() -> Answer {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Answer {
        status: 200,
        headers,
        body: br#"{"ok":true}"#.to_vec(),
        acts: true,
    }
}

/// The next request, or none when the connection has ended.
async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Received>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut limited = (&mut *stream).take((REQUEST_LIMIT - head.len()) as u64);
        if limited.read_until(b'\n', &mut head).await? == 0 {
            return if head.is_empty() {
                Ok(None)
            } else {
                Err(malformed("an unfinished head"))
            };
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut start = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (start.next(), start.next()) else {
        return Err(malformed("no request line"));
    };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let find = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let length = match find("content-length") {
        Some(text) => text
            .parse()
            .map_err(|_| malformed("a length that is no number"))?,
        None => 0,
    };
    if length > REQUEST_LIMIT {
        return Err(malformed("a request too large"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let key = find("idempotency-key").cloned();
    let (method, path) = (method.to_owned(), path.to_owned());
    let at = SystemTime::now();
    Ok(Some(Received {
        at,
        method,
        path,
        key,
        headers,
        body,
        acted: false,
    }))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn encode(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Fake\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&answer.body);
    bytes
}
