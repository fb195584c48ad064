//! The time from a trigger to the commit of the first step, at a steady rate.
//!
//! Two ways in: the program that runs the worker triggers, and wakes its own loops; or another process calls
//! the plain SQL function, and the worker has to hear of it from the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use sqlx::{Executor, SqlSafeStr};
use uuid::Uuid;

use super::super::{
    Bench, Case, Figure, Sample,
    flow::{Flow, WORKFLOW},
    ground::Ground,
    percentile,
};
use crate::{
    app::AppResult,
    store::{self, Purpose},
    worker::{Role, Shared, Worker, WorkerSettings},
};

/// How a contact is triggered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// An event, in the worker's own process.
    Event,
    /// An enrolment, in the worker's own process.
    Enrol,
    /// An event from a process that knows of no worker.
    Outside,
}

/// So many triggers a second, for so long.
pub(super) struct Latency {
    rate: u32,
    seconds: u32,
}

impl Latency {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            rate: bench.plan.sizes.latency_rate.unwrap_or(40).max(1),
            seconds: if bench.plan.quick { 1 } else { 8 },
        }
    }

    async fn one(&self, bench: &Bench<'_>) -> AppResult<Sample> {
        let ground = bench.server.ground().await?;
        let count = self.rate * self.seconds;
        let people = ground.contacts(3 * count).await?;
        ground.publish(&[Flow::pure(5).definition()]).await?;
        let watched = Watched::new(&ground)?;
        let worker = Worker::start(&watched.shared, &Role::ALL, Some(ground.home.url.clone()));
        let mut sample = Sample::default();
        let names = [
            (Way::Event, ["event_p50", "event_p99"]),
            (Way::Enrol, ["enrol_p50", "enrol_p99"]),
            (Way::Outside, ["outside_p50", "outside_p99"]),
        ];
        for ((way, [p50, p99]), some) in names.into_iter().zip(people.chunks(count as usize)) {
            // The worker comes to rest.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut times = self.times(&ground, &watched, way, some).await?;
            sample = sample
                .with(p50, percentile(&mut times, 0.5))
                .with(p99, percentile(&mut times, 0.99));
        }
        worker.stop().await;
        watched.shared.pool.close().await;
        ground.leave(&bench.server).await?;
        Ok(sample)
    }

    /// Milliseconds from each trigger to its first step's commit; infinite where none came.
    async fn times(
        &self,
        ground: &Ground,
        watched: &Watched,
        way: Way,
        people: &[Uuid],
    ) -> AppResult<Vec<f64>> {
        let pool = store::connect(&ground.home.url, Purpose::Owner, 1)?;
        let mut connection = pool.acquire().await?;
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.rate);
        let statement = match way {
            Way::Event | Way::Outside => store::sql!("bench_emit"),
            Way::Enrol => store::sql!("bench_enroll_one"),
        };
        // Prepared before the first is timed, as in any program that does it twice.
        connection.prepare(statement.into_sql_str()).await?;
        let mut begun = Vec::new();
        for contact in people {
            tick.tick().await;
            begun.push((*contact, Instant::now()));
            let call = sqlx::query(statement).bind(contact);
            let call = call.bind(ground.waypost.tenant());
            match way {
                Way::Event | Way::Outside => call.execute(&mut *connection).await?,
                Way::Enrol => call.bind(WORKFLOW).execute(&mut *connection).await?,
            };
            match way {
                Way::Event => watched.shared.bells.matching.notify_one(),
                Way::Enrol => watched.shared.bells.run.notify_one(),
                Way::Outside => {}
            }
        }
        Ok(watched.times(&begun, Duration::from_secs(5)).await)
    }

    /// The middle of the times from an event to its first step, in milliseconds.
    pub(super) async fn event_p50(&self, ground: &Ground, people: &[Uuid]) -> AppResult<f64> {
        let watched = Watched::new(ground)?;
        let worker = Worker::start(&watched.shared, &Role::ALL, Some(ground.home.url.clone()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let count = (self.rate * self.seconds) as usize;
        let people = people.get(..count).unwrap_or(people);
        let mut times = self.times(ground, &watched, Way::Event, people).await?;
        worker.stop().await;
        watched.shared.pool.close().await;
        Ok(percentile(&mut times, 0.5))
    }
}

/// A worker that notes when each contact's execution was first advanced.
pub(super) struct Watched {
    pub(super) shared: Shared,
    first: Arc<Mutex<HashMap<Uuid, Instant>>>,
}

impl Watched {
    pub(super) fn new(ground: &Ground) -> AppResult<Self> {
        let mut shared = ground.shared(WorkerSettings::default())?;
        let first: Arc<Mutex<HashMap<Uuid, Instant>>> = Arc::default();
        let notes = first.clone();
        shared.observer = Some(Arc::new(move |contacts: &[Uuid]| {
            let now = Instant::now();
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            for contact in contacts {
                notes.entry(*contact).or_insert(now);
            }
        }));
        Ok(Self { shared, first })
    }

    /// Milliseconds from each of these moments to the first advance of its contact, when all have come or
    /// patience has run out; infinite where none came.
    pub(super) async fn times(&self, begun: &[(Uuid, Instant)], patience: Duration) -> Vec<f64> {
        let waits = Instant::now();
        loop {
            let times: Vec<f64> = {
                let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                let since = |(contact, from): &(Uuid, Instant)| {
                    let at = first.get(contact);
                    at.map_or(f64::INFINITY, |at| {
                        at.saturating_duration_since(*from).as_secs_f64() * 1e3
                    })
                };
                begun.iter().map(since).collect()
            };
            if waits.elapsed() > patience || times.iter().all(|time| time.is_finite()) {
                return times;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Case for Latency {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("event_p50", "ms").at_most(2.5),
            Figure::new("event_p99", "ms").at_most(8.0),
            Figure::new("enrol_p50", "ms").at_most(2.5),
            Figure::new("enrol_p99", "ms").at_most(8.0),
            Figure::new("outside_p50", "ms"),
            Figure::new("outside_p99", "ms").at_most(60.0),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"triggers_per_s": self.rate, "seconds": self.seconds})
    }

    fn run<'a>(&'a mut self, bench: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(self.one(bench))
    }
}
