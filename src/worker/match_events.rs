//! The match loop: events become advances of the executions that depend on them, then enrolments.
//!
//! One event in one transaction, in the contact's order: first its dependants, then the triggers. A round
//! takes the events of many contacts at once; of one contact it takes events up to the first that enrols,
//! since what comes after must see that enrolment.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant as Monotonic},
};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    Round, Shared,
    advance::{Left, Stage},
    line::Line,
    turns::Turns,
    watermark::Watermark,
};
use crate::{
    catalog::event_scope::envelope,
    engine::matching::{self, TriggerOutcome},
    faults::{self, FailPoint},
    model::{execution::Instant, refusal::Refusal, transition::Input},
    store::{
        Scope, StoreResult,
        enroll::{self, Blocked, Candidate},
        error::Remedy,
        events::{self, Places, Queued},
        executions::{self, Claimed},
        programs::Version,
    },
};

/// Buckets a round locks.
const BUCKETS: i32 = 128;
/// Rounds that see every bucket.
const LAP: u32 = 1024 / BUCKETS.unsigned_abs();
/// Events a round takes in all: a transaction of the matcher stays short.
const MOST: i32 = 2_000;
/// Events of one bucket a round takes.
const PER_BUCKET: i32 = 200;
/// What it takes to look near where the last look ended: a probe in every bucket, whether there are events or not.
const PROBES: Duration = Duration::from_millis(1);

mod enrol;
mod give_up;

use enrol::Wanted;

type Person = (i32, Uuid);

/// One matcher. Any number work side by side, each in buckets of its own.
#[derive(Debug)]
pub struct Matcher {
    shared: Shared,
    line: Line,
    from: i16,
    watermark: Watermark,
    /// The last event that was read, of any bucket.
    latest: Option<Instant>,
    /// The buckets of the last look held only events of tenants that are not ours.
    passed_over: bool,
    turns: Turns,
    /// The next round goes by turns; rounds by age and by turns alternate while it is crowded.
    by_turns: bool,
}

/// An event of the round and what was decided about it.
struct Decided<'a> {
    event: &'a Queued,
    notes: Vec<Value>,
    refused: Vec<Blocked>,
}

impl Matcher {
    /// A matcher that begins to look at bucket `from`.
    #[must_use]
    pub fn new(shared: Shared, from: i16) -> Self {
        Self {
            line: Line::new(&shared.pool),
            watermark: Watermark::sharing(&shared.looks.events, PROBES),
            shared,
            from,
            latest: None,
            passed_over: false,
            turns: Turns::default(),
            by_turns: false,
        }
    }

    /// Locks some buckets, handles their oldest events, commits.
    ///
    /// # Errors
    /// Of the database, where trying again later is right.
    pub async fn run_once(&mut self, scope: &Scope) -> StoreResult<Round> {
        let mut connection = self.line.take().await?;
        let round = self.round(&mut connection, scope).await?;
        self.line.keep(connection);
        Ok(round)
    }

    async fn round(&mut self, connection: &mut PgConnection, scope: &Scope) -> StoreResult<Round> {
        self.by_turns = self.turns.due() && !self.by_turns;
        let mut done = self.attempt(connection, scope, None).await;
        // Others' events must not hide ours in later buckets; once round, there are none.
        for _ in 1..LAP {
            if !(self.passed_over && matches!(done, Ok(Round::Idle))) {
                break;
            }
            done = self.attempt(connection, scope, None).await;
        }
        match done {
            Ok(round) => Ok(round),
            Err((error, people)) if error.remedy() != Remedy::Reconnect && !people.is_empty() => {
                tracing::warn!(error = %error.class(), contacts = people.len(), "a batch of events failed; going contact by contact");
                self.one_by_one(connection, scope, people).await
            }
            Err((error, _)) => Err(error),
        }
    }

    /// After a failed batch: each contact alone, then each event alone; an event that cannot be handled is
    /// logged with its error, so that it stops nobody (I-9).
    async fn one_by_one(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        people: Vec<(i16, Person)>,
    ) -> StoreResult<Round> {
        let mut worked = Round::Idle;
        for (bucket, person) in people {
            let only = Only {
                bucket,
                person,
                how: How::All,
            };
            faults::at(FailPoint::MatchAlone).await?;
            let mut outcome = self.attempt(connection, scope, Some(&only)).await;
            for how in [How::First, How::GiveUp] {
                if matches!(&outcome, Err((error, _)) if error.remedy() == Remedy::Isolate) {
                    let only = Only { how, ..only };
                    outcome = self.attempt(connection, scope, Some(&only)).await;
                }
            }
            match outcome {
                Ok(Round::Idle) => {}
                Ok(_) => worked = Round::Worked,
                Err((error, _)) if error.remedy() == Remedy::Reconnect => return Err(error),
                // Held by somebody: the next round comes back.
                Err(_) => {}
            }
        }
        Ok(worked)
    }

