//! Everything but the tasks: the virtual time, the processes, the database and the outside.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{
    Broken,
    database::{Database, Millis},
    dice::Dice,
    plan::Plan,
    provider::Provider,
    table::Session,
};
use crate::{
    engine::program::Program,
    faults::{Plant, planted},
};

/// An hour.
pub(super) const HOUR: Millis = 3_600_000;
/// The process of the applications: it is never killed.
pub(super) const APPS: usize = 0;

/// Which loops of a process a bell wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    Run,
    Matching,
    Dispatch,
}

/// What a task waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rest {
    /// Its turn.
    Turn,
    /// A time.
    Until(Millis),
    /// A bell, or the next poll.
    Bell(Option<Bell>, Millis),
}

/// A process.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// It stands still until then, and does not know.
    pub(super) stopped_until: Millis,
    /// It goes on as soon as somebody else works on what it held.
    pub(super) until_taken_over: bool,
    /// It is dead until then.
    pub(super) dead_until: Option<Millis>,
    pub(super) bells: [bool; 3],
    /// How wrong its clock is.
    pub(super) clock_error: Millis,
}

pub(super) type Job = Pin<Box<dyn Future<Output = ()>>>;

/// Everything but the tasks themselves.
pub(super) struct World {
    pub(super) now: Millis,
    pub(super) dice: Dice,
    pub(super) db: Database,
    pub(super) provider: Provider,
    pub(super) plan: Plan,
    pub(super) programs: Vec<Arc<Program>>,
    /// Applications that have not done yet what they mean to do.
    pub(super) apps_open: usize,
    /// Faults that may still come.
    pub(super) faults_left: usize,
    pub(super) steps: usize,
    /// A restore has undone commits.
    pub(super) restored: bool,
    /// A day has passed in which nobody worked.
    pub(super) day_passed: bool,
    pub(super) processes: Vec<Process>,
    pub(super) rests: Vec<Rest>,
    pub(super) owners: Vec<usize>,
    pub(super) current: usize,
    pub(super) born: Vec<(usize, Job)>,
    pub(super) sessions: Session,
    /// Sessions whose client is gone, and when the server notices.
    pub(super) orphans: Vec<(Session, Millis)>,
    pub(super) trace: Option<Vec<String>>,
    /// What was broken on the way.
    pub(super) broken: Vec<Broken>,
}

impl World {
    /// As it is before the first step.
    pub(super) fn new(plan: &Plan, traced: bool) -> Self {
        let mut dice = Dice::new(plan.seed);
        let mut processes = vec![Process::default()];
        for _ in 0..plan.workers {
            processes.push(Process {
                clock_error: dice.of(&[0, 0, -HOUR, HOUR]),
                ..Process::default()
            });
        }
        Self {
            now: 0,
            dice,
            db: Database::default(),
            provider: Provider::default(),
            plan: plan.clone(),
            programs: plan.programs(),
            apps_open: 0,
            faults_left: plan.faults,
            steps: 0,
            restored: false,
            day_passed: false,
            processes,
            rests: Vec::new(),
            owners: Vec::new(),
            current: 0,
            born: Vec::new(),
            sessions: 0,
            orphans: Vec::new(),
            trace: traced.then(Vec::new),
            broken: Vec::new(),
        }
    }

    pub(super) fn own(&self) -> usize {
        self.owners[self.current]
    }

    /// Whether a fault comes now, once in so many times; none come any more when all have come.
    pub(super) fn fault(&mut self, once_in: usize) -> bool {
        let comes = self.steps >= self.plan.faults_from
            && self.faults_left > 0
            && self.dice.once_in(once_in);
        self.faults_left -= usize::from(comes);
        comes
    }

    /// Whether no more faults come.
    pub(super) fn calm(&self) -> bool {
        self.faults_left == 0
    }

    pub(super) fn breaks(&mut self, rule: &'static str, what: String) {
        self.note(|| format!("BROKEN {rule}: {what}"));
        self.broken.push((rule, what));
    }

    /// A line for whoever reads the schedule.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace.is_none() {
            return;
        }
        let (now, own) = (self.now, self.owners.get(self.current).copied());
        let who = own.map_or(String::new(), |own| match own {
            APPS => "app".to_owned(),
            own => format!("w{own}"),
        });
        let line = format!("{now:>8} {who:>4} {}", line());
        if let Some(trace) = &mut self.trace {
            trace.push(line);
        }
    }

    /// What happens by itself as time goes on.
    pub(super) fn tick(&mut self) {
        let now = self.now;
        let mut at = 0;
        while at < self.orphans.len() {
            if self.orphans[at].1 <= now {
                let (session, _) = self.orphans.swap_remove(at);
                self.db.end(session, false);
            } else {
                at += 1;
            }
        }
        self.provider.act_late(now);
    }

    /// A task's turn has come.
    pub(super) fn ready(&self, task: usize) -> bool {
        let process = &self.processes[self.owners[task]];
        if process.stopped_until > self.now {
            return false;
        }
        match self.rests[task] {
            Rest::Turn => true,
            Rest::Until(at) => at <= self.now,
            Rest::Bell(bell, poll) => {
                poll <= self.now && self.polls()
                    || bell.is_some_and(|bell| process.bells[bell as usize])
            }
        }
    }

    /// An idle loop looks from time to time, whether anybody rang or not.
    fn polls(&self) -> bool {
        !planted(Plant::NotifyOnly)
    }

    /// The next time at which something may happen, when nobody has a turn now; none: never.
    pub(super) fn next(&self, tasks: impl Iterator<Item = usize>) -> Option<Millis> {
        let (mut next, mut poll): (Option<Millis>, Option<Millis>) = (None, None);
        let sooner = |at: &mut Option<Millis>, new: Millis| {
            *at = Some(at.map_or(new, |old: Millis| old.min(new)));
        };
        for task in tasks {
            let stopped = self.processes[self.owners[task]].stopped_until;
            match self.rests[task] {
                Rest::Turn => sooner(&mut next, stopped),
                Rest::Until(at) => sooner(&mut next, at.max(stopped)),
                Rest::Bell(_, at) if self.polls() => sooner(&mut poll, at.max(stopped)),
                Rest::Bell(Some(bell), _)
                    if self.processes[self.owners[task]].bells[bell as usize] =>
                {
                    sooner(&mut next, stopped);
                }
                Rest::Bell(..) => {}
            }
        }
        self.orphans.iter().for_each(|one| sooner(&mut next, one.1));
        let dead = self.processes.iter().filter_map(|p| p.dead_until);
        dead.for_each(|at| sooner(&mut next, at));
        if let Some(at) = self.provider.next_late() {
            sooner(&mut next, at);
        }
        // Polls that can find nothing are passed over.
        if let (Some(poll), Some(due)) = (poll, self.db.next_due(self.now)) {
            sooner(&mut next, poll.max(due));
        }
        next
    }
}
