//! A fake HTTP provider: logs each request, acts once per key, and fails in the ways asked for.
//!
//! `GET /lookup?key=K` (or any path that ends so) says whether it acted on K: 200 with `{"key", "effects"}`, or 404.
//!
//! It can call back about what it acted on: [`FakeHttp::calls_back`].
//!
//! It speaks HTTP/1.1 itself, since a web framework always answers and a provider does not: a reply
//! that is dropped after the effect happened is the very case to test.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

#[path = "fake_http_wire.rs"]
mod wire;

use self::wire::{encode, read_request};

/// How the provider treats one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fault {
    /// None: act unless this key was seen, answer 200.
    #[default]
    None,
    /// Act, then close the connection without an answer.
    DropReply,
    /// Act, then answer after this time.
    Delay(Duration),
    /// Act, then never answer.
    Hang,
    /// Close the connection without acting and without an answer.
    DropRequest,
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

/// When the provider tells what became of a request that it acted on, beside its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// This long after it acted.
    After(Duration),
    /// The same, and once more.
    Twice(Duration),
    /// Before it replies: the reply waits until the other side has heard.
    BeforeReply,
}

/// A callback on its way to the application.
#[derive(Debug)]
pub struct Called {
    /// The `Idempotency-Key` of the request.
    pub key: String,
    /// Says that it was heard.
    pub heard: oneshot::Sender<()>,
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
    /// The status that it was answered with; none: nothing was said.
    pub answered: Option<u16>,
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

#[derive(Default)]
struct State {
    next: VecDeque<Fault>,
    now_and_then: Vec<(f64, Fault)>,
    dice: u64,
    otherwise: Fault,
    arrived: usize,
    log: Vec<Received>,
    keeps_no_log: bool,
    acts: HashMap<String, usize>,
    /// What a key was answered when it was acted on: a repeat is told the same.
    answers: HashMap<String, Answer>,
    /// Paths at which keys mean nothing.
    keyless: Vec<String>,
    next_lookups: VecDeque<Fault>,
    lookups: Vec<Received>,
    callback: Option<(Callback, mpsc::UnboundedSender<Called>)>,
    /// Keys about which it called back and was heard.
    heard: HashSet<String>,
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
            state: Mutex::default(),
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

    /// Each of these faults meets a share of the requests (0 to 1), by dice that fall the same way for the same seed;
    /// the rest is treated as [`FakeHttp::otherwise`] says.
    pub fn now_and_then(&self, seed: u64, faults: Vec<(f64, Fault)>) {
        let mut state = self.shared.lock();
        state.dice = seed;
        state.now_and_then = faults;
    }

    /// At paths that begin so, keys mean nothing: every request is acted on.
    pub fn forgets_keys_at(&self, path: &str) {
        self.shared.lock().keyless.push(path.to_owned());
    }

    /// Keeps no requests from now on, only what it acted on: for runs of hours.
    pub fn keeps_no_log(&self) {
        self.shared.lock().keeps_no_log = true;
    }

    /// Treats the next look-up that has no fault waiting for it yet like this.
    pub fn next_lookup(&self, fault: Fault) {
        self.shared.lock().next_lookups.push_back(fault);
    }

    /// Calls `app` back about everything that it acts on from now on.
    pub fn calls_back(&self, when: Callback, app: mpsc::UnboundedSender<Called>) {
        self.shared.lock().callback = Some((when, app));
    }

    /// The keys about which it called back and was heard.
    pub fn called_back(&self) -> HashSet<String> {
        self.shared.lock().heard.clone()
    }