    /// The next tenants' oldest events; nothing where one tenant has them all: it goes by age.
    async fn turn(&mut self, connection: &mut PgConnection, except: &[i32]) -> StoreResult<Places> {
        let (places, tenants, after) =
            events::turns(connection, except, self.turns.rows(MOST), self.turns.next()).await?;
        self.turns.had(tenants, after);
        Ok(if self.turns.several() {
            places
        } else {
            Places::new()
        })
    }

    async fn attempt(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope,
        only: Option<&Only>,
    ) -> Result<Round, (crate::store::StoreError, Vec<(i16, Person)>)> {
        let mut people = Vec::new();
        let since = Monotonic::now();
        let done = async {
            let mut tx = connection.begin_with(events::BEGIN).await?;
            faults::at(FailPoint::MatchBegun).await?;
            let turn = match (only, scope) {
                (None, Scope::Everyone { except }) if self.by_turns => {
                    self.turn(&mut tx, except).await?
                }
                _ => Places::new(),
            };
            let by_turns = !turn.is_empty();
            // A short round needs few buckets, and leaves the others to other matchers.
            let most = self.turns.rows(MOST);
            let reach = if most < MOST {
                (most / Turns::EACH).max(1)
            } else {
                BUCKETS
            };
            let buckets = match only {
                Some(only) => events::lock_buckets(&mut tx, &[only.bucket]).await?,
                None if by_turns => events::lock_buckets(&mut tx, &buckets_of(&turn)).await?,
                None => {
                    let since = self.watermark.from(scope);
                    let found = events::claim_buckets(&mut tx, self.from, reach, since).await?;
                    // Nothing is left: all that was recorded before is done, or held by other matchers.
                    let done = self.latest.filter(|_| found.is_empty());
                    self.watermark.saw(done, false);
                    found
                }
            };
            self.passed_over = false;
            if buckets.is_empty() {
                // Of a turn: others hold them all. By age there may be more.
                tx.rollback().await?;
                let round = match by_turns {
                    true => Round::Worked,
                    false => self.watermark.nothing().await,
                };
                return Ok((round, Left::default(), Vec::new()));
            }
            faults::at(FailPoint::MatchLocked).await?;
            let mut queue = if by_turns {
                let ours = turn.into_iter().filter(|p| buckets.contains(&p.0));
                events::read_turn(&mut tx, scope, &ours.collect()).await?
            } else {
                events::read(&mut tx, scope, &buckets, PER_BUCKET, most).await?
            };
            self.latest = queue.iter().map(|e| e.recorded_at).max().max(self.latest);
            if let Some(only) = only {
                queue.retain(|e| person(e) == Some(only.person));
                if only.how != How::All {
                    queue.truncate(1);
                }
            }
            if let (Some(How::GiveUp), Some(event)) = (only.map(|only| only.how), queue.first()) {
                faults::at(FailPoint::MatchGivingUp).await?;
                give_up::give_up(&self.shared, &mut tx, scope, event).await?;
                faults::at(FailPoint::MatchGaveUp).await?;
                tx.commit().await?;
                return Ok((Round::Worked, Left::default(), Vec::new()));
            }
            people = queue
                .iter()
                .filter_map(|e| Some((e.bucket, person(e)?)))
                .collect();
            people.sort_unstable();
            people.dedup();
            let cut_short = queue.len() >= most.unsigned_abs() as usize;
            if only.is_none() && !by_turns {
                // A round of few buckets that found them all has not seen the others.
                let more = reach < BUCKETS
                    && !queue.is_empty()
                    && buckets.len() >= reach.unsigned_abs() as usize;
                self.turns.crowded = cut_short
                    || more
                    || queue
                        .chunk_by(|a, b| a.bucket == b.bucket)
                        .any(|bucket| bucket.len() >= PER_BUCKET.unsigned_abs() as usize);
                let last = if cut_short {
                    queue.last().map(|event| event.bucket)
                } else {
                    buckets.last().map(|last| last.saturating_add(1))
                };
                self.from = last.unwrap_or(0);
            }
            self.passed_over = queue.is_empty() && !by_turns;
            if self.passed_over {
                // Awaited: a transaction that is only dropped keeps its bucket locks until its connection is used
                // again, and the next look, on another connection, would find nothing to do.
                tx.rollback().await?;
                return Ok((Round::Idle, Left::default(), Vec::new()));
            }
            faults::at(FailPoint::MatchRead).await?;
            let (handled, left, begun) =
                handle(&self.shared, &mut tx, scope, &queue, only.is_some()).await?;
            faults::at(FailPoint::MatchLogged).await?;
            tx.commit().await?;
            faults::at(FailPoint::MatchCommitted).await?;
            self.turns.took(queue.len(), since.elapsed());
            let round = match handled {
                _ if by_turns => Round::Full,
                0 => Round::Idle,
                n if n < queue.len() => Round::Full,
                _ if queue.len() >= PER_BUCKET as usize => Round::Full,
                _ => Round::Worked,
            };
            Ok((round, left, begun))
        }
        .await;
        match done {
            Ok((round, left, begun)) => {
                self.shared.bells.tell(left.work());
                if let Some(observer) = &self.shared.observer {
                    observer(&begun);
                }
                Ok(round)
            }
            Err(error) => Err((error, people)),
        }
    }
}

