//! What a task has of the world: a handle. It stands still at every statement, every message and every wait.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use super::{
    database::Millis,
    plan::Plan,
    table::Session,
    world::{Bell, Rest, World},
};

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
    pub(super) fn new(plan: &Plan, traced: bool) -> Self {
        Self(Rc::new(RefCell::new(World::new(plan, traced))))
    }

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
