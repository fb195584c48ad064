//! Virtual time, virtual processes and the one scheduler: which task takes its next step is a throw of dice.
//!
//! A task is a future that stands still at every statement, every message and every wait. Between two steps the
//! scheduler may kill its process, stop it for a while, or set the clock on.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    Broken, apps,
    database::{Database, Millis},
    dice::Dice,
    plan::Plan,
    provider::Provider,
    table::Session,
    worker,
};
use crate::engine::program::Program;

/// Most steps of a schedule that comes to rest; most take a few hundred.
const MOST_STEPS: usize = 60_000;
/// How long after the last fault everything must have come to rest.
const PATIENCE: Millis = 26 * HOUR;
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
enum Rest {
    /// Its turn.
    Turn,
    /// A time.
    Until(Millis),
    /// A bell, or the next poll.
    Bell(Option<Bell>, Millis),
}

/// A process.
#[derive(Debug, Default)]
struct Process {
    /// It stands still until then, and does not know.
    stopped_until: Millis,
    /// It is dead until then.
    dead_until: Option<Millis>,
    bells: [bool; 3],
    /// How wrong its clock is.
    clock_error: Millis,
}

type Job = Pin<Box<dyn Future<Output = ()>>>;

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
    faults_left: usize,
    steps: usize,
    /// A restore has undone commits.
    pub(super) restored: bool,
    /// A day has passed in which nobody worked.
    pub(super) day_passed: bool,
    processes: Vec<Process>,
    rests: Vec<Rest>,
    owners: Vec<usize>,
    current: usize,
    born: Vec<(usize, Job)>,
    sessions: Session,
    /// Sessions whose client is gone, and when the server notices.
    orphans: Vec<(Session, Millis)>,
    trace: Option<Vec<String>>,
    /// What was broken on the way.
    pub(super) broken: Vec<Broken>,
}

/// A handle on the world.
#[derive(Clone)]
pub(super) struct Sim(Rc<RefCell<World>>);

/// Stands still once.
struct Still(bool);

impl Future for Still {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Sim {
    /// Looks at the world, or changes it; nothing else happens meanwhile.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.0.borrow_mut())
    }

    pub(super) fn now(&self) -> Millis {
        self.0.borrow().now
    }

    async fn rest(&self, rest: Rest) {
        self.with(|world| {
            let current = world.current;
            world.rests[current] = rest;
        });
        Still(false).await;
    }

    /// Anything may happen here.
    pub(super) async fn step(&self) {
        self.rest(Rest::Turn).await;
    }

    /// So much time passes.
    pub(super) async fn sleep(&self, time: Millis) {
        let until = self.now() + time;
        self.rest(Rest::Until(until)).await;
    }

    /// Waits for a bell of this process, at most until a poll is due; none: for the poll.
    pub(super) async fn idle(&self, bell: Option<Bell>, poll: Millis) {
        let until = self.now() + poll;
        self.rest(Rest::Bell(bell, until)).await;
        if let Some(bell) = bell {
            self.with(|world| {
                let own = world.own();
                world.processes[own].bells[bell as usize] = false;
            });
        }
    }

    /// A further task of this process.
    pub(super) fn spawn(&self, job: impl Future<Output = ()> + 'static) {
        self.with(|world| {
            let own = world.own();
            world.born.push((own, Box::pin(job)));
        });
    }

    /// Rings a bell of this process.
    pub(super) fn ring(&self, bell: Bell) {
        self.with(|world| {
            let own = world.own();
            world.processes[own].bells[bell as usize] = true;
        });
    }

    /// Rings all bells of the other processes, as far as the notification is not lost.
    pub(super) fn ring_outside(&self) {
        self.with(|world| {
            let own = world.own();
            for other in (0..world.processes.len()).filter(|other| *other != own) {
                let lost = world.plan.deaf;
                if !world.dice.once_in(lost) {
                    world.processes[other].bells = [true; 3];
                }
            }
        });
    }

    /// A line for whoever reads the schedule.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        self.with(|world| world.note(line));
    }

    pub(super) fn new_session(&self) -> Session {
        self.with(|world| {
            world.sessions += 1;
            world.sessions
        })
    }

    /// The client of this session is gone: the server rolls back, at once or when it notices.
    pub(super) fn gone(&self, session: Session) {
        self.with(|world| {
            if world.faults_left > 0 && world.dice.once_in(3) {
                let at = world.now + world.dice.between(50, 3_000);
                world.orphans.push((session, at));
            } else {
                world.db.end(session, false);
            }
        });
    }

    /// What the worker's clock is off.
    pub(super) fn clock_error(&self) -> Millis {
        self.with(|world| world.processes[world.own()].clock_error)
    }
}

