//! A small mail server for tests: takes mail, or answers and breaks off as it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

/// What the server does at one point of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Answers this line.
    Say(&'static str),
    /// Closes the connection.
    Drop,
    /// Says nothing more and keeps the connection.
    Hang,
}

/// A point of the dialogue: the greeting (empty), a command's verb, `content` (after the message's
/// first line), or the message's end (`.`).
pub(super) type Point = &'static str;

pub(super) struct FakeSmtp {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Connections accepted.
    pub(super) connections: usize,
    /// Every command line, in order.
    pub(super) commands: Vec<String>,
    /// Every message whose final dot came.
    pub(super) messages: Vec<String>,
}

impl FakeSmtp {
    /// A server that does something else than usual at one point.
    pub(super) async fn start(at: Point, act: Option<Act>) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Small, so that a message of some megabytes does not fit into it and its writer has to wait.
        socket.set_recv_buffer_size(16 * 1024).expect("a buffer");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a port");
        let listener = socket.listen(16).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().expect("lock").connections += 1;
                let shared = shared.clone();
                tokio::spawn(async move {
                    let _ = serve(stream, at, act, &shared).await;
                });
            }
        });
        Self {
            address,
            seen,
            accepting,
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().expect("lock").clone()
    }
}

impl Drop for FakeSmtp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn usual(point: &str) -> &'static str {
    match point {
        "" => "220 fake",
        "EHLO" => "250-fake\r\n250 AUTH PLAIN LOGIN",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        "." => "250 queued as 42",
        _ => "250 ok",
    }
}

async fn serve(
    stream: TcpStream,
    at: Point,
    act: Option<Act>,
    seen: &Mutex<Seen>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut point = String::new();
    let on_content = act;
    loop {
        let act = act
            .filter(|_| at == point)
            .unwrap_or(Act::Say(usual(&point)));
        match act {
            Act::Say(line) => stream.write_all(format!("{line}\r\n").as_bytes()).await?,
            Act::Drop => return Ok(()),
            Act::Hang => std::future::pending().await,
        }
        let mut line = String::new();
        if point == "DATA" && act == Act::Say(usual("DATA")) {
            if at == "content" {
                stream.read_line(&mut line).await?;
                match on_content {
                    Some(Act::Hang) => std::future::pending().await,
                    _ => return stream.get_ref().set_zero_linger(),
                }
            }
            let mut message = String::new();
            while line != ".\r\n" {
                message.push_str(&line);
                line.clear();
                if stream.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
            }
            seen.lock().expect("lock").messages.push(message);
            point = ".".into();
            continue;
        }
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        point = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        seen.lock().expect("lock").commands.push(line);
    }
}
