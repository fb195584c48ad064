//! Deploying definitions: versions, publication, and what becomes of running executions.

use serde::Serialize;
use sqlx::PgConnection;

use super::{
    definitions::Checked,
    error::{AppError, AppResult},
    versions::{
        self, Compiled, checksum,
        migrate::{InFlight, Mover, Moves, StepMap},
        plan::{self, StepPlan},
        stored,
    },
    waypost::Waypost,
};
use crate::{
    catalog::parse::Source,
    engine::program::{Numbers, Program},
    model::workflow::{Definition, WorkflowStatus},
    store::{
        tenants::{self, Tenant},
        workflows::{self, LiveStep, WorkflowRow},
    },
};

/// Rounds for executions that were being enrolled into an older version while the new one was published.
const ROUNDS: usize = 3;

/// What became, or would become, of one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployed {
    /// The file.
    pub file: String,
    /// The workflow's id.
    pub workflow: String,
    /// The version that holds this definition.
    pub version: i32,
    /// `created`, `updated` or `unchanged`.
    pub change: &'static str,
    /// Whether this very version is the published one afterwards.
    pub published: bool,
    /// The workflow's status afterwards.
    pub status: String,
    /// Live executions, by the version they run on.
    pub pinned: Vec<LiveStep>,
    /// Of a plan: what moving the executions of other versions would do, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<StepPlan>,
    /// What was moved, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<Moves>,
}

impl Waypost {
    /// Stores definitions, all or none, and publishes them where asked. Running executions stay on their
    /// versions. An unknown tenant is created.
    ///
    /// # Errors
    /// A file has an error; two files have the same id; the database refuses.
    pub async fn deploy(&self, files: &[Checked], publish: bool) -> AppResult<Vec<Deployed>> {
        self.deploy_in_flight(files, publish, &InFlight::Pin).await
    }

    /// As [`Waypost::deploy`]; running executions are moved in the same transaction where that is asked for.
    ///
    /// # Errors
    /// As it; executions are to be moved to what is not published; some stand where nobody has said what
    /// becomes of them.
    pub async fn deploy_in_flight(
        &self,
        files: &[Checked],
        publish: bool,
        in_flight: &InFlight,
    ) -> AppResult<Vec<Deployed>> {
        let sources = deployable(files)?;
        if !publish && *in_flight != InFlight::Pin {
            return Err(AppError::usage(
                "executions move to a published version: say --publish too",
            ));
        }
        let mut tx = self.begin_as_owner().await?;
        tenants::create(&mut tx, self.tenant(), "UTC").await?;
        let tenant = self.find_tenant(&mut tx).await?;
        let mut all = Vec::new();
        for source in sources {
            all.push(deploy_one(&mut tx, &tenant, source, publish).await?);
        }
        let mut movers = Vec::new();
        if let InFlight::Migrate { map, force } = in_flight {
            for one in &all {
                let slug = &one.done.workflow;
                let mut mover = Mover::new(&tenant, slug, &one.compiled, map, *force);
                mover.all(&mut tx).await?;
                movers.push(mover);
            }
        }
        tx.commit().await?;
        let mut moves: Vec<Moves> = Vec::new();
        for mut mover in movers {
            for _ in 0..ROUNDS {
                let mut tx = self.begin_as_owner().await?;
                let moved = mover.stragglers(&mut tx).await?;
                tx.commit().await?;
                if moved == 0 {
                    break;
                }
            }
            moves.push(mover.moves);
        }
        for one in &all {
            if one.before.status == "paused" && one.done.status != "paused" {
                self.release(&tenant, one.before.id, &|_| ()).await?;
            }
        }
        let mut moves = moves.into_iter();
        let done = all.into_iter().map(|one| Deployed {
            moves: moves.next(),
            ..one.done
        });
        Ok(done.collect())
    }

    /// What [`Waypost::deploy_in_flight`] would do; nothing is changed. Whether executions could be moved is
    /// said by [`plan::objections`].
    ///
    /// # Errors
    /// As it, but for executions that nobody has said anything about.
    pub async fn deploy_plan(
        &self,
        files: &[Checked],
        publish: bool,
        map: &StepMap,
    ) -> AppResult<Vec<Deployed>> {
        let sources = deployable(files)?;
        let mut tx = self.begin_as_owner().await?;
        let tenant = tenants::find(&mut tx, self.tenant()).await?;
        let mut planned = Vec::new();
        for source in sources {
            planned.push(plan_one(&mut tx, tenant.as_ref(), source, publish, map).await?);
        }
        Ok(planned)
    }
}

async fn plan_one(
    tx: &mut PgConnection,
    tenant: Option<&Tenant>,
    source: &Source,
    publish: bool,
    map: &StepMap,
) -> AppResult<Deployed> {
    let sum = checksum(source)?;
    let slug = &source.definition.id;
    let before = match tenant {
        Some(tenant) => workflows::look(tx, tenant.id, slug).await?,
        None => None,
    };
    let (Some(tenant), Some(row)) = (tenant, &before) else {
        return Ok(outcome(source, None, publish, &sum, Vec::new()));
    };
    let pinned = workflows::live_by_step(tx, tenant.id, row.id).await?;
    let mut planned = outcome(source, Some(row), publish, &sum, pinned);
    let to = compile(source, tenant, row.id, planned.version)?;
    planned.running = plan::plan(tx, tenant, slug, to.as_version(), map).await?;
    Ok(planned)
}

