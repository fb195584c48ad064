//! The applications: they emit events, now and then more than once, tag contacts, hold rows, cancel and plan timers.
//! Each goes on until the database has confirmed what it did.

use serde_json::json;
use uuid::Uuid;

use super::{
    contacts,
    database::{Millis, Person, bucket},
    deliveries,
    line::{Line, Result},
    queue, runs, sends,
    sim::Sim,
    timers,
    world::Job,
};
use crate::model::transition::{CrmWrite, Event};

/// A contact's id by its number.
fn contact(number: usize) -> Uuid {
    Uuid::from_u128(0xC000 + number as u128 * 17)
}

/// Everything that the applications do in this schedule, and the rows that are there before.
pub(super) fn all(sim: &Sim) -> Vec<Job> {
    let plan = sim.with(|world| {
        for number in 0..world.plan.contacts {
            let id = contact(number);
            let _ = world.db.contacts.insert(0, id, Person::default());
            let _ = world.db.buckets.insert(0, bucket(id), ());
        }
        world.db.end(0, true);
        world.plan.clone()
    });
    let mut jobs: Vec<Job> = Vec::new();
    let mut add = |count: usize, make: &dyn Fn(usize) -> Job| jobs.extend((0..count).map(make));
    add(plan.starts, &|n| Box::pin(starts(sim.clone(), n)));
    add(plan.talkers, &|n| Box::pin(talks(sim.clone(), n)));
    add(plan.tags, &|_| Box::pin(tags(sim.clone())));
    add(plan.cancels, &|_| Box::pin(cancels(sim.clone())));
    add(plan.timers, &|n| Box::pin(plans(sim.clone(), n)));
    sim.with(|world| world.apps_open = jobs.len());
    jobs
}

/// Some time, and somebody.
async fn later(sim: &Sim, most: Millis) -> Uuid {
    let (wait, number) = sim.with(|world| {
        let contacts = world.plan.contacts;
        (world.dice.between(0, most), world.dice.below(contacts))
    });
    sim.sleep(wait).await;
    contact(number)
}

fn done(sim: &Sim) {
    sim.with(|world| world.apps_open -= 1);
}

/// Tries until it is confirmed.
async fn for_sure(sim: &Sim, mut what: impl AsyncFnMut(&mut Line) -> Result<()>) {
    let mut line = Line::new(sim);
    while what(&mut line).await.is_err() {
        sim.sleep(50).await;
    }
    drop(line);
    // The hint or the doorbell, which can be lost.
    sim.ring_outside();
}

async fn emit(sim: &Sim, event: Event, key: String) {
    let event = &event;
    let key = &key;
    for_sure(sim, async |line: &mut Line| {
        line.say("emit", |db, me, now| queue::emit(db, me, now, event, key))
            .await
    })
    .await;
}

/// One event that begins an execution, delivered up to three times.
async fn starts(sim: Sim, number: usize) {
    let who = later(&sim, 3_000).await;
    let (name, times) = sim.with(|world| {
        let at = world.dice.below(world.programs.len());
        (world.programs[at].workflow.clone(), 1 + world.dice.below(3))
    });
    let key = format!("start-{number}");
    let mut event = queue::event("custom.event", who, &name, sim.now());
    event.data["key"] = json!(key);
    let rest: Vec<_> = (1..times).map(|_| (event.clone(), key.clone())).collect();
    for (event, key) in rest {
        let other = sim.clone();
        sim.with(|world| world.apps_open += 1);
        sim.spawn(async move {
            emit(&other, event, key).await;
            done(&other);
        });
    }
    emit(&sim, event, key).await;
    done(&sim);
}

/// Some events of one contact, one after the other.
async fn talks(sim: Sim, number: usize) {
    let who = later(&sim, 4_000).await;
    let count = sim.with(|world| 1 + world.dice.below(4));
    for order in 0..count {
        let key = format!("talk-{number}-{order}");
        let mut event = queue::event("form.submitted", who, "form", sim.now());
        event.data["key"] = json!(key);
        event.data["talk"] = json!([number, order]);
        emit(&sim, event, key).await;
        let pause = sim.with(|world| world.dice.of(&[1, 30, 800, 4_000]));
        sim.sleep(pause).await;
    }
    done(&sim);
}

/// Holds a contact's row for a while, and tags it.
async fn tags(sim: Sim) {
    let who = later(&sim, 6_000).await;
    let (tag, hold) =
        sim.with(|world| (world.dice.of(&["vip", "new"]), world.dice.between(1, 400)));
    for_sure(&sim, async |line: &mut Line| {
        line.begin();
        line.say("lock contact", |db, me, _| db.contacts.wait_for(me, &who))
            .await?;
        let writes = [CrmWrite::AddTags(vec![tag.into()])];
        line.say("tag contact", |db, me, now| {
            contacts::write(db, me, now, who, Uuid::nil(), (&writes, None))
        })
        .await?;
        sim.sleep(hold).await;
        line.commit("tag").await
    })
    .await;
    done(&sim);
}

/// `waypost.cancel` of some live execution.
async fn cancels(sim: Sim) {
    later(&sim, 8_000).await;
    let victim = sim.with(|world| {
        let live: Vec<Uuid> = world.db.runs.stand().map(|row| *row.0).collect();
        (!live.is_empty()).then(|| live[world.dice.below(live.len())])
    });
    if let Some(id) = victim {
        for_sure(&sim, async |line: &mut Line| {
            line.begin();
            if line
                .say("cancel", |db, me, now| runs::cancel(db, me, now, id))
                .await?
            {
                let moot = line
                    .say("sends of the cancelled", |db, me, _| {
                        Ok(sends::of_execution(db, me, id))
                    })
                    .await?;
                line.say("lock moot sends", |db, me, _| {
                    deliveries::lock_moot(db, me, &moot)
                })
                .await?;
                line.say("cancel sends", |db, me, _| {
                    deliveries::cancel(db, me, &moot)
                })
                .await?;
            }
            line.commit("cancel").await
        })
        .await;
    }
    done(&sim);
}

/// Plans a timer, and plans it again some time later, as publishing does.
async fn plans(sim: Sim, number: usize) {
    let who = later(&sim, 2_000).await;
    let occurrence = format!("occurrence-{number}");
    let due = sim.now() + 500;
    for _ in 0..2 {
        for_sure(&sim, async |line: &mut Line| {
            line.say("plan timer", |db, me, _| {
                timers::plan(db, me, who, &occurrence, due)
            })
            .await
        })
        .await;
        let pause = sim.with(|world| world.dice.of(&[100, 1_000, 5_000]));
        sim.sleep(pause).await;
    }
    done(&sim);
}
