//! The run loop: due executions and waiting inputs, a batch a transaction. The row locks are the lease.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant as Monotonic},
};

use chrono::TimeDelta;
use sqlx::{Acquire, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    Round, Shared,
    advance::{Left, Stage, failed, ledger_keep},
    line::Line,
    turns::Turns,
    watermark::Watermark,
};
use crate::{
    faults::{self, FailPoint},
    model::{execution::Instant, transition::Input},
    store::{
        Scope, StoreError, StoreResult,
        commit::{self, Settled},
        error::Remedy,
        executions::{self, Claimed, Waiting},
        rules,
    },
};

/// One runner: claims, advances, commits, again and again.
#[derive(Debug)]
pub struct Runner {
    shared: Shared,
    line: Line,
    watermark: Watermark,
    turns: Turns,
    /// How often an execution was left for later in a row; a hint that only lengthens its wait.
    put_off: HashMap<Uuid, u32>,
}

impl Runner {
    /// A runner with nothing claimed yet.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        Self {
            line: Line::new(&shared.pool),
            watermark: Watermark::sharing(&shared.looks.runs, Duration::ZERO),
            shared,
            turns: Turns::remembering(),
            put_off: HashMap::new(),
        }
    }

    /// One claim and one commit.
    ///
    /// # Errors
    /// Of the database, where trying again later is right; an execution's own error never comes out (I-9).
    pub async fn run_once(&mut self, scope: &Scope) -> StoreResult<Round> {
        let mut connection = self.line.take().await?;
        let round = self.round(&mut connection, scope).await?;
        self.line.keep(connection);
        Ok(round)
    }

    async fn round(&mut self, connection: &mut PgConnection, scope: &Scope) -> StoreResult<Round> {
        let due = self.due(connection, scope).await?;
        if due == Round::Full {
            return Ok(due);
        }
        // A look without a transaction: the table is empty but for moments.
        let nothing = executions::claim_wakes(connection, scope, 1)
            .await?
            .is_empty();
        let woken = if nothing {
            Round::Idle
        } else {
            self.wakes(connection, scope).await?
        };
        Ok(if due == Round::Idle { woken } else { due })
    }

    async fn due(&mut self, connection: &mut PgConnection, scope: &Scope) -> StoreResult<Round> {
        let limit = self.turns.rows(self.shared.settings.batch);
        let from = self.watermark.from(scope);
        let begun = Monotonic::now();
        let mut tx = connection.begin().await?;
        faults::at(FailPoint::RunBegun).await?;
        let mut claimed = self.turn(&mut tx, scope, from, limit).await?;
        // The turn may have shown that others wait: then what fills it up is little too.
        let limit = self.turns.rows(limit);
        let enough = |claimed: &[Claimed]| i32::try_from(claimed.len()).is_ok_and(|n| n >= limit);
        let mut full = enough(&claimed);
        if !full {
            let oldest = executions::claim_due(&mut tx, scope, from, limit).await?;
            full = enough(&oldest);
            let last = oldest.iter().filter_map(|c| c.execution.due_at).max();
            if self.shared.settings.max_steps > 1 {
                self.watermark.saw(last, full);
            } else if full {
                // A commit for every step leaves rows due when they were: first come those after them. Who comes again
                // only later finds the row he wrote before gone from its page, and writes there (HOT).
                self.watermark
                    .saw(last.map(|at| at + TimeDelta::microseconds(1)), full);
            } else {
                self.watermark.rewind();
            }
            self.turns.crowded = full;
            add(&mut claimed, oldest);
        }
        if claimed.is_empty() {
            tx.rollback().await?;
            return Ok(self.watermark.nothing().await);
        }
        faults::at(FailPoint::RunClaimed).await?;
        let ids: Vec<(i16, Uuid)> = claimed
            .iter()
            .map(|c| (c.execution.bucket, c.execution.id))
            .collect();
        let observed: Option<Vec<Uuid>> = self
            .shared
            .observer
            .as_ref()
            .map(|_| claimed.iter().map(|c| c.execution.contact).collect());
        let work = claimed
            .into_iter()
            .map(|c| (c, vec![Input::Time]))
            .collect::<Vec<_>>();
        let done = match self.advance(&mut tx, &work).await {
            Ok(left) => commit_batch(tx).await.map(|()| left),
            Err(error) => {
                tx.rollback().await.ok();
                Err(error)
            }
        };
        self.turns.took(ids.len(), begun.elapsed());
        match done {
            Ok(left) => {
                self.shared.bells.tell(left.work());
                if let (Some(observer), Some(contacts)) = (&self.shared.observer, observed) {
                    observer(&contacts);
                }
            }
            Err(error) if error.remedy() == Remedy::Isolate => {
                tracing::warn!(error = %error.class(), rows = ids.len(), "a batch failed; going row by row");
                self.row_by_row(connection, scope, &ids).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(if full { Round::Full } else { Round::Worked })
    }

    /// While there is more to do than a claim takes: the next tenants' oldest, a few of each.
    async fn turn(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        from: Instant,
        limit: i32,
    ) -> StoreResult<Vec<Claimed>> {
        let (true, Scope::Everyone { except }) = (self.turns.due(), scope) else {
            return Ok(Vec::new());
        };
        let turn = self.turns.next();
        let (claimed, after) =
            executions::claim_turns(connection, except, from, limit, turn).await?;
        let mut tenants: Vec<i32> = claimed.iter().map(|c| c.execution.tenant).collect();
        tenants.dedup();
        self.turns.had(tenants.len(), after);
        Ok(claimed)
    }

    /// Runs the machine over locked executions and writes everything back; the caller commits.
    async fn advance(
        &mut self,
        connection: &mut PgConnection,
        work: &[(Claimed, Vec<Input>)],
    ) -> StoreResult<Left> {
        let versions = work
            .iter()
            .map(|(c, _)| (c.execution.workflow, c.execution.version));
        let people = work
            .iter()
            .map(|(c, _)| (c.execution.tenant, c.execution.contact));
        let tenants = work.iter().map(|(c, _)| c.execution.tenant);
        self.shared.learn_tenants(connection, tenants).await?;
        let mut stage = Stage::load(
            &self.shared,
            connection,
            versions,
            Default::default(),
            people,
        )
        .await?;
        stage.admit(connection, work.iter().map(|(c, _)| c)).await?;
        let mut unmoved: Vec<(i16, Uuid, Option<Instant>)> = Vec::new();
        for (claimed, inputs) in work {
            let mut moved = false;
            for input in inputs {
                moved |= stage.feed(claimed, input);
            }
            // An answer that nobody waits for says nothing about the time: who is due meanwhile stays due.
            let asked = inputs.iter().any(|input| matches!(input, Input::Time));
            if !moved && asked && claimed.execution.due_at.is_some_and(|at| at <= claimed.now) {
                // Due, and the machine has nothing to say: only its parks decide when to look again.
                let next = claimed
                    .execution
                    .state
                    .branches
                    .iter()
                    .filter_map(|b| b.park.as_ref());
                let next = next
                    .filter_map(|p| p.until.or(p.limit))
                    .filter(|at| *at > claimed.now);
                unmoved.push((claimed.execution.bucket, claimed.execution.id, next.min()));
            }
        }
        let left = stage.write(connection).await?;
        let held = |c: &Claimed| {
            left.held
                .contains(&(c.execution.tenant, c.execution.contact))
        };
        for (claimed, _) in work.iter().filter(|(c, _)| held(c)) {
            let times = self.put_off.entry(claimed.execution.id).or_default();
            *times = (*times + 1).min(5);
            let wait = (executions::LATER * (1 << (*times - 1))).min(TimeDelta::seconds(1));
            let id = (claimed.execution.bucket, claimed.execution.id);
            unmoved.retain(|row| row.1 != id.1);
            unmoved.push((id.0, id.1, Some(claimed.now + wait)));
        }
        if left.held.is_empty() {
            self.put_off.clear();
        }
        executions::postpone(connection, &unmoved).await?;
        Ok(left)
    }

    /// Replies that found their execution locked, and operators' commands.
    async fn wakes(&mut self, connection: &mut PgConnection, scope: &Scope) -> StoreResult<Round> {
        let limit = self.shared.settings.batch;
        let mut tx = connection.begin().await?;
        let waiting = executions::claim_wakes(&mut tx, scope, limit).await?;
        let mut ids: Vec<(i16, Uuid)> = waiting.iter().map(|w| (w.bucket, w.execution)).collect();
        let done = self.wake(tx, scope, waiting).await;
        match done {
            Err(error) if error.remedy() == Remedy::Isolate => {
                tracing::warn!(error = %error.class(), rows = ids.len(), "a batch of answers failed; going one by one");
                ids.dedup();
                self.wakes_alone(connection, scope, &ids).await?;
                Ok(Round::Worked)
            }
            other => other,
        }
    }

    /// Each execution's inputs alone; one whose writes are refused is failed, and its inputs are gone (I-9).
    async fn wakes_alone(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        ids: &[(i16, Uuid)],
    ) -> StoreResult<()> {
        for id in ids {
            faults::at(FailPoint::WakesAlone).await?;
            let mut tx = connection.begin().await?;
            let waiting = executions::claim_wakes_of(&mut tx, *id).await?;
            match self.wake(tx, scope, waiting).await {
                Ok(_) => {}
                Err(error) if error.remedy() == Remedy::Isolate => {
                    self.fail(connection, scope, *id, &error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives claimed inputs to their executions, as far as nobody else holds those, and commits.
    async fn wake(
        &mut self,
        mut tx: Transaction<'_, Postgres>,
        scope: &Scope,
        waiting: Vec<Waiting>,
    ) -> StoreResult<Round> {
        if waiting.is_empty() {
            tx.rollback().await?;
            return Ok(Round::Idle);
        }
        let ids: Vec<(i16, Uuid)> = waiting.iter().map(|w| (w.bucket, w.execution)).collect();
        faults::at(FailPoint::WakesClaimed).await?;
        let live = executions::present(&mut tx, &ids).await?;
        let claimed = executions::claim_ids(&mut tx, scope, &ids).await?;
        let mut inputs: HashMap<Uuid, Vec<Waiting>> = HashMap::new();
        let mut consumed = Vec::new();
        for wake in waiting {
            if live.contains(&wake.execution) {
                inputs.entry(wake.execution).or_default().push(wake);
            } else {
                consumed.push(wake);
            }
        }
        let mut work = Vec::new();
        for claimed in claimed {
            let wakes = inputs.remove(&claimed.execution.id).unwrap_or_default();
            let given = wakes.iter().map(|w| w.input.clone()).collect();
            work.push((claimed, given, wakes));
        }
        let pairs: Vec<(Claimed, Vec<Input>)> = work
            .iter()
            .map(|(c, given, _): &(_, Vec<Input>, _)| (c.clone(), given.clone()))
            .collect();
        let left = self.advance(&mut tx, &pairs).await?;
        faults::at(FailPoint::WakesAdvanced).await?;
        for (claimed, _, wakes) in work {
            if !left
                .held
                .contains(&(claimed.execution.tenant, claimed.execution.contact))
            {
                consumed.extend(wakes);
            }
        }
        executions::delete_wakes(&mut tx, &consumed).await?;
        faults::at(FailPoint::WakesDeleted).await?;
        tx.commit().await?;
        faults::at(FailPoint::WakesCommitted).await?;
        self.shared.bells.tell(left.work());
        Ok(if consumed.is_empty() {
            Round::Idle
        } else {
            Round::Worked
        })
    }

    /// A batch failed as a whole: each execution alone, and the culprit is failed with its error (I-9).
    async fn row_by_row(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        ids: &[(i16, Uuid)],
    ) -> StoreResult<()> {
        for id in ids {
            match self.alone(connection, scope, *id).await {
                Ok(()) => {}
                Err(error) if error.remedy() == Remedy::Isolate => {
                    self.fail(connection, scope, *id, &error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn alone(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        id: (i16, Uuid),
    ) -> StoreResult<()> {
        faults::at(FailPoint::RunAlone).await?;
        let mut tx = connection.begin().await?;
        let claimed = executions::claim_ids(&mut tx, scope, &[id]).await?;
        let work: Vec<_> = claimed
            .into_iter()
            .filter(|c| c.execution.due_at.is_some_and(|at| at <= c.now))
            .map(|c| (c, vec![Input::Time]))
            .collect();
        let left = self.advance(&mut tx, &work).await?;
        faults::at(FailPoint::RunAloneWritten).await?;
        tx.commit().await?;
        self.shared.bells.tell(left.work());
        Ok(())
    }

    async fn fail(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        id: (i16, Uuid),
        error: &StoreError,
    ) -> StoreResult<()> {
        faults::at(FailPoint::RunFailing).await?;
        let mut tx = connection.begin().await?;
        for claimed in executions::claim_ids(&mut tx, scope, &[id]).await? {
            let version = (claimed.execution.workflow, claimed.execution.version);
            let programs = self.shared.programs.get(&mut tx, [version]).await?.programs;
            let standings = rules::standings(&mut tx, &[version.0]).await?;
            let transition = failed(
                &claimed.execution,
                &error.class(),
                "the step's writes were refused",
            );
            let settled = Settled {
                tenant: self.shared.tenant_name(claimed.execution.tenant),
                execution: claimed.execution,
                transition,
                now: claimed.now,
                ledger: ledger_keep(
                    programs.get(&version).map(|program| &**program),
                    standings.get(&version.0),
                ),
                place: claimed.place,
            };
            let settled = vec![settled];
            // Somebody holds the ledger's row: the execution stays due, and comes again.
            if !commit::reserve(&mut tx, &settled).await?.is_empty() {
                tx.rollback().await?;
                return Ok(());
            }
            commit::commit(&mut tx, settled).await?;
        }
        faults::at(FailPoint::RunFailed).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn commit_batch(tx: Transaction<'_, Postgres>) -> StoreResult<()> {
    faults::at(FailPoint::RunWritten).await?;
    tx.commit().await?;
    faults::at(FailPoint::RunCommitted).await?;
    Ok(())
}

/// Adds what is not there yet: a transaction's own locks do not make it skip a row.
fn add(claimed: &mut Vec<Claimed>, more: Vec<Claimed>) {
    if claimed.is_empty() {
        *claimed = more;
        return;
    }
    let known: HashSet<Uuid> = claimed.iter().map(|c| c.execution.id).collect();
    claimed.extend(
        more.into_iter()
            .filter(|c| !known.contains(&c.execution.id)),
    );
}
