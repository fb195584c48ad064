//! A stored version, read and compiled.

use serde_json::Value;
use sqlx::PgConnection;

use crate::{
    app::error::{AppError, AppResult},
    engine::{
        migrate::Version,
        program::{Numbers, Program, TenantInfo},
    },
    model::workflow::Definition,
    store::{tenants::Tenant, versions},
};

/// A version as its author wrote it and as it runs.
#[derive(Debug)]
pub(in crate::app) struct Compiled {
    /// As it was deployed.
    pub(in crate::app) definition: Definition,
    /// Compiled.
    pub(in crate::app) program: Program,
}

impl Compiled {
    pub(in crate::app) fn as_version(&self) -> Version<'_> {
        Version {
            definition: &self.definition,
            program: &self.program,
        }
    }
}

/// What a version knows of its tenant.
pub(in crate::app) fn info(tenant: &Tenant) -> TenantInfo {
    TenantInfo {
        name: tenant.name.clone(),
        timezone: tenant.timezone,
    }
}

/// Reads and compiles a stored version; `slug` is for its messages.
///
/// # Errors
/// It is not there, or this binary cannot read it.
pub(in crate::app) async fn compiled(
    connection: &mut PgConnection,
    tenant: &Tenant,
    slug: &str,
    numbers: Numbers,
) -> AppResult<Compiled> {
    let Numbers { workflow, version } = numbers;
    let found = versions::definition(connection, tenant.id, workflow, version).await?;
    let found = found.ok_or_else(|| AppError::no(format!("{slug:?} has no version {version}")))?;
    let definition = definition(found, slug, version)?;
    let program = Program::compile(&definition, numbers, &info(tenant)).map_err(|problems| {
        let why = problems.first().map(ToString::to_string);
        unreadable(slug, version, &why.unwrap_or_default())
    })?;
    Ok(Compiled {
        definition,
        program,
    })
}

/// A definition as it was stored.
///
/// # Errors
/// This binary cannot read it.
pub(super) fn definition(value: Value, slug: &str, version: i32) -> AppResult<Definition> {
    serde_json::from_value(value).map_err(|error| unreadable(slug, version, &error.to_string()))
}

fn unreadable(slug: &str, version: i32, why: &str) -> AppError {
    AppError::no(format!(
        "version {version} of {slug:?} cannot be read by this waypost: {why}"
    ))
}
