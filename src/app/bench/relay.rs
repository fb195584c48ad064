//! Stands before the server and counts the queries that go by, as no view of the server does for everybody.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinHandle,
};

use crate::{
    app::{AppError, AppResult},
    store::hosts,
};

/// Passes connections on, and counts. It ends when it is dropped.
pub(super) struct Relay {
    url: String,
    queries: Arc<AtomicU64>,
    accepts: JoinHandle<()>,
}

impl Relay {
    /// A way to the same database through a port of this machine.
    pub(super) async fn before(url: &str) -> AppResult<Self> {
        let refused = |error| AppError::no(format!("no port to listen at: {error}"));
        let server = hosts::options(url)?.into_iter().next();
        let server = server.ok_or_else(|| AppError::usage("the URL names no host"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let queries = Arc::new(AtomicU64::new(0));
        let counter = queries.clone();
        let mut through = url::Url::parse(url)
            .map_err(|error| AppError::usage(format!("{error}: one host is needed here")))?;
        // What is said to the server must stay readable, and goes over this machine alone.
        through.set_query(Some("sslmode=disable"));
        let named = through.set_host(Some("127.0.0.1")).is_ok();
        if !(named && through.set_port(Some(port)).is_ok()) {
            return Err(AppError::usage("of this URL no other host can be named"));
        }
        let accepts = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), counter.clone()));
            }
        });
        Ok(Self {
            url: through.into(),
            queries,
            accepts,
        })
    }

    /// The URL that goes through here.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Queries so far: simple ones, and executions of prepared ones.
    pub(super) fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

async fn pass(client: TcpStream, server: PgConnectOptions, queries: Arc<AtomicU64>) {
    let port = server.get_port();
    let ended = if let Some(socket) = server.get_socket() {
        match UnixStream::connect(socket.join(format!(".s.PGSQL.{port}"))).await {
            Ok(server) => between(client, server, &queries).await,
            Err(error) => Err(error),
        }
    } else {
        match TcpStream::connect((server.get_host(), port)).await {
            Ok(server) => between(client, server, &queries).await,
            Err(error) => Err(error),
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection through the relay ended");
    }
}

async fn between(
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite,
    queries: &AtomicU64,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    tokio::select! {
        ended = counted(&mut from_client, &mut to_server, queries) => ended,
        ended = copy(&mut from_server, &mut to_client) => ended.map(drop),
    }
}

/// Passes messages of a client on. The first has no kind: the start-up.
async fn counted(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    queries: &AtomicU64,
) -> std::io::Result<()> {
    let mut body = Vec::new();
    let mut started = false;
    loop {
        if started {
            let kind = from.read_u8().await?;
            if matches!(kind, b'Q' | b'E') {
                queries.fetch_add(1, Ordering::Relaxed);
            }
            to.write_u8(kind).await?;
        }
        let length = from.read_u32().await?;
        body.resize((length as usize).saturating_sub(4), 0);
        from.read_exact(&mut body).await?;
        to.write_u32(length).await?;
        to.write_all(&body).await?;
        to.flush().await?;
        started = true;
    }
}
