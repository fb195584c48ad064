//! [`super::super::match_events`]: events become advances of the executions that depend on them, then enrolments.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    advance::{Batch, commit, ring_after},
    database::{Millis, Queued, TENANT, bucket, instant},
    enrol::{begin, enrolled},
    line::{Failure, Line, Result},
    queue,
    runner::{goes_on, refused},
    runs,
    sim::Sim,
    watermark::Watermark,
};
use crate::{
    engine::matching::{self, TriggerOutcome},
    model::{execution::Execution, transition::Input},
    store::executions::Claimed,
    worker::{Round, advance::Left},
};

/// One matcher.
pub(super) struct Matcher {
    sim: Sim,
    from: i16,
    watermark: Watermark,
    latest: Option<Millis>,
}

/// What an attempt at one contact's events tries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    All,
    First,
    GiveUp,
}

type Attempted = std::result::Result<Round, (Failure, BTreeSet<Uuid>)>;

impl Matcher {
    pub(super) fn new(sim: &Sim) -> Self {
        Self {
            sim: sim.clone(),
            from: 0,
            watermark: Watermark::default(),
            latest: None,
        }
    }

    pub(super) async fn run_once(&mut self) -> Result<Round> {
        let mut line = Line::new(&self.sim);
        match self.attempt(&mut line, None).await {
            Ok(round) => Ok(round),
            Err((failure, people)) if goes_on(failure) && !people.is_empty() => {
                self.one_by_one(&mut line, people).await
            }
            Err((failure, _)) => Err(failure),
        }
    }

    /// After a failed batch: each contact alone, then each event alone (I-9).
    async fn one_by_one(&mut self, line: &mut Line, people: BTreeSet<Uuid>) -> Result<Round> {
        let mut worked = Round::Idle;
        for person in people {
            let mut outcome = self.attempt(line, Some((person, How::All))).await;
            for how in [How::First, How::GiveUp] {
                if matches!(&outcome, Err((failure, _)) if failure.isolates()) {
                    outcome = self.attempt(line, Some((person, how))).await;
                }
            }
            match outcome {
                Ok(Round::Idle) => {}
                Ok(_) => worked = Round::Worked,
                Err((failure, _)) if !goes_on(failure) => return Err(failure),
                Err(_) => {}
            }
        }
        Ok(worked)
    }

    async fn attempt(&mut self, line: &mut Line, only: Option<(Uuid, How)>) -> Attempted {
        let mut people = BTreeSet::new();
        let done = self.attempted(line, only, &mut people).await;
        done.map_err(|failure| {
            line.rollback();
            (failure, people)
        })
    }

    async fn attempted(
        &mut self,
        line: &mut Line,
        only: Option<(Uuid, How)>,
        people: &mut BTreeSet<Uuid>,
    ) -> Result<Round> {
        let (limit, each) = self
            .sim
            .with(|world| (world.plan.buckets, world.plan.batch));
        line.begin();
        line.brief_locks();
        let from = self.from;
        let buckets = match only {
            Some((person, _)) => {
                let own = bucket(person);
                line.say("lock bucket", |db, me, _| {
                    Ok(if db.buckets.take(me, &own) {
                        vec![own]
                    } else {
                        vec![]
                    })
                })
                .await?
            }
            None => {
                let since = self.watermark.from(&self.sim).saturating_mul(1_000);
                let found = line
                    .say("claim buckets", |db, me, _| {
                        queue::claim_buckets(db, me, from, limit, since)
                    })
                    .await?;
                let done = self.latest.filter(|_| found.is_empty());
                self.watermark.saw(done, false);
                found
            }
        };
        let Some(last) = buckets.last() else {
            line.rollback();
            return Ok(Round::Idle);
        };
        self.from = last.saturating_add(1);
        let (now, mut events, followed) = line
            .say("read events", |db, me, now| {
                let events = queue::read(db, me, &buckets, each);
                let followed = queue::followed(db, me, &events);
                Ok((now, events, followed))
            })
            .await?;
        let latest = events.iter().map(|one| one.recorded / 1_000).max();
        self.latest = latest.max(self.latest);
        if let Some((person, how)) = only {
            events.retain(|one| one.event.contact == Some(person));
            if how != How::All {
                events.truncate(1);
            }
            if let (How::GiveUp, [event]) = (how, &events[..]) {
                self.give_up(line, event).await?;
                line.commit("given up").await?;
                return Ok(Round::Worked);
            }
        }
        people.extend(events.iter().filter_map(|one| one.event.contact));
        let (handled, left) = self
            .handle(line, &events, &followed, (only.is_some(), now))
            .await?;
        line.commit("match").await?;
        ring_after(&self.sim, &left);
        Ok(match handled {
            0 => Round::Idle,
            n if n < events.len() || events.len() >= each => Round::Full,
            _ => Round::Worked,
        })
    }

