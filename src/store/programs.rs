//! Compiled versions. A published version is immutable (I-10), so what is compiled once stays right.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock},
};

use sqlx::{PgConnection, Row, types::Json};

use super::{StoreError, StoreResult, sql};
use crate::{
    engine::program::{Numbers, Program, TenantInfo},
    model::workflow::Definition,
};

/// A version by its numbers.
pub type Version = (i32, i32);

/// Compiled versions of all tenants, shared by the loops of a process.
#[derive(Debug, Default)]
pub struct Programs {
    known: RwLock<HashMap<Version, Arc<Program>>>,
}

/// More versions than this are not kept at once; the least useful bound on memory that never matters in practice.
const MOST: usize = 20_000;

impl Programs {
    /// The programs of these versions; a version that cannot be read is missing, with its error beside it.
    ///
    /// # Errors
    /// Of the database.
    pub async fn get(
        &self,
        connection: &mut PgConnection,
        versions: impl IntoIterator<Item = Version>,
    ) -> StoreResult<Got> {
        let wanted: HashSet<Version> = versions.into_iter().collect();
        let mut got = Got::default();
        {
            let known = self
                .known
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            for version in &wanted {
                if let Some(program) = known.get(version) {
                    got.programs.insert(*version, Arc::clone(program));
                }
            }
        }
        let missing: Vec<Version> = wanted
            .into_iter()
            .filter(|v| !got.programs.contains_key(v))
            .collect();
        if missing.is_empty() {
            return Ok(got);
        }
        let rows = sqlx::query(sql!("load_versions"))
            .bind(missing.iter().map(|v| v.0).collect::<Vec<_>>())
            .bind(missing.iter().map(|v| v.1).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        let mut known = self
            .known
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() > MOST {
            known.clear();
        }
        for row in &rows {
            let version: Version = (row.try_get(0)?, row.try_get(1)?);
            let definition = row.try_get::<Json<Definition>, _>(2);
            // A zone that is none counts as UTC: `tenants create` refuses it, a team's own SQL may not.
            let zone: String = row.try_get(5)?;
            let timezone = zone.parse().unwrap_or(chrono_tz::Tz::UTC);
            let tenant = TenantInfo {
                name: row.try_get(4)?,
                timezone,
            };
            let numbers = Numbers {
                workflow: version.0,
                version: version.1,
            };
            let compiled = definition
                .map_err(|e| e.to_string())
                .and_then(|definition| {
                    Program::compile(&definition.0, numbers, &tenant).map_err(|problems| {
                        problems
                            .first()
                            .map_or_else(String::new, ToString::to_string)
                    })
                });
            match compiled {
                Ok(program) => {
                    let program = Arc::new(program);
                    known.insert(version, Arc::clone(&program));
                    got.programs.insert(version, program);
                }
                Err(why) => {
                    let error = StoreError::Definition {
                        workflow: version.0,
                        version: version.1,
                        why,
                    };
                    got.unreadable.insert(version, error);
                }
            }
        }
        Ok(got)
    }
}

/// What [`Programs::get`] found.
#[derive(Debug, Default)]
pub struct Got {
    /// Those that can run.
    pub programs: HashMap<Version, Arc<Program>>,
    /// Those that this binary cannot read.
    pub unreadable: HashMap<Version, StoreError>,
}
