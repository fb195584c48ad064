//! [`super::super::run`]: due executions and waiting inputs, a batch a transaction.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    advance::{Batch, commit, ring_after},
    database::{Millis, TENANT, millis},
    line::{Failure, Line, Result},
    runs,
    sim::Sim,
    wakes::{self, Wake},
    watermark::Watermark,
};
use crate::{
    model::transition::Input,
    store::{
        commit::Settled,
        executions::{Claimed, LATER},
    },
    worker::{
        Round,
        advance::{Left, failed},
    },
};

/// One runner.
pub(super) struct Runner {
    sim: Sim,
    watermark: Watermark,
}

impl Runner {
    pub(super) fn new(sim: &Sim) -> Self {
        Self {
            sim: sim.clone(),
            watermark: Watermark::default(),
        }
    }

    pub(super) async fn run_once(&mut self) -> Result<Round> {
        let mut line = Line::new(&self.sim);
        let due = self.due(&mut line).await?;
        if due == Round::Full {
            return Ok(due);
        }
        let looked = line.say("look at wakes", |db, me, _| wakes::claim(db, me, None, 1));
        let woken = match looked.await?.is_empty() {
            true => Round::Idle,
            false => self.wakes(&mut line).await?,
        };
        Ok(if due == Round::Idle { woken } else { due })
    }

    async fn due(&mut self, line: &mut Line) -> Result<Round> {
        let (limit, max_steps) = self
            .sim
            .with(|world| (world.plan.batch, world.plan.max_steps));
        let from = self.watermark.from(&self.sim);
        line.begin();
        let claimed = line
            .say("claim due", |db, me, now| {
                runs::claim_due(db, me, now, from, limit)
            })
            .await?;
        let full = claimed.len() >= limit;
        let last = claimed.iter().filter_map(|c| c.execution.due_at).max();
        if max_steps > 1 {
            self.watermark.saw(last.map(millis), full);
        } else {
            self.watermark.rewind();
        }
        if claimed.is_empty() {
            line.rollback();
            return Ok(Round::Idle);
        }
        let ids: Vec<Uuid> = claimed.iter().map(|c| c.execution.id).collect();
        let work: Vec<_> = claimed
            .into_iter()
            .map(|c| (c, vec![Input::Time]))
            .collect();
        let done = match self.advance(line, &work).await {
            Ok(left) => line.commit("run").await.map(|()| left),
            Err(failure) => {
                line.rollback();
                Err(failure)
            }
        };
        match done {
            Ok(left) => ring_after(&self.sim, &left),
            Err(failure) if failure.isolates() => self.row_by_row(line, &ids).await?,
            Err(failure) => return Err(failure),
        }
        Ok(if full { Round::Full } else { Round::Worked })
    }

    /// Runs the machine over locked executions and writes everything back; the caller commits.
    async fn advance(&mut self, line: &mut Line, work: &[(Claimed, Vec<Input>)]) -> Result<Left> {
        let people = work.iter().map(|(c, _)| c.execution.contact).collect();
        let mut batch = Batch::load(&self.sim, line, people).await?;
        let mut unmoved: Vec<(Uuid, Option<Millis>)> = Vec::new();
        for (claimed, inputs) in work {
            let mut moved = false;
            for input in inputs {
                moved |= batch.feed(claimed, input);
            }
            let ex = &claimed.execution;
            let asked = inputs.iter().any(|input| matches!(input, Input::Time));
            if !moved && asked && ex.due_at.is_some_and(|at| at <= claimed.now) {
                let parks = ex.state.branches.iter().filter_map(|b| b.park.as_ref());
                let next = parks
                    .filter_map(|p| p.until.or(p.limit))
                    .filter(|at| *at > claimed.now);
                unmoved.push((ex.id, next.min().map(millis)));
            }
        }
        let left = batch.write(line).await?;
        for (claimed, _) in work {
            let ex = &claimed.execution;
            if left.held.contains(&(TENANT, ex.contact)) {
                unmoved.retain(|row| row.0 != ex.id);
                unmoved.push((ex.id, Some(millis(claimed.now + LATER))));
            }
        }
        if !unmoved.is_empty() {
            line.say("postpone", |db, me, _| runs::postpone(db, me, &unmoved))
                .await?;
        }
        Ok(left)
    }