    /// Handles events under their bucket locks: how many, and what is left to do. `alone`: a batch failed, and this
    /// is a part of it; `now`: when they were read; `followed`: contacts that had executions then.
    async fn handle(
        &mut self,
        line: &mut Line,
        events: &[Queued],
        followed: &BTreeSet<Uuid>,
        (alone, now): (bool, Millis),
    ) -> Result<(usize, Left)> {
        let contacts: BTreeSet<Uuid> = events.iter().filter_map(|one| one.event.contact).collect();
        let (claimed, busy) = match followed.is_empty() {
            true => Default::default(),
            false => claim_of_contacts(line, followed).await?,
        };
        let mut batch = Batch::load(&self.sim, line, contacts).await?;
        let mut stopped = BTreeSet::new();
        let (mut decided, mut wanted): (Vec<Queued>, Vec<Execution>) = (Vec::new(), Vec::new());
        for one in events {
            let who = one.event.contact.unwrap_or_default();
            if busy.contains(&who) || stopped.contains(&who) {
                continue;
            }
            for claimed in claimed.iter().filter(|c| c.execution.contact == who) {
                feed_event(&self.sim, &mut batch, claimed, one);
            }
            let new = self.decide(&mut batch, who, one, now);
            if !new.is_empty() {
                stopped.insert(who);
            }
            wanted.extend(new);
            decided.push(one.clone());
        }
        let mut left = batch.write(line).await?;
        let held = left.held.clone();
        let held = |who: Uuid| held.contains(&(TENANT, who));
        wanted.retain(|one| !held(one.contact));
        let mut enrolled = Vec::new();
        if !wanted.is_empty() {
            let say = line.say("enroll", |db, me, _| match alone {
                true => runs::enroll(db, me, &wanted),
                false => Ok(runs::enroll_unwritten(db, me, &wanted)),
            });
            enrolled = say.await?;
        }
        if alone {
            left.ready |= !enrolled.is_empty();
        } else {
            left.add(&begin(&mut batch, line, enrolled).await?);
        }
        decided.retain(|one| !held(one.event.contact.unwrap_or_default()));
        line.say("log events", |db, me, _| queue::log(db, me, &decided))
            .await?;
        Ok((decided.len(), left))
    }

    /// The executions that this event begins.
    fn decide(&self, batch: &mut Batch, who: Uuid, one: &Queued, now: Millis) -> Vec<Execution> {
        let programs = self.sim.with(|world| world.programs.clone());
        let mut wanted = Vec::new();
        for program in &programs {
            if program
                .triggers
                .iter()
                .all(|trigger| trigger.kind != one.event.kind)
            {
                continue;
            }
            let contact = batch.contact(who);
            for decision in matching::decide(program, &one.event, contact, instant(now)) {
                if let TriggerOutcome::Matched { key } = decision.outcome {
                    let key = key.unwrap_or_else(|| who.to_string());
                    wanted.push(enrolled(program, (who, key), &one.event, now));
                }
            }
        }
        wanted
    }

    /// [`super::super::match_events::give_up`]: whose fault it is, and what becomes of it.
    async fn give_up(&mut self, line: &mut Line, one: &Queued) -> Result<()> {
        let contacts: BTreeSet<Uuid> = one.event.contact.into_iter().collect();
        let (claimed, busy) = claim_of_contacts(line, &contacts).await?;
        if !busy.is_empty() {
            return Ok(());
        }
        let mut culprits = Vec::new();
        for claimed in &claimed {
            if self.spoils(line, claimed, one).await? {
                culprits.push(refused(claimed));
            }
        }
        if culprits.is_empty() {
            let mut logged = one.clone();
            logged.given_up = true;
            return line
                .say("log event with an error", |db, me, _| {
                    queue::log(db, me, std::slice::from_ref(&logged))
                })
                .await;
        }
        commit(line, culprits).await
    }

    /// Whether what this execution makes of the event is refused: in production a savepoint tries it out, here the
    /// writes are looked at.
    async fn spoils(&mut self, line: &mut Line, claimed: &Claimed, one: &Queued) -> Result<bool> {
        let people = [claimed.execution.contact].into_iter().collect();
        let mut batch = Batch::load(&self.sim, line, people).await?;
        feed_event(&self.sim, &mut batch, claimed, one);
        Ok(batch.would_be_refused())
    }
}

fn feed_event(sim: &Sim, batch: &mut Batch, claimed: &Claimed, one: &Queued) {
    let ex = &claimed.execution;
    let programs = sim.with(|world| world.programs.clone());
    let program = programs.iter().find(|p| p.numbers.workflow == ex.workflow);
    if ex.state.started && program.is_some_and(|p| p.depends_on(&one.event)) {
        batch.feed(claimed, &Input::Event(one.event.clone()));
    }
}

/// `claim_of_contacts`: all live executions of these contacts, and of whom somebody else holds one.
async fn claim_of_contacts(
    line: &mut Line,
    contacts: &BTreeSet<Uuid>,
) -> Result<(Vec<Claimed>, BTreeSet<Uuid>)> {
    let claimed = line
        .say("claim of contacts", |db, me, now| {
            runs::claim_of_contacts(db, me, now, contacts)
        })
        .await?;
    let live = line.say("count of contacts", |db, me, _| {
        let count = |who: &Uuid| (*who, runs::count_of_contact(db, me, *who));
        Ok(contacts.iter().map(count).collect::<BTreeMap<_, _>>())
    });
    let live = live.await?;
    let held = |who: &Uuid| {
        claimed
            .iter()
            .filter(|c| c.execution.contact == *who)
            .count()
    };
    let busy = live
        .into_iter()
        .filter(|(who, live)| *live > held(who))
        .map(|one| one.0);
    let busy = busy.collect();
    Ok((claimed, busy))
}
