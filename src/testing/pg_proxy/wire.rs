//! Messages of the Postgres protocol: read whole, and understood where the proxy must.

use std::{collections::HashMap, io};

use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

/// The longest message that is read, in bytes.
const LIMIT: usize = 256 * 1024 * 1024;

/// One message after the start-up.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The next one; none: the connection has ended.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
        let mut head = [0; 5];
        if from.read(&mut head[..1]).await? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut head[1..]).await?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..LIMIT).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no message"));
        }
        let mut body = vec![0; length - 4];
        from.read_exact(&mut body).await?;
        Ok(Some(Message {
            kind: head[0],
            body,
        }))
    }

    /// Its bytes on the wire.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.push(self.kind);
        to.extend_from_slice(&((self.body.len() + 4) as u32).to_be_bytes());
        to.extend_from_slice(&self.body);
    }

    /// A simple query.
    pub(super) fn query(sql: &str) -> Message {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        Message { kind: b'Q', body }
    }

    /// The second column of a row, where it is a uuid in binary.
    pub(super) fn second_uuid(&self) -> Option<Uuid> {
        let mut rest = self.body.get(2..)?;
        for at in 0..2 {
            let length = i32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
            let length = usize::try_from(length).unwrap_or(0);
            let value = rest.get(4..4 + length)?;
            if at == 1 {
                return Uuid::from_slice(value).ok();
            }
            rest = &rest[4 + length..];
        }
        None
    }
}

/// The text up to the next zero, and what follows it.
fn text(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let rest = bytes.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), rest)
}

/// What a batch of messages up to a Sync or Query runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// The statements' texts.
    pub(super) texts: Vec<String>,
    /// A statement is prepared as well: the client would think that it is.
    pub(super) prepares: bool,
}

/// The prepared statements of a connection.
#[derive(Debug, Default)]
pub(super) struct Prepared(HashMap<String, String>);

impl Prepared {
    /// Takes a batch in and says what it runs.
    pub(super) fn understand(&mut self, batch: &[Message]) -> Runs {
        let mut runs = Runs::default();
        let mut bound = String::new();
        for message in batch {
            match message.kind {
                b'P' => {
                    let (name, rest) = text(&message.body);
                    self.0.insert(name, text(rest).0);
                    runs.prepares = true;
                }
                b'B' => {
                    let (_, rest) = text(&message.body);
                    bound = self.0.get(&text(rest).0).cloned().unwrap_or_default();
                }
                b'E' => runs.texts.push(bound.clone()),
                b'Q' => runs.texts.push(text(&message.body).0),
                _ => {}
            }
        }
        runs
    }
}
