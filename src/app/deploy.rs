//! Deploying definitions: versions, publication, and what a plan would do to running executions.

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::{
    definitions::Checked,
    error::{AppError, AppResult},
    waypost::Waypost,
};
use crate::{
    catalog::parse::Source,
    engine::program::{Numbers, Program, TenantInfo},
    model::workflow::{Definition, WorkflowStatus},
    store::{
        tenants::{self, Tenant},
        workflows::{self, LiveStep, WorkflowRow},
    },
};

/// What became, or would become, of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// Live executions, which stay on the versions they run on.
    pub pinned: Vec<LiveStep>,
}

impl Waypost {
    /// Stores definitions, all or none, and publishes them where asked. An unknown tenant is created.
    ///
    /// # Errors
    /// A file has an error; two files have the same id; the database refuses.
    pub async fn deploy(&self, files: &[Checked], publish: bool) -> AppResult<Vec<Deployed>> {
        let sources = deployable(files)?;
        let mut tx = self.begin_as_owner().await?;
        tenants::create(&mut tx, self.tenant(), "UTC").await?;
        let tenant = self.find_tenant(&mut tx).await?;
        let mut done = Vec::new();
        for source in sources {
            done.push(deploy_one(&mut tx, &tenant, source, publish).await?);
        }
        tx.commit().await?;
        Ok(done)
    }

    /// What [`Waypost::deploy`] would do; nothing is changed.
    ///
    /// # Errors
    /// As it.
    pub async fn deploy_plan(&self, files: &[Checked], publish: bool) -> AppResult<Vec<Deployed>> {
        let sources = deployable(files)?;
        let mut tx = self.begin_as_owner().await?;
        let tenant = tenants::find(&mut tx, self.tenant()).await?;
        let mut planned = Vec::new();
        for source in sources {
            let (before, pinned) = match &tenant {
                None => (None, Vec::new()),
                Some(tenant) => {
                    let before = workflows::look(&mut tx, tenant.id, &source.definition.id).await?;
                    let pinned = match &before {
                        Some(row) => workflows::live_by_step(&mut tx, tenant.id, row.id).await?,
                        None => Vec::new(),
                    };
                    (before, pinned)
                }
            };
            planned.push(outcome(
                source,
                before.as_ref(),
                publish,
                &checksum(source)?,
                pinned,
            ));
        }
        Ok(planned)
    }
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

/// Of the definition as it is read, so that layout and order of keys make no new version.
fn checksum(source: &Source) -> AppResult<String> {
    let text = serde_json::to_string(&sorted(&stored(&source.definition)?))
        .map_err(|error| AppError::no(format!("{}: {error}", source.file)))?;
    Ok(hex::encode(Sha256::digest(text)))
}

/// With the keys of every object in order, as jsonb keeps none.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let mut pairs: Vec<_> = members.iter().collect();
            pairs.sort_by_key(|(name, _)| *name);
            Value::Object(
                pairs
                    .into_iter()
                    .map(|(k, v)| (k.clone(), sorted(v)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn stored(definition: &Definition) -> AppResult<serde_json::Value> {
    serde_json::to_value(definition).map_err(|error| AppError::no(error.to_string()))
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
    }
}

async fn deploy_one(
    tx: &mut PgConnection,
    tenant: &Tenant,
    source: &Source,
    publish: bool,
) -> AppResult<Deployed> {
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
    let info = TenantInfo {
        name: tenant.name.clone(),
        timezone: tenant.timezone,
    };
    let numbers = Numbers {
        workflow: before.id,
        version: done.version,
    };
    let program = Program::compile(definition, numbers, &info)
        .map_err(|problems| AppError::no(source.findings(problems).to_string()))?;
    if done.change != "unchanged" {
        workflows::insert_version(tx, tenant.id, &program, &stored(definition)?, &checksum).await?;
    }
    if publish {
        let now = tenants::now(tx, &tenant.name).await?;
        workflows::publish(tx, tenant.id, &before, &program, &done.status, now).await?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::definitions::check_text;

    const PLAIN: &str = r#"{"id": "w", "trigger": {"type": "contact.created"},
        "actions": [{"id": "a", "type": "add_tag", "config": {"tag": "x"}}]}"#;

    #[test]
    fn layout_and_order_make_no_new_version_but_meaning_does() {
        let sum = |text: &str| checksum(check_text(text, "w.json").source.as_ref().expect("reads"));
        let turned = r#"{"actions": [{"type": "ADD_TAG", "config": {"tag": "x"}, "id": "a"}],
            "trigger": {"type": "contact.created"}, "id": "w"}"#;
        assert_eq!(sum(PLAIN).expect("sum"), sum(turned).expect("sum"));
        assert_ne!(
            sum(PLAIN).expect("sum"),
            sum(&PLAIN.replace("\"x\"", "\"y\"")).expect("sum")
        );
    }

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
