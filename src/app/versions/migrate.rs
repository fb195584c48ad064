//! Moving the running executions of a workflow to a version, in one transaction.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Instant as Stopwatch,
};

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Compiled, compiled,
    plan::{self, objections},
};
pub use crate::engine::migrate::{Answer, StepMap};
use crate::{
    app::error::{AppError, AppResult},
    engine::{
        contact::Contact,
        migrate::{Migration, Moved},
        program::Numbers,
    },
    model::execution::Instant,
    store::{
        commit::Settled,
        contacts::{self, Wanted},
        executions::Claimed,
        migrate::{self as moving, Target},
        operate,
        place::Place,
        tenants::{self, Tenant},
    },
};

/// What becomes of running executions as a version is published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InFlight {
    /// They finish on the version they run on.
    #[default]
    Pin,
    /// They move to the new version.
    Migrate {
        /// Answers for steps that have no place in the new version.
        map: StepMap,
        /// Although something sent outside is not settled.
        force: bool,
    },
}

/// What was moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Moves {
    /// What `waypost undo` takes, where something was moved.
    pub batch: Option<Uuid>,
    /// Executions that run on the new version now.
    pub moved: u64,
    /// Executions that ended, as the map says.
    pub ended: u64,
    /// Executions that stay on their version, as the map says.
    pub stayed: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// One migration while it is done.
pub(in crate::app) struct Mover<'a> {
    pub(in crate::app) tenant: &'a Tenant,
    /// The workflow's id.
    pub(in crate::app) slug: &'a str,
    /// The version to go to.
    pub(in crate::app) to: &'a Compiled,
    pub(in crate::app) map: &'a StepMap,
    pub(in crate::app) force: bool,
    /// Versions that were left, compiled.
    known: BTreeMap<i32, Compiled>,
    pub(in crate::app) moves: Moves,
}

impl<'a> Mover<'a> {
    pub(in crate::app) fn new(
        tenant: &'a Tenant,
        slug: &'a str,
        to: &'a Compiled,
        map: &'a StepMap,
        force: bool,
    ) -> Self {
        Self {
            tenant,
            slug,
            to,
            map,
            force,
            known: BTreeMap::new(),
            moves: Moves::default(),
        }
    }

    /// Moves all that run on other versions now, or none.
    ///
    /// # Errors
    /// Some stand where nobody has said what becomes of them; somebody holds them for too long; of the
    /// database. The transaction is of no use then.
    pub(in crate::app) async fn all(&mut self, tx: &mut PgConnection) -> AppResult<()> {
        let steps = plan::plan(tx, self.tenant, self.slug, self.to.as_version(), self.map).await?;
        if let Some(why) = objections(self.slug, &steps, self.force) {
            return Err(AppError::no(why));
        }
        self.pass(tx, true).await.map(drop)
    }

    /// Moves those that were being enrolled into an older version as the new one was published. Who cannot
    /// be moved stays.
    ///
    /// # Errors
    /// Of the database.
    pub(in crate::app) async fn stragglers(&mut self, tx: &mut PgConnection) -> AppResult<u64> {
        let stayed = self.moves.stayed;
        let moved = self.pass(tx, false).await?;
        self.moves.stayed = stayed;
        Ok(moved)
    }

    /// One pass over all of them, page by page; `strict`: who cannot be moved stops it.
    async fn pass(&mut self, tx: &mut PgConnection, strict: bool) -> AppResult<u64> {
        let began = Stopwatch::now();
        let now = tenants::now(tx, &self.tenant.name).await?;
        let Numbers { workflow, version } = self.to.program.numbers;
        let target = Target {
            tenant: self.tenant.id,
            workflow,
            version,
        };
        let (mut after, mut moved) = (moving::FIRST, 0);
        loop {
            let page = moving::lock_page(tx, target, after, now).await?;
            let Some(last) = page.last() else { break };
            after = (last.execution.bucket, last.execution.id);
            let settled = self.decide(tx, page, now, strict).await?;
            if settled.is_empty() {
                continue;
            }
            moved += settled.len() as u64;
            let ended = settled
                .iter()
                .filter(|one| one.transition.status.is_final());
            let ended = ended.count() as u64;
            self.moves.ended += ended;
            self.moves.moved += settled.len() as u64 - ended;
            let batch = match self.moves.batch {
                Some(batch) => batch,
                None => operate::begin_batch(tx, "migrate").await?,
            };
            self.moves.batch = Some(batch);
            moving::write(tx, settled, version, batch).await?;
        }
        self.moves.seconds += began.elapsed().as_secs_f64();
        Ok(moved)
    }

