//! A loop's own line to the database.
//!
//! A backend prepares and plans every statement that it meets for the first time, which costs more than running it. A
//! loop that keeps its connection pays once; with the next best of the pool it would pay for each of them.

use std::{
    ops::{Deref, DerefMut},
    time::{Duration, Instant},
};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

use crate::store::StoreResult;

/// So long a connection is kept, as long as the pool keeps one: backends grow with what they have seen.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The connection of one loop, from one round to the next.
#[derive(Debug)]
pub(crate) struct Line {
    pool: PgPool,
    kept: Option<Held>,
}

/// A connection on the way from [`Line::take`] to [`Line::keep`]. Dropped instead, after an error or with a future
/// that is not polled any more, it goes back to the pool, which looks whether it is still good.
#[derive(Debug)]
pub(crate) struct Held {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Line {
    /// Nothing is opened yet.
    pub(crate) fn new(pool: &PgPool) -> Self {
        Self {
            pool: pool.clone(),
            kept: None,
        }
    }

    /// The connection of the last round, or another one of the pool.
    ///
    /// # Errors
    /// Of the database.
    pub(crate) async fn take(&mut self) -> StoreResult<Held> {
        match self.kept.take() {
            Some(held) if held.since.elapsed() < LIFETIME => Ok(held),
            _ => Ok(Held {
                connection: self.pool.acquire().await?,
                since: Instant::now(),
            }),
        }
    }

    /// Keeps a connection for the next round. No transaction is open on it: one that was only dropped would end when
    /// there is something to do again.
    pub(crate) fn keep(&mut self, held: Held) {
        self.kept = Some(held);
    }
}
