//! The one scheduler: which task takes its next step is a throw of dice. Between two steps the faults of [`super::fate`]
//! befall the processes.

use std::task::{Context, Waker};

use super::{
    Broken, apps,
    database::{Database, Millis, millis},
    plan::Plan,
    rules,
    sim::Sim,
    worker,
    world::{APPS, HOUR, Job, Rest, World},
};

/// Most steps of a schedule that comes to rest; most take a few hundred.
const MOST_STEPS: usize = 60_000;
/// How long after the last fault everything must have come to rest.
const PATIENCE: Millis = 26 * HOUR;

/// A loop of a process, or something that it does beside its loops.
pub(super) struct Task {
    pub(super) process: usize,
    job: Job,
}

/// The end of a schedule.
pub(super) struct Played {
    pub(super) broken: Vec<Broken>,
    pub(super) steps: usize,
    pub(super) trace: Vec<String>,
}

/// A schedule under way.
pub(super) struct Stage {
    pub(super) sim: Sim,
    pub(super) tasks: Vec<Option<Task>>,
    /// For a restore: as it was at the backup.
    pub(super) backup: Option<Database>,
    pub(super) calm_since: Option<Millis>,
}

/// Plays one schedule to its end.
pub(super) fn play(plan: &Plan, traced: bool) -> Played {
    let mut stage = Stage {
        sim: Sim::new(plan, traced),
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
    pub(super) fn start(&mut self, process: usize) {
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
                break rules::check(&self.sim);
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
    let mut all: Vec<String> = counts.map(|(what, n)| format!("{n} {what}")).collect();
    all.extend(db.runs.stand().map(|(id, ex, _)| {
        let due = ex.due_at.map(millis);
        let parks = ex.state.branches.iter().filter_map(|b| b.park.as_ref());
        let seqs: Vec<i32> = parks.map(|park| park.seq).collect();
        format!(
            "{id} of workflow {}, {:?}, due {due:?}, parked at {seqs:?}",
            ex.workflow, ex.status
        )
    }));
    all.join(", ")
}
