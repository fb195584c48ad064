//! One connection through the proxy: two directions that share what they know of the session.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
};

use super::{
    Lost, Shared, Upstream, Weather,
    wire::{Message, Prepared},
};

type Reader = BufReader<Box<dyn AsyncRead + Send + Unpin>>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// What both directions know.
#[derive(Default)]
struct Session {
    /// A transaction is open and has not failed.
    open: bool,
    /// It has failed: nothing but ROLLBACK helps.
    failed: bool,
    /// The kinds of work in it.
    marks: Vec<&'static str>,
    /// Replies that are still to come: the kind of work that this one would confirm, if it is to be lost.
    pending: VecDeque<Option<&'static str>>,
}

fn locked(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries one client until one side ends.
pub(super) async fn carry(client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    // A client that is cut off hears a reset, not an orderly end.
    client.set_zero_linger()?;
    let (from_client, to_client) = client.into_split();
    let mut from_client: Reader = BufReader::new(Box::new(from_client));
    let mut to_client: Writer = Box::new(to_client);
    shared.open().await;
    let Some(hello) = start_up(&mut from_client, &mut to_client).await? else {
        return Ok(());
    };
    let (from_server, mut to_server): (Reader, Writer) = match &shared.upstream {
        Upstream::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let (from, to) = stream.into_split();
            (BufReader::new(Box::new(from)), Box::new(to))
        }
        Upstream::Socket(path) => {
            let (from, to) = UnixStream::connect(path).await?.into_split();
            (BufReader::new(Box::new(from)), Box::new(to))
        }
    };
    to_server.write_all(&hello).await?;
    let session = Arc::new(Mutex::new(Session::default()));
    let up = upwards(from_client, to_server, shared.clone(), session.clone());
    let down = downwards(from_server, to_client, shared.clone(), session);
    let ended = tokio::select! {
        ended = up => ended,
        ended = down => ended,
    };
    // In a black hole the end is not heard either.
    shared.open().await;
    ended
}

/// The client's first packet; encryption is declined.
async fn start_up(from: &mut Reader, to: &mut Writer) -> io::Result<Option<Vec<u8>>> {
    loop {
        let length = from.read_u32().await?;
        if !(8..10_000).contains(&length) {
            return Ok(None);
        }
        let mut body = vec![0; length as usize - 4];
        from.read_exact(&mut body).await?;
        match u32::from_be_bytes([body[0], body[1], body[2], body[3]]) {
            SSL | GSS => to.write_all(b"N").await?,
            CANCEL => return Ok(None),
            _ => {
                let mut packet = length.to_be_bytes().to_vec();
                packet.extend(body);
                return Ok(Some(packet));
            }
        }
    }
}

/// Lets time pass as the weather says, then passes the bytes on.
async fn pass(bytes: &[u8], to: &mut Writer, shared: &Shared) -> io::Result<()> {
    let weather = shared.weather();
    let mut pause = weather.latency;
    if let Some(rate) = weather.bytes_per_second {
        pause += Duration::from_secs_f64(bytes.len() as f64 / rate.max(1) as f64);
    }
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    shared.open().await;
    to.write_all(bytes).await?;
    to.flush().await
}

/// From the client to the server, a batch at a time.
async fn upwards(
    mut from: Reader,
    mut to: Writer,
    shared: Arc<Shared>,
    session: Arc<Mutex<Session>>,
) -> io::Result<()> {
    let mut prepared = Prepared::default();
    let mut batch = Vec::new();
    while let Some(message) = Message::read(&mut from).await? {
        let kind = message.kind;
        batch.push(message);
        if matches!(kind, b'P' | b'B' | b'D' | b'E' | b'C') {
            continue;
        }
        let answered = matches!(kind, b'S' | b'Q');
        if answered {
            // What is decided while nothing passes would be old news.
            shared.open().await;
            if let Some(instead) = decide(&batch, &mut prepared, &shared, &session) {
                batch = vec![instead];
            }
        }
        let mut bytes = Vec::new();
        batch
            .drain(..)
            .for_each(|message| message.write(&mut bytes));
        pass(&bytes, &mut to, &shared).await?;
    }
    Ok(())
}