fn compile(source: &Source, tenant: &Tenant, workflow: i32, version: i32) -> AppResult<Compiled> {
    let numbers = Numbers { workflow, version };
    let program = Program::compile(&source.definition, numbers, &versions::info(tenant))
        .map_err(|problems| AppError::no(source.findings(problems).to_string()))?;
    Ok(Compiled {
        definition: source.definition.clone(),
        program,
    })
}

/// The definitions, where none has an error.
fn deployable(files: &[Checked]) -> AppResult<Vec<&Source>> {
    let sources: Vec<&Source> = files
        .iter()
        .filter(|file| file.is_valid())
        .filter_map(|file| file.source.as_ref())
        .collect();
    if sources.len() < files.len() {
        let bad = files.len() - sources.len();
        return Err(AppError::no(format!(
            "nothing was deployed: {bad} of {} files cannot be; `waypost validate` says why",
            files.len()
        )));
    }
    for (i, source) in sources.iter().enumerate() {
        let id = &source.definition.id;
        if let Some(twin) = sources
            .iter()
            .take(i)
            .find(|other| other.definition.id == *id)
        {
            return Err(AppError::no(format!(
                "{} and {} both define the workflow {id:?}: deploy one of them",
                twin.file, source.file
            )));
        }
    }
    Ok(sources)
}

/// What publishing makes of the status that the file names.
fn published_status(definition: &Definition) -> &'static str {
    match definition.status {
        Some(WorkflowStatus::Paused) => "paused",
        Some(WorkflowStatus::Archived) => "archived",
        Some(WorkflowStatus::Draft | WorkflowStatus::Active) | None => "active",
    }
}

fn outcome(
    source: &Source,
    before: Option<&WorkflowRow>,
    publish: bool,
    checksum: &str,
    pinned: Vec<LiveStep>,
) -> Deployed {
    let definition = &source.definition;
    let latest = before.and_then(|row| row.latest.as_ref());
    let (version, change) = match latest {
        None => (1, "created"),
        Some((version, known)) if known == checksum => (*version, "unchanged"),
        Some((version, _)) => (version + 1, "updated"),
    };
    let published = publish || before.and_then(|row| row.published) == Some(version);
    let status = match before {
        _ if publish => published_status(definition).to_owned(),
        Some(row) => row.status.clone(),
        None => "draft".to_owned(),
    };
    let workflow = definition.id.clone();
    Deployed {
        file: source.file.clone(),
        workflow,
        version,
        change,
        published,
        status,
        pinned,
        running: Vec::new(),
        moves: None,
    }
}

/// One definition, stored.
struct Stored {
    done: Deployed,
    compiled: Compiled,
    before: WorkflowRow,
}

async fn deploy_one(
    tx: &mut PgConnection,
    tenant: &Tenant,
    source: &Source,
    publish: bool,
) -> AppResult<Stored> {
    let definition = &source.definition;
    let name = definition.name.as_deref().unwrap_or(&definition.id);
    let priority = definition.priority.unwrap_or(0);
    workflows::ensure(tx, tenant.id, &definition.id, name, priority).await?;
    let before = workflows::lock(tx, tenant.id, &definition.id)
        .await?
        .ok_or_else(|| {
            AppError::no(format!(
                "the workflow {:?} cannot be seen by this login",
                definition.id
            ))
        })?;
    let checksum = checksum(source)?;
    let pinned = workflows::live_by_step(tx, tenant.id, before.id).await?;
    let done = outcome(source, Some(&before), publish, &checksum, pinned);
    let compiled = compile(source, tenant, before.id, done.version)?;
    let program = &compiled.program;
    if done.change != "unchanged" {
        workflows::insert_version(tx, tenant.id, program, &stored(definition)?, &checksum).await?;
    }
    if publish {
        let now = tenants::now(tx, &tenant.name).await?;
        workflows::publish(tx, tenant.id, &before, program, &done.status, now).await?;
    }
    Ok(Stored {
        done,
        compiled,
        before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::definitions::check_text;

    const PLAIN: &str = r#"{"id": "w", "trigger": {"type": "contact.created"},
        "actions": [{"id": "a", "type": "add_tag", "config": {"tag": "x"}}]}"#;

    #[test]
    fn what_is_invalid_or_twice_there_is_not_deployed() {
        let (good, bad) = (check_text(PLAIN, "a.json"), check_text("{}", "b.json"));
        let error = deployable(&[good, bad]).expect_err("refused").to_string();
        assert!(error.contains("1 of 2"), "{error}");
        let twins = [check_text(PLAIN, "a.json"), check_text(PLAIN, "b.json")];
        let error = deployable(&twins).expect_err("refused").to_string();
        assert!(error.contains("a.json and b.json"), "{error}");
    }

    #[test]
    fn status_after_deploying() {
        for (status, wanted) in [
            ("draft", "active"),
            ("active", "active"),
            ("paused", "paused"),
            ("archived", "archived"),
        ] {
            let text = PLAIN.replacen('{', &format!("{{\"status\": \"{status}\","), 1);
            let checked = check_text(&text, "a.json");
            let source = checked.source.as_ref().expect("reads");
            assert_eq!(outcome(source, None, true, "c", Vec::new()).status, wanted);
            assert_eq!(
                outcome(source, None, false, "c", Vec::new()).status,
                "draft"
            );
        }
    }
}
