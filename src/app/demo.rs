//! `waypost demo`: a shop's month in a minute, on the real engine, in a tenant with a clock of its own.
//!
//! People of a script begin carts, buy, fail to pay; that is written into the reference CRM in plain SQL,
//! as an application would. The tenant's clock is moved from half hour to half hour and the engine's own
//! loops do what is due. Mails are captured, webhooks end in a sink in this process: nothing leaves it.

mod crm;
pub mod results;
pub mod script;

use std::sync::Arc;

use chrono::{NaiveTime, TimeDelta, Utc};
use sqlx::PgConnection;

use self::{crm::Batch, results::Report, script::Script};
use super::{
    definitions::{self, Checked},
    error::{AppError, AppResult},
    waypost::Waypost,
};
use crate::{
    connect::{Connectors, Memory, NoSecrets, capture::Capture},
    model::execution::Instant,
    store::{self, Purpose, StoreResult, clock, pool},
    worker::{Shared, drive::Driver},
};

/// The text of one file of `sql/queries/`, from the files of this folder.
macro_rules! demo_sql {
    ($name:literal) => {
        include_str!(concat!("../../../sql/queries/", $name, ".sql"))
    };
}
pub(crate) use demo_sql;

/// The tenant that the demo lives in, unless another is named.
pub const TENANT: &str = "demo";
/// Most contacts a demo takes: beyond that `bench` is the right question.
pub const MOST: u32 = 200_000;

/// How much to play.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// People.
    pub contacts: u32,
    /// Who they are and what they do follows from this.
    pub seed: u64,
}

/// What the demo tells while it runs.
#[derive(Debug)]
pub enum Moment<'a> {
    /// Something slow begins.
    Doing(&'a str),
    /// The clock was moved.
    Clock {
        /// What it shows.
        at: Instant,
        /// Virtual half hours that are over, of [`script::SLOTS`].
        slot: u32,
    },
}

