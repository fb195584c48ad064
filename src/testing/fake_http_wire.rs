//! The HTTP/1.1 that the fake provider speaks: one request read, one answer written.

use std::{io, time::SystemTime};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
};

use super::{Answer, Received};

/// The largest request that is read, in bytes; a larger one closes the connection.
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// The next request, or none when the connection has ended.
pub(super) async fn read_request(
    stream: &mut BufReader<TcpStream>,
) -> io::Result<Option<Received>> {
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
        answered: None,
    }))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The bytes of an answer.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Fake\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&answer.body);
    bytes
}