    /// Replies that found their execution locked.
    async fn wakes(&mut self, line: &mut Line) -> Result<Round> {
        let limit = self.sim.with(|world| world.plan.batch);
        line.begin();
        let waiting = line
            .say("claim wakes", |db, me, _| wakes::claim(db, me, None, limit))
            .await?;
        let mut ids: Vec<Uuid> = waiting.iter().map(|wake| wake.0.0).collect();
        match self.wake(line, waiting).await {
            Err(failure) if failure.isolates() => {
                ids.dedup();
                self.wakes_alone(line, &ids).await?;
                Ok(Round::Worked)
            }
            other => other,
        }
    }

    async fn wakes_alone(&mut self, line: &mut Line, ids: &[Uuid]) -> Result<()> {
        for id in ids {
            line.begin();
            let waiting = line
                .say("claim wakes of one", |db, me, _| {
                    wakes::claim(db, me, Some(*id), usize::MAX)
                })
                .await?;
            match self.wake(line, waiting).await {
                Ok(_) => {}
                Err(failure) if failure.isolates() => self.fail(line, *id).await?,
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Gives claimed inputs to their executions, as far as nobody else holds those, and commits.
    async fn wake(&mut self, line: &mut Line, waiting: Vec<Wake>) -> Result<Round> {
        if waiting.is_empty() {
            line.rollback();
            return Ok(Round::Idle);
        }
        let ids: Vec<Uuid> = waiting.iter().map(|wake| wake.0.0).collect();
        let live = line
            .say("present", |db, me, _| runs::present(db, me, &ids))
            .await?;
        let claimed = line
            .say("claim woken", |db, me, now| {
                runs::claim_ids(db, me, now, &ids)
            })
            .await?;
        let mut inputs: BTreeMap<Uuid, Vec<Wake>> = BTreeMap::new();
        let mut consumed = Vec::new();
        for wake in waiting {
            match live.contains(&wake.0.0) {
                true => inputs.entry(wake.0.0).or_default().push(wake),
                false => consumed.push(wake),
            }
        }
        let mut work = Vec::new();
        for claimed in claimed {
            let wakes = inputs.remove(&claimed.execution.id).unwrap_or_default();
            let given: Vec<Input> = wakes.iter().map(|wake| wake.1.clone()).collect();
            work.push(((claimed, given), wakes));
        }
        let pairs: Vec<_> = work.iter().map(|one| one.0.clone()).collect();
        let left = self.advance(line, &pairs).await?;
        for ((claimed, _), wakes) in work {
            if !left.held.contains(&(TENANT, claimed.execution.contact)) {
                consumed.extend(wakes);
            }
        }
        line.say("delete wakes", |db, me, _| wakes::delete(db, me, &consumed))
            .await?;
        line.commit("wakes").await?;
        ring_after(&self.sim, &left);
        Ok(if consumed.is_empty() {
            Round::Idle
        } else {
            Round::Worked
        })
    }

    /// A batch failed as a whole: each execution alone, and the culprit is failed with its error (I-9).
    async fn row_by_row(&mut self, line: &mut Line, ids: &[Uuid]) -> Result<()> {
        for id in ids {
            match self.alone(line, *id).await {
                Ok(()) => {}
                Err(failure) if failure.isolates() => self.fail(line, *id).await?,
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    async fn alone(&mut self, line: &mut Line, id: Uuid) -> Result<()> {
        line.begin();
        let claimed = line
            .say("claim one", |db, me, now| {
                runs::claim_ids(db, me, now, &[id])
            })
            .await?;
        let due = |c: &Claimed| c.execution.due_at.is_some_and(|at| at <= c.now);
        let work: Vec<_> = claimed
            .into_iter()
            .filter(due)
            .map(|c| (c, vec![Input::Time]))
            .collect();
        let left = self.advance(line, &work).await?;
        line.commit("run of one").await?;
        ring_after(&self.sim, &left);
        Ok(())
    }

    async fn fail(&mut self, line: &mut Line, id: Uuid) -> Result<()> {
        line.begin();
        let claimed = line
            .say("claim culprit", |db, me, now| {
                runs::claim_ids(db, me, now, &[id])
            })
            .await?;
        for claimed in claimed {
            commit(line, vec![refused(&claimed)]).await?;
        }
        line.commit("culprit failed").await
    }
}

/// An execution whose writes were refused.
pub(super) fn refused(claimed: &Claimed) -> Settled {
    Settled {
        tenant: "".into(),
        transition: failed(
            &claimed.execution,
            "sqlstate_23514",
            "the step's writes were refused",
        ),
        execution: claimed.execution.clone(),
        now: claimed.now,
        ledger: None,
        place: claimed.place,
    }
}

/// After an error the same connection goes on, unless it is gone.
pub(super) fn goes_on(failure: Failure) -> bool {
    failure != Failure::Lost
}