fn buckets_of(places: &Places) -> Vec<i16> {
    let mut buckets: Vec<i16> = places.iter().map(|place| place.0).collect();
    buckets.sort_unstable();
    buckets.dedup();
    buckets
}

#[derive(Clone, Copy)]
struct Only {
    bucket: i16,
    person: Person,
    how: How,
}

/// What an attempt at one contact's events tries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// All of them.
    All,
    /// The oldest alone.
    First,
    /// The oldest, which cannot be handled.
    GiveUp,
}

fn person(event: &Queued) -> Option<Person> {
    Some((event.tenant, event.event.contact?))
}

/// Handles events under their bucket locks; returns how many, what was left to do, and whose executions began.
/// `alone`: a batch failed, and this is a part of it.
async fn handle(
    shared: &Shared,
    connection: &mut PgConnection,
    scope: &Scope,
    queue: &[Queued],
    alone: bool,
) -> StoreResult<(usize, Left, Vec<Uuid>)> {
    let followed = queue.iter().filter(|e| e.followed);
    let contacts: Vec<(i16, i32, Uuid)> = followed
        .filter_map(|e| Some((e.bucket, e.tenant, e.event.contact?)))
        .collect();
    let of = executions::claim_of_contacts(connection, scope, &contacts).await?;
    faults::at(FailPoint::MatchClaimed).await?;
    let busy: HashSet<Person> = of.busy.iter().copied().collect();
    let mut runs: HashMap<Person, Vec<&Claimed>> = HashMap::new();
    for claimed in &of.claimed {
        let key = (claimed.execution.tenant, claimed.execution.contact);
        runs.entry(key).or_default().push(claimed);
    }
    let mut kinds: Vec<(i32, &str)> = queue
        .iter()
        .map(|e| (e.tenant, e.event.kind.as_str()))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let listeners = events::listeners(connection, &kinds).await?;
    let listening: Vec<Version> = listeners.versions.values().flatten().copied().collect();
    let running = of
        .claimed
        .iter()
        .map(|c| (c.execution.workflow, c.execution.version));
    let people = queue.iter().filter_map(person);
    shared
        .learn_tenants(connection, queue.iter().map(|e| e.tenant))
        .await?;
    let mut stage = Stage::load(
        shared,
        connection,
        running,
        (&listening, listeners.standings),
        people,
    )
    .await?;

    let mut decided: Vec<Decided<'_>> = Vec::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut stopped: HashSet<Person> = HashSet::new();
    for event in queue {
        let who = person(event);
        if who.is_some_and(|who| busy.contains(&who) || stopped.contains(&who)) {
            continue;
        }
        let mut notes = Vec::new();
        let mut refused = Vec::new();
        if let Some(who) = who {
            for claimed in runs.get(&who).into_iter().flatten() {
                advance_dependant(&mut stage, claimed, event);
            }
            let versions = listeners
                .versions
                .get(&(event.tenant, event.event.kind.clone()));
            for version in versions.into_iter().flatten() {
                decide(
                    &mut stage,
                    *version,
                    who,
                    event,
                    decided.len(),
                    &mut notes,
                    (&mut wanted, &mut refused),
                );
            }
            if wanted.last().is_some_and(|w| w.event == decided.len()) {
                stopped.insert(who);
            }
        }
        decided.push(Decided {
            event,
            notes,
            refused,
        });
    }
    let mut left = stage.write(connection).await?;
    faults::at(FailPoint::MatchAdvanced).await?;
    wanted.retain(|w| !left.held.contains(&w.person));
    let enrolled = enrol::enroll_all(connection, &mut decided, wanted, alone).await?;
    let refused = decided
        .iter_mut()
        .filter(|d| !person(d.event).is_some_and(|who| left.held.contains(&who)));
    let refused: Vec<Blocked> = refused
        .flat_map(|d| std::mem::take(&mut d.refused))
        .collect();
    enroll::block(connection, &refused).await?;
    faults::at(FailPoint::MatchEnrolled).await?;
    let mut begun = Vec::new();
    if alone {
        // An execution whose own writes are refused is failed by the run loop; its event was handled.
        left.ready |= !enrolled.is_empty();
    } else {
        let (after, who) = enrol::begin(&mut stage, connection, scope, enrolled).await?;
        left.add(&after);
        begun = who;
    }
    faults::at(FailPoint::MatchStarted).await?;
    let logged: Vec<(&Queued, Option<Value>)> = decided
        .into_iter()
        .filter(|d| !person(d.event).is_some_and(|who| left.held.contains(&who)))
        .map(|d| {
            (
                d.event,
                (!d.notes.is_empty()).then_some(Value::Array(d.notes)),
            )
        })
        .collect();
    let now = queue.first().map_or(executions::BEGINNING, |e| e.now);
    events::log(connection, &logged, now).await?;
    Ok((logged.len(), left, begun))
}