    /// What becomes of each of a page; those that stay are left out.
    async fn decide(
        &mut self,
        tx: &mut PgConnection,
        page: Vec<Claimed>,
        now: Instant,
        strict: bool,
    ) -> AppResult<Vec<Settled>> {
        self.learn(tx, &page).await?;
        let mut contacts = self.contacts(tx, &page).await?;
        let mut ways = BTreeMap::new();
        for (version, from) in &self.known {
            let way = Migration::new(from.as_version(), self.to.as_version(), self.map);
            ways.insert(*version, way.map_err(AppError::usage)?);
        }
        let mut settled = Vec::with_capacity(page.len());
        let mut stayed = 0;
        for claimed in page {
            let execution = claimed.execution;
            let way = ways
                .get(&execution.version)
                .filter(|_| claimed.broken.is_none());
            let Some(way) = way else {
                stayed += 1;
                continue;
            };
            let id = execution.contact;
            let contact = contacts.entry(id).or_insert_with(|| Contact::unread(id));
            let (step, why) = match way.apply(&execution, contact, now, self.force) {
                Moved::To(transition) => {
                    settled.push(Settled {
                        execution,
                        transition: *transition,
                        now,
                        tenant: self.tenant.name.as_str().into(),
                        ledger: None,
                        place: Place::Key,
                    });
                    continue;
                }
                Moved::Ask { step } if strict => (step, "has no place in the new version"),
                Moved::Unsettled { step } if strict => (step, "has sent what is not settled"),
                _ => {
                    stayed += 1;
                    continue;
                }
            };
            return Err(AppError::no(format!(
                "nothing was changed: an execution of {:?} came to stand on {step:?}, which {why}; look at the plan again",
                self.slug
            )));
        }
        self.moves.stayed += stayed;
        Ok(settled)
    }

    /// Compiles the versions of a page that were not met before.
    async fn learn(&mut self, tx: &mut PgConnection, page: &[Claimed]) -> AppResult<()> {
        let workflow = self.to.program.numbers.workflow;
        for claimed in page {
            let version = claimed.execution.version;
            if let Entry::Vacant(place) = self.known.entry(version) {
                let numbers = Numbers { workflow, version };
                place.insert(compiled(tx, self.tenant, self.slug, numbers).await?);
            }
        }
        Ok(())
    }

    /// The contacts of a page, with what the new version reads of them.
    async fn contacts(
        &self,
        tx: &mut PgConnection,
        page: &[Claimed],
    ) -> AppResult<BTreeMap<Uuid, Contact>> {
        let mut wanted = Wanted::default();
        wanted.add(self.to.program.reads());
        if wanted.is_nothing() {
            return Ok(BTreeMap::new());
        }
        let ids = page.iter().map(|claimed| claimed.execution.contact);
        let mut ids: Vec<Uuid> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<(&str, Uuid)> = ids
            .iter()
            .map(|id| (self.tenant.name.as_str(), *id))
            .collect();
        let mut rows = contacts::load(tx, &wanted, &keys).await?;
        let people = ids.into_iter().map(|id| {
            let fields = rows.remove(&id);
            let contact =
                fields.map_or_else(|| Contact::missing(id), |fields| Contact::new(id, fields));
            (id, contact)
        });
        Ok(people.collect())
    }
}