    /// Every look-up so far, in order of arrival; they are no requests.
    pub fn lookups(&self) -> Vec<Received> {
        self.shared.lock().lookups.clone()
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

    /// Tells the application what became of this key; returns once it has heard, or is gone.
    async fn call_back(&self, app: &mpsc::UnboundedSender<Called>, key: &str) {
        let (heard, hears) = oneshot::channel();
        let called = Called {
            key: key.to_owned(),
            heard,
        };
        if app.send(called).is_ok() && hears.await.is_ok() {
            self.lock().heard.insert(key.to_owned());
        }
    }

    /// Decides on a request, acts and logs it: one step, as a provider's transaction would be. Also the key, where it
    /// acted.
    fn take(&self, mut request: Received) -> (Fault, Answer, Option<String>) {
        let mut state = self.lock();
        if request.method == "GET"
            && let Some((_, key)) = request.path.split_once("/lookup?key=")
        {
            let found = state.acts.get(key).map(|effects| looked_up(key, *effects));
            let fault = state.next_lookups.pop_front().unwrap_or_default();
            let answer = found.unwrap_or_else(|| answer(404, br#"{"error":"no such key"}"#));
            request.answered = said(&fault, &answer);
            state.lookups.push(request);
            return (fault, answer, None);
        }
        let fault = state.fault();
        let keyless = state
            .keyless
            .iter()
            .any(|path| request.path.starts_with(path.as_str()));
        let key = request.key.clone().unwrap_or_default();
        let seen = !keyless && request.key.is_some() && state.acts.contains_key(&key);
        request.acted = match &fault {
            Fault::Reset | Fault::DropRequest => false,
            Fault::AcceptTwice => true,
            Fault::Answer(answer) => answer.acts && !seen,
            Fault::None | Fault::DropReply | Fault::Delay(_) | Fault::Hang => !seen,
        };
        let answer = match state.answers.get(&key) {
            Some(before) if seen => before.clone(),
            _ => answer(200, br#"{"ok":true}"#),
        };
        if request.acted {
            *state.acts.entry(key.clone()).or_default() += 1;
            state.answers.insert(key, answer.clone());
        }
        request.answered = said(&fault, &answer);
        let acted = request.key.clone().filter(|_| request.acted);
        if !state.keeps_no_log {
            state.log.push(request);
        }
        state.arrived += 1;
        let arrived = state.arrived;
        drop(state);
        self.arrived.send_replace(arrived);
        (fault, answer, acted)
    }
}

impl State {
    /// What was laid down for this request, what the dice say, or the rule.
    fn fault(&mut self) -> Fault {
        if let Some(fault) = self.next.pop_front() {
            return fault;
        }
        if !self.now_and_then.is_empty() {
            let mut share = self.roll();
            for (part, fault) in &self.now_and_then {
                if share < *part {
                    return fault.clone();
                }
                share -= part;
            }
        }
        self.otherwise.clone()
    }

    /// A number from 0 to 1 (splitmix64).
    fn roll(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.dice;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The status that the other side hears, if anything.
fn said(fault: &Fault, answer: &Answer) -> Option<u16> {
    match fault {
        Fault::DropReply | Fault::DropRequest | Fault::Reset | Fault::Hang => None,
        Fault::Answer(other) => Some(other.status),
        Fault::None | Fault::AcceptTwice | Fault::Delay(_) => Some(answer.status),
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
        let (fault, answer, acted) = shared.take(request);
        if let Some(key) = acted {
            call_back(&shared, key).await;
        }
        let answer = match fault {
            Fault::None | Fault::AcceptTwice => answer,
            Fault::Answer(other) => other,
            Fault::DropReply | Fault::DropRequest => return Ok(()),
            Fault::Reset => return stream.get_ref().set_zero_linger(),
            Fault::Hang => std::future::pending().await,
            Fault::Delay(delay) => {
                tokio::time::sleep(delay).await;
                answer
            }
        };
        stream.write_all(&encode(&answer)).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Calls back about a key that was acted on, as far as that is asked for; waits where the reply has to.
async fn call_back(shared: &Arc<Shared>, key: String) {
    let Some((when, app)) = shared.lock().callback.clone() else {
        return;
    };
    let (delay, times) = match when {
        Callback::BeforeReply => return shared.call_back(&app, &key).await,
        Callback::After(delay) => (delay, 1),
        Callback::Twice(delay) => (delay, 2),
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        for _ in 0..times {
            tokio::time::sleep(delay).await;
            shared.call_back(&app, &key).await;
        }
    });
}

fn answer(status: u16, body: &[u8]) -> Answer {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Answer {
        status,
        headers,
        body: body.to_vec(),
        acts: status < 300,
    }
}

fn looked_up(key: &str, effects: usize) -> Answer {
    let body = format!(r#"{{"key":"{key}","effects":{effects}}}"#);
    answer(200, body.as_bytes())
}