impl World {
    fn own(&self) -> usize {
        self.owners[self.current]
    }

    /// Workers stop for a while and do not know; or all do, since the machine sleeps.
    fn stand_still(&mut self) {
        let (stops, lease) = (self.plan.stops, self.plan.lease);
        // Mostly while something is on its way out: there it matters.
        if self.db.sends.is_empty() && self.dice.below(4) > 0 {
            return;
        }
        if self.fault(stops) {
            let victim = 1 + self.dice.below(self.plan.workers);
            let least = self.dice.of(&[10, lease]);
            let until = self.now + least + self.dice.between(0, lease);
            self.note(|| format!("w{victim} stands still until {until}"));
            self.processes[victim].stopped_until = until;
        }
        if self.fault(stops * 2) {
            self.now += self.dice.between(100, 2 * lease);
            self.note(|| "all stand still".into());
        }
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
    fn tick(&mut self) {
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
    fn ready(&self, task: usize) -> bool {
        let process = &self.processes[self.owners[task]];
        if process.stopped_until > self.now {
            return false;
        }
        match self.rests[task] {
            Rest::Turn => true,
            Rest::Until(at) => at <= self.now,
            Rest::Bell(bell, poll) => {
                self.polls() && poll <= self.now
                    || bell.is_some_and(|bell| process.bells[bell as usize])
            }
        }
    }

    fn polls(&self) -> bool {
        use crate::faults::{Plant, planted};
        !planted(Plant::NotifyOnly)
    }

    /// The next time at which something may happen, when nobody has a turn now; none: never.
    fn next(&self, tasks: impl Iterator<Item = usize>) -> Option<Millis> {
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

struct Task {
    process: usize,
    job: Job,
}

/// The end of a schedule.
pub(super) struct Played {
    pub(super) broken: Vec<Broken>,
    pub(super) steps: usize,
    pub(super) trace: Vec<String>,
}

struct Stage {
    sim: Sim,
    tasks: Vec<Option<Task>>,
    /// For a restore: as it was at the backup.
    backup: Option<Database>,
    calm_since: Option<Millis>,
}

/// Plays one schedule to its end.
pub(super) fn play(plan: &Plan, traced: bool) -> Played {
    let mut dice = Dice::new(plan.seed);
    let mut processes = vec![Process::default()];
    for _ in 0..plan.workers {
        processes.push(Process {
            clock_error: dice.of(&[0, 0, -HOUR, HOUR]),
            ..Process::default()
        });
    }
    let world = World {
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
    };
    let mut stage = Stage {
        sim: Sim(Rc::new(RefCell::new(world))),
        tasks: Vec::new(),
        backup: None,
        calm_since: None,
    };
    for process in 0..=plan.workers {
        stage.start(process);
    }
    stage.run();
    let sim = stage.sim.clone();
    stage.tasks.clear();
    drop(stage.backup);
    sim.with(|world| Played {
        broken: std::mem::take(&mut world.broken),
        steps: world.steps,
        trace: world.trace.take().unwrap_or_default(),
    })
}

impl Stage {
    /// Starts what a process does.
    fn start(&mut self, process: usize) {
        let sim = &self.sim;
        let jobs = if process == APPS {
            apps::all(sim)
        } else {
            worker::loops(sim, process)
        };
        let jobs = jobs.into_iter().map(|job| (process, job));
        self.sim.with(|world| world.born.extend(jobs));
    }

    fn run(&mut self) {
        loop {
            self.sim.with(World::tick);
            self.revive();
            self.adopt();
            if self
                .sim
                .with(|world| world.apps_open == 0 && world.db.at_rest())
                && !self.restore()
            {
                break super::rules::check(&self.sim);
            }
            if self.out_of_patience() || !self.turn() {
                let left = self.sim.with(|world| left(&world.db));
                self.sim.with(|world| {
                    world.breaks("rest", format!("it does not come to rest: {left}"))
                });
                break;
            }
        }
    }

    fn adopt(&mut self) {
        let born = self.sim.with(|world| std::mem::take(&mut world.born));
        for (process, job) in born {
            let at = self.tasks.iter().position(Option::is_none);
            let at = at.unwrap_or(self.tasks.len());
            let task = Some(Task { process, job });
            self.sim.with(|world| {
                if at == world.rests.len() {
                    world.rests.push(Rest::Turn);
                    world.owners.push(process);
                }
                world.rests[at] = Rest::Turn;
                world.owners[at] = process;
            });
            match self.tasks.get_mut(at) {
                Some(place) => *place = task,
                None => self.tasks.push(task),
            }
        }
    }

    fn out_of_patience(&mut self) -> bool {
        let (calm, now, steps) = self.sim.with(|world| {
            world.steps += 1;
            (world.calm(), world.now, world.steps)
        });
        if calm && self.calm_since.is_none() {
            self.calm_since = Some(now);
        }
        steps > MOST_STEPS || self.calm_since.is_some_and(|since| now > since + PATIENCE)
    }

    /// One step of one task, and what befalls the processes; false: nothing can happen any more.
    fn turn(&mut self) -> bool {
        self.befall();
        let alive = |task: &usize| self.tasks[*task].is_some();
        let turns: Vec<usize> = self.sim.with(|world| {
            let tasks = (0..self.tasks.len()).filter(alive);
            tasks.filter(|task| world.ready(*task)).collect()
        });
        if turns.is_empty() {
            return self.sim.with(|world| {
                let next = world.next((0..self.tasks.len()).filter(alive));
                world.now = next.map_or(world.now, |at| at.max(world.now + 1));
                next.is_some()
            });
        }
        let at = self.sim.with(|world| {
            let at = turns[world.dice.below(turns.len())];
            world.now += world.dice.between(0, 3);
            world.current = at;
            at
        });
        let Some(task) = &mut self.tasks[at] else {
            return true;
        };
        let mut context = Context::from_waker(Waker::noop());
        if task.job.as_mut().poll(&mut context).is_ready() {
            self.tasks[at] = None;
        }
        true
    }

    /// Faults of whole processes and of the clock.
    fn befall(&mut self) {
        let victim = self.sim.with(|world| {
            world.stand_still();
            let (kills, workers) = (world.plan.kills, world.plan.workers);
            world.fault(kills).then(|| 1 + world.dice.below(workers))
        });
        if let Some(victim) = victim {
            self.kill(victim, 2_000);
        }
        self.a_day_passes();
        self.back_up();
    }

    /// Everybody dies, and is missed after a day.
    fn a_day_passes(&mut self) {
        let comes = self.sim.with(|world| {
            let comes = world.plan.day && !world.db.sends.is_empty() && world.dice.once_in(30);
            world.plan.day &= !comes;
            world.day_passed |= comes;
            comes
        });
        if comes {
            self.calm_since = None;
            (1..=self.sim.with(|world| world.plan.workers)).for_each(|w| self.kill(w, 1));
            self.sim.with(|world| {
                world.now += world.dice.between(20 * HOUR, 30 * HOUR);
                world.note(|| "a day has passed".into());
            });
        }
    }

    fn back_up(&mut self) {
        let now = self
            .sim
            .with(|world| world.plan.restore && world.apps_open == 0 && world.dice.once_in(60));
        if now && self.backup.is_none() {
            self.backup = Some(self.sim.with(|world| {
                let mut copy = world.db.clone();
                (0..=world.sessions).for_each(|session| copy.end(session, false));
                copy
            }));
        }
    }

    /// The database is set back to its backup; the outside is not.
    fn restore(&mut self) -> bool {
        let Some(backup) = self.backup.take() else {
            return false;
        };
        (1..=self.sim.with(|world| world.plan.workers)).for_each(|w| self.kill(w, 500));
        self.sim.with(|world| {
            world.note(|| "the database is restored".into());
            world.orphans.clear();
            world.db.set_back(backup);
            world.restored = true;
            world.plan.restore = false;
        });
        true
    }

    /// A process dies with everything it holds; it is started again within so many milliseconds.
    fn kill(&mut self, process: usize, again: Millis) {
        self.sim.with(|world| {
            world.note(|| format!("w{process} dies"));
            let at = world.now + world.dice.between(0, again);
            world.processes[process].dead_until = Some(at);
            world.processes[process].stopped_until = 0;
            world.born.retain(|job| job.0 != process);
        });
        for place in &mut self.tasks {
            if place.as_ref().is_some_and(|task| task.process == process) {
                *place = None;
            }
        }
    }

    fn revive(&mut self) {
        let count = self.sim.with(|world| world.processes.len());
        for process in 1..count {
            let again = self.sim.with(|world| {
                let now = world.now;
                let state = &mut world.processes[process];
                let again = state.dead_until.is_some_and(|at| at <= now);
                if again {
                    state.dead_until = None;
                    state.bells = [true; 3];
                }
                again
            });
            if again {
                self.start(process);
            }
        }
    }
}

/// What is left, in words.
fn left(db: &Database) -> String {
    let counts = [
        ("executions", db.runs.stand().count()),
        ("inputs", db.wakes.stand().count()),
        ("events", db.queue.stand().count()),
        ("timers", db.timers.stand().count()),
        ("sends", db.sends.stand().count()),
    ];
    let counts = counts.iter().filter(|count| count.1 > 0);
    let counts: Vec<String> = counts.map(|(what, n)| format!("{n} {what}")).collect();
    counts.join(", ")
}