fn advance_dependant(stage: &mut Stage<'_>, claimed: &Claimed, event: &Queued) {
    let ex = &claimed.execution;
    let depends = ex.state.started
        && stage
            .program((ex.workflow, ex.version))
            .is_some_and(|program| program.depends_on(&event.event));
    if depends {
        stage.feed(claimed, &Input::Event(event.event.clone()));
    }
}

fn decide(
    stage: &mut Stage<'_>,
    version: Version,
    who: Person,
    event: &Queued,
    index: usize,
    notes: &mut Vec<Value>,
    (wanted, refused): (&mut Vec<Wanted>, &mut Vec<Blocked>),
) {
    let Some(program) = stage.program(version).cloned() else {
        return;
    };
    let contact = stage.contact(who.0, who.1);
    let tz = contact.tz.unwrap_or(program.tenant.timezone);
    for decision in matching::decide(&program, &event.event, contact, event.now) {
        let note = |outcome: &str, reason: Value| json!({"workflow": program.workflow, "trigger": decision.trigger, "outcome": outcome, "reason": reason});
        match decision.outcome {
            TriggerOutcome::NotConfig => {}
            TriggerOutcome::Filtered { ref trace } => notes.push(note("filtered", trace.clone())),
            TriggerOutcome::SelfCaused => notes.push(note("ignored", "self_caused".into())),
            TriggerOutcome::BadKey { ref message } => {
                notes.push(note(
                    "blocked",
                    json!({"error": "bad_key", "message": message}),
                ));
                refused.push(Blocked {
                    bucket: event.bucket,
                    tenant: who.0,
                    workflow: version.0,
                    contact: who.1,
                    at: event.now,
                    reason: Refusal::BadKey,
                    detail: json!({"trigger": decision.trigger, "message": message}),
                    source: event.event.id,
                });
            }
            TriggerOutcome::TooDeep => notes.push(note("ignored", "too_deep".into())),
            TriggerOutcome::Inactive => notes.push(note("ignored", "inactive".into())),
            TriggerOutcome::Imported => notes.push(note("ignored", "imported".into())),
            TriggerOutcome::Matched { ref key } => {
                wanted.push(Wanted {
                    person: who,
                    event: index,
                    note: notes.len(),
                    begins: enrol::begins(&program, &decision.trigger, tz, event.now),
                    fresh: enrol::may_do_without_row(&program),
                    candidate: Candidate {
                        workflow: version.0,
                        contact: who.1,
                        key: key.clone(),
                        source: event.event.id,
                        at: event.event.occurred_at,
                        envelope: envelope(&event.event),
                        priority: None,
                        depth: event
                            .event
                            .cause
                            .as_ref()
                            .map_or(0, |cause| i32::try_from(cause.depth).unwrap_or(i32::MAX)),
                        limit: enrol::rate_limit(&program, &decision.trigger),
                    },
                });
                notes.push(note("matched", Value::Null));
            }
        }
    }
}
