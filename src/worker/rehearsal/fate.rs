//! What befalls whole processes and the clock: deaths, stops, a day in which nobody works, a restore.

use super::{
    database::{Millis, Send},
    stage::Stage,
    world::{HOUR, World},
};
use crate::model::transition::Policy;

impl World {
    /// Workers stop for a while and do not know; or all do, since the machine sleeps.
    fn stand_still(&mut self) {
        let (stops, lease) = (self.plan.stops, self.plan.lease);
        // Mostly while something is on its way out: there it matters.
        if self.db.sends.is_empty() && self.dice.below(4) > 0 {
            return;
        }
        // And most of all between a claim and its barrier, where the lease is looked at.
        let before_barrier = |send: &Send| {
            send.state == 1 && matches!(send.claim.policy, Policy::Hold | Policy::Reconcile)
        };
        let at_barrier = self.db.sends.stand().any(|row| before_barrier(row.1));
        let once_in = if at_barrier {
            stops.div_ceil(10)
        } else {
            stops
        };
        if self.fault(once_in) {
            let victim = 1 + self.dice.below(self.plan.workers);
            let (until, taken_over) = self.until_when();
            self.note(|| {
                format!("w{victim} stands still until {until}, or taken over: {taken_over}")
            });
            let process = &mut self.processes[victim];
            (process.stopped_until, process.until_taken_over) = (until, taken_over);
        }
        if self.fault(stops * 2) {
            self.now += self.dice.between(100, 2 * lease);
            self.note(|| "all stand still".into());
        }
    }

    /// When who stops now goes on: some time, just after a lease has run out, or (true) when somebody else works on
    /// what it held.
    fn until_when(&mut self) -> (Millis, bool) {
        let (now, lease) = (self.now, self.plan.lease);
        let claimed = self.db.sends.stand().filter(|row| row.1.state > 0);
        let leases: Vec<Millis> = claimed.map(|row| row.1.lease_until).collect();
        match self.dice.below(3) {
            0 if !leases.is_empty() => {
                let after = self.dice.of(&leases) + self.dice.between(1, 1_500);
                (after.max(now + 10), false)
            }
            1 => (now + 3 * lease, true),
            _ => {
                let least = self.dice.of(&[10, lease]);
                (now + least + self.dice.between(0, lease), false)
            }
        }
    }

    /// Who stands still until it is taken over goes on in the middle of that.
    fn go_on(&mut self) {
        if self.processes.iter().all(|one| !one.until_taken_over) {
            return;
        }
        let mut sends = self.db.sends.stand();
        if sends.any(|(_, send, _)| send.state > 0 && send.shortest_lease.is_some()) {
            let until = self.now + self.dice.between(0, 20);
            for process in self.processes.iter_mut().filter(|one| one.until_taken_over) {
                (process.stopped_until, process.until_taken_over) = (until, false);
            }
        }
    }
}

impl Stage {
    /// Faults of whole processes and of the clock.
    pub(super) fn befall(&mut self) {
        let victim = self.sim.with(|world| {
            world.go_on();
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
    pub(super) fn restore(&mut self) -> bool {
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
            world.processes[process].until_taken_over = false;
            world.born.retain(|job| job.0 != process);
        });
        for place in &mut self.tasks {
            if place.as_ref().is_some_and(|task| task.process == process) {
                *place = None;
            }
        }
    }

    pub(super) fn revive(&mut self) {
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