/// Notes what the reply to this batch will mean; what is sent in its stead, if it is to fail.
fn decide(
    batch: &[Message],
    prepared: &mut Prepared,
    shared: &Shared,
    session: &Mutex<Session>,
) -> Option<Message> {
    let runs = prepared.understand(batch);
    let weather = shared.weather();
    let mut book = shared.book();
    let mut session = locked(session);
    let says = |word: &str| {
        let begins = |text: &String| {
            let start = text.trim_start().get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        runs.texts.iter().any(begins)
    };
    let may_fail = !runs.texts.is_empty() && !runs.prepares && !session.failed && !says("rollback");
    if let Some((share, states)) = &weather.failing
        && may_fail
        && !states.is_empty()
        && book.falls(*share)
    {
        let state = states[book.raised % states.len()];
        book.raised += 1;
        *book.failed.entry(state).or_default() += 1;
        session.pending.push_back(None);
        return Some(Message::query(&format!(
            "do $$ begin raise exception using errcode = '{state}', message = 'by way of trial'; end $$"
        )));
    }
    let marks = shared
        .marks
        .iter()
        .filter(|(_, part)| runs.texts.iter().any(|text| text.contains(part)));
    session.marks.extend(marks.map(|(name, _)| *name));
    // Outside a transaction every statement commits itself.
    let commits = says("commit") || !session.open && !says("begin");
    let lost = commits
        .then(|| lost(&weather, &session.marks, &mut |share| book.falls(share)))
        .flatten();
    session.pending.push_back(lost);
    None
}

fn lost(
    weather: &Weather,
    marks: &[&'static str],
    falls: &mut dyn FnMut(f64) -> bool,
) -> Option<&'static str> {
    let candidates = weather
        .lost_replies
        .iter()
        .filter(|(mark, _)| marks.contains(mark));
    let mut hit = candidates.filter(|(_, share)| falls(*share));
    hit.next().map(|(mark, _)| *mark)
}

/// From the server to the client, message by message.
async fn downwards(
    mut from: Reader,
    mut to: Writer,
    shared: Arc<Shared>,
    session: Arc<Mutex<Session>>,
) -> io::Result<()> {
    let (mut held, mut ids, mut refused) = (Vec::new(), Vec::new(), false);
    let mut passed = 0_u64;
    while let Some(message) = Message::read(&mut from).await? {
        let weather = shared.weather();
        if message.kind == b'A' && weather.no_notifications {
            shared.book().swallowed += 1;
            continue;
        }
        message.write(&mut held);
        let losing = locked(&session).pending.front().copied().flatten();
        match message.kind {
            b'E' => refused = true,
            b'D' if losing.is_some() => ids.extend(message.second_uuid()),
            _ => {}
        }
        if message.kind == b'Z' {
            settle(&session, message.body.first().copied());
            if let Some(mark) = losing
                && !refused
            {
                let at = SystemTime::now();
                shared.book().lost.push(Lost { mark, at, ids });
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            (ids, refused) = (Vec::new(), false);
        } else if losing.is_some() || !from.buffer().is_empty() {
            // Small messages travel together; what may be lost is held until it is known to have been done.
            continue;
        }
        passed += held.len() as u64;
        if let Some(limit) = weather.reset_after
            && passed > limit
        {
            let over = (passed - limit) as usize;
            held.truncate(held.len().saturating_sub(over));
            pass(&held, &mut to, &shared).await?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        pass(&held, &mut to, &shared).await?;
        held.clear();
    }
    Ok(())
}

/// The server is ready again: `I` idle, `T` in a transaction, `E` in a failed one.
fn settle(session: &Mutex<Session>, status: Option<u8>) {
    let mut session = locked(session);
    session.pending.pop_front();
    session.open = status == Some(b'T');
    session.failed = status == Some(b'E');
    if status == Some(b'I') {
        session.marks.clear();
    }
}
