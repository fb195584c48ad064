//! Driving a tenant's own clock: the same loops, one round after the other, until nothing is left to do.
//!
//! Tests and the demo use it. The engine is the one of production; only the time is a row.

use sqlx::pool::PoolConnection;

use super::{
    Round, Shared, dispatch::Dispatcher, janitor, match_events::Matcher, run::Runner, schedule,
};
use crate::{
    model::execution::Instant,
    store::{Scope, StoreResult, clock},
};

/// Drives one tenant with a clock of its own.
#[derive(Debug)]
pub struct Driver {
    shared: Shared,
    tenant: i32,
    now: Instant,
    runner: Runner,
    matcher: Matcher,
    dispatcher: Dispatcher,
}

impl Driver {
    /// A driver for a tenant whose clock shows `now` (see [`clock::set`]).
    #[must_use]
    pub fn new(shared: Shared, tenant: i32, now: Instant) -> Self {
        Self {
            runner: Runner::new(shared.clone()),
            matcher: Matcher::new(shared.clone(), 0),
            dispatcher: Dispatcher::new(shared.clone()),
            shared,
            tenant,
            now,
        }
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Does everything that is to be done at this time.
    ///
    /// # Errors
    /// Of the database.
    pub async fn settle(&mut self) -> StoreResult<()> {
        let scope = Scope::Driven {
            tenant: self.tenant,
            now: self.now,
        };
        loop {
            let scheduled = schedule::run_once(&self.shared, &scope).await?;
            // At one instant events come before timers, whichever buckets a round takes.
            let mut matched = Round::Idle;
            while self.matcher.run_once(&scope).await? != Round::Idle {
                matched = Round::Worked;
            }
            let rounds = [
                scheduled,
                matched,
                self.runner.run_once(&scope).await?,
                self.dispatcher.run_once(&scope).await?,
            ];
            self.dispatcher.drain(&scope).await?;
            // Each looks after the ones before it: when all were idle in one pass, only a lost lease is left.
            if rounds.iter().all(|r| *r == Round::Idle)
                && janitor::run_once(&self.shared, &scope).await? == Round::Idle
                && janitor::sweep(&self.shared, &scope).await? == Round::Idle
            {
                break;
            }
        }
        Ok(())
    }

    /// Moves the clock to `to` and does what is due then, at that time.
    ///
    /// # Errors
    /// Of the database.
    pub async fn jump(&mut self, to: Instant) -> StoreResult<()> {
        self.now = self.now.max(to);
        let mut connection: PoolConnection<_> = self.shared.pool.acquire().await?;
        clock::set(&mut connection, self.tenant, self.now).await?;
        drop(connection);
        self.settle().await
    }

    /// Moves the clock to `until`, standing still at every instant at which something falls due.
    ///
    /// # Errors
    /// Of the database.
    pub async fn advance_to(&mut self, until: Instant) -> StoreResult<()> {
        self.settle().await?;
        while let Some(next) = self.next_due().await?.filter(|at| *at <= until) {
            // What is due and was not done (held by somebody) must not stop the clock for ever.
            let next = if next <= self.now {
                self.now + chrono::TimeDelta::milliseconds(1)
            } else {
                next
            };
            self.jump(next).await?;
        }
        self.jump(until).await
    }

    /// When something falls due next.
    ///
    /// # Errors
    /// Of the database.
    pub async fn next_due(&self) -> StoreResult<Option<Instant>> {
        let mut connection: PoolConnection<_> = self.shared.pool.acquire().await?;
        clock::next_due(&mut connection, self.tenant).await
    }
}
