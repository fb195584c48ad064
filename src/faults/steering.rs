//! What happens at which point: `WAYPOST_FAULTS`, a list of `point=action`.
//!
//! | action | what happens |
//! |---|---|
//! | `abort` | the process ends at once, as if killed |
//! | `error` | the point fails, as if the connection had gone; after a commit: its reply was lost |
//! | `sleep:MS` | so many milliseconds pass |
//! | `ask` | the process says to `WAYPOST_FAULTS_AT` (`host:port`) where it is, and waits to be told `go`, `abort` or `error` |
//!
//! `@N` after an action: at the Nth time only. While a process waits to be told, a test does whatever it likes:
//! ends its sessions, lets its lease run out, runs another worker through the same place.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::points::{FailPoint, POINTS};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Abort,
    Error,
    Sleep(Duration),
    Ask,
}

#[derive(Debug)]
struct Armed {
    point: FailPoint,
    action: Action,
    /// At this time only, from 1; none: every time.
    only: Option<u32>,
    met: AtomicU32,
}

pub(super) async fn at(point: FailPoint) -> io::Result<()> {
    for armed in armed().iter().filter(|armed| armed.point == point) {
        let met = armed.met.fetch_add(1, Ordering::SeqCst) + 1;
        if armed.only.is_none_or(|only| only == met) {
            act(armed).await?;
        }
    }
    Ok(())
}

async fn act(armed: &Armed) -> io::Result<()> {
    match armed.action {
        Action::Abort => std::process::abort(),
        Action::Error => Err(lost()),
        Action::Sleep(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Action::Ask => match asked(armed.point).await.as_deref() {
            Ok("abort") => std::process::abort(),
            Ok("error") => Err(lost()),
            // Told to go on, or nobody is there to tell any more.
            _ => Ok(()),
        },
    }
}

fn lost() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "a fail point took the connection",
    )
}

async fn asked(point: FailPoint) -> io::Result<String> {
    let address = std::env::var("WAYPOST_FAULTS_AT").map_err(io::Error::other)?;
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let line = format!("{}\n", name(point));
    stream.write_all(line.as_bytes()).await?;
    let mut told = String::new();
    stream.read_line(&mut told).await?;
    Ok(told.trim().to_owned())
}

fn name(point: FailPoint) -> &'static str {
    let place = POINTS.iter().find(|place| place.point == point);
    place.map_or("", |place| place.name)
}

/// Read once. What cannot be read ends the process: a test that arms nothing would show nothing.
fn armed() -> &'static [Armed] {
    static ARMED: OnceLock<Vec<Armed>> = OnceLock::new();
    ARMED.get_or_init(|| {
        let text = std::env::var("WAYPOST_FAULTS").unwrap_or_default();
        read(&text).unwrap_or_else(|why| {
            eprintln!("WAYPOST_FAULTS: {why}");
            std::process::exit(2)
        })
    })
}

fn read(text: &str) -> Result<Vec<Armed>, String> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items.map(read_one).collect()
}

fn read_one(item: &str) -> Result<Armed, String> {
    let no = |what: &str| format!("`{item}`: {what}; write `point=action` or `point=action@N`");
    let (name, action) = item.split_once('=').ok_or_else(|| no("no action"))?;
    let place = POINTS
        .iter()
        .find(|place| place.name == name)
        .ok_or_else(|| no("no such point"))?;
    let (action, only) = match action.split_once('@') {
        Some((action, n)) => (
            action,
            Some(n.parse().map_err(|_| no("N is to be a number"))?),
        ),
        None => (action, None),
    };
    let action = match action {
        "abort" => Action::Abort,
        "error" => Action::Error,
        "ask" => Action::Ask,
        other => match other.strip_prefix("sleep:").map(str::parse) {
            Some(Ok(millis)) => Action::Sleep(Duration::from_millis(millis)),
            _ => return Err(no("the actions are abort, error, sleep:MS and ask")),
        },
    };
    Ok(Armed {
        point: place.point,
        action,
        only,
        met: AtomicU32::new(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_mistakes_are_named() {
        let list = read("run.claimed=abort@3, send.before=sleep:20,finish.told=ask").unwrap();
        let seen: Vec<_> = list
            .iter()
            .map(|armed| (armed.point, armed.action, armed.only))
            .collect();
        let wanted = [
            (FailPoint::RunClaimed, Action::Abort, Some(3)),
            (
                FailPoint::SendBefore,
                Action::Sleep(Duration::from_millis(20)),
                None,
            ),
            (FailPoint::FinishTold, Action::Ask, None),
        ];
        assert_eq!(seen, wanted);
        for (text, why) in [
            ("run.claimed", "no action"),
            ("run.claimd=abort", "no such point"),
            ("run.claimed=explode", "the actions are"),
            ("run.claimed=sleep:long", "the actions are"),
            ("run.claimed=abort@x", "N is to be a number"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
