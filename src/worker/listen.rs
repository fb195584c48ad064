//! The listener and the doorbell between processes. Hints only: all of it can fail and nothing is lost.

use std::{sync::atomic::Ordering, time::Duration};

use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::{Shared, Work, pace::Pace};
use crate::{
    faults::{self, FailPoint},
    store::{StoreError, doorbell, hosts},
};

/// Without a word for so long the listener is rebuilt; it pings itself at half of that.
const SILENCE: Duration = Duration::from_secs(30);
/// At most one NOTIFY in this time.
const RING_GAP: Duration = Duration::from_millis(10);
/// How often the sequence that `emit` bumps is looked at.
const HINT_GAP: Duration = Duration::from_millis(50);

/// Connect, LISTEN, full sweep, wait; on any error, the end of the stream, or silence: rebuild.
pub(crate) async fn listen(shared: Shared, url: String, end: CancellationToken) {
    let mut errors = 0_u32;
    while !end.is_cancelled() {
        let heard = tokio::select! {
            () = end.cancelled() => return,
            heard = session(&shared, &url) => heard,
        };
        if let Err(error) = heard {
            errors = (errors + 1).min(7);
            tracing::debug!(%error, "the listener is rebuilt");
        } else {
            errors = 0;
        }
        let pause = Duration::from_millis(50) * 2_u32.pow(errors);
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn session(shared: &Shared, url: &str) -> Result<(), StoreError> {
    let mut listener = PgListener::connect(&hosts::writable(url).await?).await?;
    listener.ignore_pool_close_event(true);
    listener.listen(doorbell::CHANNEL).await?;
    faults::at(FailPoint::ListenerListens).await?;
    shared.bells.wake(Work::ANY);
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(said))) => {
                faults::at(FailPoint::ListenerHeard).await?;
                shared.bells.heard(said.payload());
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_silence) => {
                // A half-open connection answers nothing: this statement finds out.
                let ping = sqlx::query("select 1").execute(&mut listener);
                if tokio::time::timeout(Duration::from_secs(5), ping)
                    .await
                    .is_err()
                {
                    return Ok(());
                }
            }
        }
    }
}

/// Rings the other processes after commits, at most every 10 ms, on a connection of the pool.
pub(crate) async fn ring(shared: Shared, end: CancellationToken) {
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = shared.bells.outside.notified() => {}
        }
        let rung = async {
            faults::at(FailPoint::DoorbellRinging).await?;
            let mut connection = shared.pool.acquire().await?;
            doorbell::ring(&mut connection, &shared.bells.words()).await?;
            faults::at(FailPoint::DoorbellRung).await?;
            Ok::<(), StoreError>(())
        };
        if let Err(error) = rung.await {
            tracing::debug!(%error, "nobody was woken; their polls will find the work");
        }
        tokio::time::sleep(RING_GAP).await;
    }
}

/// Looks at the sequence, and again 20, 50 and 200 ms after a change: the row may commit after the bump. Not while the
/// doorbell is armed: then nobody bumps it.
pub(crate) async fn watch_hint(shared: Shared, end: CancellationToken) {
    let mut last = None;
    let mut pace = Pace::new("hint", HINT_GAP);
    loop {
        if shared.bells.armed.load(Ordering::Relaxed) {
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(HINT_GAP) => continue,
            }
        }
        let looked = async {
            let mut connection = shared.pool.acquire().await?;
            doorbell::hint(&mut connection).await
        };
        let round = looked.await.map(|now| {
            let changed = last.is_some_and(|last| last != now);
            last = Some(now);
            changed
        });
        if let Ok(true) = round {
            faults::at(FailPoint::HintSeen).await.ok();
            for pause in [0, 20, 30, 150] {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                shared.bells.wake(Work::ANY);
            }
        }
        let quiet = tokio::sync::Notify::new();
        if !pace
            .wait(&round.map(|_| super::Round::Idle), &quiet, &end)
            .await
        {
            return;
        }
    }
}

/// Says that this worker is idle and wants to be rung, as long as it runs.
pub(crate) async fn arm(shared: Shared, end: CancellationToken) {
    let mut pace = Pace::new("doorbell", Duration::from_secs(1));
    loop {
        let armed = async {
            if shared.bells.was_busy() {
                shared.bells.armed.store(false, Ordering::Relaxed);
                return Ok(());
            }
            faults::at(FailPoint::DoorbellArming).await?;
            let mut connection = shared.pool.acquire().await?;
            doorbell::arm(&mut connection).await?;
            shared.bells.armed.store(true, Ordering::Relaxed);
            faults::at(FailPoint::DoorbellArmed).await?;
            Ok(())
        };
        let round = armed.await.map(|()| super::Round::Idle);
        if round.is_err() {
            shared.bells.armed.store(false, Ordering::Relaxed);
        }
        let quiet = tokio::sync::Notify::new();
        if !pace.wait(&round, &quiet, &end).await {
            return;
        }
    }
}