/// Is told how the demo goes on.
pub type Watcher<'a> = &'a (dyn Fn(Moment<'_>) + Send + Sync);

/// A demo that was played: its clock can be kept going.
#[derive(Debug)]
pub struct Played {
    /// The results, out of the SQL views.
    pub report: Report,
    driver: Driver,
    /// Held to the end: one demo at a time.
    _claim: PgConnection,
}

impl Played {
    /// Sets the tenant's clock to the time of day and does what is due. While the demo serves, this
    /// keeps its tenant alive.
    ///
    /// # Errors
    /// Of the database.
    pub async fn tick(&mut self) -> StoreResult<()> {
        self.driver.jump(Utc::now()).await
    }
}

/// Plays the whole demo in the settings' tenant: what an earlier one left there goes first.
///
/// # Errors
/// The tenant is somebody's own (it has no clock); another demo runs in it; the database refuses.
pub async fn play(waypost: &Waypost, plan: Plan, watch: Watcher<'_>) -> AppResult<Played> {
    let begun = std::time::Instant::now();
    let now = Utc::now();
    let days = i64::from(script::DAYS);
    // From a midnight, so that the shop's hours are hours of the day.
    let start = (now - TimeDelta::days(days))
        .date_naive()
        .and_time(NaiveTime::MIN)
        .and_utc();

    let mut claim = waypost.single().await?;
    let tenant = crm::claim(&mut claim, waypost.tenant(), start).await?;
    watch(Moment::Doing("removing what an earlier demo left"));
    crm::clear(waypost, tenant).await?;
    watch(Moment::Doing("publishing the three example workflows"));
    waypost.deploy(&workflows(), true).await?;

    let sink = Arc::new(Memory::counting());
    let connectors = Connectors::default()
        .with("send_email", Arc::new(Capture::new("email")))
        .with("webhook", sink.clone())
        .with("http_request", sink.clone());
    let settings = waypost.settings.worker.clone();
    let shared = Shared::new(
        &engine_url(waypost).await,
        connectors,
        Arc::new(NoSecrets),
        settings,
    )?;
    let mut driver = Driver::new(shared, tenant, start);

    watch(Moment::Doing("writing the script"));
    let script = Script::new(plan.contacts, plan.seed);
    for (slot, deeds) in script.slots {
        let at = start + TimeDelta::minutes(30) * i32::try_from(slot).unwrap_or(i32::MAX);
        catch_up(&mut driver, at).await?;
        // At one instant what happens comes before what falls due.
        let mut tx = waypost.begin_as_owner().await?;
        sqlx::query(store::sql!("demo_no_sync"))
            .execute(&mut *tx)
            .await?;
        clock::set(&mut tx, tenant, at).await?;
        Batch::of(deeds)
            .write(&mut tx, waypost.tenant(), at)
            .await?;
        tx.commit().await?;
        driver.jump(at).await?;
        watch(Moment::Clock { at, slot });
    }
    let end = Utc::now();
    driver.advance_to(end).await?;
    watch(Moment::Clock {
        at: end,
        slot: script::SLOTS,
    });

    watch(Moment::Doing("reading the results"));
    let mut tx = waypost.begin_as_owner().await?;
    let mut report = results::read(&mut tx, waypost.tenant()).await?;
    report.summary.contacts = plan.contacts;
    report.summary.seconds = (begun.elapsed().as_secs_f64() * 100.0).round() / 100.0;
    report.webhooks = sink.count();
    Ok(Played {
        report,
        driver,
        _claim: claim,
    })
}

/// The demo's commits do not wait for the disk: thousands of small ones would take most of its time there,
/// and what a power cut takes, the next demo makes anew. Other sessions of the database are as they were.
/// A pooler that refuses options at the start of a session gets none.
async fn engine_url(waypost: &Waypost) -> String {
    let url = waypost.url();
    let and = if url.contains('?') { '&' } else { '?' };
    let quick = format!("{url}{and}options[synchronous_commit]=off");
    match pool::single(&quick, Purpose::Worker).await {
        Ok(_) => quick,
        Err(_) => url.to_owned(),
    }
}

/// Does what falls due before `at`, standing still at every instant.
async fn catch_up(driver: &mut Driver, at: Instant) -> StoreResult<()> {
    while let Some(due) = driver.next_due().await?.filter(|due| *due < at) {
        // What is due and was not done (held by somebody) must not stop the clock for ever.
        driver
            .jump(due.max(driver.now() + TimeDelta::milliseconds(1)).min(at))
            .await?;
    }
    Ok(())
}

/// The three example workflows; the welcome series with a webhook of its own, which the sink takes.
#[must_use]
pub fn workflows() -> Vec<Checked> {
    let welcome = include_str!("../../examples/welcome-series.yaml")
        .replace("hook: ''", "hook: https://crm.example.com/hooks/welcome");
    vec![
        definitions::check_text(
            include_str!("../../examples/abandoned-cart.json"),
            "examples/abandoned-cart.json",
        ),
        definitions::check_text(&welcome, "examples/welcome-series.yaml"),
        definitions::check_text(
            include_str!("../../examples/win-back.json"),
            "examples/win-back.json",
        ),
    ]
}

impl Report {
    /// Whether every event was looked at, every execution has ended, and none failed.
    ///
    /// # Errors
    /// Some did not; the text says where to look.
    pub fn verdict(&self) -> AppResult<()> {
        let summary = &self.summary;
        if self.active == 0 && self.unmatched == 0 && summary.failed == 0 {
            return Ok(());
        }
        Err(AppError::no(format!(
            "of {} executions {} failed and {} have not ended, {} events wait: see `waypost executions list --tenant NAME`",
            summary.executions, summary.failed, self.active, self.unmatched
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_can_be_deployed_and_one_calls_a_webhook() {
        let files = workflows();
        for file in &files {
            assert!(file.is_valid(), "{}", file.findings);
        }
        let welcome = files[1].source.as_ref().expect("it is valid");
        assert_eq!(
            welcome.value["variables"]["hook"],
            "https://crm.example.com/hooks/welcome"
        );
    }
}
